import type { Steps } from '#src/domain/model/steps.ts';
import { type FlameGraph, layFlames, reaching, sideOf } from './flame-layout.ts';
import type { FunctionTree } from './function-tree.ts';
import { levelOrderOf } from './level-order.ts';
import { otherName, rowOfName } from './name-table.ts';
import { minTotal } from './truncate.ts';

/**
 * Lays a tree out as a flame graph.
 *
 * Siblings stand in name order. Children below the threshold of `maxNodes`, and any child named "other", become one
 * bar "other" at the right end of their siblings. So a real function of that name loses what it calls: that is how
 * this API has always shown it.
 *
 * @param maxNodes 0: fold nothing but "other"
 * @cost  O(n), and sorting the names
 */
export function* flamegraph(tree: FunctionTree, maxNodes: number): Steps<FlameGraph> {
  const { names } = tree;
  const { parent, name, row } = yield* levelOrderOf(tree);
  const side = yield* sideOf(parent, row[0], tree.self);
  const min = yield* minTotal(side.total.subarray(1), maxNodes);
  const other = rowOfName(names, otherName);
  const kept = yield* reaching(side.total, min);
  for (let i = 1; i < kept.length; i++) if (name[i] === other) kept[i] = 0;
  return yield* layFlames({
    parent,
    name,
    names,
    sides: [side],
    kept,
    rootName: rowOfName(names, 'total'),
    otherName: other,
  });
}
