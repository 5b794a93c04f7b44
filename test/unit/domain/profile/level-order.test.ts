import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { levelOrderOf, levelOrderOfBoth } from '#src/domain/profile/level-order.ts';
import { mergeFunctionTreesPlain } from '#src/domain/profile/merge-function-trees.ts';
import { type NameTable, nameText } from '#src/domain/profile/name-table.ts';
import { Random } from '../../../fixtures/random.ts';
import { foldedTree, randomStacks, treeOf } from './folded-tree.ts';

const seed = Number(process.env['SEED'] ?? 1);

type Named = {
  readonly parent: Int32Array;
  readonly name: Uint32Array;
  readonly names: ReturnType<NameTable['toByteStrings']>;
};

/** The path of every node, in order. */
function pathsIn({ parent, name, names }: Named): string[] {
  const paths = [''];
  for (let i = 1; i < parent.length; i++) paths.push(`${paths[parent[i]]};${nameText(names, name[i])}`);
  return paths;
}

describe('levelOrderOf', () => {
  test('goes level by level, siblings by name', () => {
    const tree = foldedTree('b;z 1\nb;y 1\na;x 1\na 1');

    const order = runSteps(levelOrderOf(tree));

    deepEqual(pathsIn({ ...order, names: tree.names }), ['', ';a', ';b', ';a;x', ';b;y', ';b;z']);
    deepEqual(
      [...order.row[0]].map((row) => tree.self[row]),
      [0n, 1n, 0n, 1n, 1n, 1n],
    );
  });
});

describe('levelOrderOfBoth', () => {
  test('tells the row of a node in either tree', () => {
    const order = runSteps(levelOrderOfBoth(foldedTree('a;x 1\nc 2'), foldedTree('a;y 3\na 4')));

    deepEqual(pathsIn(order), ['', ';a', ';c', ';a;x', ';a;y']);
    deepEqual(
      order.row.map((rows) => [...rows].map((row) => row >= 0)),
      [
        [true, true, true, true, false],
        [true, true, false, false, true],
      ],
    );
  });

  test(`has the nodes of the merged tree, in its order (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 100; round++) {
      const [left, right] = [0, 1].map(() => treeOf(randomStacks(random, random.int(0, 20))));
      const merged = mergeFunctionTreesPlain([left, right]);

      const order = runSteps(levelOrderOfBoth(left, right));

      const expected = runSteps(levelOrderOf(merged));
      deepEqual(pathsIn(order), pathsIn({ ...expected, names: merged.names }));
      for (let i = 0; i < order.parent.length; i++) {
        const [l, r] = order.row.map((rows) => rows[i]);
        const sum = (l < 0 ? 0n : left.self[l]) + (r < 0 ? 0n : right.self[r]);
        equal(sum, merged.self[expected.row[0][i]]);
      }
    }
  });
});
