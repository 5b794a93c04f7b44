const LARGEST = 2n ** 63n - 1n;

/**
 * Adds two values that are not negative. A sum beyond 2^63 stops there: wrapped around, it would be a negative one, and
 * a flame graph of nonsense; the true one fits no field of the format. The kernels' `addSaturated` does the same.
 */
export function addSaturated(a: bigint, b: bigint): bigint {
  const sum = a + b;
  return sum > LARGEST ? LARGEST : sum;
}

/**
 * Adds a value to one in a column, as `addSaturated` does, without a bigint on the heap: asIntN keeps the addition in
 * 64-bit registers, and of two values that are not negative only a sum beyond 2^63 is negative.
 */
export function addSaturatedAt(column: BigInt64Array, row: number, value: bigint): void {
  const sum = BigInt.asIntN(64, column[row] + value);
  column[row] = sum < 0n ? LARGEST : sum;
}
