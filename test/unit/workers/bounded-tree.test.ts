import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { functionTreeTotals } from '#src/domain/profile/function-tree-totals.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
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
    const sumsIn = (kernels: typeof small): StackSums => {
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

  test('refuses by name what has no room for a dozen names', () => {
    const names = Array.from({ length: 16 }, (_, i) => [[`${i}`.repeat(200_000)], 1n] as const);

    throws(() => runSteps(new BoundedTree(small).addTree(treeOf(names))), { code: 'limit-exceeded' });
  });
});
