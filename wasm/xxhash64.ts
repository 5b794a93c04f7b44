// xxHash64: a fast hash that is the same everywhere, for checksums and for names of content. Not for tables that
// outsiders fill: its collisions can be computed, and `hashBytes` has secrets.
//
// A kernel, because the arithmetic is 64-bit: TypeScript has that only as bigint.

const PRIME1: u64 = 0x9e3779b185ebca87;
const PRIME2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME3: u64 = 0x165667b19e3779f9;
const PRIME4: u64 = 0x85ebca77c2b2ae63;
const PRIME5: u64 = 0x27d4eb2f165667c5;

/**
 * @param pointer  u8[length]; nothing behind it is read
 * @source https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, "XXH64 Algorithm Description"
 */
export function xxhash64(pointer: usize, length: u32, seed: u64): u64 {
  let at = pointer;
  let left = length;
  let hash = seed + PRIME5;
  if (length >= 32) {
    let a = seed + PRIME1 + PRIME2;
    let b = seed + PRIME2;
    let c = seed;
    let d = seed - PRIME1;
    for (; left >= 32; left -= 32) {
      a = round(a, load<u64>(at));
      b = round(b, load<u64>(at, 8));
      c = round(c, load<u64>(at, 16));
      d = round(d, load<u64>(at, 24));
      at += 32;
    }
    hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
    hash = merge(merge(merge(merge(hash, a), b), c), d);
  }
  hash += length;
  for (; left >= 8; left -= 8) {
    hash = rotl(hash ^ round(0, load<u64>(at)), 27) * PRIME1 + PRIME4;
    at += 8;
  }
  if (left >= 4) {
    hash = rotl(hash ^ (<u64>load<u32>(at) * PRIME1), 23) * PRIME2 + PRIME3;
    at += 4;
    left -= 4;
  }
  for (; left > 0; left--) {
    hash = rotl(hash ^ (<u64>load<u8>(at) * PRIME5), 11) * PRIME1;
    at++;
  }
  hash = (hash ^ (hash >> 33)) * PRIME2;
  hash = (hash ^ (hash >> 29)) * PRIME3;
  return hash ^ (hash >> 32);
}

// @ts-ignore: decorator
@inline
function round(lane: u64, input: u64): u64 {
  return rotl(lane + input * PRIME2, 31) * PRIME1;
}

// @ts-ignore: decorator
@inline
function merge(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * PRIME1 + PRIME4;
}
