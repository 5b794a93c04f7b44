/** The children of every node, siblings in name order. Those of node i are children[offsets[i] .. offsets[i + 1]]. */
export type SortedChildren = { readonly offsets: Uint32Array; readonly children: Uint32Array };

/**
 * Sorts the children of every node by name.
 *
 * Two counting sorts, first by the rank of the name, then by the parent, which keeps the order of the first: no
 * comparison, no object per node.
 *
 * @param  rankOfName the place of a name among all names, see ranksOfNames
 * @shapes parent Int32Array[n], name Uint32Array[n] -> offsets Uint32Array[n + 1], children Uint32Array[n - 1]
 * @cost   O(n + count of names)
 */
export function sortedChildren(parent: Int32Array, name: Uint32Array, rankOfName: Uint32Array): SortedChildren {
  const n = parent.length;
  const byName = new Uint32Array(n - 1);
  const nextOfRank = new Uint32Array(rankOfName.length + 1);
  for (let i = 1; i < n; i++) nextOfRank[rankOfName[name[i]] + 1]++;
  for (let rank = 0; rank < rankOfName.length; rank++) nextOfRank[rank + 1] += nextOfRank[rank];
  for (let i = 1; i < n; i++) byName[nextOfRank[rankOfName[name[i]]]++] = i;

  const offsets = new Uint32Array(n + 1);
  for (let i = 1; i < n; i++) offsets[parent[i] + 1]++;
  for (let i = 0; i < n; i++) offsets[i + 1] += offsets[i];
  const nextOfParent = offsets.slice();
  const children = new Uint32Array(n - 1);
  for (let i = 0; i < byName.length; i++) children[nextOfParent[parent[byName[i]]]++] = byName[i];
  return { offsets, children };
}
