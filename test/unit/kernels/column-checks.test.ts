import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  allBelow,
  allBelowPlain,
  maxU32,
  maxU32Plain,
  offsetsOfCounts,
  offsetsOfCountsPlain,
  rises,
  risesPlain,
} from '#src/kernels/column-checks.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { COLUMN_SIZES, u32Columns } from './column-cases.ts';

const seed = runSeed();

describe('column-checks', () => {
  const kernels = testKernels();

  for (const n of COLUMN_SIZES) {
    test(`agree with the plain version on ${n} rows (seed ${seed})`, () => {
      const random = new Random(seed + n);
      for (const column of u32Columns(random, n).flatMap((one) => [one, one.toSorted()])) {
        kernels.exports.resetScratch();
        const pointer = kernels.putColumn(column);
        // What lies behind a column must not count.
        kernels.u8().fill(255, pointer + n * 4, pointer + n * 4 + 16);
        const most = maxU32Plain(column);

        equal(maxU32(kernels, pointer, n), most);
        for (const limit of [0, most, most + 1, 2 ** 32 - 1].filter((value) => value < 2 ** 32)) {
          equal(allBelow(kernels, pointer, n, limit), allBelowPlain(column, limit));
        }
        equal(rises(kernels, pointer, n), risesPlain(column));
        const expected = offsetsOfCountsPlain(column);
        const offsets = offsetsOfCounts(kernels, pointer, n);
        if (expected === undefined) equal(offsets, undefined);
        else deepEqual(kernels.takeU32(offsets!, n + 1), expected);
      }
    });

    test(`find the one row of ${n} that differs, wherever it is`, () => {
      for (let row = 0; row < Math.min(n, 40); row++) {
        const column = new Uint32Array(n).fill(5);
        column[row] = 2 ** 31 + 7;
        kernels.exports.resetScratch();
        const pointer = kernels.putColumn(column);

        equal(maxU32(kernels, pointer, n), 2 ** 31 + 7);
        equal(allBelow(kernels, pointer, n, 2 ** 31 + 7), false);
        equal(allBelow(kernels, pointer, n, 2 ** 31 + 8), true);
        equal(rises(kernels, pointer, n), row === n - 1);
      }
    });
  }

  test('sums of counts may have 32 bits and no more', () => {
    const offsetsOf = (...counts: number[]) => {
      kernels.exports.resetScratch();
      const offsets = offsetsOfCounts(kernels, kernels.putColumn(Uint32Array.from(counts)), counts.length);
      return offsets === undefined ? undefined : [...kernels.takeU32(offsets, counts.length + 1)];
    };

    deepEqual(offsetsOf(), [0]);
    deepEqual(offsetsOf(2 ** 31, 2 ** 31 - 1, 0), [0, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 1]);
    equal(offsetsOf(2 ** 31, 2 ** 31), undefined);
    equal(offsetsOf(2 ** 32 - 1, 2 ** 32 - 1, 2), undefined);
  });

  test('counts become offsets in place', () => {
    const pointer = kernels.putColumn(Uint32Array.of(9, 3, 0, 4));

    equal(kernels.exports.offsetsOfCounts(pointer, pointer + 4, 3), 1);

    deepEqual([...kernels.takeU32(pointer, 4)], [0, 3, 3, 7]);
  });
});
