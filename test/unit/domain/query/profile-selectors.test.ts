import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseProfileId,
  parseSpanId,
  parseTraceId,
  profileIdText,
  refuseSpansWithTraces,
  spanIdText,
} from '#src/domain/query/profile-selectors.ts';

test('a span id is bytes, the lowest first', () => {
  equal(parseSpanId('0807060504030201'), 0x0102030405060708n);
  equal(spanIdText(0x0102030405060708n), '0807060504030201');
  equal(parseSpanId('00000bac2a5AB0C7'), parseSpanId('00000bac2a5ab0c7'));
});

test('a trace id is its 16 bytes', () => {
  deepEqual(
    parseTraceId('000102030405060708090a0b0c0d0e0F'),
    Uint8Array.from({ length: 16 }, (_, i) => i),
  );
});

test('a profile id is a UUID', () => {
  const text = '00010203-0405-0607-0809-0a0b0c0d0e0f';
  deepEqual(
    parseProfileId(text),
    Uint8Array.from({ length: 16 }, (_, i) => i),
  );
  equal(
    profileIdText(
      Uint8Array.from({ length: 32 }, (_, i) => i - 16),
      1,
    ),
    text,
  );
});

for (const [parse, texts] of [
  [parseSpanId, ['', '12', '080706050403020', '08070605040302011', 'x807060504030201', '0x07060504030201']],
  [parseTraceId, ['', '0807060504030201', 'g'.repeat(32)]],
  [
    parseProfileId,
    ['', '0001020304050607080900a0b0c0d0e0f', '{00010203-0405-0607-0809-0a0b0c0d0e0f}', 'x'.repeat(9_999)],
  ],
] as const) {
  test(`${parse.name} refuses what has another form, in a short message`, () => {
    for (const text of texts) throws(() => parse(text), { code: 'invalid-argument', message: /^.{10,150}$/ });
  });
}

test('spans and traces are not asked for together', () => {
  refuseSpansWithTraces(['a'], []);
  refuseSpansWithTraces([], ['a']);
  throws(() => refuseSpansWithTraces(['a'], ['b']), { code: 'invalid-argument' });
});
