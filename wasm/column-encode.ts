// Appends columns to the raw bytes of a chunk. src/domain/block/column-writer.ts is the plain twin and says what each
// kind of column looks like.
//
// Sources: zigzag, protobuf.dev, "Encoding"; front coding, Witten, Moffat and Bell, Managing Gigabytes, chapter 4.
//
//   output   pointer | length | end | arena        all u32
//
//   | bytes so far          | room                 | 16 |
//   ^ pointer               ^ pointer + length          ^ end
//
// An output that is the last allocation of its arena grows in place, by what is missing. One that is not moves, to twice
// the room, and leaves its old place behind: an arena frees nothing. So make room before you allocate.
//
// Inputs must not lie in the output, and have 16 readable bytes behind them, as all that the arenas give has. An output
// lives as long as its arena is not reset.

import { alloc, allocScratch, arenaTop, releaseScratch, SCRATCH } from './arena';
import { copyString, sharedBytes } from './bytes';
import { foldOr32, foldOr64, planesFor, splitPlanes32, splitPlanes64, usedBits32, usedBits64 } from './planes';

const POINTER: usize = 0;
const LENGTH: usize = 4;
const END: usize = 8;
const ARENA: usize = 12;
const OUTPUT_BYTES: usize = 16;

/** Behind the room, for stores of a whole vector. */
const SLACK: usize = 16;

const SHARED_BYTES_MAX: u32 = 255;

/** @param bytes  room to begin with @cost O(1) */
export function outputNew(arena: u32, bytes: u32): usize {
  const out = alloc(arena, OUTPUT_BYTES);
  store<u32>(out, <u32>alloc(arena, bytes), POINTER);
  store<u32>(out, 0, LENGTH);
  store<u32>(out, <u32>arenaTop(arena), END);
  store<u32>(out, arena, ARENA);
  return out;
}

/** Where the bytes are, until more are appended. */
export function outputPointer(out: usize): usize {
  return load<u32>(out, POINTER);
}

export function outputLength(out: usize): u32 {
  return load<u32>(out, LENGTH);
}

/** Forgets what was appended and keeps the room. */
export function outputReset(out: usize): void {
  store<u32>(out, 0, LENGTH);
}

/** Bytes as they are; the reader knows how many. @cost O(n) */
export function columnBytes(out: usize, pointer: usize, n: u32): void {
  memory.copy(room(out, n), pointer, n);
  appended(out, n);
}

/** A single number, 4 bytes. @cost O(1) */
export function columnNumber(out: usize, value: u32): void {
  store<u32>(room(out, 4), value);
  appended(out, 4);
}

/** Planes of the values. @param pointer u32[n] @cost O(n), 16 rows a step */
export function columnU32(out: usize, pointer: usize, n: u32): void {
  planes32(out, pointer, n, usedBits32(pointer, n));
}

/**
 * Planes of zigzag(value - value before), modulo 2^32.
 *
 * @param pointer u32[n]
 * @cost O(n); scratch of 4 n bytes, given back
 */
export function columnU32Deltas(out: usize, pointer: usize, n: u32): void {
  room(out, 1 + (<u64>n << 2));
  const top = arenaTop(SCRATCH);
  const codes = allocScratch(<usize>n << 2);
  planes32(out, codes, n, codeDeltas32(codes, pointer, n));
  releaseScratch(top);
}

/**
 * References to rows that are numbered by their first use.
 *
 * @param pointer  u32[n]
 * @param next     what a new one would get
 * @cost O(n); scratch of 4 n bytes, given back
 */
export function columnFirstUse(out: usize, pointer: usize, n: u32, next: u32): void {
  room(out, 1 + (<u64>n << 2));
  const top = arenaTop(SCRATCH);
  const codes = allocScratch(<usize>n << 2);
  planes32(out, codes, n, codeFirstUse(codes, pointer, n, next));
  releaseScratch(top);
}

/** Planes of the bits. @param pointer u64[n] @cost O(n), 16 rows a step */
export function columnU64(out: usize, pointer: usize, n: u32): void {
  planes64(out, pointer, n, usedBits64(pointer, n));
}

/** Planes of zigzag(value). @param pointer i64[n] @cost O(n); scratch of 8 n bytes, given back */
export function columnI64(out: usize, pointer: usize, n: u32): void {
  room(out, 1 + (<u64>n << 3));
  const top = arenaTop(SCRATCH);
  const codes = allocScratch(<usize>n << 3);
  planes64(out, codes, n, codeZigzag64(codes, pointer, n));
  releaseScratch(top);
}

/**
 * Planes of zigzag(value - value before), modulo 2^64.
 *
 * @param pointer i64[n]
 * @cost O(n); scratch of 8 n bytes, given back
 */
export function columnI64Deltas(out: usize, pointer: usize, n: u32): void {
  room(out, 1 + (<u64>n << 3));
  const top = arenaTop(SCRATCH);
  const codes = allocScratch(<usize>n << 3);
  planes64(out, codes, n, codeDeltas64(codes, pointer, n));
  releaseScratch(top);
}

