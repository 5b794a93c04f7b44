import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps, STEP_ROWS } from '#src/domain/model/steps.ts';
import { PathPieces } from '#src/domain/profile/path-pieces.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

describe('PathPieces', () => {
  test('ends a piece before the row whose path is too much', () => {
    const value = BigInt64Array.of(0n, 0n, 1n, 1n, 0n, 1n, 1n);
    const pieces = new PathPieces(Int32Array.of(-1, 0, 1, 1, 0, 4, 4), () => 1);

    const end = (start: number, weightMax: number): number => runSteps(pieces.end(start, value, weightMax));
    deepEqual([end(1, 3), end(4, 3), end(1, 2)], [5, 7, 3]);
    equal(end(1, 1), 2 - 1 + 1);
  });

  test('moves what is too deep to its caller, so that no value is lost', () => {
    const value = BigInt64Array.of(0n, 1n, 2n, 4n, 2n ** 63n - 1n);
    const pieces = new PathPieces(Int32Array.of(-1, 0, 1, 2, 3), (row) => (row === 3 ? 5 : 1));

    runSteps(pieces.shorten(value, 2));

    deepEqual([...value], [0n, 1n, 2n ** 63n - 1n, 0n, 0n]);
  });

  test('moves to row 0 what weighs too much without a caller', () => {
    const value = BigInt64Array.of(0n, 1n, 2n, 4n);
    const pieces = new PathPieces(Int32Array.of(-1, 0, 1, 0), (row) => (row === 1 ? 5 : 1));

    runSteps(pieces.shorten(value, 4));

    deepEqual([...value], [3n, 0n, 0n, 4n]);
  });

  test('goes through many rows in steps', () => {
    const rows = 4 * STEP_ROWS;
    const value = new BigInt64Array(rows);
    value[rows - 1] = 1n;
    const pieces = new PathPieces(new Int32Array(rows).fill(0).fill(-1, 0, 1), () => 1);

    ok([...pieces.shorten(value, 2)].length >= 4);
    ok([...pieces.end(1, value, 2)].length >= 4);
  });

  test(`has each row with a value in one piece, whose paths are no more than they may be (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const n = random.int(1, 60);
      const parent = Int32Array.from({ length: n }, (_, row) => (row === 0 ? -1 : random.int(0, row - 1)));
      const weight = Array.from({ length: n }, () => random.int(1, 5));
      const value = BigInt64Array.from({ length: n }, () => BigInt(random.int(0, 2)));
      value[0] = 0n;
      const before = value.slice();
      const sum = value.reduce((a, b) => a + b, 0n);
      const weightMax = random.int(1, 40);
      const pieces = new PathPieces(parent, (row) => weight[row]);

      runSteps(pieces.shorten(value, weightMax));

      // Only what has no caller that is light enough is not in any piece.
      const first = (row: number): number => (parent[row] === 0 ? row : first(parent[row]));
      const tooHeavy = (row: number): boolean => row > 0 && weight[first(row)] > weightMax;
      equal(
        value[0],
        before.reduce((total, own, row) => (tooHeavy(row) ? total + own : total), 0n),
      );
      let met = value[0];
      for (let start = 1; start < n; ) {
        const end = runSteps(pieces.end(start, value, weightMax));
        ok(end > start, `row ${start} alone is too much`);
        const rows = new Set<number>();
        for (let row = start; row < end; row++) {
          met += value[row];
          for (let at = row; value[row] > 0n && at > 0; at = parent[at]) rows.add(at);
        }
        ok([...rows].reduce((total, row) => total + weight[row], 0) <= weightMax);
        start = end;
      }
      equal(met, sum);
    }
  });
});
