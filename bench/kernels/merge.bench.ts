import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Arena, type KernelInstance, type Pointer } from '#src/kernels/instance.ts';
import { putSource } from '#src/kernels/symbol-space.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { Random } from '../../test/fixtures/random.ts';
import { randomSymbols } from '../../test/fixtures/random-symbols.ts';
import { measure } from '../measure.ts';

// Ten blocks of one program, each with a million rows of its stack table and 300,000 stacktraces that samples have. The
// program has two million rows; each block knows a half of them, so every row is met five times.

const SOURCES = 10;
const SUBTREES = 2000;
const SUBTREE_ROWS = 1000;
const SOURCE_SUBTREES = 1000;
const SAMPLED_SHARE = 0.3;

measure(
  `kernels/mergeRuns 3 million stacks of 10 million nodes`,
  { count: SOURCES * SOURCE_SUBTREES * SUBTREE_ROWS, unit: 'node' },
  () => {
    made ??= makeSources();
    return mergeAll(made);
  },
);

type MergeSource = {
  readonly source: Pointer;
  readonly parent: Pointer;
  readonly location: Pointer;
  readonly rows: number;
  readonly sampled: Pointer;
  readonly count: number;
  readonly stack: Pointer;
  readonly values: Pointer;
  readonly offsets: Pointer;
};

type Sources = {
  readonly kernels: KernelInstance;
  readonly run: Pointer;
  readonly mask: Pointer;
  readonly sources: readonly MergeSource[];
};

/** Made when they are asked for: they take a second, and 300 MB. */
let made: Sources | undefined;

function makeSources(): Sources {
  const kernels = testKernels({ scratchBytesMax: 1 << 30, headBytesMax: 1 << 30 });
  const random = new Random(7);
  const symbols = randomSymbols(random, 50_000);
  const locationCount = symbols.locations.mapping.length;
  // Parents in the subtree, -1 for its root, and locations: what recursion and loops over few functions give.
  const subtrees = Array.from({ length: SUBTREES }, () => ({
    parent: Int32Array.from({ length: SUBTREE_ROWS }, (_, row) =>
      row === 0 ? -1 : random.chance(0.7) ? row - 1 : random.int(Math.max(0, row - 40), row - 1),
    ),
    location: Uint32Array.from({ length: SUBTREE_ROWS }, () => random.int(1, locationCount - 1)),
  }));
  return {
    kernels,
    run: kernels.putColumn(Uint32Array.of(0)),
    mask: kernels.putColumn(Uint32Array.of(1)),
    sources: Array.from({ length: SOURCES }, () => makeSource(kernels, random, symbols, subtrees)),
  };
}

function mergeAll({ kernels, run, mask, sources }: Sources): number {
  const { exports } = kernels;
  const stacks = sources.reduce((sum, { count }) => sum + count, 0);
  exports.resetHead();
  const space = exports.spaceNew(Arena.head, 1024, 0) >>> 0;
  const dataset = exports.datasetNew() >>> 0;
  const tree = exports.spaceStacks(space, 0) >>> 0;
  exports.reserveSamples(dataset, 0, 1, stacks, SOURCES);
  for (const { source, parent, location, rows, sampled, stack, values, offsets } of sources) {
    const top = exports.arenaTop(Arena.scratch) >>> 0;
    exports.sourceRowsReset(source);
    const map = exports.stackMapNew(tree, space, source, parent, location, rows, sampled) >>> 0;
    exports.mergeRuns(map, dataset, 0, 1, run, mask, 1, offsets, stack, values, 0, 0, 0, 0);
    exports.releaseScratch(top);
  }
  return exports.treeRows(tree) >>> 0;
}

function makeSource(
  kernels: KernelInstance,
  random: Random,
  symbols: SymbolColumns,
  subtrees: readonly { readonly parent: Int32Array; readonly location: Uint32Array }[],
): MergeSource {
  const chosen = [...subtrees.keys()].map((i) => [random.next(), i] as const).sort(([a], [b]) => a - b);
  const rows = 1 + SOURCE_SUBTREES * SUBTREE_ROWS;
  const parent = new Int32Array(rows).fill(-1);
  const location = new Uint32Array(rows);
  const sampled: number[] = [];
  let row = 1;
  for (const [, i] of chosen.slice(0, SOURCE_SUBTREES).sort(([, a], [, b]) => a - b)) {
    const first = row;
    for (let k = 0; k < SUBTREE_ROWS; k++, row++) {
      parent[row] = k === 0 ? 0 : first + subtrees[i].parent[k];
      location[row] = subtrees[i].location[k];
      if (random.chance(SAMPLED_SHARE)) sampled.push(row);
    }
  }
  const count = sampled.length;
  return {
    source: putSource(kernels, symbols),
    parent: kernels.putColumn(parent),
    location: kernels.putColumn(location),
    rows,
    sampled: kernels.putColumn(Uint32Array.from(sampled)),
    count,
    stack: kernels.putColumn(Uint32Array.from({ length: count }, (_, i) => i)),
    values: kernels.putColumn(Uint32Array.of(kernels.putColumn(new BigInt64Array(count).fill(10_000_000n)))),
    offsets: kernels.putColumn(Uint32Array.of(0, count)),
  };
}
