type Column = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/**
 * The column with room for at least `length` values, those in it kept. Grows by half, so appending stays cheap.
 *
 * @param lengthMax  it never has room for more
 */
export function grown<T extends Column>(column: T, length: number, lengthMax = Number.POSITIVE_INFINITY): T {
  if (length <= column.length) return column;
  const capacity = Math.min(lengthMax, Math.max(length, column.length + (column.length >> 1), 8));
  const larger = new (column.constructor as new (length: number) => T)(capacity);
  larger.set(column);
  return larger;
}
