/** Low and high halves, alternating: the machines this runs on are little-endian. The high halves are signed. */
export function halvesOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}
