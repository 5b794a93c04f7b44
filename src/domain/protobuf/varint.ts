// The numbers of protobuf, for writers that know where theirs go: 64-bit ones come as two halves, because a bigint for each
// would cost more than all the rest.

/**
 * Writes a number of 31 bits.
 *
 * @param bytes  with room for five of them
 * @param value  0 <= value < 2^31
 * @returns      where it ends
 */
export function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

/**
 * Writes a number of 64 bits.
 *
 * @param bytes  with room for ten of them
 * @returns      where it ends
 */
export function writeVarint64(bytes: Uint8Array, start: number, low: number, high: number): number {
  let at = start;
  let l = low >>> 0;
  let h = high >>> 0;
  while (h > 0 || l > 0x7f) {
    bytes[at++] = (l & 0x7f) | 0x80;
    l = ((l >>> 7) | (h << 25)) >>> 0;
    h >>>= 7;
  }
  bytes[at++] = l;
  return at;
}

/** How many bytes a varint takes. @param value 0 <= value < 2^31 */
export function smallVarintBytes(value: number): number {
  if (value < 1 << 14) return value < 1 << 7 ? 1 : 2;
  if (value < 1 << 21) return 3;
  return value < 1 << 28 ? 4 : 5;
}

/** How many bytes a varint takes. */
export function varintBytes(low: number, high: number): number {
  const h = high >>> 0;
  if (h === 0) {
    const l = low >>> 0;
    if (l < 1 << 7) return 1;
    if (l < 1 << 14) return 2;
    if (l < 1 << 21) return 3;
    return l < 1 << 28 ? 4 : 5;
  }
  if (h < 1 << 3) return 5;
  if (h < 1 << 10) return 6;
  if (h < 1 << 17) return 7;
  if (h < 1 << 24) return 8;
  return h < 2 ** 31 ? 9 : 10;
}
