// What queries do with samples: sum them per stacktrace, fold stacktraces to a tree of function names, merge trees.

import { internGuess } from './intern-table';
import {
  FUNCTION_NAME, FUNCTION_ROW, LINE_FUNCTION, LOCATION_LINES, NAME_ROW, STRING_AT, STRING_LENGTH, UNKNOWN,
} from './source';
import { addSaturated, treeAddValue, treeChild } from './tree';

/**
 * sums[stack[i]] += value[i]
 *
 * @param sums   i64[stacks], changed
 * @param stack  u32[n], below `stacks`: whoever decoded the block has checked that
 * @param value  i64[n], >= 0
 * @cost O(n): a random access to the sums each
 */
export function sumSamples(sums: usize, stack: usize, value: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const at = sums + (<usize>load<u32>(stack + (i << 2)) << 3);
    store<i64>(at, addSaturated(load<i64>(at), load<i64>(value + (i << 3))));
  }
}

/**
 * Marks the stacktraces that have a value or are above one that has.
 *
 * @param needed  u8[stacks], overwritten: 1 for marked. Row 0, the root, is always marked
 * @param parent  i32[stacks]
 * @param sums    i64[stacks]
 * @returns       how many are marked, the root included
 * @cost O(stacks), one pass backward
 */
export function markNeeded(needed: usize, parent: usize, sums: usize, stacks: u32): u32 {
  memory.fill(needed, 0, stacks);
  if (stacks == 0) return 0;
  store<u8>(needed, 1);
  let count: u32 = 1;
  for (let i = stacks - 1; i > 0; i--) {
    if (load<u8>(needed + i) == 0) {
      if (load<i64>(sums + (<usize>i << 3)) == 0) continue;
      store<u8>(needed + i, 1);
    }
    count++;
    store<u8>(needed + load<u32>(parent + (<usize>i << 2)), 1);
  }
  return count;
}

/**
 * Adds the stacktraces `start .. stacks` to a tree of function names, as far as the budget goes. A location gives a node
 * per line, the outermost first; one without lines gives a node with a name that the caller made up, or none.
 *
 * @param tree      with values; keys are rows of `names`
 * @param names     intern table
 * @param source    symbols; FUNCTION_ROW and NAME_ROW keep, per function and string, the row of its name
 * @param parent    i32[stacks], location u32[stacks], sums i64[stacks], needed u8[stacks] from `markNeeded`
 * @param made      u32[locations], row of the made-up name of a location without lines, 0: none
 * @param nodes     u32[stacks], becomes the node of each needed stacktrace
 * @param budget    work to stop after, in units of some nanoseconds: a row is 1, a node NODE_WORK, a name nameWork
 * @returns         the row to go on from
 * @order the rows before `start` are added
 * @cost  O(stacks + frames of needed ones)
 */
export function treeAddStacks(
  tree: usize, names: usize, source: usize, parent: usize, location: usize, sums: usize, needed: usize, made: usize,
  nodes: usize, start: u32, stacks: u32, budget: u32,
): u32 {
  store<u32>(nodes, 0);
  const lineOffsets = <usize>load<u32>(source, LOCATION_LINES);
  const lineFunction = <usize>load<u32>(source, LINE_FUNCTION);
  work = 0;
  let i: u32 = max(start, 1);
  for (; i < stacks && work < budget; i++) {
    work++;
    if (load<u8>(needed + i) == 0) continue;
    let node = load<u32>(nodes + (<usize>load<u32>(parent + (<usize>i << 2)) << 2));
    const at = load<u32>(location + (<usize>i << 2));
    const first = load<u32>(lineOffsets + (<usize>at << 2));
    const end = load<u32>(lineOffsets + (<usize>at << 2), 4);
    work += (end - first + 1) * NODE_WORK;
    if (first == end) {
      const name = load<u32>(made + (<usize>at << 2));
      if (name != 0) node = treeChild(tree, node, name);
    }
    for (let line = end; line > first; line--) {
      const fn = load<u32>(lineFunction + (<usize>(line - 1) << 2));
      node = treeChild(tree, node, nameOf(names, source, fn));
    }
    store<u32>(nodes + (<usize>i << 2), node);
    const sum = load<i64>(sums + (<usize>i << 3));
    if (sum != 0) treeAddValue(tree, node, sum);
  }
  return i;
}

