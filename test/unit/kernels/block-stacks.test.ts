import { deepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type SpaceColumns, symbolsOfFamily } from '#src/domain/block/space-columns.ts';
import { encodeSymbolSpace } from '#src/domain/block/symbol-space-writer.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { stacksAtCallSite } from '#src/domain/query/call-site.ts';
import { frameName } from '#src/domain/query/frame-names.ts';
import { BlockStacks } from '#src/kernels/block-stacks.ts';
import { CallSiteNames } from '#src/kernels/call-site-names.ts';
import { readFamily, readSource } from '#src/kernels/read-space.ts';
import { encodedSpace, freshPages } from '../../fixtures/block-in-arena.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { byteStrings, randomSpace } from '../domain/block/random-columns.ts';

const seed = runSeed();
const kernels = testKernels();

/** Samples of 7 on every stack of a space, of which a call site keeps some. */
function keptOf(space: SpaceColumns, callSite: readonly string[]): { kept: Uint8Array; steps: number } {
  const { table, fetched } = encodedSpace(encodeSymbolSpace(space));
  const pages = freshPages(kernels, { fetched });
  const source = runSteps(readSource(pages, table, false));
  const family = runSteps(readFamily(pages, table, 0, source.locationCount));
  const { sampledCount, stackCount } = family;
  const stacks = new BlockStacks(kernels, source, family, kernels.putColumn(new BigInt64Array(sampledCount).fill(7n)));
  let steps = 0;
  for (const _ of stacks.keepCallSite(new CallSiteNames(kernels, source.names, callSite))) steps++;
  return { kept: Uint8Array.from(kernels.takeI64(stacks.sums, stackCount), (sum) => (sum === 7n ? 1 : 0)), steps };
}

describe('BlockStacks.keepCallSite', () => {
  const sampledAll = (space: SpaceColumns, stacks: number): SpaceColumns => {
    const [family] = space.families;
    return {
      ...space,
      families: [{ ...family, sampledStacks: Uint32Array.from({ length: stacks }, (_, row) => row) }],
    };
  };

  test(`keeps the stacktraces that the plain twin selects (seed ${seed})`, () => {
    const random = new Random(seed);
    let kept = 0;
    for (let round = 0; round < 150; round++) {
      const stacks = random.int(1, 60);
      const texts = ['', 'a', 'b', 'cc', '\u00e9'];
      const sizes = { names: texts.length, texts: 3, functions: 6, mappings: 3, locations: 8 };
      const random0 = randomSpace(random, { ...sizes, families: [{ stacks, sampled: stacks }] });
      const space = sampledAll({ ...random0, names: byteStrings(texts) }, stacks);
      const symbols = symbolsOfFamily(space, 0);
      const unnamed = Buffer.from(frameName(symbols, random.int(1, sizes.locations - 1))).toString();
      const callSite = Array.from({ length: random.int(0, 3) }, () => random.pick([...texts, unnamed, 'nobody']));

      const expected = stacksAtCallSite(symbols, callSite);

      deepEqual(keptOf(space, callSite).kept, expected, `${callSite}`);
      kept += expected.filter((one, row) => one === 1 && row > 0 && callSite.length > 0).length;
    }
    ok(kept > 5, `only ${kept} in all`);
  });

  test('pauses by what rows cost: a location with many lines is many rows', () => {
    const [stacks, lines] = [1000, 1000];
    const random = new Random(1);
    const sizes = { names: 2, texts: 1, functions: 2, mappings: 1, locations: 2 };
    const space = randomSpace(random, { ...sizes, families: [{ stacks, sampled: stacks }] });
    const parent = Int32Array.from({ length: stacks }, (_, row) => (row === 0 ? -1 : 0));
    const location = new Uint32Array(stacks).fill(1).fill(0, 0, 1);
    const deep: SpaceColumns = {
      ...sampledAll({ ...space, families: [{ ...space.families[0], stacks: { parent, location } }] }, stacks),
      names: byteStrings(['', 'a']),
      functions: { ...space.functions, name: Uint32Array.of(0, 1) },
      locations: {
        ...space.locations,
        lineOffsets: Uint32Array.of(0, 0, lines),
        lineFunction: new Uint32Array(lines).fill(1),
        line: new BigInt64Array(lines),
      },
    };

    const { kept, steps } = keptOf(
      deep,
      Array.from({ length: lines }, () => 'a'),
    );

    deepEqual(
      kept,
      Uint8Array.from({ length: stacks }, (_, row) => (row === 0 ? 0 : 1)),
    );
    ok(steps >= (stacks * lines) / (1 << 17), `${steps} steps`);
  });

  test('numbers the names of a call site, and finds them among those of a space', () => {
    const space = randomSpace(new Random(1), {
      ...{ names: 3, texts: 1, functions: 2, mappings: 1, locations: 2 },
      families: [{ stacks: 2, sampled: 1 }],
    });
    const { table, fetched } = encodedSpace(encodeSymbolSpace({ ...space, names: byteStrings(['', 'a', 'b']) }));
    const source = runSteps(readSource(freshPages(kernels, { fetched }), table, false));

    const { wanted, numberOfRow, row } = new CallSiteNames(kernels, source.names, ['b', 'nobody', 'b']);

    deepEqual([...wanted], [0, 1, 0]);
    deepEqual([...numberOfRow], [-1, -1, 0]);
    deepEqual([...row], [2, -1, 2]);
  });
});
