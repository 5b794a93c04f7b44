// Tables of distinct byte strings. Row numbers start at 1; row 0 is the empty string, which stands for "none".
// Everything that is interned is such a string: names as they are, and functions, mappings and locations as records
// of fixed layout, so that one table does for all.
//
//   table    count, capacity, offsets*, bytes*, byteCount, byteCapacity, slots*, mask, arena      u32 each
//   offsets  u32[capacity + 2]     row i is bytes[offsets[i] .. offsets[i + 1])
//   slots    u64[mask + 1]         hash << 32 | row; 0 is free. Open addressing, linear probing, at most half full
//
// A slot keeps the whole 32-bit hash, so growing never touches the strings. Hashes are keyed by secrets (bytes.ts): whatever
// strings somebody chooses, a look-up takes a few probes.
//
// Source: Knuth, The Art of Computer Programming, volume 3, 6.4, linear probing.

import { alloc, allocZeroed } from './arena';
import { copyString, equalBytes, hashBytes, hashRecord, RECORD_WORDS_MAX } from './bytes';
import { larger } from './growth';

const COUNT: usize = 0;
const CAPACITY: usize = 4;
const OFFSETS: usize = 8;
const BYTES: usize = 12;
const BYTE_COUNT: usize = 16;
const BYTE_CAPACITY: usize = 20;
const SLOTS: usize = 24;
const MASK: usize = 28;
const ARENA: usize = 32;
const TABLE_BYTES: usize = 48;

/** @param rows room for so many at first; grows fourfold, which costs less than doubling twice @cost O(rows) */
export function tableNew(arena: u32, rows: u32, bytes: u32): usize {
  let slots: u32 = 16;
  while (slots < rows << 1) slots <<= 1;
  const table = alloc(arena, TABLE_BYTES);
  store<u32>(table, 0, COUNT);
  store<u32>(table, slots >> 1, CAPACITY);
  store<u32>(table, <u32>allocZeroed(arena, ((<usize>slots >> 1) + 2) << 2), OFFSETS);
  store<u32>(table, <u32>alloc(arena, bytes), BYTES);
  store<u32>(table, 0, BYTE_COUNT);
  store<u32>(table, bytes, BYTE_CAPACITY);
  store<u32>(table, <u32>allocZeroed(arena, <usize>slots << 3), SLOTS);
  store<u32>(table, slots - 1, MASK);
  store<u32>(table, arena, ARENA);
  return table;
}

/** Rows that exist, row 0 included. */
export function tableRows(table: usize): u32 {
  return load<u32>(table, COUNT) + 1;
}

/** Bytes of all rows together. */
export function tableEnd(table: usize): u32 {
  return load<u32>(table, BYTE_COUNT);
}

/** u32[rows + 1] */
export function tableOffsets(table: usize): usize {
  return load<u32>(table, OFFSETS);
}

export function tableBytes(table: usize): usize {
  return load<u32>(table, BYTES);
}

/**
 * Row of the string, which is added when it is new. The empty string is row 0.
 *
 * @cost O(length) to hash and compare, and a few probes; growing is O(rows), and O(1) for each row over the life of a table
 */
export function intern(table: usize, pointer: usize, length: u32): u32 {
  if (length == 0) return 0;
  return find(table, pointer, length, hashBytes(pointer, length), false);
}

/**
 * As `intern`, but tries row `guess` first: profiles of one program come in the same order again and again.
 *
 * @cost O(length); nearly free where the guess is right
 */
// @ts-ignore: decorator
@inline
export function internGuess(table: usize, pointer: usize, length: u32, guess: u32): u32 {
  if (length == 0) return 0;
  if (isRow(table, guess, pointer, length)) return guess;
  return find(table, pointer, length, hashBytes(pointer, length), false);
}

/**
 * Interns many strings. Their hashes are there already, so one look-up does not wait for another: while one waits for
 * memory, the next ones are under way.
 *
 * @param pointers  u32[count]; none of them in the table
 * @param lengths   u32[count]
 * @param hashes    u32[count], of `hashBytes` or `hashRecord`: whatever the table is used with
 * @param rows      u32[count], out
 * @cost O(bytes of the strings)
 */
export function internHashed(table: usize, pointers: usize, lengths: usize, hashes: usize, count: u32, rows: usize): void {
  let row: u32 = 0;
  for (let i: usize = 0; i < <usize>count << 2; i += 4) {
    const length = load<u32>(lengths + i);
    const pointer = <usize>load<u32>(pointers + i);
    if (length == 0) store<u32>(rows + i, 0);
    else {
      row = isRow(table, row + 1, pointer, length) ? row + 1 : find(table, pointer, length, load<u32>(hashes + i), false);
      store<u32>(rows + i, row);
    }
  }
}

