// Check and cut UTF-8. Reads up to 15 bytes past the end of a string, which every arena allocation has behind it.

/** Whether bytes are UTF-8. @cost O(length): 16 bytes a step while all are ASCII */
export function isUtf8(start: usize, length: u32): bool {
  let p = start;
  let left = length;
  while (left > 16) {
    if (i8x16.bitmask(v128.load(p)) != 0) return isUtf8Slow(p, start + length);
    p += 16;
    left -= 16;
  }
  return (i8x16.bitmask(v128.load(p)) & ((1 << left) - 1)) == 0 || isUtf8Slow(p, start + length);
}

/** @source Unicode 15, table 3-7, "Well-Formed UTF-8 Byte Sequences" */
function isUtf8Slow(p: usize, end: usize): bool {
  while (p < end) {
    if (p + 8 <= end && (load<u64>(p) & 0x8080808080808080) == 0) {
      p += 8;
      continue;
    }
    const a: u32 = load<u8>(p++);
    if (a < 0x80) continue;
    if (a < 0xc2 || a > 0xf4) return false;
    const more: usize = a < 0xe0 ? 1 : a < 0xf0 ? 2 : 3;
    if (p + more > end) return false;
    const b: u32 = load<u8>(p);
    const low: u32 = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
    const high: u32 = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
    if (b < low || b > high) return false;
    for (let i: usize = 1; i < more; i++) if ((load<u8>(p + i) & 0xc0) != 0x80) return false;
    p += more;
  }
  return true;
}

/**
 * Where the last `limit` bytes of a string begin, or a little later: a character is never cut in two.
 *
 * @cost O(1) where the bytes are UTF-8
 */
export function tailStart(start: usize, length: u32, limit: u32): usize {
  const end = start + length;
  let p = end - limit;
  while (p < end && (load<u8>(p) & 0xc0) == 0x80) p++;
  return p;
}
