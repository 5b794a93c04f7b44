import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSampleTypeConfig } from '#src/transports/http/sample-type-config.ts';

const parse = (text: string) => parseSampleTypeConfig(Buffer.from(text));

describe('parseSampleTypeConfig', () => {
  test('keeps the display names, and the types that have none', () => {
    const text = '{"samples":{"units":"samples","display-name":"cpu","sampled":true},"inuse-space":{"units":"bytes"}}';

    deepEqual(parse(text), { samples: 'cpu', 'inuse-space': '' });
  });

  test('takes any name for a sample type', () => {
    const names = parse('{"__proto__":{"display-name":"x"},"constructor":{}}');

    deepEqual(Object.keys(names ?? {}), ['__proto__', 'constructor']);
  });

  test('reads the name of the field in any case, the last one that is no null', () => {
    deepEqual(parse('{"a":{"Display-Name":"x"},"b":{"DISPLAY-NAME":"y"},"c":{"di\u017fplay-name":"z"}}'), {
      ...{ a: 'x', b: 'y', c: 'z' },
    });
    deepEqual(parse('{"a":{"display-name":"x","Display-Name":"y","DISPLAY-NAME":null}}'), { a: 'y' });
    deepEqual(parse('{"a":{"display-names":"x","display_name":"x"},"A":{}}'), { a: '', A: '' });
  });

  test('leaves out a type whose configuration is null', () => {
    deepEqual(parse('{"cpu":null,"inuse-space":null,"samples":{"display-name":null}}'), { samples: '' });
    deepEqual(parse('{"cpu":null}'), {});
  });

  test('takes null for no configuration', () => {
    equal(parse(' null\n'), undefined);
  });

  for (const text of [
    '{bad',
    '',
    '[]',
    '5',
    '{"a":5}',
    '{"a":[]}',
    '{"a":{"display-name":5}}',
    '{"a":{"Display-Name":5}}',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      throws(() => parse(text), { code: 'invalid-argument' });
    });
  }

  test('refuses more than 64 KiB', () => {
    throws(() => parse(`{"a":{}${' '.repeat(64 << 10)}}`), { code: 'invalid-argument', message: /limit is 65536/ });
  });
});