/**
 * Unsigned values, divided by what all of them are a multiple of.
 *
 * @param pointer u64[n]
 * @cost O(n), and at most 64 true divisors; scratch of 8 n bytes, given back
 */
export function columnValues(out: usize, pointer: usize, n: u32): void {
  const divisor = commonDivisor(pointer, n);
  store<u64>(room(out, 9 + (<u64>n << 3)), divisor);
  appended(out, 8);
  if (divisor == 1) return columnU64(out, pointer, n);
  const top = arenaTop(SCRATCH);
  const codes = allocScratch(<usize>n << 3);
  planes64(out, codes, n, codeQuotients(codes, pointer, n, divisor));
  releaseScratch(top);
}

/**
 * Strings, each without what it shares with the one before.
 *
 * @param offsets  u32[...], rising; string i is bytes[offsets[i] .. offsets[i + 1]]. `bytes` may lie where it likes
 * @param n        strings, from `firstRow` on
 * @cost O(n + their bytes); scratch of 4 n bytes, given back
 */
export function columnStrings(out: usize, bytes: usize, offsets: usize, firstRow: u32, n: u32): void {
  const first = offsets + (<usize>firstRow << 2);
  const allBytes = load<u32>(first + (<usize>n << 2)) - load<u32>(first);
  const shared = room(out, 2 + <u64>n * 5 + allBytes) + 1;
  const top = arenaTop(SCRATCH);
  const rest = allocScratch(<usize>n << 2);

  store<u8>(shared - 1, 1);
  let used: u32 = 0;
  let previous: usize = 0;
  let previousBytes: u32 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const start = load<u32>(first + (i << 2));
    const length = load<u32>(first + (i << 2), 4) - start;
    const string = bytes + start;
    const common = sharedBytes(previous, string, min(min(previousBytes, length), SHARED_BYTES_MAX));
    store<u8>(shared + i, <u8>common);
    store<u32>(rest + (i << 2), length - common);
    used |= length - common;
    previous = string;
    previousBytes = length;
  }
  appended(out, 1 + n);
  planes32(out, rest, n, used);
  appendRests(out, bytes, first, rest, n);
  releaseScratch(top);
}

/** @order room was made for all of it */
function appendRests(out: usize, bytes: usize, first: usize, rest: usize, n: u32): void {
  const start = room(out, 0);
  let at = start;
  for (let i: usize = 0; i < <usize>n; i++) {
    const length = load<u32>(rest + (i << 2));
    copyString(at, bytes + load<u32>(first + (i << 2), 4) - length, length);
    at += length;
  }
  appended(out, <u32>(at - start));
}

function planes32(out: usize, values: usize, n: u32, used: u64): void {
  const planes = planesFor(used);
  splitPlanes32(planesHeader(out, planes, n), values, n, planes);
}

function planes64(out: usize, values: usize, n: u32, used: u64): void {
  const planes = planesFor(used);
  splitPlanes64(planesHeader(out, planes, n), values, n, planes);
}

/** @returns where the planes go */
function planesHeader(out: usize, planes: u32, n: u32): usize {
  const at = room(out, 1 + <u64>planes * n);
  store<u8>(at, planes);
  appended(out, 1 + planes * n);
  return at + 1;
}

// The following write codes[n] and return all of them joined by or.

function codeDeltas32(codes: usize, pointer: usize, n: u32): u64 {
  if (n == 0) return 0;
  let used = i32x4.splat(0);
  let rest = zigzag32(load<u32>(pointer));
  store<u32>(codes, rest);
  let i: usize = 1;
  for (; i + 4 <= <usize>n; i += 4) {
    const at = pointer + (i << 2);
    const delta = i32x4.sub(v128.load(at), v128.load(at - 4));
    const code = v128.xor(i32x4.shl(delta, 1), i32x4.shr_s(delta, 31));
    v128.store(codes + (i << 2), code);
    used = v128.or(used, code);
  }
  for (; i < <usize>n; i++) {
    const at = pointer + (i << 2);
    const code = zigzag32(load<u32>(at) - load<u32>(at - 4));
    store<u32>(codes + (i << 2), code);
    rest |= code;
  }
  return rest | foldOr32(used);
}

function codeFirstUse(codes: usize, pointer: usize, n: u32, next: u32): u64 {
  let used: u32 = 0;
  let first = next;
  for (let i: usize = 0; i < <usize>n; i++) {
    const value = load<u32>(pointer + (i << 2));
    const code = zigzag32(first - value);
    store<u32>(codes + (i << 2), code);
    used |= code;
    first = max(first, value + 1);
  }
  return used;
}

