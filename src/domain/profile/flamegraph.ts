import { encodeDistances, type FlameGraph, NameNumbers, placeBars } from './flame-layout.ts';
import type { FunctionTree } from './function-tree.ts';
import { functionTreeTotals } from './function-tree-totals.ts';
import { otherName, ranksOfNames, rowOfName } from './name-table.ts';
import { sortedChildren } from './sorted-children.ts';
import { minTotal } from './truncate.ts';

/**
 * Lays a tree out as a flame graph.
 *
 * Siblings stand in name order. Children below the threshold of `maxNodes`, and any child named "other", become one
 * bar "other" at the right end of their siblings. So a real function of that name loses what it calls: that is how
 * this API has always shown it.
 *
 * Names are numbered as the walk meets them: depth first, the last sibling first. The order is visible in the bytes
 * of the answer, so it stays.
 *
 * @param maxNodes 0: fold nothing but "other"
 * @cost  O(n), and sorting the names
 */
export function flamegraph(tree: FunctionTree, maxNodes: number): FlameGraph {
  const { parent, name, self, names } = tree;
  const total = functionTreeTotals(tree);
  const min = minTotal(total.subarray(1), maxNodes);
  const { offsets, children } = sortedChildren(parent, name, ranksOfNames(names));
  const otherRow = rowOfName(names, otherName);
  const numbers = new NameNumbers(names, { rootRow: rowOfName(names, 'total'), otherRow });

  // In the walk a node stands for itself, ~node for the bar "other" among its children. Every bar has at least one
  // node of its own, so there are no more bars than nodes.
  const n = parent.length;
  const folded = new BigInt64Array(n);
  const stack = new Int32Array(n);
  const stackLeft = new BigInt64Array(n);
  const stackLevel = new Uint32Array(n);
  const barNode = new Int32Array(n);
  const barLeft = new BigInt64Array(n);
  const barLevel = new Uint32Array(n);
  const barName = new Uint32Array(n);
  let count = 0;
  let depth = 1;
  while (depth > 0) {
    depth--;
    const node = stack[depth];
    const level = stackLevel[depth];
    barNode[count] = node;
    barLeft[count] = stackLeft[depth];
    barLevel[count] = level;
    barName[count++] = node === 0 ? 0 : node > 0 ? numbers.of(name[node]) : numbers.ofOther();
    if (node < 0) continue;

    let left = BigInt.asIntN(64, stackLeft[depth] + self[node]);
    for (let k = offsets[node]; k < offsets[node + 1]; k++) {
      const child = children[k];
      if (total[child] < min || name[child] === otherRow) {
        folded[node] = BigInt.asIntN(64, folded[node] + total[child]);
        continue;
      }
      stack[depth] = child;
      stackLeft[depth] = left;
      stackLevel[depth++] = level + 1;
      left = BigInt.asIntN(64, left + total[child]);
    }
    if (folded[node] === 0n) continue;
    stack[depth] = ~node;
    stackLeft[depth] = left;
    stackLevel[depth++] = level + 1;
  }

  const { levelOffsets, placeOfBar } = placeBars(barLevel.subarray(0, count));
  const bars = new BigInt64Array(count * 4);
  let maxSelf = 0n;
  for (let i = 0; i < count; i++) {
    const node = barNode[i];
    const at = placeOfBar[i] * 4;
    bars[at] = barLeft[i];
    bars[at + 1] = node >= 0 ? total[node] : folded[~node];
    bars[at + 2] = node >= 0 ? self[node] : folded[~node];
    bars[at + 3] = BigInt(barName[i]);
    if (bars[at + 2] > maxSelf) maxSelf = bars[at + 2];
  }
  encodeDistances(bars, levelOffsets, 4, 0);
  return { names: numbers.inOrder(), barWidth: 4, levelOffsets, bars, total: total[0], maxSelf };
}
