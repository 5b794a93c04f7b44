import type { Bytes } from '#src/domain/model/units.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';

/** How much a string may share with the one before, so that few stored bytes stay few when they are read. */
export const SHARED_BYTES_MAX = 255;

/**
 * Appends columns to the raw bytes of a page.
 *
 * A column of n integers is split into byte planes: all lowest bytes, then all second bytes, and so on. Planes above
 * the highest set bit of the column are left out, but never the first one, so that a column of n values takes at least
 * n bytes and a reader can bound n by what is there.
 *
 *     | planes u8 | byte 0 of all values | byte 1 of all values | ...
 *     |   1..8    |       n bytes        |       n bytes        |
 *
 * Bytes of one significance next to each other are what zstd is good at: the page has the sizes that were measured.
 *
 * @source docs/formats/block-v1.md, "Columns". Typed arrays are little endian on every platform that Node runs on.
 */
export class ColumnWriter {
  #bytes = new Uint8Array(4096);
  #length: Bytes = 0;

  /** A single number, 4 bytes, little endian. */
  number(value: number): void {
    const at = this.#reserve(4);
    new DataView(this.#bytes.buffer).setUint32(at, value, true);
  }

  /** Bytes as they are; the reader knows how many. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length); // May replace the buffer: before the buffer is looked at.
    this.#bytes.set(bytes, at);
  }

  u32(column: Uint32Array): void {
    this.#planes32(column);
  }

  /** The difference from the value before, zigzag coded: for columns that rise, or jump little. */
  u32Deltas(column: Uint32Array): void {
    const deltas = new Uint32Array(column.length);
    let previous = 0;
    for (let i = 0; i < column.length; i++) {
      const delta = (column[i] - previous) | 0;
      deltas[i] = (delta << 1) ^ (delta >> 31);
      previous = column[i];
    }
    this.#planes32(deltas);
  }

  /** Zigzag coded, so that small negative values have few planes too. */
  i64(column: BigInt64Array | BigUint64Array): void {
    const words = wordsOf(column);
    const coded = new Uint32Array(words.length);
    for (let i = 0; i < words.length; i += 2) zigzag64(coded, i, words[i], words[i + 1]);
    this.#planes64(coded);
  }

  /** The difference from the value before, modulo 2^64, zigzag coded. */
  i64Deltas(column: BigInt64Array | BigUint64Array): void {
    // In halves, because arithmetic on bigint costs an allocation per value.
    const words = wordsOf(column);
    const deltas = new Uint32Array(words.length);
    let previousLow = 0;
    let previousHigh = 0;
    for (let i = 0; i < words.length; i += 2) {
      const borrow = words[i] < previousLow ? 1 : 0;
      zigzag64(deltas, i, words[i] - previousLow, words[i + 1] - previousHigh - borrow);
      previousLow = words[i];
      previousHigh = words[i + 1];
    }
    this.#planes64(deltas);
  }

  /** Bits as they are: for ids and hashes, where a sign means nothing. */
  u64(column: BigInt64Array | BigUint64Array): void {
    this.#planes64(wordsOf(column));
  }

  /**
   * Unsigned values, divided by what all of them are a multiple of: for times at a fixed rate and whole pages of memory.
   *
   *     | divisor u64 | planes of value / divisor |         divisor = 1 when there is no value but 0
   */
  values(column: BigInt64Array | BigUint64Array): void {
    const values = new BigUint64Array(column.buffer, column.byteOffset, column.length);
    const divisor = commonDivisor(values);
    for (const half of wordsOf(BigUint64Array.of(divisor))) this.number(half);
    this.u64(divisor === 1n ? values : values.map((value) => value / divisor));
  }

  /**
   * References to rows that are numbered in the order of their first use, so that most new ones are `next`.
   *
   *     value    1  2  1  3  3  2       with next = 1 before the first row
   *     code     0  0  4  0  2  4       zigzag(next - value); then next = max(next, value + 1)
   *
   * A code is 0 where a row is used for the first time in turn. Rows that somebody else used first are skipped: values
   * above `next` are as short as those as far below it.
   */
  firstUse(column: Uint32Array, next: number): void {
    const codes = new Uint32Array(column.length);
    let first = next;
    for (let i = 0; i < column.length; i++) {
      const distance = (first - column[i]) | 0;
      codes[i] = (distance << 1) ^ (distance >> 31);
      first = Math.max(first, (column[i] + 1) >>> 0);
    }
    this.#planes32(codes);
  }

  /**
   * Strings from `firstRow` to `endRow`, each without what it shares with the one before. The first one shares nothing,
   * so that strings can be read from there on.
   *
   *     | planes of shared lengths, 0 .. 255 | planes of the other lengths | the other bytes of all strings |
   *
   * @cost O(bytes). Sorted strings share the most
   */
  strings({ bytes, offsets }: ByteStrings, firstRow: number, endRow: number): void {
    const n = endRow - firstRow;
    const shared = new Uint32Array(n);
    const rest = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const start = offsets[firstRow + i];
      const end = offsets[firstRow + i + 1];
      if (i > 0) shared[i] = sharedBytes(bytes, offsets[firstRow + i - 1], start, end);
      rest[i] = end - start - shared[i];
    }
    this.#planes32(shared);
    this.#planes32(rest);
    for (let i = 0; i < n; i++) {
      const end = offsets[firstRow + i + 1];
      this.raw(bytes.subarray(end - rest[i], end));
    }
  }

