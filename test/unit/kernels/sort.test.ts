import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena } from '#src/kernels/instance.ts';
import { GuardedColumns } from '../../fixtures/guarded-columns.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { sameRows } from '../../fixtures/same-rows.ts';

const seed = runSeed();
const kernels = testKernels();

/** Rows by key, those with equal keys in the order they had. */
function sortedPlain(rows: Uint32Array, keys: BigUint64Array): Uint32Array {
  return Uint32Array.from([...rows].sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0)));
}

function sorted(rows: Uint32Array, keys: BigUint64Array, message: string): Uint32Array {
  kernels.exports.resetScratch();
  const columns = new GuardedColumns(kernels);
  const pointers = [columns.putChanging(rows), columns.put(keys), columns.room(rows.length * 4)] as const;
  const top = kernels.exports.arenaTop(Arena.scratch);

  kernels.exports.sortRows(...pointers, rows.length);

  columns.check(message);
  equal(kernels.exports.arenaTop(Arena.scratch), top, `${message}: scratch is given back`);
  return kernels.takeU32(pointers[0], rows.length);
}

/** Keys that differ in the ways a sort by bytes can be wrong about. */
const kinds: Record<string, (random: Random, row: number, n: number) => bigint> = {
  'are random': (random) => (BigInt(random.int(0, 2 ** 32 - 1)) << 32n) | BigInt(random.int(0, 2 ** 32 - 1)),
  'are equal': () => 0xfedcba9876543210n,
  rise: (_, row) => BigInt(row),
  fall: (_, row, n) => BigInt(n - row) << 20n,
  'are of a few': (random) => BigInt(random.int(0, 3)) << 13n,
  'differ in the lowest byte': (random) => 0x1234567890abcd00n | BigInt(random.int(0, 255)),
  'differ in the highest byte, where a sign would be': (random) => (BigInt(random.int(0, 255)) << 56n) | 77n,
  'differ in the lowest and the highest byte': (random) =>
    (BigInt(random.int(0, 255)) << 56n) | BigInt(random.int(0, 255)),
};

describe(`sortRows (seed ${seed})`, () => {
  // Below 48 rows it sorts by insertion.
  for (const n of [0, 1, 2, 3, 47, 48, 49, 255, 256, 257, 1000, 65_537]) {
    test(`agrees with the plain version on ${n} rows`, () => {
      const random = new Random(seed + n);
      for (const [kind, keyOf] of Object.entries(kinds)) {
        // Some of the keys belong to rows that are not sorted.
        const keys = BigUint64Array.from({ length: n + 5 }, (_, row) => keyOf(random, row, n));
        const rows = Uint32Array.from(random.shuffled([...keys.keys()]).slice(0, n));

        sameRows(sorted(rows, keys, `keys ${kind}`), sortedPlain(rows, keys), `keys ${kind}`);
      }
    });
  }

  test('sorts by several columns, the least important one first', () => {
    const random = new Random(seed);
    const column = (): BigUint64Array => BigUint64Array.from({ length: 500 }, () => BigInt(random.int(0, 4)));
    const [most, middle, least] = [column(), column(), column()];

    const rows = [least, middle, most].reduce<Uint32Array>(
      (order, keys) => sorted(order, keys, 'one of three'),
      Uint32Array.from([...least.keys()]),
    );

    const text = (row: number): string => `${most[row]} ${middle[row]} ${least[row]} ${String(row).padStart(3, '0')}`;
    const texts = Array.from(rows, text);
    deepEqual(texts, texts.toSorted());
  });
});
