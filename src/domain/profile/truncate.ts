import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { FunctionTree } from './function-tree.ts';
import { functionTreeTotals } from './function-tree-totals.ts';
import { kthLargest } from './kth-largest.ts';
import { nameCount, namesOf, otherName, rowOfName, selectNames } from './name-table.ts';

/**
 * The total below which a node is folded, so that about `maxNodes` remain: the maxNodes-th largest of all totals.
 * Nodes that tie with it stay, and the nodes named "other" come on top: `maxNodes` is an aim, not a cap.
 *
 * @param total of all nodes that count, see functionTreeTotals
 * @returns at least 1n: nodes without value, such as those of stacks that were not selected, are never shown. They do
 *          not move the threshold either, because they come last
 */
export function* minTotal(total: BigInt64Array, maxNodes: number): Steps<bigint> {
  if (maxNodes < 1 || total.length <= maxNodes) return 1n;
  const min = yield* kthLargest(total, maxNodes);
  return min > 1n ? min : 1n;
}

/**
 * Folds a tree to about `maxNodes`: children below the threshold become one child named "other", which stands for
 * them and all that they call. A child that is itself named "other" takes the sum on top of what it has.
 *
 * No value is lost: the total of every node that stays is what it was.
 *
 * @param maxNodes 0: keep all that have a value
 * @returns the tree itself when nothing is to be folded; otherwise a new one, with only the names that it uses
 * @cost    O(n)
 */
export function* truncate(tree: FunctionTree, maxNodes: number): Steps<FunctionTree> {
  const total = yield* functionTreeTotals(tree);
  const min = yield* minTotal(total.subarray(1), maxNodes);
  return allReach(total, min)
    ? tree
    : yield* folded(tree, total, { min, ties: Number.POSITIVE_INFINITY, others: true });
}

/**
 * Folds a tree to at most so many nodes, their bars "other" counted, for whoever has no memory for more. As `truncate`,
 * but of nodes that tie with the smallest only the first stay, and a node that is named "other" is one like all others.
 *
 * @param nodesMax at least 4
 * @cost  O(n)
 */
export function* cutTree(tree: FunctionTree, nodesMax: number): Steps<FunctionTree> {
  const n = tree.parent.length;
  if (n <= nodesMax) return tree;
  const total = yield* functionTreeTotals(tree);
  yield;
  // Nodes without value need no place, nor a bar.
  if (countAbove(total, 0n) < nodesMax) {
    return yield* folded(tree, total, { min: 1n, ties: Number.POSITIVE_INFINITY, others: false });
  }
  yield;
  // The root stays as well, and each node that does may get a bar. More than those have a value, so it is not 0.
  const count = (nodesMax - 2) >>> 1;
  const min = yield* kthLargest(total.subarray(1), count);
  const ties = count - countAbove(total, min);
  yield;
  return yield* folded(tree, total, { min, ties, others: false });
}

/** How many nodes beside the root have a larger total. */
function countAbove(total: BigInt64Array, min: bigint): number {
  let count = 0;
  for (let i = 1; i < total.length; i++) if (total[i] > min) count++;
  return count;
}

/** What stays: nodes above `min`, so many that have just that, and if `others` all that are named so. */
type Kept = { readonly min: bigint; readonly ties: number; readonly others: boolean };

function* folded(tree: FunctionTree, total: BigInt64Array, { min, ties, others }: Kept): Steps<FunctionTree> {
  const { parent, name, self, names } = tree;
  const n = parent.length;
  const other = rowOfName(names, otherName);
  const newRow = new Int32Array(n).fill(-1);
  const removed = new BigInt64Array(n); // From under a node.
  const otherChild = new Int32Array(n).fill(-1);
  newRow[0] = 0;
  let kept = 1;
  let tiesLeft = ties;
  yield* inSteps(1, n, (start, end) => {
    for (let i = start; i < end; i++) {
      const p = parent[i];
      if (newRow[p] < 0) continue;
      const reaches = total[i] > min || (total[i] === min && tiesLeft-- > 0);
      if (reaches || (others && name[i] === other && total[i] > 0n)) {
        if (name[i] === other) otherChild[p] = i;
        newRow[i] = kept++;
      } else {
        addSaturatedAt(removed, p, total[i]);
      }
    }
  });

  let added = 0;
  for (let i = 0; i < n; i++) if (removed[i] > 0n && otherChild[i] < 0) added++;
  const shorter: FunctionTree = {
    parent: new Int32Array(kept + added),
    name: new Uint32Array(kept + added),
    self: new BigInt64Array(kept + added),
    names,
  };
  // A name number that no real name has, for new nodes in a tree that has no "other" of its own.
  const otherNumber = other >= 0 ? other : nameCount(names);
  let next = kept;
  yield* inSteps(0, n, (start, end) => {
    for (let i = start; i < end; i++) {
      const row = newRow[i];
      if (row < 0) continue;
      shorter.parent[row] = i === 0 ? -1 : newRow[parent[i]];
      shorter.name[row] = name[i];
      addSaturatedAt(shorter.self, row, self[i]);
      if (removed[i] <= 0n) continue;
      if (otherChild[i] >= 0) {
        addSaturatedAt(shorter.self, newRow[otherChild[i]], removed[i]);
      } else {
        shorter.parent[next] = row;
        shorter.name[next] = otherNumber;
        shorter.self[next++] = removed[i];
      }
    }
  });
  return yield* withUsedNames(shorter, other >= 0 ? names : withName(names, otherName));
}

/**
 * Folds a tree as answers of this API have always been folded: twice. A bar "other" of the first time counts as a node
 * the second time, and may push the threshold up. Both times it is the tree of all the data, so the answer does not
 * depend on how the data lies in blocks.
 */
export function* truncateTwice(tree: FunctionTree, maxNodes: number): Steps<FunctionTree> {
  return yield* truncate(yield* truncate(tree, maxNodes), maxNodes);
}

function allReach(total: BigInt64Array, min: bigint): boolean {
  for (let i = 1; i < total.length; i++) if (total[i] < min) return false;
  return true;
}

/** @param names those that tree.name refers to */
function* withUsedNames(tree: FunctionTree, names: ByteStrings): Steps<FunctionTree> {
  const newNumber = new Int32Array(nameCount(names)).fill(-1);
  const name = new Uint32Array(tree.name.length);
  const used = new Uint32Array(Math.min(name.length, newNumber.length));
  let count = 0;
  yield* inSteps(1, name.length, (start, end) => {
    for (let i = start; i < end; i++) {
      const old = tree.name[i];
      if (newNumber[old] < 0) {
        newNumber[old] = count;
        used[count++] = old;
      }
      name[i] = newNumber[old];
    }
  });
  return { ...tree, name, names: yield* selectNames(names, used.subarray(0, count)) };
}

function withName(names: ByteStrings, text: string): ByteStrings {
  const added = namesOf([text]);
  const end = names.offsets[nameCount(names)];
  const bytes = new Uint8Array(end + added.bytes.length);
  bytes.set(names.bytes.subarray(0, end));
  bytes.set(added.bytes, end);
  const offsets = new Uint32Array(names.offsets.length + 1);
  offsets.set(names.offsets);
  offsets[names.offsets.length] = bytes.length;
  return { bytes, offsets };
}
