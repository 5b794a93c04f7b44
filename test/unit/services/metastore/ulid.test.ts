import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isUlid, ulidBytes, ulidText } from '#src/services/metastore/ulid.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

describe('ulid', () => {
  test('reads the bytes of the specification', () => {
    const bytes = Uint8Array.from([
      0x01, 0x56, 0x3e, 0x3a, 0xb5, 0xd3, 0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b,
    ]);
    equal(ulidText(bytes), '01ARZ3NDEKTSV4RRFFQ69G5FAV');
    deepEqual(ulidBytes('01ARZ3NDEKTSV4RRFFQ69G5FAV'), bytes);
  });

  test('keeps the smallest and the largest', () => {
    equal(ulidText(ulidBytes('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')), '7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
    deepEqual(ulidBytes('7ZZZZZZZZZZZZZZZZZZZZZZZZZ'), new Uint8Array(16).fill(255));
    deepEqual(ulidBytes('00000000000000000000000000'), new Uint8Array(16));
  });

  test('refuses other lengths, letters and cases, and what exceeds 128 bits', () => {
    for (const text of [
      '',
      '01ARZ3NDEKTSV4RRFFQ69G5FA',
      '01ARZ3NDEKTSV4RRFFQ69G5FAVV',
      '01arz3ndektsv4rrffq69g5fav',
      '01ARZ3NDEKTSV4RRFFQ69G5FAI',
      '80000000000000000000000000',
      '01ARZ3NDEKTSV4RRFFQ69G5FA\n',
    ]) {
      equal(isUlid(text), false, text);
      throws(() => ulidBytes(text), { code: 'invalid-argument' });
    }
  });

  const seed = runSeed();
  test(`gives random ids back, and sorts as their bytes do (seed ${seed})`, () => {
    const random = new Random(seed);
    const ids = Array.from({ length: 200 }, () => random.bytes(16));
    for (const id of ids) deepEqual(ulidBytes(ulidText(id)), id);
    const byText = ids.map(ulidText).sort();
    deepEqual(byText, ids.sort(Buffer.compare).map(ulidText));
  });
});
