import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { functionTreeTotals } from '#src/domain/profile/function-tree-totals.ts';
import { cutTree, minTotal, truncate, truncateTwice } from '#src/domain/profile/truncate.ts';
import { Random } from '../../../fixtures/random.ts';
import { foldedTree, namesIn, pathsOf, randomStacks, type Stacks, shop, treeOf } from './folded-tree.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('minTotal', () => {
  test('is the total of the last node that has a place', () => {
    equal(runSteps(minTotal(BigInt64Array.of(98n, 85n, 65n, 25n, 13n), 4)), 25n);
  });

  test('lets every node with a value stay when there is room, or no limit', () => {
    equal(runSteps(minTotal(BigInt64Array.of(3n, 0n), 2)), 1n);
    equal(runSteps(minTotal(BigInt64Array.of(3n, 2n), 0)), 1n);
  });
});

describe('functionTreeTotals', () => {
  test('stops at 2^63 - 1', () => {
    const most = 2n ** 63n - 1n;
    const tree = treeOf([
      [['a', 'x'], most],
      [['a', 'y'], 1n],
      [['b'], 5n],
    ]);

    deepEqual(pathsOf(tree), [`a ${most}/0`, `a;x ${most}/${most}`, 'a;y 1/1', 'b 5/5']);
    equal(runSteps(functionTreeTotals(tree))[0], most);
  });
});

