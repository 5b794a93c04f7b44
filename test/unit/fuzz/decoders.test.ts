import { deepEqual, match, notDeepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DECODERS, payloadOf } from '../../fuzz/decoders.ts';
import { payloadOfText, payloadText } from '../../fuzz/payload.ts';

describe('payloadOf', () => {
  test('makes the same payload of a number, whatever was made before', () => {
    const first = Array.from({ length: 60 }, (_, number) => payloadOf(7, number));
    const again = Array.from({ length: 60 }, (_, i) => payloadOf(7, 59 - i)).reverse();

    deepEqual(again, first);
    notDeepEqual(payloadOf(8, 0), first[0]);
  });

  test('makes those of a decoder alone, also when no other is asked for', () => {
    for (const decoder of DECODERS) deepEqual(payloadOf(7, 3, [decoder]).decoder, decoder.name);
  });

  test('comes to every decoder', () => {
    const met = new Set(Array.from({ length: 1000 }, (_, number) => payloadOf(1, number).decoder));

    deepEqual([...met].sort(), DECODERS.map(({ name }) => name).sort());
  });

  test('makes what a client can send', () => {
    for (let number = 0; number < 2000; number++) {
      const { path, headers } = payloadOf(3, number);
      match(path, /^\/[!-~]*$/);
      ok(!path.includes('#'));
      for (const value of Object.values(headers)) match(value, /^[ -~]*$/);
    }
  });

  test('can be kept as text', () => {
    for (const decoder of DECODERS) {
      const payload = payloadOf(5, 1, [decoder]);
      deepEqual(Buffer.from(payloadOfText(payloadText(payload)).body), Buffer.from(payload.body));
    }
  });
});
