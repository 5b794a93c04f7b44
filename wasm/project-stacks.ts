// Bring the stacktraces that some datasets of a head have into a symbol space of their own, in depth-first order: children
// behind their parent, in the order of first use. So neighbours in the table have frames in common, symbols are numbered
// as the table uses them, and both are stored in few bytes.
//
// Source: Knuth, The Art of Computer Programming, volume 1, 2.3.2: preorder of a forest. The plain twin is in
// src/domain/block/merge-plain.ts.

import { internLocation } from './symbol-space';
import { treeChild, treeNodes } from './tree';

/**
 * Lists the stacktraces that samples have, and all above them but the root, each once.
 *
 * @param stamp  u32[rows of the tree]; those with `mark` are in the list already
 * @param stack  u32[n], rows of the tree
 * @param list   u32[rows of the tree], out: from `count` on
 * @returns      how many are in the list now
 * @cost  O(n + what is new in the list)
 */
export function neededRows(
  tree: usize, stamp: usize, mark: u32, stack: usize, n: u32, list: usize, count: u32,
): u32 {
  const nodes = treeNodes(tree);
  for (let i: usize = 0; i < <usize>n; i++) {
    let row = load<u32>(stack + (i << 2));
    while (row != 0 && load<u32>(stamp + (<usize>row << 2)) != mark) {
      store<u32>(stamp + (<usize>row << 2), mark);
      store<u32>(list + (<usize>count << 2), row);
      count++;
      row = load<u32>(nodes + (<usize>row << 3), 4);
    }
  }
  return count;
}

/**
 * How many locations listed stacktraces have that are not stamped yet; they are then.
 *
 * @param stamp u32[locations]
 * @cost O(count)
 */
export function stampLocations(tree: usize, list: usize, count: u32, stamp: usize, mark: u32): u32 {
  const nodes = treeNodes(tree);
  let stamped: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const at = stamp + (<usize>load<u32>(nodes + (<usize>load<u32>(list + (i << 2)) << 3)) << 2);
    if (load<u32>(at) == mark) continue;
    store<u32>(at, mark);
    stamped++;
  }
  return stamped;
}

/**
 * Adds listed stacktraces to a stack table of another space, depth first.
 *
 * @param target  of the space, nothing but its root in it
 * @param source  the symbols of the space of `tree`
 * @param list    u32[count], from `neededRows`
 * @param rank    u32[rows of the tree], out: the row of each listed one in the target
 * @param first   u32[rows of the tree], scratch; next likewise
 * @cost  O(count)
 */
export function projectStacks(
  target: usize, space: usize, source: usize, tree: usize, list: usize, count: u32, rank: usize, first: usize,
  next: usize,
): void {
  const nodes = treeNodes(tree);
  // Lists of children, put together from behind. Row 0 is nobody's child and ends them.
  store<u32>(first, 0);
  for (let i: usize = 0; i < <usize>count; i++) {
    store<u32>(first + (<usize>load<u32>(list + (i << 2)) << 2), 0);
  }
  for (let i = <usize>count; i > 0; i--) {
    const row = load<u32>(list + ((i - 1) << 2));
    const ofParent = first + (<usize>load<u32>(nodes + (<usize>row << 3), 4) << 2);
    store<u32>(next + (<usize>row << 2), load<u32>(ofParent));
    store<u32>(ofParent, row);
  }
  store<u32>(rank, 0);
  let row = load<u32>(first);
  while (row != 0) {
    const node = load<u64>(nodes + (<usize>row << 3));
    const above = load<u32>(rank + (<usize>(node >> 32) << 2));
    store<u32>(rank + (<usize>row << 2), treeChild(target, above, internLocation(space, source, <u32>node)));
    const child = load<u32>(first + (<usize>row << 2));
    if (child != 0) {
      row = child;
      continue;
    }
    while (row != 0 && load<u32>(next + (<usize>row << 2)) == 0) row = load<u32>(nodes + (<usize>row << 3), 4);
    if (row != 0) row = load<u32>(next + (<usize>row << 2));
  }
}
