import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STEP_ROWS } from '#src/domain/model/steps.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { type SampleRange, StackSums, sumSamplesPlain } from '#src/kernels/stack-sums.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';
import { randomSymbols } from '../../fixtures/random-symbols.ts';
import { symbolsOf } from '../domain/profile/symbols-of.ts';

function randomSamples(random: Random, stackCount: number, n: number): SampleRange {
  return {
    stack: Uint32Array.from({ length: n }, () => random.int(0, stackCount - 1)),
    value: BigInt64Array.from({ length: n }, () => BigInt(random.int(0, 2 ** 32 - 1)) << BigInt(random.int(0, 20))),
  };
}

/** Rows that have a value, or are above one that has. The root is always among them. */
function neededPlain({ stacks }: SymbolColumns, sums: BigInt64Array): Uint8Array {
  const needed = Uint8Array.from(sums, (sum) => (sum === 0n ? 0 : 1));
  for (let row = needed.length - 1; row > 0; row--) if (needed[row] === 1) needed[stacks.parent[row]] = 1;
  needed[0] = 1;
  return needed;
}

describe('StackSums', () => {
  const kernels = testKernels();

  for (const n of [0, 1, 2, 1000, 65_536, 1_000_000]) {
    test(`sums ${n} samples per stacktrace as the plain version does`, (t) => {
      const seed = Number(process.env['SEED'] ?? n);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const symbols = randomSymbols(random, 1 + Math.min(n, 20_000));
      const stackCount = symbols.stacks.parent.length;
      const ranges = [n, 0, 1].map((count) => randomSamples(random, stackCount, count));
      kernels.exports.resetScratch();
      const sums = new StackSums(kernels, symbols);

      for (const range of ranges) sums.add(range);

      const expected = sumSamplesPlain(symbols.stacks, ranges);
      deepEqual(kernels.takeI64(sums.sums, stackCount), expected);
      const needed = neededPlain(symbols, expected);
      equal(sums.mark(), needed.reduce((count, one) => count + one, 0) - 1);
      deepEqual(kernels.takeU8(sums.needed, stackCount), needed);
    });
  }

  test('counts the frames of each stacktrace without its callers, in steps', () => {
    const { symbols } = symbolsOf([[['main', 'inlined<<into', '0x2a'], 1n]]);
    const rows = 2 * STEP_ROWS + 4;
    const stacks = {
      parent: new Int32Array(rows).fill(-1, 0, 1),
      location: Uint32Array.from({ length: rows }, (_, row) => row % 4),
    };
    kernels.exports.resetScratch();
    const steps = new StackSums(kernels, { ...symbols, stacks }).frameCounts();

    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) count++;

    deepEqual(
      step.value,
      Uint32Array.from({ length: rows }, (_, row) => [1, 1, 2, 1][row % 4]),
    );
    equal(count, 3);
  });

  test('takes samples that are a part of a longer column', () => {
    const symbols = randomSymbols(new Random(1), 10);
    kernels.exports.resetScratch();
    const sums = new StackSums(kernels, symbols);
    const { stack, value } = randomSamples(new Random(2), 10, 100);
    const part = { stack: stack.subarray(33, 77), value: value.subarray(33, 77) };

    sums.add(part);

    deepEqual(kernels.takeI64(sums.sums, 10), sumSamplesPlain(symbols.stacks, [part]));
  });

  test('takes no more scratch however many samples are added, and however often', () => {
    const random = new Random(3);
    const symbols = randomSymbols(random, 10);
    kernels.exports.resetScratch();
    const sums = new StackSums(kernels, symbols);
    sums.add(randomSamples(random, 10, 1));
    const afterOneBytes = kernels.exports.scratchUsed();

    for (const n of [1, 100_000, 0, 65_536, 65_537, 1]) sums.add(randomSamples(random, 10, n));

    equal(kernels.exports.scratchUsed(), afterOneBytes);
  });

  test('stops at the largest number', () => {
    const symbols = randomSymbols(new Random(1), 4);
    kernels.exports.resetScratch();
    const sums = new StackSums(kernels, symbols);
    const largest = 2n ** 63n - 1n;

    for (const value of [2n ** 53n, 1n]) sums.add({ stack: Uint32Array.of(1), value: BigInt64Array.of(value) });
    for (const value of [largest, largest, 1n]) sums.add({ stack: Uint32Array.of(2), value: BigInt64Array.of(value) });
    sums.add({ stack: Uint32Array.of(3, 3), value: BigInt64Array.of(largest - 5n, 5n) });

    deepEqual([...kernels.takeI64(sums.sums, 4)], [0n, 2n ** 53n + 1n, largest, largest]);
  });
});
