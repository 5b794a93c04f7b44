import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { functionTreeTotals } from '#src/domain/profile/function-tree-totals.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import type { FoldedColumns } from '#src/kernels/folded-sums.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { putStrings } from '#src/kernels/symbol-space.ts';
import { BoundedTree } from '#src/workers/bounded-tree.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { pathsOf, randomStacks, treeOf } from '../domain/profile/folded-tree.ts';
import { symbolsOf } from '../domain/profile/symbols-of.ts';

const seed = runSeed();
const large = testKernels();
const small = testKernels({ headBytesMax: 1 << 20 });

/** Two thousand callees that no other tree has, and one that all have. */
function wide(number: number, heavy: bigint): FunctionTree {
  const stacks = Array.from({ length: 2000 }, (_, i) => [['main', `a${i % 100}`, `b${number}.${i}`], 1n] as const);
  return treeOf([...stacks, [['main', 'heavy', 'leaf'], heavy]]);
}

describe('BoundedTree', () => {
  test('is the whole tree where that has room', () => {
    const random = new Random(seed);
    for (let round = 0; round < 20; round++) {
      const trees = Array.from({ length: 3 }, () => treeOf(randomStacks(random, 30)));
      const bounded = new BoundedTree(small);
      const whole = new FunctionTreeBuilder(large);
      for (const tree of trees) {
        small.exports.resetScratch();
        large.exports.resetScratch();
        runSteps(bounded.addTree(tree));
        runSteps(whole.addTree(tree));
      }

      deepEqual(pathsOf(bounded.take()), pathsOf(whole.take()), `seed ${seed}, round ${round}`);
    }
  });

  test('keeps what is heavy, and no value is lost', () => {
    const bounded = new BoundedTree(small);
    for (let number = 0; number < 5; number++) {
      small.exports.resetScratch();
      runSteps(bounded.addTree(wide(number, 500n)));
    }

    const tree = bounded.take();

    ok(tree.parent.length <= 1 << 11, `${tree.parent.length} nodes`);
    equal(runSteps(functionTreeTotals(tree))[0], 5n * 2500n);
    ok(pathsOf(tree).includes('main;heavy;leaf 2500/2500'));
  });

  test('takes stacktraces in pieces, and no value is lost', () => {
    const random = new Random(seed);
    const stacks = randomStacks(random, 4000);
    const { symbols, value } = symbolsOf(stacks);
    const sumsIn = (kernels: KernelInstance): StackSums => {
      kernels.exports.resetScratch();
      const sums = new StackSums(kernels, symbols);
      sums.add({ stack: Uint32Array.from(value, (_, row) => row), value });
      return sums;
    };
    const tiny = testKernels({ headBytesMax: 300 << 10 });
    const bounded = new BoundedTree(tiny);
    const whole = new FunctionTreeBuilder(large);
    runSteps(whole.addStacks(sumsIn(large)));

    runSteps(bounded.addStacks(sumsIn(tiny)));

    const tree = bounded.take();
    const expected = whole.take();
    equal(runSteps(functionTreeTotals(tree))[0], runSteps(functionTreeTotals(expected))[0]);
    ok(tree.parent.length < expected.parent.length, `${tree.parent.length} of ${expected.parent.length} nodes`);
  });

  test('has the value of a location with more lines than it has room for in a bar under the root', () => {
    const linesOf = (stack: number, count: number): { name: string }[] =>
      Array.from({ length: count }, (_, i) => ({ name: `f${stack}.${i}`.padEnd(400, 'x') }));
    const stacks = [600, 600, 600, 600, 10].map(
      (count, stack) => [[{ lines: linesOf(stack, count), mapping: 1 }], 100n] as const,
    );
    const { symbols, value } = symbolsOf(stacks);
    for (const headBytesMax of [4 << 20, 1 << 20, 512 << 10, 256 << 10]) {
      const kernels = testKernels({ headBytesMax });
      const sums = new StackSums(kernels, symbols);
      sums.add({ stack: Uint32Array.from(value, (_, row) => row), value });
      const bounded = new BoundedTree(kernels);

      runSteps(bounded.addStacks(sums));

      const tree = bounded.take();
      equal(runSteps(functionTreeTotals(tree))[0], 500n, `${headBytesMax} bytes`);
      equal(tree.self[0], 0n);
      const others = pathsOf(tree).filter((line) => line.startsWith('other '));
      if (headBytesMax <= 512 << 10) deepEqual(others, ['other 400/400']);
    }
  });

  test('counts nothing twice that had no room because of its names and is tried again', () => {
    const stacks = Array.from({ length: 2000 }, (_, i) => [[`f${i}`.padEnd(1000, 'x')], 1n] as const);
    const { symbols, value } = symbolsOf(stacks);
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const sums = new StackSums(kernels, symbols);
    sums.add({ stack: Uint32Array.from(value, (_, row) => row), value });
    const bounded = new BoundedTree(kernels);

    runSteps(bounded.addStacks(sums));

    equal(runSteps(functionTreeTotals(bounded.take()))[0], 2000n);
  });

  test('leaves out samples without a stacktrace, as the whole tree does', () => {
    const { symbols, value } = symbolsOf([
      [[], 7n],
      [['main'], 1n],
      [['main', 'leaf'], 2n],
    ]);
    const stacksIn = (kernels: KernelInstance): StackSums => {
      kernels.exports.resetScratch();
      const sums = new StackSums(kernels, symbols);
      sums.add({ stack: Uint32Array.from(value, (_, row) => row), value });
      return sums;
    };
    const foldedIn = (kernels: KernelInstance): FoldedColumns => {
      kernels.exports.resetScratch();
      const strings = namesOf(['main', 'leaf']);
      return {
        rows: 3,
        names: {
          rows: 2,
          ...putStrings(kernels, strings),
          nameRow: kernels.putColumn(new Uint32Array(2).fill(2 ** 32 - 1)),
        },
        parent: kernels.putColumn(Int32Array.of(-1, 0, 1)),
        name: kernels.putColumn(Uint32Array.of(0, 0, 1)),
        sums: kernels.putColumn(BigInt64Array.of(7n, 1n, 2n)),
      };
    };
    for (const kind of ['stacks', 'folded']) {
      const bounded = new BoundedTree(small);
      runSteps(kind === 'stacks' ? bounded.addStacks(stacksIn(small)) : bounded.addFolded(foldedIn(small)));
      const whole = new FunctionTreeBuilder(large);
      runSteps(kind === 'stacks' ? whole.addStacks(stacksIn(large)) : whole.addFolded(foldedIn(large)));

      for (const tree of [bounded.take(), whole.take()]) {
        deepEqual(pathsOf(tree), ['main 3/1', 'main;leaf 2/2'], kind);
        equal(runSteps(functionTreeTotals(tree))[0], 3n, kind);
      }
    }
  });

  test('refuses by name what has no room for a dozen names', () => {
    const names = Array.from({ length: 16 }, (_, i) => [[`${i}`.repeat(200_000)], 1n] as const);

    throws(() => runSteps(new BoundedTree(small).addTree(treeOf(names))), { code: 'limit-exceeded' });
  });
});
