// Byte planes: the bytes of a column of integers, ordered by significance. Both directions work on 16 rows at a time
// with shuffles, and on the rest row by row.
//
//   values  0x0201 0x0403 0x0605      plane 0: 01 03 05   plane 1: 02 04 06
//
// Planes lie next to each other, n bytes each. A column of 64 bits is split as two of 32, its low and its high halves.
//
// Source: the shuffle filter of HDF5 and of Blosc, with planes left out that are zero.

/** Bytes that it takes to hold the highest set bit, at least one. */
export function planesFor(used: u64): u32 {
  return max<u32>(1, <u32>(71 - clz(used)) >> 3);
}

/** All values of a column joined by or. @param pointer u32[n] @cost O(n), 4 rows a step */
export function usedBits32(pointer: usize, n: u32): u64 {
  let used = i64x2.splat(0);
  let i: u32 = 0;
  for (; i + 4 <= n; i += 4) used = v128.or(used, v128.load(pointer + (<usize>i << 2)));
  let rest = foldOr32(used);
  for (; i < n; i++) rest |= load<u32>(pointer + (<usize>i << 2));
  return rest;
}

/** @param pointer u64[n] @cost O(n), 2 rows a step */
export function usedBits64(pointer: usize, n: u32): u64 {
  let used = i64x2.splat(0);
  let i: u32 = 0;
  for (; i + 2 <= n; i += 2) used = v128.or(used, v128.load(pointer + (<usize>i << 3)));
  const rest = foldOr64(used);
  return i < n ? rest | load<u64>(pointer + (<usize>i << 3)) : rest;
}

// @ts-ignore: decorator
@inline
export function foldOr64(used: v128): u64 {
  return <u64>i64x2.extract_lane(used, 0) | <u64>i64x2.extract_lane(used, 1);
}

// @ts-ignore: decorator
@inline
export function foldOr32(used: v128): u32 {
  const both = foldOr64(used);
  return <u32>both | <u32>(both >> 32);
}

/**
 * @param pointer  u32[n]
 * @param target   u8[planes * n], overwritten; nothing behind it is
 * @param planes   1 .. 4
 * @cost O(n planes), 16 rows a step
 */
export function splitPlanes32(target: usize, pointer: usize, n: u32, planes: u32): void {
  const stride = <usize>n;
  let i: usize = 0;
  for (; i + 16 <= stride; i += 16) {
    const at = pointer + (i << 2);
    storePlanes(
      target + i, stride, planes, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48),
    );
  }
  for (; i < stride; i++) storeBytes(target + i, stride, planes, load<u32>(pointer + (i << 2)));
}

/**
 * @param pointer  u64[n]
 * @param target   u8[planes * n], overwritten; nothing behind it is
 * @param planes   1 .. 8
 * @cost O(n planes), 16 rows a step
 */
export function splitPlanes64(target: usize, pointer: usize, n: u32, planes: u32): void {
  const stride = <usize>n;
  const high = target + (stride << 2);
  let i: usize = 0;
  for (; i + 16 <= stride; i += 16) {
    const at = pointer + (i << 3);
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    const e = v128.load(at, 64);
    const f = v128.load(at, 80);
    const g = v128.load(at, 96);
    const h = v128.load(at, 112);
    storePlanes(target + i, stride, planes, lowHalves(a, b), lowHalves(c, d), lowHalves(e, f), lowHalves(g, h));
    if (planes > 4) {
      storePlanes(
        high + i, stride, planes - 4, highHalves(a, b), highHalves(c, d), highHalves(e, f), highHalves(g, h),
      );
    }
  }
  for (; i < stride; i++) storeBytes(target + i, stride, planes, load<u64>(pointer + (i << 3)));
}

/**
 * @param target   u32[n], overwritten
 * @param pointer  u8[planes * n]; nothing behind it is read
 * @param planes   1 .. 4
 * @cost O(n planes), 16 rows a step
 */
export function joinPlanes32(target: usize, pointer: usize, n: u32, planes: u32): void {
  const stride = <usize>n;
  const none = i64x2.splat(0);
  let i: usize = 0;
  for (; i + 16 <= stride; i += 16) {
    const a = v128.load(pointer + i);
    const b = planes > 1 ? v128.load(pointer + i + stride) : none;
    const c = planes > 2 ? v128.load(pointer + i + stride * 2) : none;
    const d = planes > 3 ? v128.load(pointer + i + stride * 3) : none;
    const at = target + (i << 2);
    v128.store(at, lowPairs(lowBytes(a, b), lowBytes(c, d)));
    v128.store(at, highPairs(lowBytes(a, b), lowBytes(c, d)), 16);
    v128.store(at, lowPairs(highBytes(a, b), highBytes(c, d)), 32);
    v128.store(at, highPairs(highBytes(a, b), highBytes(c, d)), 48);
  }
  for (; i < stride; i++) store<u32>(target + (i << 2), <u32>loadBytes(pointer + i, stride, planes));
}

