import type { FunctionTree } from './function-tree.ts';

/**
 * The value of every node with all that it calls: its own and the totals of its children.
 *
 * @shapes BigInt64Array[rows of the tree]; row 0 is the total of the whole tree
 * @cost   one backward pass, because every child stands behind its parent
 */
export function functionTreeTotals({ parent, self }: Pick<FunctionTree, 'parent' | 'self'>): BigInt64Array {
  const total = self.slice();
  for (let i = total.length - 1; i > 0; i--) {
    // asIntN keeps the addition in 64-bit registers: without it every sum is a bigint on the heap.
    total[parent[i]] = BigInt.asIntN(64, total[parent[i]] + total[i]);
  }
  return total;
}
