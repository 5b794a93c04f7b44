import { StoreError } from '#src/domain/errors.ts';
import { ChildTable } from './child-table.ts';
import { encodeDistances, type FlameGraph, NameNumbers, placeBars } from './flame-layout.ts';
import type { FunctionTree } from './function-tree.ts';
import { functionTreeTotals } from './function-tree-totals.ts';
import { NameTable, otherName, ranksOfNames, rowOfName } from './name-table.ts';
import { sortedChildren } from './sorted-children.ts';
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
export function diffFlamegraph(left: FunctionTree, right: FunctionTree, maxNodes: number): FlameGraphDiff {
  const { parent, name, names, leftSelf, rightSelf } = align(left, right);
  const leftTotal = functionTreeTotals({ parent, self: leftSelf });
  const rightTotal = functionTreeTotals({ parent, self: rightSelf });
  const n = parent.length;
  const larger = new BigInt64Array(n);
  for (let i = 0; i < n; i++) larger[i] = leftTotal[i] > rightTotal[i] ? leftTotal[i] : rightTotal[i];
  const min = minTotal(larger, maxNodes);
  const { offsets, children } = sortedChildren(parent, name, ranksOfNames(names));
  const rows = { rootRow: rowOfName(names, ''), otherRow: rowOfName(names, otherName) };
  const numbers = new NameNumbers(names, rows);

  // As in flamegraph(): a node stands for itself, ~node for the bar "other" among its children.
  const leftFolded = new BigInt64Array(n);
  const rightFolded = new BigInt64Array(n);
  const stack = new Int32Array(n);
  const stackLevel = new Uint32Array(n);
  const stackLeftX = new BigInt64Array(n);
  const stackRightX = new BigInt64Array(n);
  const barNode = new Int32Array(n);
  const barLevel = new Uint32Array(n);
  const barLeftX = new BigInt64Array(n);
  const barRightX = new BigInt64Array(n);
  const barName = new Uint32Array(n);
  let count = 0;
  let depth = 1;
  while (depth > 0) {
    depth--;
    const node = stack[depth];
    const level = stackLevel[depth];
    barNode[count] = node;
    barLevel[count] = level;
    barLeftX[count] = stackLeftX[depth];
    barRightX[count] = stackRightX[depth];
    barName[count++] = node === 0 ? 0 : node > 0 ? numbers.of(name[node]) : numbers.ofOther();
    if (node < 0) continue;

    let leftX = BigInt.asIntN(64, stackLeftX[depth] + leftSelf[node]);
    let rightX = BigInt.asIntN(64, stackRightX[depth] + rightSelf[node]);
    for (let k = offsets[node]; k < offsets[node + 1]; k++) {
      const child = children[k];
      if (larger[child] < min) {
        leftFolded[node] = BigInt.asIntN(64, leftFolded[node] + leftTotal[child]);
        rightFolded[node] = BigInt.asIntN(64, rightFolded[node] + rightTotal[child]);
        continue;
      }
      stack[depth] = child;
      stackLevel[depth] = level + 1;
      stackLeftX[depth] = leftX;
      stackRightX[depth++] = rightX;
      leftX = BigInt.asIntN(64, leftX + leftTotal[child]);
      rightX = BigInt.asIntN(64, rightX + rightTotal[child]);
    }
    if (leftFolded[node] === 0n && rightFolded[node] === 0n) continue;
    stack[depth] = ~node;
    stackLevel[depth] = level + 1;
    stackLeftX[depth] = leftX;
    stackRightX[depth++] = rightX;
  }

  const { levelOffsets, placeOfBar } = placeBars(barLevel.subarray(0, count));
  const bars = new BigInt64Array(count * 7);
  let maxSelf = 0n;
  for (let i = 0; i < count; i++) {
    const node = barNode[i];
    const at = placeOfBar[i] * 7;
    bars[at] = barLeftX[i];
    bars[at + 1] = node >= 0 ? leftTotal[node] : leftFolded[~node];
    bars[at + 2] = node >= 0 ? leftSelf[node] : leftFolded[~node];
    bars[at + 3] = barRightX[i];
    bars[at + 4] = node >= 0 ? rightTotal[node] : rightFolded[~node];
    bars[at + 5] = node >= 0 ? rightSelf[node] : rightFolded[~node];
    bars[at + 6] = BigInt(barName[i]);
    if (bars[at + 2] > maxSelf) maxSelf = bars[at + 2];
    if (bars[at + 5] > maxSelf) maxSelf = bars[at + 5];
  }
  encodeDistances(bars, levelOffsets, 7, 0);
  encodeDistances(bars, levelOffsets, 7, 3);
  return {
    names: numbers.inOrder(),
    barWidth: 7,
    levelOffsets,
    bars,
    total: leftTotal[0] + rightTotal[0],
    maxSelf,
    leftTotal: leftTotal[0],
    rightTotal: rightTotal[0],
  };
}

/** One tree with the nodes of both, and the values of each side on it. */
function align(left: FunctionTree, right: FunctionTree) {
  const names = new NameTable();
  const nodes = new ChildTable();
  const leftRow = rowsIn(nodes, left, names.internAll(left.names));
  const rightRow = rowsIn(nodes, right, names.internAll(right.names));
  return {
    ...nodes.columns(),
    names: names.toByteStrings(),
    leftSelf: valuesOn(nodes.length, leftRow, left.self),
    rightSelf: valuesOn(nodes.length, rightRow, right.self),
  };
}

/** The row in `nodes` of every node of a tree. */
function rowsIn(nodes: ChildTable, tree: FunctionTree, nameOf: Uint32Array): Uint32Array {
  const row = new Uint32Array(tree.parent.length);
  for (let i = 1; i < row.length; i++) row[i] = nodes.childOf(row[tree.parent[i]], nameOf[tree.name[i]]);
  return row;
}

function valuesOn(length: number, row: Uint32Array, self: BigInt64Array): BigInt64Array {
  const values = new BigInt64Array(length);
  for (let i = 0; i < row.length; i++) {
    if (self[i] < 0n) throw new StoreError('corrupted', `the value of node ${i} of a tree is negative: ${self[i]}`);
    values[row[i]] = BigInt.asIntN(64, values[row[i]] + self[i]);
  }
  return values;
}
