import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { validateLabels } from '#src/domain/series/validate-labels.ts';
import { labelList, labelText } from '../../../fixtures/labels.ts';
import { defaultProfileLimits as limits } from '../../../fixtures/limits.ts';

const base = { __name__: 'process_cpu', service_name: 's' };

function validate(labels: readonly Label[], changed: Partial<typeof limits> = {}): string {
  return labelText(validateLabels(labels, { ...limits, ...changed }));
}

function reasonOf(labels: readonly Label[], changed: Partial<typeof limits> = {}): unknown {
  try {
    validate(labels, changed);
    return 'taken';
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    equal(error.code, 'invalid-argument');
    return error.details.reason;
  }
}

describe('validateLabels', () => {
  test('sorts by bytes', () => {
    const labels = labelList({ '😀': '1', '\uffee': '2', z: '3', ...base });

    equal(validate(labels), '__name__=process_cpu, service_name=s, z=3, \uffee=2, 😀=1');
  });

  test('takes any UTF-8 for a name', () => {
    for (const name of ['a-b', 'größe', 'k8s.pod.name', ' ', '1'])
      equal(reasonOf(labelList({ ...base, [name]: 'x' })), 'taken');
    equal(reasonOf(labelList({ __name__: 'ä b', service_name: 's' })), 'taken');
  });

  for (const [reason, name, labels] of [
    ['missing_labels', 'no labels', []],
    ['invalid_labels', 'no name', labelList({ service_name: 's' })],
    ['invalid_labels', 'a name that is half a character', labelList({ __name__: '\ud800', service_name: 's' })],
    ['missing_labels', 'no service', labelList({ __name__: 'x' })],
    ['invalid_labels', 'a label without a name', labelList({ ...base, '': 'y' })],
    ['invalid_labels', 'a name that is no UTF-8', labelList({ ...base, '\udc00a': 'y' })],
    ['invalid_labels', 'a value that is no UTF-8', labelList({ ...base, a: '\ud83d' })],
    ['duplicate_label_names', 'a name twice', [...labelList({ ...base, a: '1' }), { name: 'a', value: '2' }]],
    ['duplicate_label_names', 'a label twice', [...labelList({ ...base, a: '1' }), { name: 'a', value: '1' }]],
  ] as const) {
    test(`refuses ${name}`, () => {
      equal(reasonOf(labels), reason);
    });
  }

  test('measures names and values in bytes, and takes exactly the limit', () => {
    equal(reasonOf(labelList({ ...base, ['n'.repeat(1024)]: 'v' })), 'taken');
    equal(reasonOf(labelList({ ...base, ['n'.repeat(1025)]: 'v' })), 'label_name_too_long');
    equal(reasonOf(labelList({ ...base, ['ä'.repeat(513)]: 'v' })), 'label_name_too_long');
    equal(reasonOf(labelList({ ...base, v: 'v'.repeat(2048) })), 'taken');
    equal(reasonOf(labelList({ ...base, v: 'v'.repeat(2049) })), 'label_value_too_long');
    equal(reasonOf(labelList({ ...base, v: '€'.repeat(683) })), 'label_value_too_long');
  });

  test('counts labels, the private ones too', () => {
    const labels = (count: number): Label[] =>
      labelList({ ...base, ...Object.fromEntries(Array.from({ length: count - 2 }, (_, i) => [`l${i}`, 'x'])) });

    equal(reasonOf(labels(30)), 'taken');
    equal(reasonOf(labels(31)), 'max_label_names_per_series');
    equal(reasonOf(labels(300), { maxLabelNamesPerSeries: 0 }), 'taken');
  });

  test('names the label, the limit, both numbers and the series', () => {
    throws(() => validate(labelList({ ...base, zone: 'v'.repeat(2049) })), {
      message:
        /^the value of label "zone" has more bytes than --validation.max-length-label-value: limit 2048, actual 2049; series \{__name__="process_cpu", service_name="s", zone="v+…\}$/,
      details: {
        reason: 'label_value_too_long',
        limitName: 'validation.max-length-label-value',
        limit: 2048,
        actual: 2049,
      },
    });
  });

  test('does not repeat a large request in its message', () => {
    try {
      validate(labelList({ ...base, ['n'.repeat(1_000_000)]: 'v'.repeat(1_000_000) }));
    } catch (error) {
      equal((error as Error).message.length < 2000, true);
    }
  });

  describe('with sanitization', () => {
    const sanitized = { disableLabelSanitization: false };

    test('makes underscores of dots, in sorted position', () => {
      equal(
        validate(labelList({ ...base, 'z.a': '1', z0: '2' }), sanitized),
        '__name__=process_cpu, service_name=s, z0=2, z_a=1',
      );
    });

    test('makes one of two labels that become equal', () => {
      equal(
        validate(labelList({ ...base, 'a.b': '1', a_b: '1' }), sanitized),
        '__name__=process_cpu, a_b=1, service_name=s',
      );
      equal(reasonOf(labelList({ ...base, 'a.b': '1', a_b: '2' }), sanitized), 'duplicate_label_names');
    });

    test('names both labels that become one, and says where a service comes from that nobody sent', () => {
      throws(() => validate(labelList({ ...base, 'a.b': '1', a_b: '2' }), sanitized), {
        message: /^the labels "a.b" and "a_b" have one name once dots became underscores; series /,
      });
      throws(() => validate(labelList({ ...base, service_name: 'unknown_service', 'service.name': 'x' }), sanitized), {
        message:
          /^the labels "service.name" and "service_name" .*; without service_name a profile gets "unknown_service"; /,
      });
    });

    test('refuses other characters and a digit in front', () => {
      for (const name of ['a-b', 'größe', '1a', ' '])
        equal(reasonOf(labelList({ ...base, [name]: 'x' }), sanitized), 'invalid_labels');
      deepEqual(reasonOf(labelList({ ...base, '.a1_': 'x' }), sanitized), 'taken');
    });
  });
});
