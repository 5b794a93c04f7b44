// Reads back what column-encode.ts appended, out of bytes that may be anything. src/domain/block/column-reader.ts is the
// plain twin.
//
//   reader   start | at | end        all u32
//
// Nothing is read or written before what is left was compared with what is wanted. A wrong column is no trap: the
// function returns false and says in `columnError` what is wrong. From then on every other one returns false too, until
// the next `readerNew`, so a caller may look once, after the last column. What a target holds then is unknown.
//
// The caller allocates targets, after `readerClaim`: a value takes a byte or more, so the memory that hostile bytes can
// ask for is eight times their own. Inputs have 16 readable bytes behind them.

import { allocScratch } from './arena';
import { copyString } from './bytes';
import { joinPlanes32, joinPlanes64 } from './planes';

const START: usize = 0;
const AT: usize = 4;
const END: usize = 8;
const READER_BYTES: usize = 12;

// What can be wrong. src/kernels/column-decoder.ts turns the numbers into messages.
const NUMBER_CUT: i32 = 1; // detail: bytes wanted
const BYTES_CUT: i32 = 2; // detail: bytes wanted
const COLUMN_CUT: i32 = 3; // detail: bytes wanted
const PLANES_CUT: i32 = 4; // detail: bytes wanted
const DIVISOR_CUT: i32 = 5; // detail: bytes wanted
const STRINGS_CUT: i32 = 6; // detail: bytes wanted
const WRONG_PLANES: i32 = 7; // detail: planes, most, values
const CLAIM: i32 = 8; // detail: values claimed
const BYTES_LEFT: i32 = 9;
const DIVISOR_0: i32 = 10;
const VALUE_TOO_LARGE: i32 = 11; // detail: row
const SHARED_BYTES: i32 = 12; // detail: row, shared bytes, bytes of the string before
const STRING_BYTES: i32 = 13; // detail: row, bytes, most

export let columnError: i32 = 0;
export let columnDetail: i64 = 0;
export let columnDetail2: i64 = 0;
export let columnDetail3: i64 = 0;

/** A reader of `length` bytes, in scratch. Forgets the error of the one before. @cost O(1) */
export function readerNew(pointer: usize, length: u32): usize {
  columnError = 0;
  const reader = allocScratch(READER_BYTES);
  store<u32>(reader, <u32>pointer, START);
  store<u32>(reader, <u32>pointer, AT);
  store<u32>(reader, <u32>pointer + length, END);
  return reader;
}

/** How many bytes were read. After an error: where the column begins that is wrong, or its planes. */
export function readerOffset(reader: usize): u32 {
  return load<u32>(reader, AT) - load<u32>(reader, START);
}

/** States that `n` more values follow, before memory for them is allocated. @cost O(1) */
export function readerClaim(reader: usize, n: u32): bool {
  if (columnError != 0) return false;
  return n <= left(reader) || fail(CLAIM, n);
}

/** States that all has been read. @cost O(1) */
export function readerEnd(reader: usize): bool {
  if (columnError != 0) return false;
  return left(reader) == 0 || fail(BYTES_LEFT);
}

/** @returns 0 when it is missing: look at `columnError` before the number is used @cost O(1) */
export function readNumber(reader: usize): u32 {
  const at = take(reader, 4, NUMBER_CUT);
  return at == 0 ? 0 : load<u32>(at);
}

/** @returns where the bytes are, in the input; 0 when they are missing @cost O(1): nothing is copied */
export function readBytes(reader: usize, n: u32): usize {
  return take(reader, n, BYTES_CUT);
}

/** @param target  u32[n], overwritten @cost O(n), 16 rows a step */
export function readU32(reader: usize, target: usize, n: u32): bool {
  const planes = takePlanesCount(reader, 4, n);
  const at: usize = planes == 0 ? 0 : take(reader, <u64>planes * n, COLUMN_CUT);
  if (at == 0) return false;
  joinPlanes32(target, at, n, planes);
  return true;
}

/** @param target  u32[n], overwritten @cost O(n) */
export function readU32Deltas(reader: usize, target: usize, n: u32): bool {
  if (!readU32(reader, target, n)) return false;
  let value: u32 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const code = load<u32>(target + (i << 2));
    value += (code >> 1) ^ (0 - (code & 1));
    store<u32>(target + (i << 2), value);
  }
  return true;
}

/**
 * @param target  u32[n], overwritten: any values, if the bytes are not what a writer wrote
 * @param next    as it was written with
 * @cost O(n)
 */
export function readFirstUse(reader: usize, target: usize, n: u32, next: u32): bool {
  if (!readU32(reader, target, n)) return false;
  let first = next;
  for (let i: usize = 0; i < <usize>n; i++) {
    const code = load<u32>(target + (i << 2));
    const value = first - ((code >> 1) ^ (0 - (code & 1)));
    store<u32>(target + (i << 2), value);
    first = max(first, value + 1);
  }
  return true;
}

/** @param target  u64[n], overwritten @cost O(n), 16 rows a step */
export function readU64(reader: usize, target: usize, n: u32): bool {
  const planes = takePlanesCount(reader, 8, n);
  const at: usize = planes == 0 ? 0 : take(reader, <u64>planes * n, COLUMN_CUT);
  if (at == 0) return false;
  joinPlanes64(target, at, n, planes);
  return true;
}

