// Trees in which a path of keys is one node: stack tables (the keys are locations) and function trees (names).
// Row 0 is the root. A child comes after its parent, so one pass forward meets parents first.
//
//   tree      count, capacity, nodes*, links*, values*, arena, overflow: count, slots*, mask      u32 each
//   nodes     u64[capacity]       parent << 32 | key
//   links     u64[capacity]       next sibling << 32 | first child; 0: none
//   slots     u32[mask + 1]       row; 0 is free. Open addressing on the whole node, at most half full
//   values    i64[capacity]       what belongs to the node itself, only in trees that carry values
//
// A child is looked for in three places: right behind its parent, where a path that was just added has it; in the list
// of its siblings, which mostly has one or two; and, when a node has more children than a list may have, in a hash
// table of all such children. The table's hash is keyed by secrets (bytes.ts), so whatever keys somebody chooses, a
// step costs a list and a few probes.
//
// Source: Knuth, The Art of Computer Programming, volume 1, 2.3.2 (first child, next sibling), volume 3, 6.3 (tries).

import { alloc, allocZeroed } from './arena';
import { hashWord } from './bytes';
import { larger } from './growth';

const COUNT: usize = 0;
const CAPACITY: usize = 4;
const NODES: usize = 8;
const LINKS: usize = 12;
const VALUES: usize = 16;
const ARENA: usize = 20;
const OVERFLOW_COUNT: usize = 24;
const SLOTS: usize = 28;
const MASK: usize = 32;
const TREE_BYTES: usize = 48;

/** Children of a node that are in its list; later ones are in the hash table. */
const LISTED_MAX: u32 = 8;
const SLOTS_AT_FIRST: u32 = 32;

