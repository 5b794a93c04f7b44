import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mergeFunctionTreesPlain } from '#src/domain/profile/merge-function-trees.ts';
import { Random } from '../../../fixtures/random.ts';
import { foldedTree, namesIn, pathsOf, randomStacks, shop, shopLater, treeOf } from './folded-tree.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('mergeFunctionTreesPlain', () => {
  test('adds up nodes with the same path', () => {
    deepEqual(pathsOf(mergeFunctionTreesPlain([foldedTree('a;b 1\na 2'), foldedTree('c 5\na;b 3')])), [
      'a 6/2',
      'a;b 4/4',
      'c 5/5',
    ]);
  });

  test('keeps the order of first appearance', () => {
    const merged = mergeFunctionTreesPlain([foldedTree(shopLater), foldedTree(shop)]);
    deepEqual(namesIn(merged), ['main', 'work', 'parse', 'alloc', 'net', 'io', 'read', 'write', 'gc']);
    deepEqual([...merged.parent], [-1, 0, 1, 2, 3, 1, 1, 6, 6, 0]);
  });

  test('of nothing is the empty tree', () => {
    const { parent, self } = mergeFunctionTreesPlain([]);
    deepEqual([...parent], [-1]);
    equal(self[0], 0n);
  });

  test(`gives what the stacks of all trees together give (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 50; round++) {
      const parts = Array.from({ length: random.int(1, 5) }, () => randomStacks(random, random.int(0, 30)));
      deepEqual(pathsOf(mergeFunctionTreesPlain(parts.map(treeOf))), pathsOf(treeOf(parts.flat())));
    }
  });
});