/** @param target  i64[n], overwritten @cost O(n) */
export function readI64(reader: usize, target: usize, n: u32): bool {
  if (!readU64(reader, target, n)) return false;
  const one = i64x2.splat(1);
  let i: usize = 0;
  for (; i + 2 <= <usize>n; i += 2) {
    const code = v128.load(target + (i << 3));
    v128.store(target + (i << 3), v128.xor(i64x2.shr_u(code, 1), i64x2.neg(v128.and(code, one))));
  }
  if (i < <usize>n) store<u64>(target + (i << 3), unzigzag64(load<u64>(target + (i << 3))));
  return true;
}

/** @param target  i64[n], overwritten @cost O(n) */
export function readI64Deltas(reader: usize, target: usize, n: u32): bool {
  if (!readU64(reader, target, n)) return false;
  let value: u64 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    value += unzigzag64(load<u64>(target + (i << 3)));
    store<u64>(target + (i << 3), value);
  }
  return true;
}

/** @param target  u64[n], overwritten @cost O(n) */
export function readValues(reader: usize, target: usize, n: u32): bool {
  const at = take(reader, 8, DIVISOR_CUT);
  if (at == 0) return false;
  const divisor = load<u64>(at);
  if (divisor == 0) return fail(DIVISOR_0);
  if (!readU64(reader, target, n)) return false;
  if (divisor == 1) return true;
  const largest = <u64>-1 / divisor;
  for (let i: usize = 0; i < <usize>n; i++) {
    const value = load<u64>(target + (i << 3));
    if (value > largest) return fail(VALUE_TOO_LARGE, i);
    store<u64>(target + (i << 3), value * divisor);
  }
  return true;
}

/**
 * @param offsets   u32[n + 1], overwritten: string i is bytes[offsets[i] .. offsets[i + 1]]
 * @param bytesMax  of all strings together: stored bytes can stand for many times as many
 * @returns         the bytes of all strings, in scratch; 0 with `columnError` set
 * @cost O(n + bytes of the strings), at most `bytesMax`
 */
export function readStrings(reader: usize, offsets: usize, n: u32, bytesMax: u32): usize {
  if (takePlanesCount(reader, 1, n) == 0) return 0;
  const shared = take(reader, n, COLUMN_CUT);
  if (shared == 0 || !readU32(reader, offsets + 4, n)) return 0;

  store<u32>(offsets, 0);
  let end: u64 = 0;
  let restBytes: u64 = 0;
  let previousBytes: u32 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const common = <u32>load<u8>(shared + i);
    const rest = load<u32>(offsets + (i << 2), 4);
    if (common > previousBytes) {
      fail(SHARED_BYTES, i, common, previousBytes);
      return 0;
    }
    const bytes = <u64>common + rest;
    end += bytes;
    if (end > bytesMax) {
      fail(STRING_BYTES, i, end, bytesMax);
      return 0;
    }
    store<u32>(offsets + (i << 2), <u32>end, 4);
    restBytes += rest;
    previousBytes = <u32>bytes;
  }
  const rests = take(reader, restBytes, STRINGS_CUT);
  return rests == 0 ? 0 : joinStrings(offsets, shared, rests, n);
}

function joinStrings(offsets: usize, shared: usize, rests: usize, n: u32): usize {
  const bytes = allocScratch(load<u32>(offsets + (<usize>n << 2)));
  let from = rests;
  let previous = bytes;
  for (let i: usize = 0; i < <usize>n; i++) {
    const at = bytes + load<u32>(offsets + (i << 2));
    const common = <u32>load<u8>(shared + i);
    const rest = <u32>(bytes + load<u32>(offsets + (i << 2), 4) - at) - common;
    copyString(at, previous, common);
    copyString(at + common, from, rest);
    from += rest;
    previous = at;
  }
  return bytes;
}

/** @returns how many planes follow; 0: `columnError` is set */
function takePlanesCount(reader: usize, most: u32, n: u32): u32 {
  const at = take(reader, 1, PLANES_CUT);
  if (at == 0) return 0;
  const planes = <u32>load<u8>(at);
  if (planes > 0 && planes <= most) return planes;
  fail(WRONG_PLANES, planes, most, n);
  return 0;
}

/** @returns where the bytes are that come next; 0: `columnError` is set */
function take(reader: usize, bytes: u64, error: i32): usize {
  if (columnError != 0) return 0;
  if (bytes > left(reader)) {
    fail(error, bytes);
    return 0;
  }
  const at = load<u32>(reader, AT);
  store<u32>(reader, at + <u32>bytes, AT);
  return at;
}

// @ts-ignore: decorator
@inline
function left(reader: usize): u32 {
  return load<u32>(reader, END) - load<u32>(reader, AT);
}

function fail(error: i32, detail: i64 = 0, detail2: i64 = 0, detail3: i64 = 0): bool {
  columnError = error;
  columnDetail = detail;
  columnDetail2 = detail2;
  columnDetail3 = detail3;
  return false;
}

// @ts-ignore: decorator
@inline
function unzigzag64(code: u64): u64 {
  return (code >> 1) ^ (0 - (code & 1));
}
