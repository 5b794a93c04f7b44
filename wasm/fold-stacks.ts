// Folds a stack table to the tree of function names that a compacted block stores, so that a flame graph needs neither
// stacktraces nor locations.

import { treeChild, treeNodes, treeRows } from './tree';

/**
 * Adds every stacktrace to a tree of names: a node per line, the outermost first; one for a location without lines.
 * The same nodes as `treeAddStacks` gives.
 *
 * @param target        keys are rows of names
 * @param stacks        keys are locations
 * @param lineOffsets   u32[locations + 1]
 * @param lineFunction  u32[lines]
 * @param functionName  u32[functions]
 * @param made          u32[locations], the name of a location without lines
 * @param node          u32[rows of the stack table], out
 * @cost  O(frames)
 */
export function foldStacks(
  target: usize, stacks: usize, lineOffsets: usize, lineFunction: usize, functionName: usize, made: usize, node: usize,
): void {
  const rows = treeRows(stacks);
  const nodes = treeNodes(stacks);
  store<u32>(node, 0);
  for (let row: usize = 1; row < <usize>rows; row++) {
    const stack = load<u64>(nodes + (row << 3));
    const location = <usize>stack & 0xffffffff;
    let at = load<u32>(node + (<usize>(stack >> 32) << 2));
    const first = load<u32>(lineOffsets + (location << 2));
    const end = load<u32>(lineOffsets + (location << 2), 4);
    if (first == end) {
      const name = load<u32>(made + (location << 2));
      if (name != 0) at = treeChild(target, at, name);
    }
    for (let line = end; line > first; line--) {
      const fn = load<u32>(lineFunction + (<usize>(line - 1) << 2));
      at = treeChild(target, at, load<u32>(functionName + (<usize>fn << 2)));
    }
    store<u32>(node + (row << 2), at);
  }
}
