import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pointer } from '#src/kernels/instance.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { COLUMN_SIZES, u32Columns } from './column-cases.ts';

const seed = runSeed();

// The plain twins of what a reader asks of a column before anything follows its references.

function allBelowPlain(column: Uint32Array, limit: number): boolean {
  return column.every((value) => value < limit);
}

function risesPlain(column: Uint32Array): boolean {
  return column.every((value, i) => i === 0 || value >= column[i - 1]);
}

/** offsets[i] = the sum of the counts before i; undefined when the sum has more than 32 bits. */
function offsetsPlain(counts: Uint32Array): Uint32Array | undefined {
  const offsets = new Uint32Array(counts.length + 1);
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    sum += counts[i];
    if (sum >= 2 ** 32) return undefined;
    offsets[i + 1] = sum;
  }
  return offsets;
}

describe('column-checks', () => {
  const kernels = testKernels();
  const allBelow = (column: Pointer, n: number, limit: number) => kernels.exports.allBelow(column, n, limit) !== 0;
  const rises = (column: Pointer, n: number) => kernels.exports.rises(column, n) !== 0;
  const offsetsOf = (counts: Pointer, n: number) => {
    const offsets = kernels.exports.allocScratch((n + 1) * 4) >>> 0;
    const fits = kernels.exports.offsetsOfCounts(offsets, counts, n) !== 0;
    return fits ? kernels.takeU32(offsets, n + 1) : undefined;
  };

  for (const n of COLUMN_SIZES) {
    test(`agree with the plain version on ${n} rows (seed ${seed})`, () => {
      const random = new Random(seed + n);
      for (const column of u32Columns(random, n).flatMap((one) => [one, one.toSorted()])) {
        kernels.exports.resetScratch();
        const pointer = kernels.putColumn(column);
        // What lies behind a column must not count.
        kernels.u8().fill(255, pointer + n * 4, pointer + n * 4 + 16);
        const most = column.reduce((a, b) => Math.max(a, b), 0);

        for (const limit of [0, most, most + 1, 2 ** 32 - 1].filter((value) => value < 2 ** 32)) {
          equal(allBelow(pointer, n, limit), allBelowPlain(column, limit));
        }
        equal(rises(pointer, n), risesPlain(column));
        deepEqual(offsetsOf(pointer, n), offsetsPlain(column));
      }
    });

    test(`find the one row of ${n} that differs, wherever it is`, () => {
      for (let row = 0; row < Math.min(n, 40); row++) {
        const column = new Uint32Array(n).fill(5);
        column[row] = 2 ** 31 + 7;
        kernels.exports.resetScratch();
        const pointer = kernels.putColumn(column);

        equal(allBelow(pointer, n, 2 ** 31 + 7), false);
        equal(allBelow(pointer, n, 2 ** 31 + 8), true);
        equal(rises(pointer, n), row === n - 1);
      }
    });
  }

  test('sums of counts may have 32 bits and no more', () => {
    const sums = (...counts: number[]) => {
      kernels.exports.resetScratch();
      const offsets = offsetsOf(kernels.putColumn(Uint32Array.from(counts)), counts.length);
      return offsets && [...offsets];
    };

    deepEqual(sums(), [0]);
    deepEqual(sums(2 ** 31, 2 ** 31 - 1, 0), [0, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 1]);
    equal(sums(2 ** 31, 2 ** 31), undefined);
    equal(sums(2 ** 32 - 1, 2 ** 32 - 1, 2), undefined);
  });

  test('counts become offsets in place', () => {
    const pointer = kernels.putColumn(Uint32Array.of(9, 3, 0, 4));

    equal(kernels.exports.offsetsOfCounts(pointer, pointer + 4, 3), 1);

    deepEqual([...kernels.takeU32(pointer, 4)], [0, 3, 3, 7]);
  });
});