/**
 * Adds the rows `start .. rows` of a tree to a tree, as far as the budget goes.
 *
 * @param names    intern table of the target
 * @param nameAt   u32[n], where each name of the added tree is; length u32[n]
 * @param nameRow  u32[n], all UNKNOWN at first; becomes its row in `names`
 * @param nodes    u32[rows], becomes the node of each row
 * @param parent   i32[rows], name u32[rows], self i64[rows]: the added tree; row 0 is its root
 * @param needed   u8[rows], from `markNeeded`: the nodes to add; 0: all
 * @param budget   as in `treeAddStacks`
 * @returns        the row to go on from
 * @order the rows before `start` are added
 * @cost O(end - start), and the bytes of names that are new
 */
export function treeMerge(
  tree: usize, names: usize, nameAt: usize, nameLength: usize, nameRow: usize, parent: usize, name: usize, self: usize,
  needed: usize, nodes: usize, start: u32, rows: u32, budget: u32,
): u32 {
  if (start == 0) {
    store<u32>(nodes, 0);
    treeAddValue(tree, 0, load<i64>(self));
  }
  work = 0;
  let last: u32 = 0;
  let i: u32 = max(start, 1);
  for (; i < rows && work < budget; i++) {
    work++;
    if (needed != 0 && load<u8>(needed + i) == 0) continue;
    work += NODE_WORK;
    const index = <usize>load<u32>(name + (<usize>i << 2));
    let key = load<u32>(nameRow + (index << 2));
    if (key == UNKNOWN) {
      const length = load<u32>(nameLength + (index << 2));
      key = length == 0 ? EMPTY_NAME : internGuess(names, load<u32>(nameAt + (index << 2)), length, last + 1);
      work += nameWork(length);
      last = key;
      store<u32>(nameRow + (index << 2), key);
    }
    const node = treeChild(tree, load<u32>(nodes + (<usize>load<u32>(parent + (<usize>i << 2)) << 2)), key);
    store<u32>(nodes + (<usize>i << 2), node);
    treeAddValue(tree, node, load<i64>(self + (<usize>i << 3)));
  }
  return i;
}

/** Of the call that is running, in the units of its budget. */
let work: u32 = 0;

/** What a node costs that is new, of what a row costs that is looked at. */
const NODE_WORK: u32 = 8;

/** What a name costs that is interned. @param length of the name, in bytes */
// @ts-ignore: decorator
@inline
function nameWork(length: u32): u32 {
  return 2 * NODE_WORK + (length >> 3);
}

/** The key of a frame whose function has an empty name: row 0 of the names, which is the empty string. */
const EMPTY_NAME: u32 = 0;

let lastName: u32 = 0;

// @ts-ignore: decorator
@inline
function nameOf(names: usize, source: usize, fn: u32): u32 {
  const known = load<u32>(<usize>load<u32>(source, FUNCTION_ROW) + (<usize>fn << 2));
  return known != UNKNOWN ? known : addName(names, source, fn);
}

function addName(names: usize, source: usize, fn: u32): u32 {
  const text = <usize>load<u32>(<usize>load<u32>(source, FUNCTION_NAME) + (<usize>fn << 2));
  const at = <usize>load<u32>(source, NAME_ROW) + (text << 2);
  let row = load<u32>(at);
  if (row == UNKNOWN) {
    const pointer = load<u32>(<usize>load<u32>(source, STRING_AT) + (text << 2));
    const length = load<u32>(<usize>load<u32>(source, STRING_LENGTH) + (text << 2));
    row = internGuess(names, pointer, length, lastName + 1);
    work += nameWork(length);
    lastName = row;
    store<u32>(at, row);
  }
  store<u32>(<usize>load<u32>(source, FUNCTION_ROW) + (<usize>fn << 2), row);
  return row;
}
