import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { mergeFunctionTreesPlain } from '#src/domain/profile/merge-function-trees.ts';
import { namesOf, nameText } from '#src/domain/profile/name-table.ts';
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

function kernelTree(
  kernels: KernelInstance,
  sources: readonly Source[],
  trees: readonly FunctionTree[] = [],
): FunctionTree {
  const builder = new FunctionTreeBuilder(kernels);
  for (const tree of trees) {
    kernels.exports.resetScratch();
    runSteps(builder.addTree(tree));
  }
  for (const { symbols, values } of sources) {
    kernels.exports.resetScratch();
    const stacks = new StackSums(kernels, symbols);
    stacks.add({ stack: Uint32Array.from(values, (_, row) => row), value: values });
    runSteps(builder.addStacks(stacks));
  }
  return builder.take();
}

/** A tree of names as a Map would have it. */
class PlainTree {
  readonly self: bigint[] = [0n];
  readonly #rows = new Map<string, number>();

  child(parent: number, name: string): number {
    const key = `${parent} ${name}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    this.#rows.set(key, this.self.length);
    return this.self.push(0n) - 1;
  }

  addValue(row: number, value: bigint): void {
    const sum = this.self[row] + value;
    this.self[row] = sum > LARGEST ? LARGEST : sum;
  }

  addTree({ parent, name, self, names }: FunctionTree): void {
    const rows: number[] = [];
    for (let i = 0; i < parent.length; i++) {
      rows.push(i === 0 ? 0 : this.child(rows[parent[i]], nameText(names, name[i])));
      this.addValue(rows[i], self[i]);
    }
  }

  addStacks({ symbols, values }: Source): void {
    const { parent, location } = symbols.stacks;
    const frames = Array.from(symbols.locations.mapping, (_, row) => framesOf(symbols, row));
    const needed = Array.from(values, (value) => value !== 0n);
    for (let i = values.length - 1; i > 0; i--) if (needed[i]) needed[parent[i]] = true;
    const rows = [0];
    for (let i = 1; i < values.length; i++) {
      rows.push(0);
      if (!needed[i]) continue;
      rows[i] = frames[location[i]].reduce((row, frame) => this.child(row, frame), rows[parent[i]]);
      this.addValue(rows[i], values[i]);
    }
  }
}

function plainTree(sources: readonly Source[], trees: readonly FunctionTree[] = []): PlainTree {
  const plain = new PlainTree();
  for (const tree of trees) plain.addTree(tree);
  for (const source of sources) plain.addStacks(source);
  return plain;
}

/** What a location shows, outermost first. */
function framesOf(symbols: SymbolColumns, location: number): string[] {
  const { lineOffsets, lineFunction } = symbols.locations;
  const lines = [...lineFunction.subarray(lineOffsets[location], lineOffsets[location + 1])].reverse();
  if (lines.length === 0) return [Buffer.from(frameName(symbols, location)).toString()];
  return lines.map((fn) => nameText(symbols.strings, symbols.functions.name[fn]));
}

/** Row numbers differ, nodes must not. */
function sameTree(actual: FunctionTree, expected: PlainTree): void {
  const rows: number[] = [0];
  const nodes = expected.self.length;
  for (let i = 1; i < actual.parent.length; i++) {
    ok(actual.parent[i] < i, `node ${i} is before its parent`);
    const name = nameText(actual.names, actual.name[i]);
    rows.push(expected.child(rows[actual.parent[i]], name));
    ok(rows[i] < nodes, `node ${i}, ${JSON.stringify(name)}, should not be there`);
  }
  equal(new Set(rows).size, rows.length, 'a node is there twice');
  deepEqual(
    BigInt64Array.from(rows, (row) => expected.self[row]),
    actual.self,
  );
  equal(rows.length, nodes);
}

function selfOf(tree: FunctionTree, name: string): bigint {
  return tree.self[tree.name.findIndex((row) => nameText(tree.names, row) === name)];
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
    sameTree(kernelTree(kernels, []), new PlainTree());
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

      sameTree(kernelTree(kernels, sources), plainTree(sources));
    });
  }

  for (const nodes of [1, 2, 4094, 4095, 4096, 4097, 50_000]) {
    test(`merges trees of ${nodes} nodes as the plain version does`, (t) => {
      const seed = Number(process.env['SEED'] ?? nodes);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const trees = [nodes, 1, Math.ceil(nodes / 3)].map((count) => deepTree(random, count));

      const merged = kernelTree(kernels, [], trees);

      sameTree(merged, plainTree([], [mergeFunctionTreesPlain(trees)]));
    });
  }

  test('merges trees with stacktraces', () => {
    const random = new Random(5);
    const symbols = randomSymbols(random, 50);
    const sources = [{ symbols, values: randomValues(random, 50) }];
    const trees = [deepTree(random, 20)];

    sameTree(kernelTree(kernels, sources, trees), plainTree(sources, trees));
  });

  test('keeps sums beyond 2^53 exact, and stops at the largest number', () => {
    const tree = (self: bigint): FunctionTree => ({
      parent: Int32Array.of(-1, 0),
      name: Uint32Array.of(0, 1),
      self: BigInt64Array.of(0n, self),
      names: namesOf(['', 'main']),
    });

    equal(selfOf(kernelTree(kernels, [], [tree(2n ** 53n), tree(1n)]), 'main'), 2n ** 53n + 1n);
    equal(selfOf(kernelTree(kernels, [], [tree(LARGEST - 1n), tree(1n)]), 'main'), LARGEST);
    equal(selfOf(kernelTree(kernels, [], [tree(LARGEST), tree(LARGEST), tree(5n)]), 'main'), LARGEST);
  });

  test('leaves out what no value needs', () => {
    const symbols = randomSymbols(new Random(3), 200);

    sameTree(kernelTree(kernels, [{ symbols, values: new BigInt64Array(200) }]), new PlainTree());
  });

  test('names the limit when the tree does not fit, and the next one does', () => {
    const small = testKernels({ headBytesMax: 1 << 20 });
    const tree = deepTree(new Random(1), 30_000);
    const little = deepTree(new Random(2), 10);

    throws(() => small.guard(() => kernelTree(small, [], [tree])), { code: 'limit-exceeded', message: /headBytesMax/ });

    sameTree(kernelTree(small, [], [little]), plainTree([], [little]));
  });

  test('pauses by what nodes, lines and names cost', () => {
    const stepsOf = (steps: Generator<undefined>): number => {
      let count = 0;
      while (!steps.next().done) count++;
      return count;
    };
    const wide = deepTree(new Random(1), 2);
    const nodes = 200_000;
    const long = {
      parent: Int32Array.from({ length: nodes }, (_, row) => row - 1),
      name: new Uint32Array(nodes).fill(1),
      self: new BigInt64Array(nodes).fill(1n),
      names: wide.names,
    };
    kernels.exports.resetScratch();
    const ofTree = new FunctionTreeBuilder(kernels);
    ok(stepsOf(ofTree.addTree(long)) > 3);
    deepEqual(ofTree.take().parent, long.parent);

    kernels.exports.resetScratch();
    const names = ['', ...Array.from({ length: 64 }, (_, i) => `${i}`.padEnd(1 << 17, 'x'))];
    const ofNames = new FunctionTreeBuilder(kernels);
    const rows = names.map((_, row) => row);
    const named = {
      parent: Int32Array.from(rows, (row) => (row === 0 ? -1 : 0)),
      name: Uint32Array.from(rows),
      self: BigInt64Array.from(rows, BigInt),
      names: namesOf(names),
    };
    ok(stepsOf(ofNames.addTree(named)) > 1);
    deepEqual(ofNames.take().names, named.names);

    const [stacks, lines] = [1000, 1000];
    const symbols = randomSymbols(new Random(1), stacks);
    const inlined = {
      ...symbols,
      locations: {
        ...symbols.locations,
        lineOffsets: symbols.locations.lineOffsets.map((_, row) => (row === 0 ? 0 : (row - 1) * lines)),
        lineFunction: new Uint32Array((symbols.locations.lineOffsets.length - 2) * lines).fill(1),
        line: new BigInt64Array((symbols.locations.lineOffsets.length - 2) * lines),
      },
      stacks: {
        parent: Int32Array.from({ length: stacks }, (_, row) => (row === 0 ? -1 : 0)),
        location: Uint32Array.from({ length: stacks }, (_, row) => (row === 0 ? 0 : 1)),
      },
    };
    const values = new BigInt64Array(stacks).fill(1n);
    kernels.exports.resetScratch();
    const sums = new StackSums(kernels, inlined);
    sums.add({ stack: Uint32Array.from(values, (_, row) => row), value: values });
    ok(stepsOf(new FunctionTreeBuilder(kernels).addStacks(sums)) > 10);
  });
});
