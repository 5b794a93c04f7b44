import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import type { FunctionTree } from './function-tree.ts';

/**
 * The value of every node with all that it calls: its own and the totals of its children. Sums stop at 2^63 - 1.
 *
 * @shapes BigInt64Array[rows of the tree]; row 0 is the total of the whole tree
 * @cost   one backward pass, because every child stands behind its parent
 */
export function functionTreeTotals({ parent, self }: Pick<FunctionTree, 'parent' | 'self'>): BigInt64Array {
  const total = self.slice();
  for (let i = total.length - 1; i > 0; i--) addSaturatedAt(total, parent[i], total[i]);
  return total;
}
