import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration } from '#src/config/duration.ts';
import { durationText, roundDurationText, roundSizeText, sizeText } from '#src/domain/model/amount-text.ts';

describe('durationText', () => {
  test('is the shortest text that reads as the same', () => {
    for (const [ms, text] of [
      [0, '0s'],
      [100, '100ms'],
      [1_500, '1s500ms'],
      [5_400_000, '1h30m'],
      [86_400_000, '1d'],
    ] as const) {
      equal(durationText(ms), text);
      equal(parseDuration(text), ms);
    }
  });
});

test('roundDurationText is the two largest units of a length of time', () => {
  for (const [ms, text] of [
    [0, '0s'],
    [7, '7ms'],
    [1_999, '1s999ms'],
    [61_999, '1m1s'],
    [3_600_000, '1h'],
    [3_700_000, '1h1m'],
    [86_399_999, '23h59m'],
    [1_795_852_674_934, '20785d7h'],
  ] as const) {
    equal(roundDurationText(ms), text);
  }
});

describe('sizeText', () => {
  test('is exact, and in a unit that can be read where that takes one', () => {
    equal(sizeText(0), '0 bytes');
    equal(sizeText(10_239), '10239 bytes');
    equal(sizeText(10_240), '10240 bytes (10 KiB)');
    equal(sizeText((4 << 20) + 1), '4194305 bytes (4 MiB)');
    equal(roundSizeText(1.555 * 2 ** 30), '1.56 GiB');
    equal(roundSizeText(2 ** 60), '1048576 TiB');
    equal(roundSizeText(1023), '1023 bytes');
  });
});