/** Whether a string is that of a row, which need not exist. */
// @ts-ignore: decorator
@inline
function isRow(table: usize, row: u32, pointer: usize, length: u32): bool {
  if (row - 1 >= load<u32>(table, COUNT)) return false;
  const offsets = <usize>load<u32>(table, OFFSETS) + (<usize>row << 2);
  const start = load<u32>(offsets);
  return load<u32>(offsets, 4) - start == length && equalBytes(<usize>load<u32>(table, BYTES) + start, pointer, length);
}

/** The hash that `internTail` uses. Records are whole words, and mostly short ones. */
// @ts-ignore: decorator
@inline
export function recordHash(pointer: usize, length: u32): u32 {
  return length <= RECORD_WORDS_MAX << 3 ? hashRecord(pointer, length >> 3) : hashBytes(pointer, length);
}

/** Room for a record of `length` bytes at the end of the table, to be written there and then passed to `internTail`. */
export function tableTail(table: usize, length: u32): usize {
  reserveBytes(table, length);
  return <usize>load<u32>(table, BYTES) + load<u32>(table, BYTE_COUNT);
}

/** Interns the record that was just written to `tableTail`. Nothing is copied. @cost as `intern` */
export function internTail(table: usize, length: u32, guess: u32): u32 {
  const pointer = <usize>load<u32>(table, BYTES) + load<u32>(table, BYTE_COUNT);
  if (isRow(table, guess, pointer, length)) return guess;
  return find(table, pointer, length, recordHash(pointer, length), true);
}

function find(table: usize, pointer: usize, length: u32, hash: u32, atTail: bool): u32 {
  const slots = <usize>load<u32>(table, SLOTS);
  const mask = load<u32>(table, MASK);
  const offsets = <usize>load<u32>(table, OFFSETS);
  const bytes = <usize>load<u32>(table, BYTES);
  let slot = hash & mask;
  while (true) {
    const entry = load<u64>(slots + (<usize>slot << 3));
    if (entry == 0) return add(table, pointer, length, hash, atTail);
    if (<u32>(entry >> 32) == hash) {
      const row = <u32>entry;
      const start = load<u32>(offsets + (<usize>row << 2));
      if (load<u32>(offsets + (<usize>row << 2), 4) - start == length && equalBytes(bytes + start, pointer, length)) {
        return row;
      }
    }
    slot = (slot + 1) & mask;
  }
}

function add(table: usize, pointer: usize, length: u32, hash: u32, atTail: bool): u32 {
  const row = load<u32>(table, COUNT) + 1;
  if (row >= load<u32>(table, CAPACITY)) grow(table);
  const at = load<u32>(table, BYTE_COUNT);
  if (!atTail) {
    reserveBytes(table, length);
    copyString(<usize>load<u32>(table, BYTES) + at, pointer, length);
  }
  const slots = <usize>load<u32>(table, SLOTS);
  const mask = load<u32>(table, MASK);
  let slot = hash & mask;
  while (load<u64>(slots + (<usize>slot << 3)) != 0) slot = (slot + 1) & mask;
  store<u64>(slots + (<usize>slot << 3), (<u64>hash << 32) | <u64>row);
  store<u32>(<usize>load<u32>(table, OFFSETS) + (<usize>row << 2), at + length, 4);
  store<u32>(table, at + length, BYTE_COUNT);
  store<u32>(table, row, COUNT);
  return row;
}

function reserveBytes(table: usize, length: u32): void {
  const need = load<u32>(table, BYTE_COUNT) + length;
  const capacity = load<u32>(table, BYTE_CAPACITY);
  if (need <= capacity) return;
  const larger = max(capacity << 1, need + 1024);
  const bytes = alloc(load<u32>(table, ARENA), larger);
  memory.copy(bytes, load<u32>(table, BYTES), load<u32>(table, BYTE_COUNT));
  store<u32>(table, <u32>bytes, BYTES);
  store<u32>(table, larger, BYTE_CAPACITY);
}

function grow(table: usize): void {
  const arena = load<u32>(table, ARENA);
  const count = load<u32>(table, COUNT);
  const oldSlots = <usize>load<u32>(table, SLOTS);
  const oldMask = load<u32>(table, MASK);
  const mask = larger(oldMask + 1) - 1;
  const offsets = alloc(arena, ((<usize>(mask + 1) >> 1) + 2) << 2);
  const slots = allocZeroed(arena, <usize>(mask + 1) << 3);
  memory.copy(offsets, load<u32>(table, OFFSETS), (<usize>count + 2) << 2);
  for (let i: u32 = 0; i <= oldMask; i++) {
    const entry = load<u64>(oldSlots + (<usize>i << 3));
    if (entry == 0) continue;
    let slot = <u32>(entry >> 32) & mask;
    while (load<u64>(slots + (<usize>slot << 3)) != 0) slot = (slot + 1) & mask;
    store<u64>(slots + (<usize>slot << 3), entry);
  }
  store<u32>(table, <u32>offsets, OFFSETS);
  store<u32>(table, <u32>slots, SLOTS);
  store<u32>(table, mask, MASK);
  store<u32>(table, (mask + 1) >> 1, CAPACITY);
}
