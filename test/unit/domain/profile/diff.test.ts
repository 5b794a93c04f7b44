import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { diffFlamegraph } from '#src/domain/profile/diff.ts';
import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import { Random } from '../../../fixtures/random.ts';
import { foldedTree, levelsOf, namesIn, randomStacks, shop, shopLater, treeOf } from './folded-tree.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('diffFlamegraph', () => {
  test('shows both sides on bars of one shape', () => {
    const graph = runSteps(diffFlamegraph(foldedTree(shop), foldedTree(shopLater), 0));
    deepEqual(namesIn(graph), ['total', 'main', 'work', 'parse', 'alloc', 'net', 'io', 'write', 'read', 'gc']);
    deepEqual(levelsOf(graph), [
      [0, 100, 0, 0, 95, 0, 0],
      [0, 2, 2, 0, 0, 0, 9, 0, 98, 0, 0, 95, 0, 1],
      [2, 13, 0, 0, 0, 0, 6, 0, 0, 0, 0, 5, 5, 5, 0, 85, 20, 0, 90, 20, 2],
      [2, 10, 10, 0, 0, 0, 8, 0, 3, 3, 0, 0, 0, 7, 20, 65, 40, 25, 70, 10, 3],
      [75, 25, 25, 35, 60, 60, 4],
    ]);
    equal(graph.total, 195n);
    equal(graph.maxSelf, 60n);
    equal(graph.leftTotal, 100n);
    equal(graph.rightTotal, 95n);
  });

  test('counts the root for the threshold', () => {
    const graph = runSteps(diffFlamegraph(foldedTree(shop), foldedTree(shopLater), 4));
    deepEqual(namesIn(graph), ['total', 'other', 'main', 'work', 'parse']);
    deepEqual(levelsOf(graph), [
      [0, 100, 0, 0, 95, 0, 0],
      [0, 98, 0, 0, 95, 0, 2, 0, 2, 2, 0, 0, 0, 1],
      [0, 85, 20, 0, 90, 20, 3, 0, 13, 13, 0, 5, 5, 1],
      [20, 65, 40, 20, 70, 10, 4],
      [60, 25, 25, 30, 60, 60, 1],
    ]);
  });

  test('follows the smallest example that clients are tested with', () => {
    const graph = runSteps(diffFlamegraph(foldedTree('a;b 1\na;c 2'), foldedTree('a;b 4\na;c 8'), 0));
    deepEqual(namesIn(graph), ['total', 'a', 'c', 'b']);
    deepEqual(levelsOf(graph), [
      [0, 3, 0, 0, 12, 0, 0],
      [0, 3, 0, 0, 12, 0, 1],
      [0, 1, 1, 0, 4, 4, 3, 0, 2, 2, 0, 8, 8, 2],
    ]);
  });

  test('keeps a real "other" with what it calls beside the folded one', () => {
    const graph = runSteps(diffFlamegraph(foldedTree('other;x 9\na 1'), foldedTree('other;x 9'), 3));
    deepEqual(namesIn(graph), ['total', 'other', 'x']);
    deepEqual(levelsOf(graph)[1], [0, 9, 0, 0, 9, 0, 1, 0, 1, 1, 0, 0, 0, 1]);
    deepEqual(levelsOf(graph)[2], [0, 9, 9, 0, 9, 9, 2]);
  });

  test('gives the empty name the number of the root, and total its own', () => {
    deepEqual(namesIn(runSteps(diffFlamegraph(treeOf([[['', 'total'], 3n]]), treeOf([]), 0))), ['total', 'total']);
  });

  test('sums stop at 2^63 - 1 on each side', () => {
    const most = 2n ** 63n - 1n;
    const side = treeOf([
      [['a', 'x'], most],
      [['a', 'y'], most],
      [['b'], 5n],
    ]);

    const graph = runSteps(diffFlamegraph(side, side, 0));

    deepEqual([graph.total, graph.leftTotal, graph.rightTotal], [most, most, most]);
    ok(
      graph.bars.every((value) => value >= 0n),
      String(graph.bars),
    );
  });

  test('of nothing is one bar', () => {
    deepEqual(levelsOf(runSteps(diffFlamegraph(treeOf([]), treeOf([]), 0))), [[0, 0, 0, 0, 0, 0, 0]]);
  });

  test('refuses negative values', () => {
    const tree = { ...foldedTree('a 1'), self: BigInt64Array.of(0n, -1n) };
    throws(() => runSteps(diffFlamegraph(treeOf([]), tree, 0)), { code: 'corrupted' });
  });

  test(`shows each side as its own flame graph would, when nothing is folded (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 100; round++) {
      const sides = [randomStacks(random, random.int(0, 20)), randomStacks(random, random.int(0, 20))];
      const [left, right] = sides.map((stacks) =>
        treeOf(stacks.map(([frames, value]) => [frames.map((frame) => (frame === 'other' ? 'o' : frame)), value])),
      );
      const graph = runSteps(diffFlamegraph(left, right, 0));
      const names = namesIn(graph).map((name, i) => (i === 0 ? '' : name));
      for (const [tree, column] of [
        [left, 0],
        [right, 3],
      ] as const) {
        const single = runSteps(flamegraph(tree, 0));
        const singleNames = namesIn(single);
        deepEqual(
          barsWithValue(levelsOf(graph), 7, column, names),
          barsWithValue(levelsOf(single), 4, 0, singleNames).map((bars, i) =>
            i === 0 ? bars.map((bar) => bar.replace('total', '')) : bars,
          ),
        );
      }
    }
  });
});

/** `left total self name` of the bars that have a value on the side in `column`. Levels without any are left out. */
function barsWithValue(levels: number[][], width: number, column: number, names: string[]): string[][] {
  return levels
    .map((values, level) => {
      const bars: string[] = [];
      let right = 0;
      for (let i = 0; i < values.length; i += width) {
        const [dx, total, self] = values.slice(i + column, i + column + 3);
        if (total > 0 || level === 0) bars.push(`${right + dx} ${total} ${self} ${names[values[i + width - 1]]}`);
        right += dx + total;
      }
      return bars;
    })
    .filter((bars) => bars.length > 0);
}