describe('truncate', () => {
  test('folds values beyond 2^63 to 2^63 - 1', () => {
    const most = 2n ** 63n - 1n;
    const tree = treeOf([
      [['a'], most],
      [['b'], most - 1n],
      [['c'], most - 1n],
    ]);

    deepEqual(pathsOf(runSteps(truncate(tree, 1))), [`a ${most}/${most}`, `other ${most}/${most}`]);
  });

  test('folds what is below the threshold into "other"', () => {
    deepEqual(pathsOf(runSteps(truncate(foldedTree(shop), 4))), [
      'main 98/0',
      'main;other 13/13',
      'main;work 85/20',
      'main;work;parse 65/40',
      'main;work;parse;alloc 25/25',
      'other 2/2',
    ]);
  });

  test('keeps nodes that tie with the threshold', () => {
    deepEqual(pathsOf(runSteps(truncate(foldedTree('a 5\nb 5\nc 5\nd 1'), 2))), [
      'a 5/5',
      'b 5/5',
      'c 5/5',
      'other 1/1',
    ]);
  });

  test('adds to a real "other" and keeps what that calls', () => {
    const tree = foldedTree('m;a 9\nm;b 1\nm;other;x 8');
    deepEqual(pathsOf(runSteps(truncate(tree, 4))), ['m 18/0', 'm;a 9/9', 'm;other 9/1', 'm;other;x 8/8']);
  });

  test('gives back the tree itself when it is small enough', () => {
    const tree = foldedTree(shop);
    equal(runSteps(truncate(tree, 8)), tree);
    equal(runSteps(truncate(tree, 0)), tree);
  });

  test('drops nodes without value, whatever the limit', () => {
    deepEqual(pathsOf(runSteps(truncate(foldedTree('a;b 3\na;c 0\nother;d 0'), 0))), ['a 3/0', 'a;b 3/3']);
  });

  test('keeps only the names it uses', () => {
    deepEqual(namesIn(runSteps(truncate(foldedTree(shop), 2))).sort(), ['main', 'other', 'work']);
  });

  test(`agrees with a plain version and loses no value (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const stacks = randomStacks(random, random.int(0, 60));
      const maxNodes = random.int(0, 40);
      const tree = treeOf(stacks);
      const shorter = runSteps(truncate(tree, maxNodes));
      deepEqual(pathsOf(shorter), truncatedPlain(tree, maxNodes), `maxNodes ${maxNodes}`);
      equal(runSteps(functionTreeTotals(shorter))[0], runSteps(functionTreeTotals(tree))[0]);
      ok(shorter.parent.every((parent, i) => parent < i));
    }
  });
});

test('truncateTwice lets the "other" of the first time push nodes out', () => {
  const tree = foldedTree('a;x 3\na;y 3\na;z 3\na 1\nb 5');
  deepEqual(pathsOf(runSteps(truncate(tree, 2))), ['a 10/1', 'a;other 9/9', 'b 5/5']);
  deepEqual(pathsOf(runSteps(truncateTwice(tree, 2))), ['a 10/1', 'a;other 9/9', 'other 5/5']);
});

/** Folding, stack by stack: each becomes the stack of its kept part, with "other" behind it when it was cut. */
function truncatedPlain(tree: FunctionTree, maxNodes: number): string[] {
  const totals = new Map(pathsOf(tree).map((line) => [line.slice(0, line.lastIndexOf(' ')), totalIn(line)]));
  const sorted = [...totals.values()].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const min = maxNodes < 1 || sorted.length <= maxNodes ? 1n : sorted[maxNodes - 1];
  const kept: [string[], bigint][] = [];
  for (const line of pathsOf(tree)) {
    const path = line.slice(0, line.lastIndexOf(' '));
    const frames = path.split(';');
    const cut = frames.findIndex((name, i) => name !== 'other' && totals.get(frames.slice(0, i + 1).join(';'))! < min);
    const self = BigInt(line.slice(line.lastIndexOf('/') + 1));
    kept.push([cut < 0 ? frames : [...frames.slice(0, cut), 'other'], self]);
  }
  return pathsOf(treeOf(kept as Stacks));
}

function totalIn(line: string): bigint {
  return BigInt(line.slice(line.lastIndexOf(' ') + 1, line.lastIndexOf('/')));
}

describe('cutTree', () => {
  test('keeps the heaviest nodes and puts the rest into "other"', () => {
    deepEqual(pathsOf(runSteps(cutTree(foldedTree(shop), 6))), [
      'main 98/0',
      'main;other 13/13',
      'main;work 85/20',
      'main;work;other 65/65',
      'other 2/2',
    ]);
  });

  test('keeps the first of those that tie, where a path of one value would be nothing but "other"', () => {
    const tree = foldedTree('a;b;c;d;e;f;g;h;i 5');

    deepEqual(pathsOf(runSteps(cutTree(tree, 8))), ['a 5/0', 'a;b 5/0', 'a;b;c 5/0', 'a;b;c;other 5/5']);
  });

  test('does not keep a node because it is named "other"', () => {
    const tree = foldedTree('a 9\nother;other;other;other;x 1\nb 1');

    deepEqual(pathsOf(runSteps(cutTree(tree, 4))), ['a 9/9', 'other 2/2']);
  });

  test('gives nodes without value no place, nor those with one less than they have', () => {
    const ofValue = (count: number, value: bigint): Stacks =>
      Array.from({ length: count }, (_, i) => [[`${value}.${i}`], value]);
    const of = (valued: number): string[] =>
      pathsOf(runSteps(cutTree(treeOf([...ofValue(valued, 1n), ...ofValue(40, 0n)]), 24)));
    const kept = (count: number): string[] => Array.from({ length: count }, (_, i) => `1.${i} 1/1`);

    // With nothing to be folded there is no bar that would need a place either.
    for (const valued of [9, 11, 12, 23]) deepEqual(of(valued), kept(valued).toSorted());
    deepEqual(of(24), [...kept(11), 'other 13/13'].toSorted());
  });

  test(`never has more nodes than it may, and each total that is left is what it was (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const tree = treeOf(randomStacks(random, random.int(1, 60)));
      const nodesMax = random.int(4, tree.parent.length + 1);
      const before = new Map(pathsOf(tree).map((line) => splitLine(line)));

      const cut = runSteps(cutTree(tree, nodesMax));

      ok(cut.parent.length <= nodesMax, `${cut.parent.length} of ${nodesMax} nodes`);
      equal(runSteps(functionTreeTotals(cut))[0], runSteps(functionTreeTotals(tree))[0]);
      for (const [path, total] of pathsOf(cut).map((line) => splitLine(line))) {
        if (!path.endsWith('other')) equal(total, before.get(path), path);
      }
    }
  });
});

/** A line of `pathsOf`. */
function splitLine(line: string): [path: string, total: string] {
  const [path = '', values = ''] = line.split(/ (?=\d+\/\d+$)/);
  return [path, values.split('/')[0] ?? ''];
}
