// Hashing and comparing byte strings by words. Both read up to 15 bytes past the end, which every arena allocation
// has readable behind it; what was read there is masked away.

let secret0: u64 = 0x2d358dccaa6c78a5;
let secret1: u64 = 0x8bb84b93962eacc9;
let secret2: u64 = 0x4b33a62ed433d4a3;

/** Words of the longest record that `hashRecord` takes. */
export const RECORD_WORDS_MAX: u32 = 6;
/** u64[RECORD_WORDS_MAX], secret. */
const recordKeys: usize = memory.data(48, 16);

/** Secrets of this process, so that nobody outside can choose strings that collide. @cost O(1) */
export function hashInit(a: u64, b: u64, c: u64): void {
  secret0 = a;
  secret1 = b;
  secret2 = c | 1;
  for (let i: u32 = 0; i < RECORD_WORDS_MAX; i++) {
    store<u64>(recordKeys + (<usize>i << 3), fold(a + <u64>(i + 1) * secret2, b ^ rotl<u64>(c, 7 * i)));
  }
}

/**
 * 32 bits of a keyed hash of `length` bytes: folded 64 x 64 multiplications, 16 bytes at a time.
 *
 * @cost O(length), 16 bytes a step
 * @source the construction of wyhash (Wang Yi), with the high half of the product computed from 32-bit halves
 */
export function hashBytes(pointer: usize, length: u32): u32 {
  let hash = secret0 ^ <u64>length;
  let p = pointer;
  let left = length;
  while (left > 16) {
    hash = fold(load<u64>(p) ^ secret1, load<u64>(p, 8) ^ hash);
    p += 16;
    left -= 16;
  }
  const a = left >= 8 ? load<u64>(p) : masked(p, left);
  const b = left > 8 ? masked(p + 8, left - 8) : 0;
  return <u32>((fold(a ^ secret1, b ^ hash) * secret2) >> 32);
}

/**
 * 32 bits of a keyed hash of `words` <= RECORD_WORDS_MAX words of 8 bytes. Its multiplications do not wait for each
 * other, which for the records of symbols is half of the time.
 *
 * Two records of one size, whatever they are, collide with a probability of about 2^-31 over the choice of the secrets.
 *
 * @cost O(words)
 * @source NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, 1999), then multiply-shift (Dietzfelbinger, 1997)
 */
export function hashRecord(pointer: usize, words: u32): u32 {
  let sum: u64 = 0;
  for (let i: usize = 0; i < <usize>words << 3; i += 8) {
    const word = load<u64>(pointer + i);
    const key = load<u64>(recordKeys + i);
    sum += <u64>(<u32>word + <u32>key) * <u64>(<u32>(word >> 32) + <u32>(key >> 32));
  }
  return hashWord(sum);
}

/** Multiply-shift with a secret odd factor: universal, so chosen keys do not collide more than random ones. */
// @ts-ignore: decorator
@inline
export function hashWord(key: u64): u32 {
  return <u32>(((key ^ secret1) * secret2) >> 32);
}

/** @cost O(length), 8 bytes a step */
export function equalBytes(a: usize, b: usize, length: u32): bool {
  let left = length;
  let p = a;
  let q = b;
  while (left >= 8) {
    if (load<u64>(p) != load<u64>(q)) return false;
    p += 8;
    q += 8;
    left -= 8;
  }
  return left == 0 || masked(p, left) == masked(q, left);
}

/**
 * Copies a string. Reads and writes up to 15 bytes past the end, so whatever belongs there is written later. The
 * source may begin up to `length` bytes before the target, not behind it.
 *
 * @cost O(length), 16 bytes a step
 */
export function copyString(target: usize, source: usize, length: u32): void {
  if (length > 256) return memory.copy(target, source, length); // A call: for short ones it costs more than the copy.
  for (let i: usize = 0; i < <usize>length; i += 16) v128.store(target + i, v128.load(source + i));
}

/** How many bytes two strings have in common at their start, up to `most`. @cost O(most), 8 bytes a step */
export function sharedBytes(a: usize, b: usize, most: u32): u32 {
  for (let i: u32 = 0; i < most; i += 8) {
    const differs = load<u64>(a + i) ^ load<u64>(b + i);
    if (differs != 0) return min(most, i + <u32>(ctz(differs) >> 3));
  }
  return most;
}

/** The first `count` bytes at the pointer, 0 <= count <= 8, as a little-endian number. */
// @ts-ignore: decorator
@inline
function masked(pointer: usize, count: u32): u64 {
  return count == 0 ? 0 : load<u64>(pointer) & (<u64>-1 >> (64 - (count << 3)));
}

// @ts-ignore: decorator
@inline
function fold(a: u64, b: u64): u64 {
  const aHigh = a >> 32;
  const aLow = a & 0xffffffff;
  const bHigh = b >> 32;
  const bLow = b & 0xffffffff;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >> 32);
  const middle2 = aLow * bHigh + (middle & 0xffffffff);
  const high = aHigh * bHigh + (middle >> 32) + (middle2 >> 32);
  return high ^ ((middle2 << 32) | (low & 0xffffffff));
}
