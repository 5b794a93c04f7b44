import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GuardedColumns } from '../../fixtures/guarded-columns.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { sameRows } from '../../fixtures/same-rows.ts';

const seed = runSeed();
const kernels = testKernels();
const { exports } = kernels;

function guarded(): GuardedColumns {
  exports.resetScratch();
  return new GuardedColumns(kernels);
}

const u32 = (random: Random, n: number, most = 2 ** 32 - 1): Uint32Array =>
  Uint32Array.from({ length: n }, () => random.int(0, most));
const i64 = (random: Random, n: number): BigInt64Array =>
  BigInt64Array.from({ length: n }, () => (random.chance(0.5) ? 0n : BigInt(random.int(1, 2 ** 32 - 1)) << 31n));

describe(`the order of merged samples (seed ${seed})`, () => {
  for (const n of [0, 1, 2, 3, 15, 16, 17, 1000, 65_537]) {
    test(`of ${n} rows is what the plain version says`, () => {
      const random = new Random(seed + n);

      const columns = guarded();
      const order = columns.room(n * 4);
      exports.ascending(order, n);
      columns.check('ascending');
      sameRows(
        kernels.takeU32(order, n),
        Uint32Array.from({ length: n }, (_, i) => i),
      );

      // Rows may be named often, or never, and there are more of them than are taken.
      const rows = u32(random, n, n + 2);
      const [small, large] = [u32(random, n + 3), i64(random, n + 3)];
      const gathered = guarded();
      const row = gathered.put(rows);
      const targets = [gathered.room(n * 4), gathered.room(n * 8)] as const;
      exports.gatherU32(targets[0], gathered.put(small), row, n);
      exports.gatherU64(targets[1], gathered.put(large), row, n);
      gathered.check('gather');
      sameRows(
        kernels.takeU32(targets[0], n),
        Uint32Array.from(rows, (at) => small[at]),
      );
      sameRows(
        kernels.takeI64(targets[1], n),
        BigInt64Array.from([...rows], (at) => large[at]),
      );

      const values = i64(random, n);
      const sparse = guarded();
      const found = [sparse.room(n * 4), sparse.room(n * 8)] as const;
      const count = exports.nonZeroValues(sparse.put(values), n, ...found);
      sparse.check('nonZeroValues');
      const expected = [...values.keys()].filter((at) => values[at] !== 0n);
      sameRows([...kernels.takeU32(found[0], count)], expected);
      sameRows(
        [...kernels.takeI64(found[1], count)],
        expected.map((at) => values[at]),
      );
    });

    test(`of ${n} samples in runs is by the rank of the run, then the place of the stacktrace`, () => {
      const random = new Random(seed + n);
      // Runs of no sample are none; the last one takes what is left.
      const runSamples: number[] = [];
      for (let left = n; left > 0; left -= runSamples[runSamples.length - 1]) {
        runSamples.push(random.int(1, Math.min(left, 1 + n / 4)));
      }
      const rank = random.shuffled([...runSamples.keys()]);
      const place = u32(random, n);
      const columns = guarded();
      const keys = columns.room(n * 8);

      exports.sampleKeys(
        keys,
        columns.put(Uint32Array.from(rank)),
        columns.put(Uint32Array.from(runSamples)),
        runSamples.length,
        columns.put(place),
      );

      columns.check('sampleKeys');
      const ranks = runSamples.flatMap((count, run) => Array.from({ length: count }, () => BigInt(rank[run])));
      const expected = ranks.map((high, i) => (high << 32n) | BigInt(place[i]));
      sameRows(
        [...kernels.takeI64(keys, n)].map((key) => BigInt.asUintN(64, key)),
        expected,
      );
    });

    test(`takes the spans of ${n} samples along`, () => {
      const random = new Random(seed + n);
      const order = random.shuffled([...Array(n).keys()]);
      for (const share of [0, 0.1, 1]) {
        const sample = [...order.keys()].filter(() => random.chance(share));
        const id = i64(random, sample.length);
        const trace = random.bytes(sample.length * 16);
        const columns = guarded();
        const to = [sample.length * 4, sample.length * 8, sample.length * 16].map((bytes) => columns.room(bytes));
        const [toSample, toId, toTrace] = to as [number, number, number];

        exports.orderSpans(
          columns.put(Uint32Array.from(order)),
          n,
          columns.putChanging(new Uint32Array(n)),
          columns.put(Uint32Array.from(sample)),
          columns.put(id),
          columns.put(trace),
          sample.length,
          toSample,
          toId,
          toTrace,
        );

        columns.check('orderSpans');
        const spanOf = new Map(sample.map((of, span) => [of, span]));
        const expected = order.flatMap((of, i) => {
          const span = spanOf.get(of);
          return span === undefined ? [] : [{ i, span }];
        });
        equal(expected.length, sample.length);
        sameRows(
          [...kernels.takeU32(toSample, sample.length)],
          expected.map(({ i }) => i),
        );
        sameRows(
          [...kernels.takeI64(toId, sample.length)],
          expected.map(({ span }) => id[span]),
        );
        sameRows(
          kernels.takeU8(toTrace, sample.length * 16),
          Uint8Array.from(expected.flatMap(({ span }) => [...trace.subarray(span * 16, span * 16 + 16)])),
        );
      }
    });
  }
});
