import { inSteps, type Steps } from '#src/domain/model/steps.ts';

/** The children of every node, siblings in name order. Those of node i are children[offsets[i] .. offsets[i + 1]]. */
export type SortedChildren = { readonly offsets: Uint32Array; readonly children: Uint32Array };

/**
 * Sorts the children of every node by name.
 *
 * Two counting sorts, first by the rank of the name, then by the parent, which keeps the order of the first: no
 * comparison, no object per node.
 *
 * @param  rankOfName the place of a name among all names, see ranksOfNames
 * @param  rankCount  one more than the largest of them
 * @shapes parent Int32Array[n], name Uint32Array[n] -> offsets Uint32Array[n + 1], children Uint32Array[n - 1]
 * @cost   O(n + rankCount)
 */
export function* sortedChildren(
  parent: Int32Array,
  name: Uint32Array,
  rankOfName: Uint32Array,
  rankCount = rankOfName.length,
): Steps<SortedChildren> {
  const n = parent.length;
  const rank = new Uint32Array(n);
  yield* inSteps(1, n, (start, end) => look(rankOfName, name, rank, start, end));
  const byName = new Uint32Array(n - 1);
  const nextOfRank = yield* offsetsOf(rank, rankCount);
  yield* inSteps(1, n, (start, end) => placeRows(rank, nextOfRank, byName, start, end));

  const offsets = yield* offsetsOf(parent, n);
  const nextOfParent = offsets.slice();
  const children = new Uint32Array(n - 1);
  yield* inSteps(0, n - 1, (start, end) => placeChildren(parent, byName, nextOfParent, children, start, end));
  return { offsets, children };
}

/** Where the rows of each key begin when they are sorted by it. Row 0 is the root, which is nobody's child. */
function* offsetsOf(keys: Int32Array | Uint32Array, keyCount: number): Steps<Uint32Array> {
  const offsets = new Uint32Array(keyCount + 1);
  yield* inSteps(1, keys.length, (start, end) => countKeys(keys, offsets, start, end));
  for (let key = 0; key < keyCount; key++) offsets[key + 1] += offsets[key];
  yield;
  return offsets;
}

function look(table: Uint32Array, index: Uint32Array, target: Uint32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) target[i] = table[index[i]];
}

function countKeys(keys: Int32Array | Uint32Array, offsets: Uint32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) offsets[keys[i] + 1]++;
}

function placeRows(keys: Uint32Array, next: Uint32Array, target: Uint32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) target[next[keys[i]]++] = i;
}

function placeChildren(
  parent: Int32Array,
  rows: Uint32Array,
  next: Uint32Array,
  target: Uint32Array,
  start: number,
  end: number,
): void {
  for (let i = start; i < end; i++) target[next[parent[rows[i]]]++] = rows[i];
}
