import { deepEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseJson } from '#src/transports/http/json-text.ts';

describe('parseJson', () => {
  for (const text of [
    '{}',
    '[]',
    '"a:b{"',
    '1e3',
    '{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":"\\"a\\":{"}',
    '{"a":["a","a"],"\\\\":1,"\\"":2}',
  ]) {
    test(`reads ${text}`, () => {
      deepEqual(parseJson(text), JSON.parse(text));
    });
  }

  for (const text of ['', ' ', '{', '{} x', "{'a':1}", '{"a":1,}', 'NaN', '"\u0001"']) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      throws(() => parseJson(text), { code: 'invalid-argument', message: /not JSON/ });
    });
  }

  test('reads integers exactly, those above 2^53 as bigint', () => {
    const text =
      '{"a":[9007199254740991,9007199254740993,-9223372036854775808],"b":"9007199254740993","c":1e300,"d":0.1234567890123456}';

    deepEqual(parseJson(text), {
      a: [9007199254740991, 9007199254740993n, -9223372036854775808n],
      b: '9007199254740993',
      c: 1e300,
      d: 0.1234567890123456,
    });
  });

  test('refuses a key that is there twice in one object, however it is written', () => {
    throws(() => parseJson('{"a":1,"b":{},"a":2}'), { code: 'invalid-argument', message: /"a" twice/ });
    throws(() => parseJson('{"a":1,"\\u0061":2}'), { code: 'invalid-argument', message: /"a" twice/ });
    throws(() => parseJson('[{"x":{"__proto__":1,"__proto__":1}}]'), { code: 'invalid-argument', message: /twice/ });
  });

  test('refuses what is nested deeper than 100, and takes 100', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

    parseJson(nested(100));
    throws(() => parseJson(nested(101)), { code: 'invalid-argument', message: /deeper than 100/ });
  });

  test('survives a million brackets', () => {
    throws(() => parseJson('['.repeat(1e6)), { code: 'invalid-argument' });
    throws(() => parseJson('['.repeat(1e6) + ']'.repeat(1e6)), { code: 'invalid-argument' });
    throws(() => parseJson('{"a":'.repeat(1e6)), { code: 'invalid-argument' });
  });
});
