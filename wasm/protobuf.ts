// Read the fields of protobuf messages. Almost every field of a pprof has a tag of one byte and a number of at most
// eight; such a field is read from two words, without a loop. Everything else goes the long way and means the same.
//
//     tag     number or length   content
//     08      96 01                          field 1, wire type 0
//     22      03                 08 05 10    field 4, wire type 2
//
// Reads up to 9 bytes past a message: there must be 16 readable bytes behind the input.
//
// Source: protobuf.dev, "Encoding".

// What can be wrong with a field. The numbers are those of FAILURES in src/kernels/pprof-decode.ts.
export const TRUNCATED: i32 = 1; // a field ends behind its message; detail: offset
export const BAD_WIRE_TYPE: i32 = 2; // detail: offset
export const BAD_VARINT: i32 = 3; // detail: offset

export let decodeError: i32 = 0;
export let decodeDetail: i64 = 0;
export let decodeDetail2: i64 = 0;

/** The tag of the field that was read last: field number << 3 | wire type. */
export let fieldTag: u32 = 0;
/** Its number, or the length of its content. */
export let value: u64 = 0;

/** Where offsets in failures count from. */
let base: usize = 0;

export function startInput(input: usize): void {
  base = input;
  decodeError = 0;
}

/** @returns 0, so that a caller can pass it on */
export function fail(code: i32, detail: u64, detail2: u64): usize {
  decodeError = code;
  decodeDetail = detail;
  decodeDetail2 = detail2;
  return 0;
}

export function failAt(code: i32, position: usize): usize {
  return fail(code, position - base, 0);
}

/**
 * Reads the field at p < end into `fieldTag` and `value`.
 *
 * @returns the position behind it, which for wire type 2 is `value` behind the start of its content; or 0
 * @cost O(1)
 */
// @ts-ignore: decorator
@inline
export function readField(p: usize, end: usize): usize {
  const tag = <u32>load<u8>(p);
  const word = load<u64>(p, 1);
  // One byte, wire type 0 or 2, and field 0 is none.
  if ((tag & 0x85) != 0 || tag < 8) return readAnyField(p, end);
  let number = word & 0x7f;
  let next = p + 2;
  if ((word & 0x80) != 0) {
    if ((word & 0x8000) == 0) {
      number |= (word >> 1) & 0x3f80;
      next = p + 3;
    } else {
      const bytes = varintBytes(word);
      if (bytes > 8) return readAnyField(p, end);
      number = varintValue(word, bytes);
      next = p + 1 + bytes;
    }
  }
  if (next > end) return readAnyField(p, end);
  fieldTag = tag;
  value = number;
  if ((tag & 2) == 0) return next;
  if (number > <u64>(end - next)) return failAt(TRUNCATED, next);
  return next + <usize>number;
}

function readAnyField(p: usize, end: usize): usize {
  p = readVarint(p, end);
  if (p == 0) return 0;
  if (value < 8 || value > 0xffffffff) return failAt(BAD_WIRE_TYPE, p);
  fieldTag = <u32>value;
  const wire = fieldTag & 7;
  let length: u64 = 0;
  if (wire == 0) return readVarint(p, end);
  if (wire == 2) {
    p = readVarint(p, end);
    if (p == 0) return 0;
    length = value;
  } else if (wire == 1) length = 8;
  else if (wire == 5) length = 4;
  else return failAt(BAD_WIRE_TYPE, p);
  if (length > <u64>(end - p)) return failAt(TRUNCATED, p);
  return p + <usize>length;
}

/** Reads the varint at p into `value`. @returns the position behind it, or 0 @cost O(1): at most 10 bytes */
export function readVarint(p: usize, end: usize): usize {
  if (p >= end) return failAt(TRUNCATED, p);
  let byte: u64 = load<u8>(p++);
  let result = byte & 0x7f;
  let shift: u64 = 7;
  while (byte >= 0x80) {
    if (p >= end) return failAt(TRUNCATED, p);
    if (shift > 63) return failAt(BAD_VARINT, p);
    byte = load<u8>(p++);
    result |= (byte & 0x7f) << shift;
    shift += 7;
  }
  value = result;
  return p;
}

/** Bytes of the varint at the start of a word; 9 when it does not end there. */
// @ts-ignore: decorator
@inline
export function varintBytes(word: u64): usize {
  return (<usize>ctz(~word & 0x8080808080808080) >> 3) + 1;
}

/** The varint in the first `bytes` of a word, 1 to 8: pushes its groups of seven bits together, pair by pair. */
// @ts-ignore: decorator
@inline
export function varintValue(word: u64, bytes: usize): u64 {
  let x = word & (<u64>0x7f7f7f7f7f7f7f7f >> (64 - (<u64>bytes << 3)));
  x = (x & 0x007f007f007f007f) | ((x & 0x7f007f007f007f00) >> 1);
  x = (x & 0x00003fff00003fff) | ((x & 0x3fff00003fff0000) >> 2);
  return (x & 0x0fffffff) | ((x & 0x0fffffff00000000) >> 4);
}
