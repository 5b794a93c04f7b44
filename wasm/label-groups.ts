// Group the samples of a decoded profile by their labels, and read the span and trace ids out of them.
//
//   sample labels    endpoint=/a span_id=…   endpoint=/b   span_id=… endpoint=/a   -
//   groups           1                       2             1                       0
//
// A group is a row of an intern table: its pairs of (key, value), both string numbers of the profile, sorted by key.
// Group 0 is "no labels". Two groups may still mean the same labels, where the profile repeats a string; whoever
// makes series of them sees that.

import { allocScratch, allocZeroed, SCRATCH } from './arena';
import { intern, tableNew } from './intern-table';
import { LABEL_KEY, LABEL_OFFSETS, LABEL_VALUE, LABELS, MAX_LABELS, SAMPLES } from './pprof-decode';
import { sortRows } from './sort';
import { STRING_AT, STRING_LENGTH, STRINGS } from './source';

/** What a label key stands for. */
const ORDINARY: u8 = 0;
const SPAN: u8 = 1;
const TRACE: u8 = 2;
const SEEN: u8 = 255;

/** From here on insertion sort, which is quadratic, costs more than sorting by digits. */
const FEW_LABELS: u32 = 48;

let roles: usize = 0;
/** u32[count], the distinct label keys; each a string. */
export let labelKeys: usize = 0;
/** u32[samples], the group of each sample. */
export let sampleGroup: usize = 0;
/** u64[samples], little-endian span id, 0: none. */
export let sampleSpan: usize = 0;
/** u8[16 samples], all zero: none. */
export let sampleTrace: usize = 0;
/** 1 when any sample has a span or a trace id. */
export let hasSpans: u32 = 0;
/** The intern table of the groups. */
export let groupTable: usize = 0;

/** Finds the distinct label keys. @returns how many; they are in `labelKeys` @cost O(labels) */
export function collectLabelKeys(profile: usize): u32 {
  const labels = load<u32>(profile, LABELS);
  const keys = <usize>load<u32>(profile, LABEL_KEY);
  roles = allocZeroed(SCRATCH, load<u32>(profile, STRINGS));
  // A profile has a handful of them, but a hostile one may have as many as it has labels.
  labelKeys = allocScratch(<usize>min(labels, load<u32>(profile, STRINGS)) << 2);
  let count: u32 = 0;
  for (let i: u32 = 0; i < labels; i++) {
    const key = load<u32>(keys + (<usize>i << 2));
    if (load<u8>(roles + key) != ORDINARY) continue;
    store<u8>(roles + key, SEEN);
    store<u32>(labelKeys + (<usize>count << 2), key);
    count++;
  }
  for (let i: u32 = 0; i < count; i++) store<u8>(roles + load<u32>(labelKeys + (<usize>i << 2)), ORDINARY);
  return count;
}

/** Says what a label key stands for: 0 an ordinary label, 1 the span id, 2 the trace id. */
export function setLabelRole(key: u32, role: u32): void {
  store<u8>(roles + key, <u8>role);
}

/** @order after `collectLabelKeys` and `setLabelRole` @cost O(labels), sorted within each sample */
export function groupSamples(profile: usize): void {
  const samples = load<u32>(profile, SAMPLES);
  const offsets = <usize>load<u32>(profile, LABEL_OFFSETS);
  const keys = <usize>load<u32>(profile, LABEL_KEY);
  const values = <usize>load<u32>(profile, LABEL_VALUE);
  const pairs = allocScratch(<usize>load<u32>(profile, MAX_LABELS) << 3);
  sampleGroup = allocZeroed(SCRATCH, <usize>samples << 2);
  sampleSpan = allocZeroed(SCRATCH, <usize>samples << 3);
  sampleTrace = allocZeroed(SCRATCH, <usize>samples << 4);
  groupTable = tableNew(SCRATCH, 64, 4096);
  if (load<u32>(profile, MAX_LABELS) >= FEW_LABELS) allocSort(load<u32>(profile, MAX_LABELS));
  hasSpans = 0;
  for (let i: u32 = 0; i < samples; i++) {
    let count: u32 = 0;
    const end = load<u32>(offsets + (<usize>i << 2), 4);
    for (let label = load<u32>(offsets + (<usize>i << 2)); label < end; label++) {
      const key = load<u32>(keys + (<usize>label << 2));
      const value = load<u32>(values + (<usize>label << 2));
      const role = load<u8>(roles + key);
      if (role == SPAN) {
        if (hexBytes(profile, value, sampleSpan + (<usize>i << 3), 8)) hasSpans = 1;
      } else if (role == TRACE) {
        if (hexBytes(profile, value, sampleTrace + (<usize>i << 4), 16)) hasSpans = 1;
      } else {
        store<u64>(pairs + (<usize>count << 3), (<u64>value << 32) | <u64>key);
        count++;
      }
    }
    if (count < FEW_LABELS) insertionSort(pairs, count);
    else radixSort(pairs, count);
    store<u32>(sampleGroup + (<usize>i << 2), intern(groupTable, pairs, count << 3));
  }
}

