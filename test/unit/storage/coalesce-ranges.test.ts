import { deepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ByteRange } from '#src/domain/block/block-meta.ts';
import { coalesceRanges } from '#src/storage/coalesce-ranges.ts';

describe('coalesceRanges', () => {
  test('nothing wanted is nothing read', () => {
    deepEqual(coalesceRanges([], 10), []);
    deepEqual(coalesceRanges([range(5, 0)], 10), []);
  });

  test('joins ranges that touch, in any order', () => {
    deepEqual(coalesceRanges([range(10, 5), range(0, 10), range(15, 1)], 0), [
      { offset: 0, sizeBytes: 16, members: [1, 0, 2] },
    ]);
  });

  test('joins across a gap as wide as allowed, and no wider', () => {
    deepEqual(coalesceRanges([range(0, 10), range(14, 1)], 4), [{ offset: 0, sizeBytes: 15, members: [0, 1] }]);
    deepEqual(coalesceRanges([range(0, 10), range(15, 1)], 4), [
      { offset: 0, sizeBytes: 10, members: [0] },
      { offset: 15, sizeBytes: 1, members: [1] },
    ]);
  });

  test('reads overlapping and equal ranges apart', () => {
    deepEqual(coalesceRanges([range(0, 10), range(5, 10), range(5, 10)], 4), [
      { offset: 0, sizeBytes: 10, members: [0] },
      { offset: 5, sizeBytes: 10, members: [1] },
      { offset: 5, sizeBytes: 10, members: [2] },
    ]);
  });

  const seed = Number(process.env['SEED'] ?? 1);
  test(`reads every wanted byte for its range and wastes no more than the gaps (seed ${seed})`, () => {
    let state = seed;
    const int = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 500; round++) {
      const gapBytesMax = int(20);
      const wanted = Array.from({ length: int(12) }, () => range(int(200), int(20)));

      const runs = coalesceRanges(wanted, gapBytesMax);

      const members = runs.flatMap((run) => run.members);
      deepEqual(
        members.toSorted((a, b) => a - b),
        wanted.flatMap(({ sizeBytes }, i) => (sizeBytes > 0 ? [i] : [])),
      );
      for (const run of runs) {
        let end = run.offset;
        for (const member of run.members) {
          const { offset, sizeBytes } = wanted[member] ?? range(0, 0);
          ok(offset >= end && offset - end <= gapBytesMax, JSON.stringify({ wanted, run }));
          end = offset + sizeBytes;
        }
        deepEqual(end, run.offset + run.sizeBytes);
      }
    }
  });
});

function range(offset: number, sizeBytes: number): ByteRange {
  return { offset, sizeBytes };
}
