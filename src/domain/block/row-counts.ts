/** How many rows of another table belong to each of the rows start .. end. @shapes offsets [n + 1] -> [end - start] */
export function countsOf(offsets: Uint32Array, start: number, end: number): Uint32Array {
  const counts = new Uint32Array(end - start);
  for (let i = start; i < end; i++) counts[i - start] = offsets[i + 1] - offsets[i];
  return counts;
}

/**
 * Turns counts into offsets, in place of the rows start .. of `offsets`, whose row `start` is known already.
 *
 * @returns how many rows the counts mean together. Beyond 2^32 the offsets are wrong, and the caller must refuse it
 */
export function addOffsets(counts: Uint32Array, offsets: Uint32Array, start: number): number {
  const base = offsets[start];
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    sum += counts[i];
    offsets[start + i + 1] = base + sum;
  }
  return sum;
}
