import { deepEqual, equal, match, notEqual, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ulidSource, ulidTimeMs, uuidSource } from '#src/platform/ids.ts';
import { systemRandom } from '#src/platform/random.ts';

describe('ulidSource', () => {
  test('writes the time first and the random part after it', () => {
    equal(ulidSource(filledWith(0))(1469918176385), '01ARYZ6S410000000000000000');
    equal(ulidSource(filledWith(0xff))(2 ** 48 - 1), '7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
  });

  test('a later id is greater, within a millisecond and when the clock steps back', () => {
    const times = [1000, 1000, 1000, 999, 5, 1000, 1001, 1001];
    const newId = ulidSource(systemRandom);

    const ids = times.map((nowMs) => newId(nowMs));

    deepEqual(ids, [...new Set(ids)].sort());
    for (const id of ids.slice(0, 6)) equal(ulidTimeMs(id), 1000);
  });

  test('carries into the time when a millisecond has no id left', () => {
    const newId = ulidSource(filledWith(0xff));
    newId(1000);
    equal(ulidTimeMs(newId(1000)), 1001);
  });

  test('refuses a time that has no place in an id', () => {
    for (const ms of [-1, 2 ** 48, Number.NaN]) {
      throws(() => ulidSource(filledWith(0))(ms), /48 bits/);
    }
  });
});

describe('ulidTimeMs', () => {
  test('is undefined for what is no ULID', () => {
    const good = '01ARYZ6S410000000000000000';
    equal(ulidTimeMs(good), 1469918176385);
    for (const bad of [
      '',
      good.slice(1),
      `${good}0`,
      good.toLowerCase(),
      `8${good.slice(1)}`,
      good.replace('Y', 'U'),
    ]) {
      equal(ulidTimeMs(bad), undefined, bad);
    }
  });
});

describe('uuidSource', () => {
  test('makes UUIDs of version 7 that begin with the time', () => {
    const id = uuidSource(filledWith(0xff))(0x017f22e279b0);
    match(Buffer.from(id).toString('hex'), /^017f22e279b07fffbfff/);
  });

  test('gives every caller bytes of its own', () => {
    const newId = uuidSource(systemRandom);
    const [a, b] = [newId(1), newId(1)];
    notEqual(a.buffer, b.buffer);
    ok(Buffer.compare(a, b) !== 0);
  });
});

function filledWith(byte: number): { fill(bytes: Uint8Array): void } {
  return { fill: (bytes) => void bytes.fill(byte) };
}
