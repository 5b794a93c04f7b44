import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { type FlameGraph, layFlames, reaching, sideOf } from './flame-layout.ts';
import type { FunctionTree } from './function-tree.ts';
import { levelOrderOfBoth } from './level-order.ts';
import { otherName, rowOfName } from './name-table.ts';
import { minTotal } from './truncate.ts';

/** `total` is the sum of both sides, `maxSelf` the largest of either. */
export type FlameGraphDiff = FlameGraph & { readonly leftTotal: bigint; readonly rightTotal: bigint };

/**
 * Lays two trees out as one flame graph, in which every bar has its values on both sides.
 *
 * The trees are aligned first: a node that only one side has is a node of value zero on the other. A bar stays when
 * either side reaches the threshold; the rest of its siblings becomes a right-most "other". Unlike in a flame graph of
 * one tree, the root counts for the threshold, a real "other" that reaches it stays with what it calls, and it is the
 * empty name, not "total", that shares number 0 with the root.
 *
 * @param maxNodes 0: fold nothing. Nodes without value on either side are never shown
 * @cost  O(n), and sorting the names
 * @throws StoreError 'corrupted' when a value is negative
 */
export function* diffFlamegraph(left: FunctionTree, right: FunctionTree, maxNodes: number): Steps<FlameGraphDiff> {
  for (const { self } of [left, right]) checkValues(self);
  const { parent, name, names, row } = yield* levelOrderOfBoth(left, right);
  const onLeft = yield* sideOf(parent, row[0], left.self);
  const onRight = yield* sideOf(parent, row[1], right.self);
  const larger = onLeft.total.slice();
  for (let i = 0; i < larger.length; i++) if (onRight.total[i] > larger[i]) larger[i] = onRight.total[i];
  const min = yield* minTotal(larger, maxNodes);
  const graph = yield* layFlames({
    parent,
    name,
    names,
    sides: [onLeft, onRight],
    kept: yield* reaching(larger, min),
    rootName: rowOfName(names, ''),
    otherName: rowOfName(names, otherName),
  });
  return { ...graph, leftTotal: onLeft.total[0], rightTotal: onRight.total[0] };
}

function checkValues(self: BigInt64Array): void {
  for (let i = 0; i < self.length; i++) {
    if (self[i] < 0n) throw new StoreError('corrupted', `the value of node ${i} of a tree is negative: ${self[i]}`);
  }
}
