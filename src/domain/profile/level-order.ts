import { inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from './function-tree.ts';
import { NameTable, ranksOfNames } from './name-table.ts';
import { type SortedChildren, sortedChildren } from './sorted-children.ts';

/**
 * The nodes of trees in the order in which a flame graph shows them: level by level, those of a level from left to right,
 * siblings by name. Whoever lays them out only ever goes forward or backward, so that what it needs is in the cache.
 *
 * @shapes    all [n]; `row` has a column per tree: the row of the node in it, -1 when it has none
 * @invariant as a FunctionTree; the children of a node follow each other
 */
export type LevelOrder = {
  readonly parent: Int32Array;
  readonly name: Uint32Array;
  readonly row: readonly Int32Array[];
};

/** Nodes whose children are found in one step. They are all over the place, and so cost more than other rows. */
const STEP_NODES = STEP_ROWS / 4;

/** @cost O(n), and sorting the names */
export function* levelOrderOf(tree: FunctionTree): Steps<LevelOrder> {
  const n = tree.parent.length;
  const sorted = yield* sortedChildren(tree.parent, tree.name, yield* ranksOfNames(tree.names));
  const order = { parent: new Int32Array(n).fill(-1), name: new Uint32Array(n), row: new Int32Array(n) };
  let end = 1;
  for (let done = 0; done < end; yield) {
    end = addChildren(sorted, tree.name, order, { from: done, to: done + STEP_NODES, end });
    done = Math.min(done + STEP_NODES, end);
  }
  return { ...order, row: [order.row] };
}

/** What of an order is there, and whose children come next. */
type Reach = { readonly from: number; readonly to: number; readonly end: number };

/** Appends the children of the nodes `from .. to`, of those that come up meanwhile as well. @returns the end then */
function addChildren(
  { offsets, children }: SortedChildren,
  nameOf: Uint32Array,
  { parent, name, row }: { parent: Int32Array; name: Uint32Array; row: Int32Array },
  { from, to, end }: Reach,
): number {
  let next = end;
  for (let i = from; i < to && i < next; i++) {
    for (let k = offsets[row[i]]; k < offsets[row[i] + 1]; k++) {
      parent[next] = i;
      name[next] = nameOf[children[k]];
      row[next++] = children[k];
    }
  }
  return next;
}

/**
 * The nodes of two trees: what has the same path in both is one.
 *
 * The children of a node are merged by name, so no table of nodes is needed.
 *
 * @returns with the names that `name` refers to
 * @cost    as `levelOrderOf`, for both trees
 */
export function* levelOrderOfBoth(
  left: FunctionTree,
  right: FunctionTree,
): Steps<LevelOrder & { readonly names: FunctionTree['names'] }> {
  const table = new NameTable();
  const leftName = yield* table.internAll(left.names);
  const rightName = yield* table.internAll(right.names);
  const names = table.toByteStrings();
  const rank = yield* ranksOfNames(names);
  const rowOfRank = new Uint32Array(rank.length);
  for (let i = 0; i < rank.length; i++) rowOfRank[rank[i]] = i;
  const ofLeft = yield* childrenByRank(left, leftName, rank);
  const ofRight = yield* childrenByRank(right, rightName, rank);

  const most = left.parent.length + right.parent.length - 1;
  const both: Both = {
    parent: new Int32Array(most).fill(-1),
    rank: new Uint32Array(most),
    left: new Int32Array(most).fill(-1),
    right: new Int32Array(most).fill(-1),
  };
  both.left[0] = 0;
  both.right[0] = 0;
  let end = 1;
  for (let done = 0; done < end; yield) {
    end = addChildrenOfBoth(ofLeft, ofRight, both, { from: done, to: done + STEP_NODES, end });
    done = Math.min(done + STEP_NODES, end);
  }
  // The root has no name, and so no rank.
  const name = both.rank.subarray(0, end).map((rankOfNode, i) => (i === 0 ? 0 : rowOfRank[rankOfNode]));
  yield;
  return {
    names,
    parent: both.parent.subarray(0, end),
    name,
    row: [both.left.subarray(0, end), both.right.subarray(0, end)],
  };
}

/** An order with the ranks of the names. @shapes left, right: the rows in the two trees, -1 when there is none */
type Both = { parent: Int32Array; rank: Uint32Array; left: Int32Array; right: Int32Array };

/** `addChildren` for nodes of two trees. */
function addChildrenOfBoth(
  ofLeft: RankedChildren,
  ofRight: RankedChildren,
  { parent, rank, left, right }: Both,
  { from, to, end }: Reach,
): number {
  let next = end;
  for (let i = from; i < to && i < next; i++) {
    let l = left[i] < 0 ? 0 : ofLeft.offsets[left[i]];
    let r = right[i] < 0 ? 0 : ofRight.offsets[right[i]];
    const leftEnd = left[i] < 0 ? 0 : ofLeft.offsets[left[i] + 1];
    const rightEnd = right[i] < 0 ? 0 : ofRight.offsets[right[i] + 1];
    while (l < leftEnd || r < rightEnd) {
      const leftRank = l < leftEnd ? ofLeft.rank[l] : NO_RANK;
      const rightRank = r < rightEnd ? ofRight.rank[r] : NO_RANK;
      parent[next] = i;
      rank[next] = leftRank < rightRank ? leftRank : rightRank;
      if (leftRank <= rightRank) left[next] = ofLeft.children[l++];
      if (rightRank <= leftRank) right[next] = ofRight.children[r++];
      next++;
    }
  }
  return next;
}

/** Behind all names. */
const NO_RANK = 0xffff_ffff;

/** @shapes rank[k]: the place of the name of children[k] among all names */
type RankedChildren = SortedChildren & { readonly rank: Uint32Array };

function* childrenByRank(
  { parent, name }: FunctionTree,
  nameOf: Uint32Array,
  rankOfName: Uint32Array,
): Steps<RankedChildren> {
  const ranks = nameOf.map((row) => rankOfName[row]);
  const sorted = yield* sortedChildren(parent, name, ranks, rankOfName.length);
  const rank = new Uint32Array(sorted.children.length);
  yield* inSteps(0, rank.length, (start, end) => {
    for (let k = start; k < end; k++) rank[k] = ranks[name[sorted.children[k]]];
  });
  return { ...sorted, rank };
}
