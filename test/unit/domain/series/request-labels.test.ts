import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { requestLabels, withRequestLabels } from '#src/domain/series/request-labels.ts';
import { seriesLabels } from '#src/domain/series/series-labels.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';

const named = labelList({ __name__: 'process_cpu', service_name: 'shop' });
const sampleTypes = [{ type: 'cpu', unit: 'nanoseconds' }];

function numbered(count: number): Label[] {
  return Array.from({ length: count }, (_, i) => ({ name: `l${i}`, value: 'v' }));
}

/** What a thread says of the labels, without those of samples. */
function faultInThread(requestLabels: readonly Label[], limits: ProfileLimits): string | undefined {
  try {
    seriesLabels({ requestLabels, sampleLabels: [], sampleTypes, periodType: undefined, ingest: undefined, limits });
    return undefined;
  } catch (error) {
    ok(error instanceof StoreError);
    return `${error.details['reason']}: ${error.message}`;
  }
}

describe('requestLabels', () => {
  test('gives the labels without empty ones and with a service, and the size of all that was sent', () => {
    const sent = [...labelList({ a: '', b: 'ü' }), { name: 'b', value: 'ü' }];

    deepEqual(requestLabels(sent, defaultProfileLimits), {
      labels: [
        { name: 'b', value: 'ü' },
        { name: 'b', value: 'ü' },
        { name: 'service_name', value: 'unknown_service' },
      ],
      labelFault: undefined,
      service: 'unknown_service',
      labelBytes: 7,
    });
  });

  const long = 'x'.repeat(3000);
  const lists: readonly (readonly [string, readonly Label[]])[] = [
    ['as many as there may be', [...named, ...numbered(28)]],
    ['one too many', [...named, ...numbered(29)]],
    ['one too many, counting the service that is added', numbered(30)],
    ['one name many times', [...named, ...Array.from({ length: 40 }, () => ({ name: 'a', value: 'b' }))]],
    ['many empty ones', [...named, ...numbered(500).map(({ name }) => ({ name, value: '' }))]],
    ['a long name', [...named, { name: long, value: 'v' }]],
    ['a long value', [...named, { name: 'b', value: long }, { name: 'a', value: long }]],
    ['characters of two bytes', [...named, { name: 'a', value: 'ü'.repeat(1025) }]],
    ['a long session id, which is dropped', [...named, { name: '__session_id__', value: long }]],
    ['a long service', labelList({ __name__: 'x', service_name: long })],
    ['a long profile name, which a rule copies', labelList({ __name__: `godeltaprof_${long}`, service_name: 'shop' })],
  ];
  for (const [name, sent] of lists) {
    test(`of ${name}: says no more and no less than what a thread would`, () => {
      const { labels, labelFault } = requestLabels(sent, defaultProfileLimits);
      const expected = faultInThread(sent, defaultProfileLimits);

      if (labelFault === undefined) equal(faultInThread(labels, defaultProfileLimits), expected);
      else if (name.includes('a rule')) match(expected ?? '', /label_value_too_long/);
      else equal(`${labelFault.details['reason']}: ${labelFault.message}`, expected);
      equal(labels.length > 0, labelFault === undefined);
    });
  }

  test('has a short message for long lists, and no limit where there is none', () => {
    const huge = [...named, ...numbered(300_000), { name: 'z', value: 'v'.repeat(1 << 24) }];
    const open = { ...defaultProfileLimits, maxLabelNamesPerSeries: 0, maxLabelValueLength: 0 };

    const { labelFault } = requestLabels(huge, defaultProfileLimits);

    match(
      labelFault?.message ?? '',
      /more labels than --validation.max-label-names-per-series: limit 30, actual 300003; series \{__name__/,
    );
    ok((labelFault?.message.length ?? 0) < 1200);
    match(requestLabels(huge, { ...open, maxLabelValueLength: 1 }).labelFault?.message ?? '', /^the value of label "/);
    equal(requestLabels(huge, open).labels.length, huge.length);
  });
});

describe('withRequestLabels', () => {
  test('profiles of one series share one list', () => {
    const profiles = [{ labels: named }, { labels: named }, { labels: [...named] }];

    const found = withRequestLabels(profiles, defaultProfileLimits);

    equal(found[0]?.labels, found[1]?.labels);
    deepEqual(found[1]?.labels, found[2]?.labels);
  });
});
