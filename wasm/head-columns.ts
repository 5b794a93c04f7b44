// Lays the tables of a head out as the columns that a block stores. src/kernels/encode-space.ts and encode-samples.ts
// put them into pages; the plain twin is test/fixtures/taken-head.ts with src/domain/block.

import { tableBytes, tableOffsets, tableRows } from './intern-table';
import { treeNodes, treeRows } from './tree';

/**
 * A field of all records of a table whose records have one length. Row 0, "none", gets 0.
 *
 * @param target  u32[rows]
 * @param field   where it is in a record
 * @param width   bytes of a record
 * @cost O(rows)
 */
export function fieldU32(target: usize, table: usize, field: u32, width: u32): void {
  const rows = tableRows(table);
  let from = tableBytes(table) + field;
  store<u32>(target, 0);
  for (let row: usize = 1; row < <usize>rows; row++) {
    store<u32>(target + (row << 2), load<u32>(from));
    from += width;
  }
}

/** @param target u64[rows] @cost O(rows) */
export function fieldU64(target: usize, table: usize, field: u32, width: u32): void {
  const rows = tableRows(table);
  let from = tableBytes(table) + field;
  store<u64>(target, 0);
  for (let row: usize = 1; row < <usize>rows; row++) {
    store<u64>(target + (row << 3), load<u64>(from));
    from += width;
  }
}

/** a[i] -= b[i], modulo 2^32 @param a u32[n] @cost O(n) */
export function subtractU32(a: usize, b: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u32>(a + (i << 2), load<u32>(a + (i << 2)) - load<u32>(b + (i << 2)));
  }
}

/** The low bytes of a column. @param target u8[n] @param column u32[n]; may be the target @cost O(n) */
export function lowBytes(target: usize, column: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) store<u8>(target + i, load<u8>(column + (i << 2)));
}

/**
 * The columns of all locations of a symbol space.
 *
 * @param locations    intern table, records as in symbol-space.ts
 * @param startLine    i64[functions]
 * @param lineOffsets  u32[rows + 1], out
 * @param mapping      u32[rows], out
 * @param address      u64[rows], out
 * @param folded       u8[rows], out
 * @param lineFunction u32[lines], out; lines = (bytes of the table - 16 (rows - 1)) / 16
 * @param lineDistance i64[lines], out: line - first line of its function, modulo 2^64
 * @cost  O(rows + lines)
 */
export function locationColumns(
  locations: usize, startLine: usize, lineOffsets: usize, mapping: usize, address: usize, folded: usize,
  lineFunction: usize, lineDistance: usize,
): void {
  const rows = tableRows(locations);
  const offsets = tableOffsets(locations);
  const bytes = tableBytes(locations);
  store<u32>(lineOffsets, 0);
  store<u32>(lineOffsets, 0, 4);
  store<u32>(mapping, 0);
  store<u64>(address, 0);
  store<u8>(folded, 0);
  let lines: usize = 0;
  for (let row: usize = 1; row < <usize>rows; row++) {
    let from = bytes + load<u32>(offsets + (row << 2));
    const end = bytes + load<u32>(offsets + (row << 2), 4);
    store<u64>(address + (row << 3), load<u64>(from));
    store<u32>(mapping + (row << 2), load<u32>(from, 8));
    store<u8>(folded + row, load<u8>(from, 12));
    for (from += 16; from < end; from += 16) {
      const fn = load<u32>(from);
      store<u32>(lineFunction + (lines << 2), fn);
      store<i64>(lineDistance + (lines << 3), load<i64>(from, 8) - load<i64>(startLine + (<usize>fn << 3)));
      lines++;
    }
    store<u32>(lineOffsets + (row << 2), <u32>lines, 4);
  }
}

/**
 * The rows of a tree as a block stores them.
 *
 * @param distance  u32[rows], out: row - row of the parent; 1 for the root
 * @param key       u32[rows], out; 0 for the root
 * @cost O(rows)
 */
export function treeColumns(tree: usize, distance: usize, key: usize): void {
  const rows = treeRows(tree);
  const nodes = treeNodes(tree);
  store<u32>(distance, 1);
  store<u32>(key, 0);
  for (let row: usize = 1; row < <usize>rows; row++) {
    const node = load<u64>(nodes + (row << 3));
    store<u32>(distance + (row << 2), <u32>row - <u32>(node >> 32));
    store<u32>(key + (row << 2), <u32>node);
  }
}

/** place[stack[i]] = 1 @param place u32[rows] @param stack u32[n] @cost O(n) */
export function markStacks(place: usize, stack: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) store<u32>(place + (<usize>load<u32>(stack + (i << 2)) << 2), 1);
}

/**
 * Lists the marked rows, and gives each its place in the list.
 *
 * @param place    u32[rows]: 1 for a marked row; out: its place
 * @param sampled  u32[rows], out: the marked rows
 * @returns        how many they are
 * @cost O(rows)
 */
export function placeStacks(place: usize, sampled: usize, rows: u32): u32 {
  let count: u32 = 0;
  for (let row: usize = 0; row < <usize>rows; row++) {
    if (load<u32>(place + (row << 2)) == 0) continue;
    store<u32>(place + (row << 2), count);
    store<u32>(sampled + (<usize>count << 2), <u32>row);
    count++;
  }
  return count;
}

/** target[i] = place[stack[i]] @param target u32[n] @cost O(n) */
export function placesOf(target: usize, place: usize, stack: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u32>(target + (i << 2), load<u32>(place + (<usize>load<u32>(stack + (i << 2)) << 2)));
  }
}
