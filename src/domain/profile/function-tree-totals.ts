import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from './function-tree.ts';

/**
 * The value of every node with all that it calls: its own and the totals of its children. Sums stop at 2^63 - 1.
 *
 * @shapes BigInt64Array[rows of the tree]; row 0 is the total of the whole tree
 * @cost   one backward pass, because every child stands behind its parent
 */
export function* functionTreeTotals({ parent, self }: Pick<FunctionTree, 'parent' | 'self'>): Steps<BigInt64Array> {
  const total = self.slice();
  const last = total.length - 1;
  yield* inSteps(0, last, (start, end) => {
    for (let i = last - start; i > last - end; i--) addSaturatedAt(total, parent[i], total[i]);
  });
  return total;
}
