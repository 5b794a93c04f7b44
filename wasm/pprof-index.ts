// Find the messages and strings of a pprof in one pass, and sort them by kind.
//
//   list     u64 per message, in the order of the input: offset 30 bits, length 30 bits, field 4 bits
//   spans    per field, in the same order: start u32, end u32 of each message
//
// How many there are is known only at the end, so the list grows: it is the last allocation of the scratch arena, which
// can be made longer in place.

import { allocScratch, allocZeroed, SCRATCH, shrinkScratch } from './arena';
import {
  BAD_WIRE_TYPE, failAt, fieldTag, readField, readVarint, TRUNCATED, value,
} from './protobuf';

export const SAMPLE_TYPE: u32 = 1;
export const SAMPLE: u32 = 2;
export const MAPPING: u32 = 3;
export const LOCATION: u32 = 4;
export const FUNCTION: u32 = 5;
export const STRING: u32 = 6;
const DROP_FRAMES: u32 = 7;
const KEEP_FRAMES: u32 = 8;
const TIME: u32 = 9;
const DURATION: u32 = 10;
export const PERIOD_TYPE: u32 = 11;
const PERIOD: u32 = 12;
const COMMENT: u32 = 13;
const DEFAULT_SAMPLE_TYPE: u32 = 14;

/** Fields that a list entry can name. */
const FIELDS: usize = 16;

/** Of a place in the list: larger inputs have no room in the arena for what is decoded. */
const INPUT_BYTES_MAX: u32 = 1 << 30;
/** Bytes by which the list grows. */
const LIST_STEP: usize = 65536;

/** The numbers of the header. */
export let timeNanos: u64 = 0;
export let durationNanos: u64 = 0;
export let period: u64 = 0;

/** u64[FIELDS], count << 32 | bytes of the messages of each field. */
let sums: usize = 0;
/** u32[FIELDS], the spans of each field. */
let spans: usize = 0;

/** How many messages of a field there are. */
export function countOf(field: u32): u32 {
  return <u32>(load<u64>(sums + (<usize>field << 3)) >> 32);
}

/** How many bytes they have together. */
export function bytesOf(field: u32): u32 {
  return <u32>load<u64>(sums + (<usize>field << 3));
}

/** u32[2 countOf(field)], start and end of each. */
export function spansOf(field: u32): usize {
  return load<u32>(spans + (<usize>field << 2));
}

/**
 * Indexes a pprof. All lengths and wire types of the outer message are checked.
 *
 * @param input  `length` bytes with 16 readable ones behind them
 * @returns      false, with the failure in protobuf.ts, when the bytes are no message
 * @cost         O(length) in the worst case, O(messages) mostly; scratch memory of 16 bytes per message
 */
export function indexMessages(input: usize, length: u32): bool {
  // More than the memory has is asked for as such, so that the arena says no.
  if (length >= INPUT_BYTES_MAX) allocScratch(0xfffffff0);
  sums = allocZeroed(SCRATCH, FIELDS << 3);
  spans = allocZeroed(SCRATCH, FIELDS << 2);
  timeNanos = 0;
  durationNanos = 0;
  period = 0;
  const list = allocScratch(LIST_STEP);
  let listEnd = list + LIST_STEP;
  let to = list;
  const end = input + length;
  let p = input;
  while (p < end) {
    if (to == listEnd) listEnd = allocScratch(LIST_STEP) + LIST_STEP;
    const at = p;
    const tag = <u32>load<u8>(p);
    const word = load<u16>(p, 1);
    // A message of field 1 to 6 shorter than 16 KiB. readField would do the same; this is its hot part.
    if ((tag & 7) == 2 && tag >= SAMPLE_TYPE << 3 && tag < (STRING + 1) << 3 && (word & 0x8080) != 0x8080) {
      const isShort = (word & 0x80) == 0;
      const size = isShort ? word & 0x7f : (word & 0x7f) | ((word >> 1) & 0x3f80);
      const start = p + (isShort ? 2 : 3);
      if (start + size > end) return failAt(TRUNCATED, min(start, end)) != 0;
      p = start + size;
      store<u64>(to, entry(tag >> 3, start - input, size));
      addMessage(tag >> 3, size);
      to += 8;
      continue;
    }
    p = readField(p, end);
    if (p == 0) return false;
    const field = fieldTag >> 3;
    const wire = fieldTag & 7;
    if ((field >= SAMPLE_TYPE && field <= STRING) || field == PERIOD_TYPE) {
      if (wire != 2) return failAt(BAD_WIRE_TYPE, at) != 0;
      store<u64>(to, entry(field, p - <usize>value - input, <u32>value));
      addMessage(field, <u32>value);
      to += 8;
    } else if (field == TIME || field == DURATION || field == PERIOD) {
      if (wire != 0) return failAt(BAD_WIRE_TYPE, at) != 0;
      if (field == TIME) timeNanos = value;
      else if (field == DURATION) durationNanos = value;
      else period = value;
    } else if (field == DROP_FRAMES || field == KEEP_FRAMES || field == DEFAULT_SAMPLE_TYPE) {
      if (wire != 0) return failAt(BAD_WIRE_TYPE, at) != 0;
    } else if (field == COMMENT) {
      if (!areNumbers(at, p, wire)) return false;
    }
  }
  shrinkScratch(to);
  sortByField(list, to, input);
  return true;
}

// @ts-ignore: decorator
@inline
function entry(field: u32, offset: usize, length: u32): u64 {
  return (<u64>offset << 34) | (<u64>length << 4) | <u64>field;
}

// @ts-ignore: decorator
@inline
function addMessage(field: u32, length: u32): void {
  const at = sums + (<usize>field << 3);
  store<u64>(at, load<u64>(at) + ((<u64>1 << 32) | <u64>length));
}

/** Comments are not stored, but what is no list of numbers is no pprof either. @param next  behind the field */
function areNumbers(at: usize, next: usize, wire: u32): bool {
  if (wire == 0) return true;
  if (wire != 2) return failAt(BAD_WIRE_TYPE, at) != 0;
  let p = next - <usize>value;
  while (p != 0 && p < next) p = readVarint(p, next);
  return p != 0;
}

function sortByField(list: usize, listEnd: usize, input: usize): void {
  const cursors = allocScratch(FIELDS << 2);
  for (let field: u32 = 0; field < <u32>FIELDS; field++) {
    const first = <u32>allocScratch(<usize>countOf(field) << 3);
    store<u32>(spans + (<usize>field << 2), first);
    store<u32>(cursors + (<usize>field << 2), first);
  }
  for (let from = list; from < listEnd; from += 8) {
    const message = load<u64>(from);
    const cursor = cursors + (<usize>(message & 15) << 2);
    const to = <usize>load<u32>(cursor);
    const start = input + <usize>(message >> 34);
    store<u32>(to, <u32>start);
    store<u32>(to, <u32>start + (<u32>(message >> 4) & (INPUT_BYTES_MAX - 1)), 4);
    store<u32>(cursor, <u32>to + 8);
  }
}
