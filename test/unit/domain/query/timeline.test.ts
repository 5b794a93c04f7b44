import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { timelineOf, timelineStepSeconds } from '#src/domain/query/timeline.ts';

const hour = 3_600_000;

describe('timelineStepSeconds', () => {
  for (const [range, step] of [
    ['nothing', 0, 15],
    ['1 hour', hour, 15],
    ['6 hours', 6 * hour, 15],
    ['12 hours', 12 * hour, 30],
    ['24 hours', 24 * hour, 60],
    ['48 hours', 48 * hour, 120],
    ['7 days', 168 * hour, 300],
    ['30 days', 720 * hour, 1_800],
  ].map(([name, length, step]) => [`${name}, ${length}`, step]) as [string, number][]) {
    const length = Number(range.split(', ')[1]);
    test(`of ${range.split(', ')[0]} is ${step} s`, () =>
      equal(timelineStepSeconds({ startMs: 0, endMs: length }), step));
  }
});

describe('timelineOf', () => {
  const points = (...pairs: [timeMs: number, value: bigint][]) => ({
    timeMs: Float64Array.from(pairs, ([timeMs]) => timeMs),
    value: BigInt64Array.from(pairs, ([, value]) => value),
  });

  test('rounds the ends down and fills with zeros', () => {
    deepEqual(timelineOf(points([16_000, 7n]), { startMs: 1_000, endMs: 61_000 }), {
      startSeconds: 0,
      stepSeconds: 15,
      samples: [0n, 7n, 0n, 0n],
    });
  });

  test('leaves out points before the first and after the last step', () => {
    const range = { startMs: 30_000, endMs: 60_000 };
    deepEqual(timelineOf(points([29_999, 1n], [30_000, 2n], [59_999, 4n], [60_000, 8n]), range).samples, [2n, 4n]);
  });

  test('has no samples when both ends are in one step', () => {
    deepEqual(timelineOf(points([5, 1n]), { startMs: 1, endMs: 14_999 }).samples, []);
  });
});
