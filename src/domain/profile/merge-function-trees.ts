import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from './function-tree.ts';
import { NameTable } from './name-table.ts';

/**
 * Merges trees into one: nodes with the same path of names become one node, with the sum of their values.
 *
 * The plain version, and the definition: a kernel that does the same faster is tested against it. Rows and names are
 * in order of their first appearance, tree after tree.
 *
 * @returns the empty tree for no trees
 */
export function mergeFunctionTreesPlain(trees: readonly FunctionTree[]): FunctionTree {
  const names = new NameTable();
  const parent: number[] = [-1];
  const name: number[] = [0];
  const self: bigint[] = [0n];
  const childOf = new Map<string, number>();

  for (const tree of trees) {
    const nameOf = runSteps(names.internAll(tree.names));
    const rowOf = new Uint32Array(tree.parent.length);
    self[0] = addSaturated(self[0], tree.self[0]);
    for (let i = 1; i < tree.parent.length; i++) {
      const key = `${rowOf[tree.parent[i]]} ${nameOf[tree.name[i]]}`;
      const row = childOf.get(key) ?? parent.length;
      if (row === parent.length) {
        childOf.set(key, row);
        parent.push(rowOf[tree.parent[i]]);
        name.push(nameOf[tree.name[i]]);
        self.push(0n);
      }
      self[row] = addSaturated(self[row], tree.self[i]);
      rowOf[i] = row;
    }
  }
  return {
    parent: Int32Array.from(parent),
    name: Uint32Array.from(name),
    self: BigInt64Array.from(self),
    names: names.toByteStrings(),
  };
}