  /** What was appended so far. A view, good until the next call. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #planes32(values: Uint32Array): void {
    const n = values.length;
    let used = 0;
    for (let i = 0; i < n; i++) used |= values[i];
    const planes = planesFor(used);
    let at = this.#reserve(1 + planes * n);
    const out = this.#bytes;
    out[at++] = planes;
    for (let shift = 0; shift < planes * 8; shift += 8) {
      for (let i = 0; i < n; i++) out[at++] = values[i] >>> shift;
    }
  }

  /** @shapes words Uint32Array[2 n]: low and high half of each value */
  #planes64(words: Uint32Array): void {
    const n = words.length;
    let usedLow = 0;
    let usedHigh = 0;
    for (let i = 0; i < n; i += 2) {
      usedLow |= words[i];
      usedHigh |= words[i + 1];
    }
    const planes = usedHigh === 0 ? planesFor(usedLow) : 4 + planesFor(usedHigh);
    let at = this.#reserve(1 + planes * (n / 2));
    const out = this.#bytes;
    out[at++] = planes;
    for (let plane = 0; plane < planes; plane++) {
      const shift = (plane & 3) * 8;
      for (let i = plane >> 2; i < n; i += 2) out[at++] = words[i] >>> shift;
    }
  }

  #reserve(bytes: Bytes): Bytes {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }
}

/** Bytes that it takes to hold the highest set bit, at least one. */
function planesFor(used: number): number {
  return Math.max(1, (39 - Math.clz32(used)) >> 3);
}

/** 1 when all are 0. */
function commonDivisor(values: BigUint64Array): bigint {
  let divisor = 0n;
  for (const value of values) {
    let [a, b] = [divisor, value];
    while (b !== 0n) [a, b] = [b, a % b];
    divisor = a;
    if (divisor === 1n) break;
  }
  return divisor === 0n ? 1n : divisor;
}

/** How many bytes the string at `start` has in common with the one before, at `previous`. */
function sharedBytes(bytes: Uint8Array, previous: Bytes, start: Bytes, end: Bytes): number {
  const max = Math.min(start - previous, end - start, SHARED_BYTES_MAX);
  let shared = 0;
  while (shared < max && bytes[previous + shared] === bytes[start + shared]) shared++;
  return shared;
}

function zigzag64(target: Uint32Array, at: number, low: number, high: number): void {
  const sign = high >> 31; // The operators of the shift reduce to 32 bits: halves may be any differences.
  target[at] = (low << 1) ^ sign;
  target[at + 1] = ((high << 1) | (low >>> 31)) ^ sign;
}

function wordsOf(column: BigInt64Array | BigUint64Array): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, column.length * 2);
}
