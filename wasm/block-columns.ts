// Turns decoded columns of a block into what the other kernels work on, and checks what they rely on.

import { addSaturated } from './tree';

const MAX_VALUE: u64 = 0x7fffffffffffffff;

/**
 * Rows as a source has strings: where each begins, and how long it is.
 *
 * @param offsets u32[n + 1], into `bytes`
 * @cost O(n)
 */
export function stringRows(at: usize, length: usize, offsets: usize, bytes: usize, n: u32): void {
  let start = load<u32>(offsets);
  for (let i: usize = 0; i < <usize>n; i++) {
    const end = load<u32>(offsets + (i << 2), 4);
    store<u32>(at + (i << 2), <u32>bytes + start);
    store<u32>(length + (i << 2), end - start);
    start = end;
  }
}

/**
 * Distances to parents, in place.
 *
 * @param column    u32[n]: row - parent; out: the parent, for row 0 of the tree 2^32 - 1
 * @param firstRow  of the column, in the tree
 * @returns         the place of the first row whose parent is not a row before it, or -1
 * @cost O(n)
 */
export function parentRows(column: usize, n: u32, firstRow: u32): i32 {
  for (let i: u32 = 0; i < n; i++) {
    const at = column + (<usize>i << 2);
    const row = firstRow + i;
    const distance = load<u32>(at);
    if (row == 0 ? distance != 1 : distance - 1 >= row) return i;
    store<u32>(at, row - distance);
  }
  return -1;
}

/**
 * The place of the first value below the one before it, or equal to it; -1 when they rise.
 *
 * @param column u32[n]
 * @cost O(n)
 */
export function firstNotRising(column: usize, n: u32): i32 {
  for (let i: u32 = 1; i < n; i++) {
    const at = column + (<usize>i << 2);
    if (load<u32>(at) <= load<u32>(at - 4)) return i;
  }
  return -1;
}

/** The first value that is 0, from row 1 on, or -1. @param column u32[n] @cost O(n) */
export function firstZero(column: usize, n: u32): i32 {
  for (let i: u32 = 1; i < n; i++) if (load<u32>(column + (<usize>i << 2)) == 0) return i;
  return -1;
}

/** a[i] += b[i], modulo 2^32 @param a u32[n] @cost O(n) */
export function addU32(a: usize, b: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u32>(a + (i << 2), load<u32>(a + (i << 2)) + load<u32>(b + (i << 2)));
  }
}

/** a[i] += b, where a[i] is not 0: references to texts that stand behind names. @param a u32[n] @cost O(n) */
export function shiftReferences(a: usize, n: u32, b: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const value = load<u32>(a + (i << 2));
    if (value != 0) store<u32>(a + (i << 2), value + b);
  }
}

/** line[i] += startLine[fn[i]], modulo 2^64 @param line i64[n] @param fn u32[n] @cost O(n) */
export function addStartLines(line: usize, fn: usize, startLine: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const at = line + (i << 3);
    store<i64>(at, load<i64>(at) + load<i64>(startLine + (<usize>load<u32>(fn + (i << 2)) << 3)));
  }
}

/** Whether a value is above 2^63 - 1, which no sum of samples is. @param column u64[n] @cost O(n) */
export function hasTooLarge(column: usize, n: u32): bool {
  let all: u64 = 0;
  for (let i: usize = 0; i < <usize>n; i++) all |= load<u64>(column + (i << 3));
  return all > MAX_VALUE;
}

/**
 * Finds the rows of profiles that a query is about.
 *
 * @param series    u32[n], push u32[n]
 * @param wanted    u8[series]: 1 for series that match
 * @param time      i64[pushes]
 * @param rows      u32[n], out
 * @returns         how many rows
 * @cost O(n)
 */
export function selectRows(
  series: usize, push: usize, n: u32, wanted: usize, time: usize, start: i64, end: i64, rows: usize,
): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    if (load<u8>(wanted + load<u32>(series + (<usize>i << 2))) == 0) continue;
    const at = load<i64>(time + (<usize>load<u32>(push + (<usize>i << 2)) << 3));
    if (at < start || at > end) continue;
    store<u32>(rows + (<usize>count << 2), i);
    count++;
  }
  return count;
}

/**
 * target[i] = time[push[row[i]]], in milliseconds
 *
 * @param target  f64[n]
 * @param row     u32[n], rows of push u32[...]
 * @param time    i64[pushes], nanoseconds
 * @cost  O(n)
 */
export function timesOfRows(target: usize, row: usize, push: usize, time: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const at = load<u32>(push + (<usize>load<u32>(row + (i << 2)) << 2));
    store<f64>(target + (i << 3), <f64>(load<i64>(time + (<usize>at << 3)) / NANOS_PER_MS));
  }
}

const NANOS_PER_MS: i64 = 1_000_000;

/** target[row[i]] = sums[i] @param target i64[...], zeroed @param row u32[n], all distinct @cost O(n) */
export function spreadSums(target: usize, row: usize, sums: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<i64>(target + (<usize>load<u32>(row + (i << 2)) << 3), load<i64>(sums + (i << 3)));
  }
}

/** target[row[i]] += sums[i] @param target i64[...] @param row u32[n] @cost O(n) */
export function foldSums(target: usize, row: usize, sums: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    const at = target + (<usize>load<u32>(row + (i << 2)) << 3);
    store<i64>(at, addSaturated(load<i64>(at), load<i64>(sums + (i << 3))));
  }
}
