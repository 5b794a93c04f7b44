// Trees in which a path of keys is one node: stack tables (the keys are locations) and function trees (names).
// Row 0 is the root. A child comes after its parent, so one pass forward meets parents first.
//
//   tree    count, capacity, nodes*, slots*, mask, values*, arena      u32 each
//   nodes   u64[capacity]       parent << 32 | key
//   slots   u32[mask + 1]       row; 0 is free. Open addressing on the whole node, at most half full
//   values  i64[capacity]       what belongs to the node itself, only in trees that carry values

import { alloc, allocZeroed } from './arena';
import { hashWord } from './bytes';
import { larger } from './growth';

const COUNT: usize = 0;
const CAPACITY: usize = 4;
const NODES: usize = 8;
const SLOTS: usize = 12;
const MASK: usize = 16;
const VALUES: usize = 20;
const ARENA: usize = 24;
const TREE_BYTES: usize = 32;

/** A tree of one node, the root. @param withValues 1: every node has a value, 0 at first */
export function treeNew(arena: u32, nodes: u32, withValues: u32): usize {
  let slots: u32 = 32;
  while (slots < nodes << 1) slots <<= 1;
  const capacity = slots >> 1;
  const tree = alloc(arena, TREE_BYTES);
  store<u32>(tree, 1, COUNT);
  store<u32>(tree, capacity, CAPACITY);
  store<u32>(tree, <u32>alloc(arena, <usize>capacity << 3), NODES);
  store<u32>(tree, <u32>allocZeroed(arena, <usize>slots << 2), SLOTS);
  store<u32>(tree, slots - 1, MASK);
  store<u32>(tree, withValues ? <u32>allocZeroed(arena, <usize>capacity << 3) : 0, VALUES);
  store<u32>(tree, arena, ARENA);
  // Not a possible child: nobody has the root's key 0 under parent 2^32 - 1.
  store<u64>(<usize>load<u32>(tree, NODES), 0xffffffff00000000);
  return tree;
}

export function treeRows(tree: usize): u32 {
  return load<u32>(tree, COUNT);
}

/** u64[rows], parent << 32 | key */
export function treeNodes(tree: usize): usize {
  return load<u32>(tree, NODES);
}

/** i64[rows] */
export function treeValues(tree: usize): usize {
  return load<u32>(tree, VALUES);
}

/** The child of `parent` under `key`, which is added when it is new. @cost O(1); nearly free along a path just added */
export function treeChild(tree: usize, parent: u32, key: u32): u32 {
  const node = (<u64>parent << 32) | <u64>key;
  const nodes = <usize>load<u32>(tree, NODES);
  const count = load<u32>(tree, COUNT);
  if (parent + 1 < count && load<u64>(nodes + ((<usize>parent + 1) << 3)) == node) return parent + 1;

  const slots = <usize>load<u32>(tree, SLOTS);
  const mask = load<u32>(tree, MASK);
  let slot = hashWord(node) & mask;
  while (true) {
    const row = load<u32>(slots + (<usize>slot << 2));
    if (row == 0) break;
    if (load<u64>(nodes + (<usize>row << 3)) == node) return row;
    slot = (slot + 1) & mask;
  }
  if (count + 1 >= load<u32>(tree, CAPACITY)) {
    grow(tree);
    return addNode(tree, node, count);
  }
  store<u32>(slots + (<usize>slot << 2), count);
  store<u64>(nodes + (<usize>count << 3), node);
  store<u32>(tree, count + 1, COUNT);
  return count;
}

// @ts-ignore: decorator
@inline
export function treeAddValue(tree: usize, row: u32, value: i64): void {
  const at = <usize>load<u32>(tree, VALUES) + (<usize>row << 3);
  store<i64>(at, addSaturated(load<i64>(at), value));
}

/** Sums of values that are never negative; they stop at the largest number instead of turning negative. */
// @ts-ignore: decorator
@inline
export function addSaturated(a: i64, b: i64): i64 {
  const sum = a + b;
  return sum < a ? i64.MAX_VALUE : sum;
}

function addNode(tree: usize, node: u64, row: u32): u32 {
  const slots = <usize>load<u32>(tree, SLOTS);
  const mask = load<u32>(tree, MASK);
  let slot = hashWord(node) & mask;
  while (load<u32>(slots + (<usize>slot << 2)) != 0) slot = (slot + 1) & mask;
  store<u32>(slots + (<usize>slot << 2), row);
  store<u64>(<usize>load<u32>(tree, NODES) + (<usize>row << 3), node);
  store<u32>(tree, row + 1, COUNT);
  return row;
}

function grow(tree: usize): void {
  const arena = load<u32>(tree, ARENA);
  const count = load<u32>(tree, COUNT);
  const slotCount = larger(load<u32>(tree, MASK) + 1);
  const capacity = slotCount >> 1;
  const mask = slotCount - 1;
  const nodes = alloc(arena, <usize>capacity << 3);
  const slots = allocZeroed(arena, <usize>slotCount << 2);
  const oldValues = <usize>load<u32>(tree, VALUES);
  let values: usize = 0;
  if (oldValues != 0) {
    values = allocZeroed(arena, <usize>capacity << 3);
    memory.copy(values, oldValues, <usize>count << 3);
  }
  memory.copy(nodes, load<u32>(tree, NODES), <usize>count << 3);
  for (let row: u32 = 1; row < count; row++) {
    let slot = hashWord(load<u64>(nodes + (<usize>row << 3))) & mask;
    while (load<u32>(slots + (<usize>slot << 2)) != 0) slot = (slot + 1) & mask;
    store<u32>(slots + (<usize>slot << 2), row);
  }
  store<u32>(tree, capacity, CAPACITY);
  store<u32>(tree, <u32>nodes, NODES);
  store<u32>(tree, <u32>slots, SLOTS);
  store<u32>(tree, mask, MASK);
  store<u32>(tree, <u32>values, VALUES);
}
