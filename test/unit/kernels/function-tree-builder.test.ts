import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { mergeFunctionTreesPlain } from '#src/domain/profile/merge-function-trees.ts';
import { nameText, namesOf } from '#src/domain/profile/name-table.ts';
import { frameName } from '#src/domain/query/frame-names.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';
import { randomSymbols, randomValues } from '../../fixtures/random-symbols.ts';

const LARGEST = 2n ** 63n - 1n;

type Source = { readonly symbols: SymbolColumns; readonly values: BigInt64Array };

/** Self values by path of names, root first; a node without a value of its own has 0. */
type Nodes = ReadonlyMap<string, bigint>;

function kernelTree(kernels: KernelInstance, sources: readonly Source[], trees: readonly FunctionTree[] = []): Nodes {
  const builder = new FunctionTreeBuilder(kernels);
  for (const tree of trees) {
    kernels.exports.resetScratch();
    builder.addTree(tree);
  }
  for (const { symbols, values } of sources) {
    kernels.exports.resetScratch();
    const stacks = new StackSums(kernels, symbols);
    stacks.add({ stack: Uint32Array.from(values, (_, row) => row), value: values });
    builder.addStacks(stacks);
  }
  return nodesOf(builder.take());
}

function plainTree(sources: readonly Source[], trees: readonly FunctionTree[] = []): Nodes {
  const nodes = new Map<string, bigint>([['', 0n]]);
  const add = (path: string, value: bigint): void => {
    const sum = (nodes.get(path) ?? 0n) + value;
    nodes.set(path, sum > LARGEST ? LARGEST : sum);
  };
  for (const tree of trees) for (const [path, self] of nodesOf(tree)) add(path, self);
  for (const { symbols, values } of sources) {
    const frames = Array.from(symbols.locations.mapping, (_, row) => framesOf(symbols, row));
    const paths = [''];
    for (let row = 1; row < values.length; row++) {
      const above = paths[symbols.stacks.parent[row]];
      paths.push(above + frames[symbols.stacks.location[row]].map((frame) => `${frame}\n`).join(''));
      if (values[row] === 0n) continue;
      for (const prefix of prefixesOf(paths[row])) add(prefix, 0n);
      add(paths[row], values[row]);
    }
  }
  return nodes;
}

/** What a location shows, outermost first. */
function framesOf(symbols: SymbolColumns, location: number): string[] {
  const { lineOffsets, lineFunction } = symbols.locations;
  const lines = [...lineFunction.subarray(lineOffsets[location], lineOffsets[location + 1])].reverse();
  if (lines.length === 0) return [Buffer.from(frameName(symbols, location)).toString()];
  return lines.map((fn) => nameText(symbols.strings, symbols.functions.name[fn]));
}

function* prefixesOf(path: string): Generator<string> {
  for (let at = path.indexOf('\n'); at >= 0; at = path.indexOf('\n', at + 1)) yield path.slice(0, at + 1);
}

function nodesOf({ parent, name, self, names }: FunctionTree): Nodes {
  const nodes = new Map<string, bigint>();
  const paths: string[] = [];
  for (let row = 0; row < parent.length; row++) {
    paths.push(row === 0 ? '' : `${paths[parent[row]]}${nameText(names, name[row])}\n`);
    ok(!nodes.has(paths[row]), `two nodes for ${JSON.stringify(paths[row])}`);
    nodes.set(paths[row], self[row]);
  }
  return nodes;
}

function deepTree(random: Random, nodes: number): FunctionTree {
  const names = ['main', '', 'a', 'b', 'größe', '😀', 'x'.repeat(100), 'a'];
  const found = new Map<string, number>();
  const parent = [-1];
  const name = [0];
  while (parent.length < nodes) {
    const above = random.int(0, parent.length - 1);
    const called = random.int(0, names.length - 2);
    if (found.has(`${above} ${called}`)) continue;
    found.set(`${above} ${called}`, parent.push(above) - 1);
    name.push(called);
  }
  return {
    parent: Int32Array.from(parent),
    name: Uint32Array.from(name),
    self: BigInt64Array.from(parent, () => BigInt(random.int(0, 9))),
    names: namesOf(names),
  };
}

describe('FunctionTreeBuilder', () => {
  const kernels = testKernels();

  test('gives the root alone for nothing', () => {
    deepEqual(kernelTree(kernels, []), new Map([['', 0n]]));
  });

  // The tree has room for 4,096 nodes at first and grows fourfold; the last size makes the memory grow.
  for (const stackCount of [1, 2, 3, 100, 2000, 8000, 40_000, 120_000]) {
    test(`folds ${stackCount} stacktraces to names as the plain version does`, (t) => {
      const seed = Number(process.env['SEED'] ?? stackCount);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const sources = [1, 0.5].map((share) => {
        const symbols = randomSymbols(random, Math.ceil(stackCount * share));
        return { symbols, values: randomValues(random, symbols.stacks.parent.length) };
      });

      deepEqual(kernelTree(kernels, sources), plainTree(sources));
    });
  }

  for (const nodes of [1, 2, 4094, 4095, 4096, 4097, 50_000]) {
    test(`merges trees of ${nodes} nodes as the plain version does`, (t) => {
      const seed = Number(process.env['SEED'] ?? nodes);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const trees = [nodes, 1, Math.ceil(nodes / 3)].map((count) => deepTree(random, count));

      deepEqual(kernelTree(kernels, [], trees), nodesOf(mergeFunctionTreesPlain(trees)));
    });
  }

  test('merges trees with stacktraces', () => {
    const random = new Random(5);
    const symbols = randomSymbols(random, 50);
    const sources = [{ symbols, values: randomValues(random, 50) }];
    const trees = [deepTree(random, 20)];

    deepEqual(kernelTree(kernels, sources, trees), plainTree(sources, trees));
  });

  test('keeps sums beyond 2^53 exact, and stops at the largest number', () => {
    const tree = (self: bigint): FunctionTree => ({
      parent: Int32Array.of(-1, 0),
      name: Uint32Array.of(0, 1),
      self: BigInt64Array.of(0n, self),
      names: namesOf(['', 'main']),
    });

    equal(kernelTree(kernels, [], [tree(2n ** 53n), tree(1n)]).get('main\n'), 2n ** 53n + 1n);
    equal(kernelTree(kernels, [], [tree(LARGEST - 1n), tree(1n)]).get('main\n'), LARGEST);
    equal(kernelTree(kernels, [], [tree(LARGEST), tree(LARGEST), tree(5n)]).get('main\n'), LARGEST);
  });

  test('leaves out what no value needs', () => {
    const symbols = randomSymbols(new Random(3), 200);

    deepEqual(kernelTree(kernels, [{ symbols, values: new BigInt64Array(200) }]), new Map([['', 0n]]));
  });

  test('names the limit when the tree does not fit, and the next one does', () => {
    const small = testKernels({ headBytesMax: 1 << 20 });
    const tree = deepTree(new Random(1), 30_000);
    const little = deepTree(new Random(2), 10);

    throws(() => small.guard(() => kernelTree(small, [], [tree])), { code: 'limit-exceeded', message: /headBytesMax/ });

    deepEqual(kernelTree(small, [], [little]), nodesOf(little));
  });
});
