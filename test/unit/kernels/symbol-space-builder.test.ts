import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import type { StackProfile } from '#src/domain/symbols/stack-profile.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { SymbolSpaceBuilder } from '#src/kernels/symbol-space-builder.ts';
import { stackTexts } from '../../fixtures/canonical.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';
import { randomSymbols, randomValues } from '../../fixtures/random-symbols.ts';

const LARGEST = 2n ** 63n - 1n;

function merged(kernels: KernelInstance, profiles: readonly StackProfile[]): StackProfile {
  const builder = new SymbolSpaceBuilder(kernels);
  for (const { symbols, values } of profiles) {
    kernels.exports.resetScratch();
    const stacks = new StackSums(kernels, symbols);
    stacks.add({ stack: Uint32Array.from(values, (_, row) => row), value: values });
    runSteps(builder.addStacks(stacks));
  }
  return builder.take();
}

/** What each stacktrace has, with all its symbols spelled out. */
function valuesByStack(profiles: readonly StackProfile[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { symbols, values } of profiles) {
    for (const [row, text] of stackTexts(symbols).entries()) {
      if (row === 0 || values[row] === 0n) continue;
      const sum = (sums.get(text) ?? 0n) + values[row];
      sums.set(text, sum > LARGEST ? LARGEST : sum);
    }
  }
  return sums;
}

function randomProfile(random: Random, stackCount: number): StackProfile {
  return { symbols: randomSymbols(random, stackCount), values: randomValues(random, stackCount) };
}

function assertEachOnce({ symbols }: StackProfile): void {
  const { strings, functions, mappings, locations, stacks } = symbols;
  const texts = Array.from({ length: strings.offsets.length - 1 }, (_, i) =>
    Buffer.from(strings.bytes.subarray(strings.offsets[i], strings.offsets[i + 1])).toString('hex'),
  );
  equal(new Set(texts).size, texts.length, 'a string is there twice');
  for (const table of [functions, mappings]) {
    const columns = Object.values(table);
    const rows = Array.from(columns[0], (_, row) => columns.map((column) => column[row]).join());
    // Row 0 is "none", which an entry without anything in it looks like.
    equal(new Set(rows.slice(1)).size, rows.length - 1, 'a row is there twice');
  }
  const nodes = Array.from(stacks.parent, (parent, row) => `${parent} ${stacks.location[row]}`);
  equal(new Set(nodes).size, nodes.length, 'a stacktrace is there twice');
  for (let row = 1; row < nodes.length; row++) {
    ok(stacks.parent[row] >= 0 && stacks.parent[row] < row, `parent of ${row}`);
    ok(stacks.location[row] > 0 && stacks.location[row] < locations.mapping.length, `location of ${row}`);
  }
}

describe('SymbolSpaceBuilder', () => {
  const kernels = testKernels();

  test('gives the root alone for nothing', () => {
    const { symbols, values } = merged(kernels, []);

    deepEqual([...symbols.stacks.parent], [-1]);
    deepEqual([...values], [0n]);
    equal(symbols.strings.offsets.length, 2);
  });

  // A space has room for 1,024 rows at first and grows fourfold; the last size makes the memory grow.
  for (const stackCount of [1, 2, 3, 50, 1000, 2100, 8200, 40_000]) {
    test(`keeps the value of every stacktrace when spaces of ${stackCount} are merged`, (t) => {
      const seed = Number(process.env['SEED'] ?? stackCount);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const first = randomProfile(random, stackCount);
      const profiles = [first, randomProfile(random, Math.ceil(stackCount / 2)), first];

      const profile = merged(kernels, profiles);

      deepEqual(valuesByStack([profile]), valuesByStack(profiles));
      assertEachOnce(profile);
    });
  }

  test('merges what it made again to the same, so that reports can be merged in any grouping', () => {
    const random = new Random(9);
    const [a, b, c] = [30, 200, 3].map((count) => randomProfile(random, count));

    const grouped = merged(kernels, [merged(kernels, [a, b]), c]);

    deepEqual(valuesByStack([grouped]), valuesByStack([merged(kernels, [a, b, c])]));
  });

  test('takes over no symbol that no value needs', () => {
    const { symbols } = randomProfile(new Random(4), 500);
    const values = new BigInt64Array(500);
    values[499] = 1n;

    const profile = merged(kernels, [{ symbols, values }]);

    let depth = 0;
    for (let row = 499; row > 0; row = symbols.stacks.parent[row]) depth++;
    equal(profile.symbols.stacks.parent.length, depth + 1);
    ok(profile.symbols.locations.mapping.length <= depth + 1);
  });

  test('names the limit when a space does not fit, and the next one does', () => {
    const small = testKernels({ headBytesMax: 1 << 20 });
    const random = new Random(2);
    const large = randomProfile(random, 30_000);
    const little = randomProfile(random, 10);

    throws(() => small.guard(() => merged(small, [large])), { code: 'limit-exceeded', message: /headBytesMax/ });

    deepEqual(valuesByStack([merged(small, [little])]), valuesByStack([little]));
  });

  test('pauses where it has added a step of stacktraces', () => {
    const { symbols, values } = randomProfile(new Random(2), 100_000);
    const builder = new SymbolSpaceBuilder(kernels);
    kernels.exports.resetScratch();
    const stacks = new StackSums(kernels, symbols);
    stacks.add({ stack: Uint32Array.from(values, (_, row) => row), value: values.map(() => 1n) });

    let steps = 0;
    for (const _ of builder.addStacks(stacks)) steps++;

    ok(steps > 1, `${steps} steps`);
    deepEqual(valuesByStack([builder.take()]), valuesByStack([{ symbols, values: values.map(() => 1n) }]));
  });
});