/** A tree of one node, the root. @param withValues 1: every node has a value, 0 at first @cost O(nodes) */
export function treeNew(arena: u32, nodes: u32, withValues: u32): usize {
  const capacity = max(nodes, 16);
  const tree = alloc(arena, TREE_BYTES);
  store<u32>(tree, 1, COUNT);
  store<u32>(tree, capacity, CAPACITY);
  store<u32>(tree, <u32>alloc(arena, <usize>capacity << 3), NODES);
  store<u32>(tree, <u32>alloc(arena, <usize>capacity << 3), LINKS);
  store<u32>(tree, withValues ? <u32>allocZeroed(arena, <usize>capacity << 3) : 0, VALUES);
  store<u32>(tree, arena, ARENA);
  store<u32>(tree, 0, OVERFLOW_COUNT);
  store<u32>(tree, <u32>allocZeroed(arena, SLOTS_AT_FIRST << 2), SLOTS);
  store<u32>(tree, SLOTS_AT_FIRST - 1, MASK);
  // Not a possible child: nobody has the root's key 0 under parent 2^32 - 1.
  store<u64>(<usize>load<u32>(tree, NODES), 0xffffffff00000000);
  store<u64>(<usize>load<u32>(tree, LINKS), 0);
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

/**
 * The child of `parent` under `key`, which is added when it is new.
 *
 * @cost O(1): at most LISTED_MAX + 1 nodes and the probes of a hash table that is half empty; nearly free along a path
 *       just added
 */
// @ts-ignore: decorator
@inline
export function treeChild(tree: usize, parent: u32, key: u32): u32 {
  const node = (<u64>parent << 32) | <u64>key;
  const behind = <usize>load<u32>(tree, NODES) + (<usize>parent << 3);
  return parent + 1 < load<u32>(tree, COUNT) && load<u64>(behind, 8) == node ? parent + 1 : otherChild(tree, node);
}

function otherChild(tree: usize, node: u64): u32 {
  const nodes = <usize>load<u32>(tree, NODES);
  const key = <u32>node;
  const parent = <u32>(node >> 32);
  const links = <usize>load<u32>(tree, LINKS);
  let child = load<u32>(links + (<usize>parent << 3));
  let listed: u32 = 0;
  while (child != 0) {
    if (load<u32>(nodes + (<usize>child << 3)) == key) return child;
    child = load<u32>(links + (<usize>child << 3), 4);
    listed++;
  }
  return listed < LISTED_MAX ? addListed(tree, node) : overflowChild(tree, node);
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

/** Adds a child at the head of its parent's list: the newest one is the most likely to come again. */
function addListed(tree: usize, node: u64): u32 {
  const row = addNode(tree, node);
  const links = <usize>load<u32>(tree, LINKS);
  const first = links + (<usize>(node >> 32) << 3);
  store<u64>(links + (<usize>row << 3), <u64>load<u32>(first) << 32);
  store<u32>(first, row);
  return row;
}

function overflowChild(tree: usize, node: u64): u32 {
  const nodes = <usize>load<u32>(tree, NODES);
  const slots = <usize>load<u32>(tree, SLOTS);
  const mask = load<u32>(tree, MASK);
  let slot = hashWord(node) & mask;
  while (true) {
    const row = load<u32>(slots + (<usize>slot << 2));
    if (row == 0) break;
    if (load<u64>(nodes + (<usize>row << 3)) == node) return row;
    slot = (slot + 1) & mask;
  }
  const count = load<u32>(tree, OVERFLOW_COUNT) + 1;
  if (count << 1 > mask) growSlots(tree);
  const row = addNode(tree, node);
  store<u64>(<usize>load<u32>(tree, LINKS) + (<usize>row << 3), 0);
  putSlot(load<u32>(tree, SLOTS), load<u32>(tree, MASK), node, row);
  store<u32>(tree, count, OVERFLOW_COUNT);
  return row;
}

function putSlot(slots: usize, mask: u32, node: u64, row: u32): void {
  let slot = hashWord(node) & mask;
  while (load<u32>(slots + (<usize>slot << 2)) != 0) slot = (slot + 1) & mask;
  store<u32>(slots + (<usize>slot << 2), row);
}

function addNode(tree: usize, node: u64): u32 {
  const row = load<u32>(tree, COUNT);
  if (row == load<u32>(tree, CAPACITY)) grow(tree);
  store<u64>(<usize>load<u32>(tree, NODES) + (<usize>row << 3), node);
  store<u32>(tree, row + 1, COUNT);
  return row;
}

function grow(tree: usize): void {
  const arena = load<u32>(tree, ARENA);
  const count = load<u32>(tree, COUNT);
  const capacity = larger(load<u32>(tree, CAPACITY));
  const nodes = alloc(arena, <usize>capacity << 3);
  const links = alloc(arena, <usize>capacity << 3);
  const oldValues = <usize>load<u32>(tree, VALUES);
  let values: usize = 0;
  if (oldValues != 0) {
    values = allocZeroed(arena, <usize>capacity << 3);
    memory.copy(values, oldValues, <usize>count << 3);
  }
  memory.copy(nodes, load<u32>(tree, NODES), <usize>count << 3);
  memory.copy(links, load<u32>(tree, LINKS), <usize>count << 3);
  store<u32>(tree, capacity, CAPACITY);
  store<u32>(tree, <u32>nodes, NODES);
  store<u32>(tree, <u32>links, LINKS);
  store<u32>(tree, <u32>values, VALUES);
}

function growSlots(tree: usize): void {
  const nodes = <usize>load<u32>(tree, NODES);
  const old = <usize>load<u32>(tree, SLOTS);
  const oldMask = load<u32>(tree, MASK);
  const slotCount = larger(oldMask + 1);
  const slots = allocZeroed(load<u32>(tree, ARENA), <usize>slotCount << 2);
  for (let i: u32 = 0; i <= oldMask; i++) {
    const row = load<u32>(old + (<usize>i << 2));
    if (row != 0) putSlot(slots, slotCount - 1, load<u64>(nodes + (<usize>row << 3)), row);
  }
  store<u32>(tree, <u32>slots, SLOTS);
  store<u32>(tree, slotCount - 1, MASK);
}
