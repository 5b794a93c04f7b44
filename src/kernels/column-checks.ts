import type { KernelInstance, Pointer } from './instance.ts';

// What a reader asks of a column in scratch before anything follows its references, and the plain twins.

/** The largest value; 0 of an empty column. @shapes column Uint32Array[n] @cost O(n), four rows at a time */
export function maxU32(kernels: KernelInstance, column: Pointer, n: number): number {
  return kernels.exports.maxU32(column, n) >>> 0;
}

export function maxU32Plain(column: Uint32Array): number {
  let most = 0;
  for (const value of column) most = Math.max(most, value);
  return most;
}

/** Whether every value is below `limit`, a u32. True of an empty column. @cost O(n), four rows at a time */
export function allBelow(kernels: KernelInstance, column: Pointer, n: number, limit: number): boolean {
  return kernels.exports.allBelow(column, n, limit) !== 0;
}

export function allBelowPlain(column: Uint32Array, limit: number): boolean {
  return column.every((value) => value < limit);
}

/** Whether no value is below the one before it. @cost O(n) */
export function rises(kernels: KernelInstance, column: Pointer, n: number): boolean {
  return kernels.exports.rises(column, n) !== 0;
}

export function risesPlain(column: Uint32Array): boolean {
  return column.every((value, i) => i === 0 || value >= column[i - 1]);
}

/**
 * offsets[i] = the sum of the counts before i.
 *
 * @shapes   counts Uint32Array[n] -> offsets Uint32Array[n + 1], in scratch
 * @returns  undefined when the sum has more than 32 bits
 * @cost     O(n)
 */
export function offsetsOfCounts(kernels: KernelInstance, counts: Pointer, n: number): Pointer | undefined {
  const offsets = kernels.exports.allocScratch((n + 1) * 4) >>> 0;
  return kernels.exports.offsetsOfCounts(offsets, counts, n) === 0 ? undefined : offsets;
}

export function offsetsOfCountsPlain(counts: Uint32Array): Uint32Array | undefined {
  const offsets = new Uint32Array(counts.length + 1);
  let sum = 0;
  for (let i = 0; i < counts.length; i++) {
    sum += counts[i];
    if (sum >= 2 ** 32) return undefined;
    offsets[i + 1] = sum;
  }
  return offsets;
}
