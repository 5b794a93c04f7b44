// What Go's symbols need: finding out that a profile comes from Go, and taking the type parameters out of names.

import { allocScratch } from './arena';
import { STRING_AT, STRING_LENGTH, STRINGS } from './source';

/**
 * Index of the first string that starts or ends with one of the markers, and the marker that it was.
 *
 * @param markers  count u32, then per marker: pointer u32, length u32
 * @returns        marker + 1 of the first string that has one, 0 when none has
 * @cost  O(strings * markers), with two word compares each
 */
export function findMarker(source: usize, markers: usize): u32 {
  const count = load<u32>(markers);
  const strings = load<u32>(source, STRINGS);
  const at = <usize>load<u32>(source, STRING_AT);
  const lengths = <usize>load<u32>(source, STRING_LENGTH);
  for (let i: usize = 0; i < <usize>strings; i++) {
    const length = load<u32>(lengths + (i << 2));
    const start = <usize>load<u32>(at + (i << 2));
    for (let m: u32 = 0; m < count; m++) {
      const marker = <usize>load<u32>(markers + 4 + (<usize>m << 3));
      const size = load<u32>(markers + 8 + (<usize>m << 3));
      if (size > length) continue;
      if (same(start, marker, size) || same(start + length - size, marker, size)) return m + 1;
    }
  }
  return 0;
}

/**
 * Removes every section that begins with `[go.shape.`, up to its matching bracket, from every string. A section
 * that never ends stays.
 *
 * @param prefix  the ten bytes `[go.shape.`
 * @cost  O(bytes of the strings)
 */
export function stripGoShapes(source: usize, prefix: usize): void {
  const strings = load<u32>(source, STRINGS);
  const at = <usize>load<u32>(source, STRING_AT);
  const lengths = <usize>load<u32>(source, STRING_LENGTH);
  for (let i: usize = 0; i < <usize>strings; i++) {
    const length = load<u32>(lengths + (i << 2));
    if (length <= 10) continue;
    const start = <usize>load<u32>(at + (i << 2));
    if (findShape(start, start + length, prefix) == 0) continue;
    const copy = allocScratch(length);
    store<u32>(lengths + (i << 2), withoutShapes(start, start + length, copy, prefix));
    store<u32>(at + (i << 2), <u32>copy);
  }
}

function withoutShapes(start: usize, end: usize, to: usize, prefix: usize): u32 {
  const first = to;
  let p = start;
  while (p < end) {
    const shape = findShape(p, end, prefix);
    const close: usize = shape == 0 ? 0 : closing(shape, end);
    const stop = close == 0 ? end : shape;
    memory.copy(to, p, stop - p);
    to += stop - p;
    p = close == 0 ? end : close + 1;
  }
  return <u32>(to - first);
}

/** Looks for the bracket 16 bytes a step: few names have one. */
function findShape(start: usize, end: usize, prefix: usize): usize {
  const bracket = i8x16.splat(0x5b);
  for (let p = start; p + 10 <= end; p += 16) {
    let found = i8x16.bitmask(i8x16.eq(v128.load(p), bracket));
    while (found != 0) {
      const at = p + <usize>ctz(found);
      if (at + 10 <= end && same(at, prefix, 10)) return at;
      found &= found - 1;
    }
  }
  return 0;
}

function closing(p: usize, end: usize): usize {
  let depth = 0;
  while (p < end) {
    const byte = load<u8>(p);
    if (byte == 0x5b) depth++;
    else if (byte == 0x5d && --depth == 0) return p;
    p++;
  }
  return 0;
}

// @ts-ignore: decorator
@inline
function same(a: usize, b: usize, length: u32): bool {
  for (let i: usize = 0; i < <usize>length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}