/** Sorts pairs by key; of equal keys the later one comes later. Samples have few labels, mostly in order already. */
function insertionSort(pairs: usize, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    const pair = load<u64>(pairs + (<usize>i << 3));
    let at = i;
    while (at > 0 && load<u32>(pairs + (<usize>(at - 1) << 3)) > <u32>pair) {
      store<u64>(pairs + (<usize>at << 3), load<u64>(pairs + (<usize>(at - 1) << 3)));
      at--;
    }
    store<u64>(pairs + (<usize>at << 3), pair);
  }
}

let sortOrder: usize = 0;
let sortSpare: usize = 0;
let sortKeys: usize = 0;
let sortPairs: usize = 0;

function allocSort(most: u32): void {
  sortOrder = allocScratch(<usize>most << 2);
  sortSpare = allocScratch(<usize>most << 2);
  sortKeys = allocScratch(<usize>most << 3);
  sortPairs = allocScratch(<usize>most << 3);
}

/** The same for a sample whose labels nobody limited. @cost O(count) */
function radixSort(pairs: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(sortOrder + (<usize>i << 2), i);
    store<u64>(sortKeys + (<usize>i << 3), <u64>load<u32>(pairs + (<usize>i << 3)));
  }
  sortRows(sortOrder, sortKeys, sortSpare, count);
  memory.copy(sortPairs, pairs, <usize>count << 3);
  for (let i: u32 = 0; i < count; i++) {
    const from = load<u32>(sortOrder + (<usize>i << 2));
    store<u64>(pairs + (<usize>i << 3), load<u64>(sortPairs + (<usize>from << 3)));
  }
}

/** Reads a string of exactly 2 n hexadecimal digits, n a multiple of 8. Leaves the target alone otherwise. */
function hexBytes(profile: usize, index: u32, to: usize, n: u32): bool {
  if (load<u32>(<usize>load<u32>(profile, STRING_LENGTH) + (<usize>index << 2)) != n << 1) return false;
  const from = <usize>load<u32>(<usize>load<u32>(profile, STRING_AT) + (<usize>index << 2));
  for (let i: usize = 0; i < <usize>n << 1; i += 16) if (!areDigits(v128.load(from + i))) return false;
  for (let i: usize = 0; i < <usize>n; i += 8) store<u64>(to + i, digitsValue(v128.load(from + (i << 1))));
  return true;
}

function areDigits(text: v128): bool {
  const decimal = i8x16.lt_u(i8x16.sub(text, i8x16.splat(48)), i8x16.splat(10));
  const letter = i8x16.lt_u(i8x16.sub(v128.or(text, i8x16.splat(32)), i8x16.splat(97)), i8x16.splat(6));
  return i8x16.all_true(v128.or(decimal, letter));
}

/** The 8 bytes that 16 hexadecimal digits stand for. */
function digitsValue(text: v128): u64 {
  // The low half of a digit is its value; a letter, which alone has bit 6, is 9 more.
  const letters = v128.and(i16x8.shr_u(text, 6), i8x16.splat(1));
  const digits = i8x16.add(
    v128.and(text, i8x16.splat(15)), i8x16.add(letters, i16x8.shl(letters, 3)));
  const bytes = v128.or(i16x8.shl(digits, 4), i16x8.shr_u(digits, 8));
  return i64x2.extract_lane(i8x16.narrow_i16x8_u(v128.and(bytes, i16x8.splat(255)), bytes), 0);
}
