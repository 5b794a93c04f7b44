import type { KernelInstance } from './instance.ts';

/**
 * xxHash64 of bytes: fast, and the same on every machine. Not for tables that outsiders fill, and not against forgery:
 * its collisions can be computed.
 *
 * @returns  64 bits, unsigned
 * @cost     O(bytes), plus one copy into scratch, where it stays until the next `resetScratch`
 * @throws   StoreError 'limit-exceeded' inside of `guard`, when scratch is full
 * @source   https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, "XXH64 Algorithm Description"
 */
export function xxhash64(kernels: KernelInstance, bytes: Uint8Array, seed = 0n): bigint {
  const pointer = kernels.put(bytes);
  return BigInt.asUintN(64, kernels.exports.xxhash64(pointer, bytes.length, seed));
}

const PRIME1 = 0x9e3779b185ebca87n;
const PRIME2 = 0xc2b2ae3d27d4eb4fn;
const PRIME3 = 0x165667b19e3779f9n;
const PRIME4 = 0x85ebca77c2b2ae63n;
const PRIME5 = 0x27d4eb2f165667c5n;

/** The plain twin. */
export function xxhash64Plain(bytes: Uint8Array, seed = 0n): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let hash = u64(seed + PRIME5);
  if (bytes.length >= 32) {
    const lanes = [seed + PRIME1 + PRIME2, seed + PRIME2, seed, seed - PRIME1];
    for (; bytes.length - at >= 32; at += 32) {
      lanes.forEach((lane, i) => {
        lanes[i] = round(lane, view.getBigUint64(at + i * 8, true));
      });
    }
    const [a, b, c, d] = lanes;
    hash = u64(rotateLeft(a, 1) + rotateLeft(b, 7) + rotateLeft(c, 12) + rotateLeft(d, 18));
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * PRIME1 + PRIME4);
  }
  hash = u64(hash + BigInt(bytes.length));
  for (; bytes.length - at >= 8; at += 8) {
    hash = rotateLeft(hash ^ round(0n, view.getBigUint64(at, true)), 27) * PRIME1 + PRIME4;
  }
  for (; bytes.length - at >= 4; at += 4) {
    hash = rotateLeft(hash ^ (BigInt(view.getUint32(at, true)) * PRIME1), 23) * PRIME2 + PRIME3;
  }
  for (; at < bytes.length; at++) hash = rotateLeft(hash ^ (BigInt(bytes[at]) * PRIME5), 11) * PRIME1;
  hash = u64(hash);
  hash = u64((hash ^ (hash >> 33n)) * PRIME2);
  hash = u64((hash ^ (hash >> 29n)) * PRIME3);
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return u64(rotateLeft(lane + input * PRIME2, 31) * PRIME1);
}

function rotateLeft(value: bigint, bits: number): bigint {
  const word = u64(value);
  return u64(word << BigInt(bits)) | (word >> BigInt(64 - bits));
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