/**
 * @param target   u64[n], overwritten
 * @param pointer  u8[planes * n]; nothing behind it is read
 * @param planes   1 .. 8
 * @cost O(n planes), 16 rows a step
 */
export function joinPlanes64(target: usize, pointer: usize, n: u32, planes: u32): void {
  const stride = <usize>n;
  const none = i64x2.splat(0);
  let i: usize = 0;
  for (; i + 16 <= stride; i += 16) {
    const from = pointer + i;
    const a = v128.load(from);
    const b = planes > 1 ? v128.load(from + stride) : none;
    const c = planes > 2 ? v128.load(from + stride * 2) : none;
    const d = planes > 3 ? v128.load(from + stride * 3) : none;
    const e = planes > 4 ? v128.load(from + stride * 4) : none;
    const f = planes > 5 ? v128.load(from + stride * 5) : none;
    const g = planes > 6 ? v128.load(from + stride * 6) : none;
    const h = planes > 7 ? v128.load(from + stride * 7) : none;
    const at = target + (i << 3);
    storeJoined(
      at, lowPairs(lowBytes(a, b), lowBytes(c, d)), lowPairs(lowBytes(e, f), lowBytes(g, h)),
    );
    storeJoined(
      at + 32, highPairs(lowBytes(a, b), lowBytes(c, d)), highPairs(lowBytes(e, f), lowBytes(g, h)),
    );
    storeJoined(
      at + 64, lowPairs(highBytes(a, b), highBytes(c, d)), lowPairs(highBytes(e, f), highBytes(g, h)),
    );
    storeJoined(
      at + 96, highPairs(highBytes(a, b), highBytes(c, d)), highPairs(highBytes(e, f), highBytes(g, h)),
    );
  }
  for (; i < stride; i++) store<u64>(target + (i << 3), loadBytes(pointer + i, stride, planes));
}

/** 16 values in four vectors: their bytes by significance, 16 to each plane. */
// @ts-ignore: decorator
@inline
function storePlanes(target: usize, stride: usize, planes: u32, a: v128, b: v128, c: v128, d: v128): void {
  const lowA = evenBytes(a, b); // Bytes 0 and 2 of eight values, in turns.
  const lowB = evenBytes(c, d);
  v128.store(target, evenBytes(lowA, lowB));
  if (planes > 2) v128.store(target + stride * 2, oddBytes(lowA, lowB));
  if (planes < 2) return;
  const highA = oddBytes(a, b);
  const highB = oddBytes(c, d);
  v128.store(target + stride, evenBytes(highA, highB));
  if (planes > 3) v128.store(target + stride * 3, oddBytes(highA, highB));
}

// @ts-ignore: decorator
@inline
function storeBytes(target: usize, stride: usize, planes: u32, value: u64): void {
  let at = target;
  for (let plane: u32 = 0; plane < planes; plane++) {
    store<u8>(at, <u8>(value >> (plane << 3)));
    at += stride;
  }
}

// @ts-ignore: decorator
@inline
function loadBytes(pointer: usize, stride: usize, planes: u32): u64 {
  let at = pointer;
  let value: u64 = 0;
  for (let plane: u32 = 0; plane < planes; plane++) {
    value |= <u64>load<u8>(at) << (plane << 3);
    at += stride;
  }
  return value;
}

/** Four values from their low and high halves. */
// @ts-ignore: decorator
@inline
function storeJoined(target: usize, low: v128, high: v128): void {
  v128.store(target, i32x4.shuffle(low, high, 0, 4, 1, 5));
  v128.store(target, i32x4.shuffle(low, high, 2, 6, 3, 7), 16);
}

// @ts-ignore: decorator
@inline
function lowHalves(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function highHalves(a: v128, b: v128): v128 {
  return i32x4.shuffle(a, b, 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function evenBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

// @ts-ignore: decorator
@inline
function oddBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

// @ts-ignore: decorator
@inline
function lowBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function highBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
