/** Two random numbers of 32 bits, so that nobody outside can choose keys that collide in a hash table. */
export type HashSecret = readonly [number, number];

/**
 * The hash of words with one more. Two rounds of multiplying, with a secret before each: which keys meet in one place
 * cannot be computed.
 */
export function mixed(hash: number, word: number, secret: number): number {
  let next = Math.imul(hash ^ word, 0x85eb_ca6b);
  next ^= next >>> 15;
  next = Math.imul(next ^ secret, 0xc2b2_ae35);
  return next ^ (next >>> 13);
}
