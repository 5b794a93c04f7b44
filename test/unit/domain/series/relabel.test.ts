import { equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultRelabelRules } from '#src/domain/series/default-relabel-rules.ts';
import { compileRelabelRule, type RelabelRule, relabel } from '#src/domain/series/relabel.ts';
import { labelList, labelText } from '../../../fixtures/labels.ts';

/** The labels that are left, sorted; undefined when the set is dropped. */
function apply(labels: Record<string, string>, ...rules: RelabelRule[]): string | undefined {
  const result = relabel(labelList(labels), rules.map(compileRelabelRule));
  return result && labelText([...result].sort((a, b) => (a.name < b.name ? -1 : 1)));
}

describe('relabel', () => {
  test('replaces by the groups of a match of the joined sources', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: how a rule writes a group
    const rule = { sourceLabels: ['a', 'b'], regex: '(.*);(.*)', targetLabel: 'c', replacement: '$2-${1}$$' };

    equal(apply({ a: '1', b: '2' }, rule), 'a=1, b=2, c=2-1$');
    equal(apply({ a: '1' }, { ...rule, separator: '/' }), 'a=1');
  });

  test('takes the longest name for a group, as Go does', () => {
    equal(apply({ a: 'x' }, { sourceLabels: ['a'], targetLabel: 'b', replacement: '$1_y' }), 'a=x');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: how a rule writes a group
    equal(apply({ a: 'x' }, { sourceLabels: ['a'], targetLabel: 'b', replacement: '${1}_y' }), 'a=x, b=x_y');
    equal(
      apply({ a: 'x' }, { sourceLabels: ['a'], regex: '(?P<who>.*)', targetLabel: 'b', replacement: '$who' }),
      'a=x, b=x',
    );
  });

  test('matches whole texts only, with dots that match newlines', () => {
    equal(apply({ a: 'xay' }, { sourceLabels: ['a'], regex: 'a', targetLabel: 'b', replacement: 'no' }), 'a=xay');
    equal(apply({ a: 'x|y' }, { action: 'keep', sourceLabels: ['a'], regex: 'x|y' }), undefined);
    equal(apply({ a: '1\n2' }, { action: 'keep', sourceLabels: ['a'], regex: '1.2' }), 'a=1\n2');
    equal(apply({ a: 'X' }, { action: 'keep', sourceLabels: ['a'], regex: '(?i)x' }), 'a=X');
  });

  test('deletes a label whose new value is empty, and ignores an empty target', () => {
    equal(apply({ a: '1', b: '2' }, { sourceLabels: ['a'], targetLabel: 'b', replacement: '' }), 'a=1');
    equal(apply({ a: '1', b: '2' }, { sourceLabels: ['c'], targetLabel: '$1', replacement: 'x' }), 'a=1, b=2');
  });

  test('keeps and drops', () => {
    equal(apply({ a: '1' }, { action: 'keep', sourceLabels: ['a'], regex: '1' }), 'a=1');
    equal(apply({ a: '1' }, { action: 'keep', sourceLabels: ['a'], regex: '2' }), undefined);
    equal(apply({ a: '1' }, { action: 'drop', sourceLabels: ['a'], regex: '1' }), undefined);
    equal(apply({ a: '1', b: '1' }, { action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }), 'a=1, b=1');
    equal(apply({ a: '1', b: '2' }, { action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }), undefined);
    equal(apply({ a: '1', b: '1' }, { action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }), undefined);
    equal(apply({ a: '1', b: '2' }, { action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }), 'a=1, b=2');
  });

  test('changes case, and hashes with the last 8 bytes of MD5', () => {
    equal(apply({ a: 'äB' }, { action: 'uppercase', sourceLabels: ['a'], targetLabel: 'b' }), 'a=äB, b=ÄB');
    equal(apply({ a: 'äB' }, { action: 'lowercase', sourceLabels: ['a'], targetLabel: 'a' }), 'a=äb');
    // md5("foo") is acbd18db4cc2f85cedef654fccc4a4d8.
    const hash = 0xedef654fccc4a4d8n % 1000n;
    equal(
      apply({ a: 'foo' }, { action: 'hashmod', sourceLabels: ['a'], targetLabel: 'h', modulus: 1000 }),
      `a=foo, h=${hash}`,
    );
  });

  test('maps, drops and keeps labels by name', () => {
    equal(
      apply({ x_a: '1', x_b: '2', y: '3' }, { action: 'labelmap', regex: 'x_(.*)' }),
      'a=1, b=2, x_a=1, x_b=2, y=3',
    );
    equal(apply({ a: '1', aa: '2' }, { action: 'labelmap', regex: '(a+)', replacement: 'a$1' }), 'a=1, aa=1, aaa=2');
    equal(apply({ x_a: '1', y: '3' }, { action: 'labeldrop', regex: 'x_.*' }), 'y=3');
    equal(apply({ x_a: '1', y: '3' }, { action: 'labelkeep', regex: 'x_.*' }), 'x_a=1');
  });

  test('keeps a name that is there twice for validation to refuse', () => {
    const twice = [...labelList({ a: '1' }), ...labelList({ a: '2' })];

    equal(relabel(twice, defaultRelabelRules)?.length, 2);
  });

  test('refuses rules that cannot run', () => {
    throws(() => compileRelabelRule({ regex: '(', targetLabel: 'a' }), {
      code: 'invalid-argument',
      message: /expression/,
    });
    throws(() => compileRelabelRule({ action: 'hashmod', targetLabel: 'a' }), {
      code: 'invalid-argument',
      message: /modulus/,
    });
    throws(() => compileRelabelRule({ action: 'replace' }), { code: 'invalid-argument', message: /target/ });
  });
});

describe('defaultRelabelRules', () => {
  const withDefaults = (labels: Record<string, string>): string =>
    labelText(relabel(labelList(labels), defaultRelabelRules) ?? []);

  test('take the prefix from names of godeltaprof', () => {
    equal(
      withDefaults({ __name__: 'godeltaprof_memory', service_name: 's' }),
      'service_name=s, __name_replaced__=godeltaprof_memory, __delta__=false, __name__=memory',
    );
  });

  test('move wall to process_cpu only when the client itself says that the type is cpu', () => {
    equal(withDefaults({ __name__: 'wall' }), '__name__=wall');
    equal(withDefaults({ __name__: 'wall', __type__: 'wall' }), '__name__=wall, __type__=wall');
    equal(
      withDefaults({ __name__: 'wall', __type__: 'cpu' }),
      '__type__=cpu, __name_replaced__=wall, __name__=process_cpu',
    );
  });
});