function codeZigzag64(codes: usize, pointer: usize, n: u32): u64 {
  let used = i64x2.splat(0);
  let i: usize = 0;
  for (; i + 2 <= <usize>n; i += 2) {
    const value = v128.load(pointer + (i << 3));
    const code = v128.xor(i64x2.shl(value, 1), i64x2.shr_s(value, 63));
    v128.store(codes + (i << 3), code);
    used = v128.or(used, code);
  }
  if (i == <usize>n) return foldOr64(used);
  const code = zigzag64(load<u64>(pointer + (i << 3)));
  store<u64>(codes + (i << 3), code);
  return code | foldOr64(used);
}

function codeDeltas64(codes: usize, pointer: usize, n: u32): u64 {
  if (n == 0) return 0;
  let used = i64x2.splat(0);
  let rest = zigzag64(load<u64>(pointer));
  store<u64>(codes, rest);
  let i: usize = 1;
  for (; i + 2 <= <usize>n; i += 2) {
    const at = pointer + (i << 3);
    const delta = i64x2.sub(v128.load(at), v128.load(at - 8));
    const code = v128.xor(i64x2.shl(delta, 1), i64x2.shr_s(delta, 63));
    v128.store(codes + (i << 3), code);
    used = v128.or(used, code);
  }
  if (i < <usize>n) {
    const at = pointer + (i << 3);
    const code = zigzag64(load<u64>(at) - load<u64>(at - 8));
    store<u64>(codes + (i << 3), code);
    rest |= code;
  }
  return rest | foldOr64(used);
}

/** Without a division per value: one that leaves no remainder is a product with the inverse. */
function codeQuotients(codes: usize, pointer: usize, n: u32, divisor: u64): u64 {
  const shift = ctz(divisor);
  const inverse = inverseOfOdd(divisor >> shift);
  let used: u64 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const code = (load<u64>(pointer + (i << 3)) >> shift) * inverse;
    store<u64>(codes + (i << 3), code);
    used |= code;
  }
  return used;
}

/**
 * What all values are a multiple of; 1 when all are 0.
 *
 * A multiple of what was found so far changes nothing, and is recognised by a product: times the inverse of the odd
 * part, rotated by the other part, multiples and only they become (2^64 - 1) / divisor or less. So a true computation
 * is made at most 64 times, because each one halves the divisor or more.
 *
 * @source Granlund and Montgomery, "Division by Invariant Integers using Multiplication", section 9
 */
function commonDivisor(pointer: usize, n: u32): u64 {
  let divisor: u64 = 0;
  let shift: u64 = 0;
  let inverse: u64 = 0;
  let largest: u64 = 0;
  for (let i: usize = 0; i < <usize>n && divisor != 1; i++) {
    const value = load<u64>(pointer + (i << 3));
    if (value == 0 || (divisor != 0 && rotr(value * inverse, shift) <= largest)) continue;
    divisor = greatestDivisor(value, divisor);
    shift = ctz(divisor);
    inverse = inverseOfOdd(divisor >> shift);
    largest = <u64>-1 / divisor;
  }
  return divisor == 0 ? 1 : divisor;
}

function greatestDivisor(a: u64, b: u64): u64 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/** x with odd * x = 1 modulo 2^64. Newton's method: 5 bits are right at first, and twice as many after each step. */
function inverseOfOdd(odd: u64): u64 {
  let x = (odd * 3) ^ 2;
  for (let bits = 5; bits < 64; bits <<= 1) x *= 2 - odd * x;
  return x;
}

// @ts-ignore: decorator
@inline
function zigzag32(value: u32): u32 {
  return (value << 1) ^ <u32>(<i32>value >> 31);
}

// @ts-ignore: decorator
@inline
function zigzag64(value: u64): u64 {
  return (value << 1) ^ <u64>(<i64>value >> 63);
}

/** @returns where the next bytes go, with room for as many and for a vector behind them */
function room(out: usize, bytes: u64): usize {
  const at: usize = load<u32>(out, POINTER) + load<u32>(out, LENGTH);
  const end = <u64>at + bytes + SLACK;
  return end <= <u64>load<u32>(out, END) ? at : grow(out, bytes);
}

function grow(out: usize, bytes: u64): usize {
  const arena = load<u32>(out, ARENA);
  const pointer = load<u32>(out, POINTER);
  const length = load<u32>(out, LENGTH);
  const end = load<u32>(out, END);
  if (arenaTop(arena) == end) {
    allocMany(arena, <u64>pointer + length + bytes + SLACK - end);
  } else {
    const moved = allocMany(arena, max(<u64>length << 1, <u64>length + bytes));
    memory.copy(moved, pointer, length);
    store<u32>(out, <u32>moved, POINTER);
  }
  store<u32>(out, <u32>arenaTop(arena), END);
  return load<u32>(out, POINTER) + length;
}

/** Takes a number that may be beyond every arena, which then is full. */
function allocMany(arena: u32, bytes: u64): usize {
  return alloc(arena, <usize>min<u64>(bytes, u32.MAX_VALUE));
}

// @ts-ignore: decorator
@inline
function appended(out: usize, bytes: u32): void {
  store<u32>(out, load<u32>(out, LENGTH) + bytes, LENGTH);
}
