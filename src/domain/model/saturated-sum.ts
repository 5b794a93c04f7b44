const LARGEST = 2n ** 63n - 1n;

/**
 * Adds two values that are not negative. A sum beyond 2^63 stops there: wrapped around, it would be a negative one, and
 * a flame graph of nonsense; the true one fits no field of the format. The kernels' `addSaturated` does the same.
 */
export function addSaturated(a: bigint, b: bigint): bigint {
  const sum = a + b;
  return sum > LARGEST ? LARGEST : sum;
}
