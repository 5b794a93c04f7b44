import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { functionTreeTotals } from '#src/domain/profile/function-tree-totals.ts';
import { namesOf, nameText } from '#src/domain/profile/name-table.ts';
import { minTotal, truncate } from '#src/domain/profile/truncate.ts';
import { encodeFlamegraphJson, encodeFlamegraphProto } from '#src/domain/query/encode-flamegraph.ts';
import { Random } from '../../../fixtures/random.ts';
import { foldedTree, levelsOf, namesIn, randomStacks, shop, treeOf } from './folded-tree.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('flamegraph', () => {
  test('of nothing is one bar', () => {
    const graph = runSteps(flamegraph(foldedTree(''), 0));
    deepEqual(namesIn(graph), ['total']);
    deepEqual(levelsOf(graph), [[0, 0, 0, 0]]);
    equal(graph.total, 0n);
    equal(graph.maxSelf, 0n);
  });

  test('numbers names as the walk meets them, last sibling first', () => {
    const graph = runSteps(flamegraph(foldedTree('a;b;e 1\na;c 2\na;c;d 1'), 0));
    deepEqual(namesIn(graph), ['total', 'a', 'c', 'd', 'b', 'e']);
    deepEqual(levelsOf(graph), [
      [0, 4, 0, 0],
      [0, 4, 0, 1],
      [0, 1, 0, 4, 0, 3, 2, 2],
      [0, 1, 1, 5, 2, 1, 1, 3],
    ]);
    equal(graph.maxSelf, 2n);
  });

  test('puts children behind the own value of their caller', () => {
    const graph = runSteps(flamegraph(foldedTree(shop), 0));
    deepEqual(namesIn(graph), ['total', 'main', 'work', 'parse', 'alloc', 'io', 'write', 'read', 'gc']);
    deepEqual(levelsOf(graph), [
      [0, 100, 0, 0],
      [0, 2, 2, 8, 0, 98, 0, 1],
      [2, 13, 0, 5, 0, 85, 20, 2],
      [2, 10, 10, 7, 0, 3, 3, 6, 20, 65, 40, 3],
      [75, 25, 25, 4],
    ]);
    equal(graph.total, 100n);
    equal(graph.maxSelf, 40n);
  });

  for (const maxNodes of [0, 4]) {
    test(`puts "other" right-most, folding ${maxNodes === 0 ? 'once' : 'again'}`, () => {
      const graph = runSteps(flamegraph(runSteps(truncate(foldedTree(shop), 4)), maxNodes));
      deepEqual(namesIn(graph), ['total', 'other', 'main', 'work', 'parse', 'alloc']);
      deepEqual(levelsOf(graph), [
        [0, 100, 0, 0],
        [0, 98, 0, 2, 0, 2, 2, 1],
        [0, 85, 20, 3, 0, 13, 13, 1],
        [20, 65, 40, 4],
        [60, 25, 25, 5],
      ]);
    });
  }

  test('takes what a real "other" calls away from it', () => {
    const graph = runSteps(flamegraph(foldedTree('m;other;x 4\nm;z 1'), 0));
    deepEqual(namesIn(graph), ['total', 'm', 'other', 'z']);
    deepEqual(levelsOf(graph).slice(1), [
      [0, 5, 0, 1],
      [0, 1, 1, 3, 0, 4, 4, 2],
    ]);
    equal(graph.maxSelf, 4n);
  });

  test('gives a function called total the number of the root, and the empty name its own', () => {
    const graph = runSteps(flamegraph(treeOf([[['total', ''], 3n]]), 0));
    deepEqual(namesIn(graph), ['total', '']);
    deepEqual(levelsOf(graph).slice(1), [
      [0, 3, 0, 0],
      [0, 3, 3, 1],
    ]);
  });

  test('leaves out nodes without value', () => {
    deepEqual(levelsOf(runSteps(flamegraph(foldedTree('a 1\nb;c 0'), 0))), [
      [0, 1, 0, 0],
      [0, 1, 1, 1],
    ]);
  });

  test('keeps values beyond 2^53 exact', () => {
    const graph = runSteps(flamegraph(foldedTree('a;b 4611686018427387904\na;c 9007199254740993'), 0));
    equal(graph.total, 4620693217682128897n);
    equal(graph.bars[graph.levelOffsets[2] * 4 + 5], 9007199254740993n);
  });

  test('survives a stack as deep as the tree is large', () => {
    const n = 200_000;
    const tree = {
      ...foldedTree('f 1'),
      parent: Int32Array.from({ length: n }, (_, i) => i - 1),
      name: new Uint32Array(n),
      self: new BigInt64Array(n).fill(1n),
    };
    equal(runSteps(flamegraph(tree, 0)).levelOffsets.length, n + 1);
  });

  test(`agrees with a recursive version (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const tree = treeOf(randomStacks(random, random.int(0, 50)));
      const maxNodes = random.int(0, 30);
      const graph = runSteps(flamegraph(tree, maxNodes));
      deepEqual(absolute(levelsOf(graph), namesIn(graph)), recursive(tree, maxNodes));
      ok(new Set(namesIn(graph)).size === namesIn(graph).length, 'a name has two numbers');
    }
  });
});

/** Bars as `left total self name`, level by level. */
function absolute(levels: number[][], names: string[]): string[][] {
  return levels.map((values) => {
    const bars: string[] = [];
    let right = 0;
    for (let i = 0; i < values.length; i += 4) {
      const left = right + values[i];
      bars.push(`${left} ${values[i + 1]} ${values[i + 2]} ${names[values[i + 3]]}`);
      right = left + values[i + 1];
    }
    return bars;
  });
}

/** The largest value, and what a sum beyond it becomes. */
const LARGEST = 2n ** 63n - 1n;

test('sums stop at 2^63 - 1, and no bar is wider or to the left of 0', () => {
  const tree = treeOf([
    [['a', 'x'], LARGEST],
    [['a', 'y'], LARGEST],
    [['b'], 5n],
  ]);

  const graph = runSteps(flamegraph(tree, 0));

  equal(graph.total, LARGEST);
  ok(
    graph.bars.every((value) => value >= 0n),
    String(graph.bars),
  );
  deepEqual(graph.bars.subarray(4, 12), BigInt64Array.of(0n, LARGEST, 0n, 2n, 0n, 5n, 5n, 1n));
});

test('lays out more nodes than fit into a step, wide ones and deep ones', () => {
  const n = STEP_ROWS + 3;
  const wide = {
    parent: new Int32Array(n).fill(-1, 0, 1),
    name: Uint32Array.from({ length: n }, (_, i) => Math.max(0, i - 1)),
    self: new BigInt64Array(n).fill(1n, 1),
    names: namesOf(Array.from({ length: n - 1 }, (_, i) => `f${n - i}`)),
  };
  const deep = { ...wide, parent: wide.parent.map((_, i) => i - 1) };

  const wideGraph = runSteps(flamegraph(wide, 0));
  const deepGraph = runSteps(flamegraph(deep, 0));

  deepEqual([...wideGraph.levelOffsets], [0, 1, n]);
  equal(wideGraph.total, BigInt(n - 1));
  const isNext = (bar: number): boolean => [0n, 1n, 1n].every((value, i) => wideGraph.bars[4 * bar + i] === value);
  for (let bar = 1; bar < n; bar++) ok(isNext(bar), `bar ${bar}`);
  // The last sibling by name has the first number.
  equal(wideGraph.bars[4 * (n - 1) + 3], 1n);
  equal(nameText(wideGraph.names, 1), 'f9999');
  equal(deepGraph.levelOffsets.length, n + 1);
  // Every node has a value of its own, so the one that it calls begins behind that.
  deepEqual(
    deepGraph.bars.subarray(4 * (n - 2)),
    BigInt64Array.of(BigInt(n - 3), 2n, 1n, BigInt(n - 2), BigInt(n - 2), 1n, 1n, BigInt(n - 1)),
  );
});

function recursive(tree: FunctionTree, maxNodes: number): string[][] {
  const total = runSteps(functionTreeTotals(tree));
  const min = runSteps(minTotal(total.subarray(1), maxNodes));
  const levels: string[][] = [];
  const nameOf = (row: number) => nameText(tree.names, tree.name[row]);
  (function draw(row: number, level: number, left: bigint): void {
    (levels[level] ??= []).push(`${left} ${total[row]} ${tree.self[row]} ${row === 0 ? 'total' : nameOf(row)}`);
    const children = Array.from(tree.parent.keys()).filter((child) => child > 0 && tree.parent[child] === row);
    children.sort((a, b) => Buffer.compare(Buffer.from(nameOf(a)), Buffer.from(nameOf(b))));
    let x = left + tree.self[row];
    let folded = 0n;
    for (const child of children) {
      if (total[child] < min || nameOf(child) === 'other') folded += total[child];
      else {
        draw(child, level + 1, x);
        x += total[child];
      }
    }
    if (folded > 0n) (levels[level + 1] ??= []).push(`${x} ${folded} ${folded} other`);
  })(0, 0, 0n);
  return levels;
}

test('takes the levels of a deep tree together: a pause for each would cost more than the level', () => {
  const depth = 200_000;
  const tree = {
    parent: Int32Array.from({ length: depth }, (_, row) => row - 1),
    name: new Uint32Array(depth),
    self: new BigInt64Array(depth).fill(1n),
    names: namesOf(['a']),
  };
  let pauses = 0;
  const counted = <T>(steps: Steps<T>): T => {
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      pauses++;
    }
  };

  const graph = counted(flamegraph(tree, 0));
  equal(graph.levelOffsets.length, depth + 1);
  ok(pauses < 500, `${pauses} pauses to lay it out`);
  pauses = 0;
  const pieces = [...counted(encodeFlamegraphJson(graph)), ...counted(encodeFlamegraphProto(graph))];

  ok(pieces.length > 1);
  ok(pauses < 1000, `${pauses} pauses to write it`);
});
