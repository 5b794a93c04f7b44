import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { NumberColumn } from '#src/services/metastore/number-column.ts';
import { Random } from '../../../fixtures/random.ts';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;

function columnOf(values: readonly number[], base?: number): number[] {
  const column = new NumberColumn(base);
  for (const value of values) column.push(value);
  return values.map((_, row) => column.at(row));
}

test('numbers come back as they were, at the edges of what is near', () => {
  for (const base of [0, 1_700_000_000_000, -21_600_000, SAFE_MAX - 5, -SAFE_MAX]) {
    const near = [0, 1, 2 ** 31, 2 ** 32 - 3, 2 ** 32 - 2].map((above) => base + above);
    const far = [base - 1, base + 2 ** 32 - 1, base + 2 ** 32, -SAFE_MAX, SAFE_MAX, 0];
    const values = [...near, ...far, base].filter(Number.isSafeInteger);

    deepEqual(columnOf(values, base), values, `base ${base}`);
  }
});

test('numbers come back as they were, on both sides of each end of a chunk', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  console.log(`SEED=${seed}`);
  const random = new Random(seed);
  for (const length of [0, 1, 7, 8, 9, 4095, 4096, 4097, 8191, 8192, 8193, 20_000]) {
    const values = Array.from({ length }, () =>
      random.chance(0.01) ? random.int(0, 2 ** 20) * 2 ** 33 : random.int(0, 2 ** 31),
    );

    deepEqual(columnOf(values), values, `${length} numbers, SEED=${seed}`);
  }
});
