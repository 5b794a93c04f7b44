import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena, type Pointer } from '#src/kernels/instance.ts';
import { Source } from '#src/kernels/source.ts';
import { putSource } from '#src/kernels/symbol-space.ts';
import { GuardedColumns } from '../../fixtures/guarded-columns.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { randomSymbols } from '../../fixtures/random-symbols.ts';
import { sameRows } from '../../fixtures/same-rows.ts';

const seed = runSeed();
const kernels = testKernels();
const { exports } = kernels;

type Stacks = { readonly parent: Int32Array; readonly location: Uint32Array };

/** Each sampled row with those above it, the root left out, each once, as the samples name them. */
function neededPlain({ parent }: Stacks, samples: Uint32Array): number[] {
  const needed = new Set<number>();
  for (const sample of samples) for (let row = sample; row > 0; row = parent[row]) needed.add(row);
  return [...needed];
}

/** The listed rows depth first, children in the order of the list. */
function depthFirstPlain({ parent }: Stacks, list: readonly number[]): number[] {
  const children = Map.groupBy(list, (row) => parent[row]);
  const order: number[] = [];
  const open = [0];
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    if (row !== 0) order.push(row);
    open.push(...(children.get(row) ?? []).toReversed());
  }
  return order;
}

function treeOf({ parent, location }: Stacks): Pointer {
  const tree = exports.treeNew(Arena.head, 16, 0) >>> 0;
  for (let row = 1; row < parent.length; row++) equal(exports.treeChild(tree, parent[row], location[row]) >>> 0, row);
  return tree;
}

describe(`projectStacks (seed ${seed})`, () => {
  for (const rows of [1, 2, 3, 8, 9, 10, 33, 1000, 30_000]) {
    for (const share of [0, 0.05, 1]) {
      test(`orders what samples of ${share} of ${rows} stacktraces need as the plain version does`, () => {
        const random = new Random(seed + rows + share);
        exports.resetScratch();
        exports.resetHead();
        const symbols = randomSymbols(random, rows);
        const { stacks } = symbols;
        const tree = treeOf(stacks);
        const samples = Uint32Array.from({ length: Math.ceil(rows * share) }, () => random.int(0, rows - 1));
        const halves = [samples.subarray(0, samples.length >> 1), samples.subarray(samples.length >> 1)];
        const columns = new GuardedColumns(kernels);
        const stamp = columns.putChanging(new Uint32Array(rows));
        const [list, rank, first, next] = Array.from({ length: 4 }, () => columns.room(rows * 4)) as [
          number,
          number,
          number,
          number,
        ];

        let count = 0;
        for (const half of halves) {
          count = exports.neededRows(tree, stamp, 7, columns.put(half), half.length, list, count) >>> 0;
        }
        columns.check('neededRows');
        const needed = neededPlain(stacks, samples);
        sameRows([...kernels.takeU32(list, count)], needed);

        const locations = columns.putChanging(new Uint32Array(symbols.locations.mapping.length));
        const distinct = new Set(needed.map((row) => stacks.location[row]));
        equal(exports.stampLocations(tree, list, count, locations, 3) >>> 0, distinct.size);
        equal(exports.stampLocations(tree, list, count, locations, 3) >>> 0, 0);
        columns.check('stampLocations');

        const source = putSource(kernels, symbols);
        exports.sourceRowsReset(source);
        const space = exports.spaceNew(Arena.head, 8, 0) >>> 0;
        const target = exports.spaceStacks(space, 0) >>> 0;
        exports.projectStacks(target, space, source, tree, list, count, rank, first, next);

        columns.check('projectStacks');
        const order = depthFirstPlain(stacks, needed);
        const ranks = kernels.takeU32(rank, rows);
        sameRows(
          order.map((row) => ranks[row]),
          Array.from(order, (_, i) => i + 1),
        );
        const rowOfLocation = kernels.u32()[(source + Source.locationRow) >>> 2];
        const nodes = new BigUint64Array(
          kernels.u8().buffer,
          exports.treeNodes(target) >>> 0,
          exports.treeRows(target) >>> 0,
        );
        const expected = order.map((row) => {
          const above = stacks.parent[row] === 0 ? 0 : ranks[stacks.parent[row]];
          return (BigInt(above) << 32n) | BigInt(kernels.u32()[(rowOfLocation >>> 2) + stacks.location[row]]);
        });
        sameRows([...nodes.slice(1)], expected);
      });
    }
  }
});
