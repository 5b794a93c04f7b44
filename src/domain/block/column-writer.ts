import type { Bytes } from '#src/domain/model/units.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';

/**
 * Appends columns to the raw bytes of a chunk.
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

  /** For values that are never negative: what i64 takes, without the bit of the sign. */
  u64(column: BigInt64Array | BigUint64Array): void {
    this.#planes64(wordsOf(column));
  }

  /**
   * Values that are never negative, divided by what divides all of them: a CPU profile counts in steps of its period.
   *
   *     | divisor u64 | planes of the quotients |
   */
  values(column: BigInt64Array): void {
    const divisor = greatestDivisor(column);
    this.raw(new Uint8Array(BigUint64Array.of(divisor).buffer));
    this.u64(divisor === 1n ? column : column.map((value) => value / divisor));
  }

  /**
   * References that are numbered by their first use: 0 for one that was not there yet, else how far back it lies.
   *
   * @param next  the number that the first new one has
   */
  firstUses(column: Uint32Array, next: number): void {
    const codes = new Uint32Array(column.length);
    for (let i = 0; i < column.length; i++) {
      codes[i] = next - column[i];
      if (column[i] >= next) next = column[i] + 1;
    }
    this.#planes32(codes);
  }

  /**
   * Strings start .. end, front coded: how many bytes are those of the string before (of the same page, at most 255),
   * how many follow, and these.
   */
  strings({ bytes, offsets }: ByteStrings, start: number, end: number): void {
    const shared = new Uint32Array(end - start);
    const own = new Uint32Array(end - start);
    for (let row = start; row < end; row++) {
      const length = offsets[row + 1] - offsets[row];
      const prefix = row === start ? 0 : sharedPrefix(bytes, offsets, row, Math.min(length, SHARED_PREFIX_MAX));
      shared[row - start] = prefix;
      own[row - start] = length - prefix;
    }
    this.u32(shared);
    this.u32(own);
    for (let row = start; row < end; row++)
      this.raw(bytes.subarray(offsets[row] + shared[row - start], offsets[row + 1]));
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

/** So that the lengths of prefixes take one plane. */
const SHARED_PREFIX_MAX = 255;

/** How many bytes a string has in common with the one before. */
function sharedPrefix(bytes: Uint8Array, offsets: Uint32Array, row: number, max: number): number {
  const before = offsets[row - 1];
  const limit = Math.min(max, offsets[row] - before);
  let n = 0;
  while (n < limit && bytes[before + n] === bytes[offsets[row] + n]) n++;
  return n;
}

/** 1 where there is none. */
function greatestDivisor(values: BigInt64Array): bigint {
  let divisor = 0n;
  for (const value of values) {
    let rest = value;
    while (rest !== 0n) [divisor, rest] = [rest, divisor % rest];
    if (divisor === 1n) return 1n;
  }
  return divisor === 0n ? 1n : divisor;
}

/** Bytes that it takes to hold the highest set bit, at least one. */
function planesFor(used: number): number {
  return Math.max(1, (39 - Math.clz32(used)) >> 3);
}

function zigzag64(target: Uint32Array, at: number, low: number, high: number): void {
  const sign = high >> 31; // The operators of the shift reduce to 32 bits: halves may be any differences.
  target[at] = (low << 1) ^ sign;
  target[at + 1] = ((high << 1) | (low >>> 31)) ^ sign;
}

function wordsOf(column: BigInt64Array | BigUint64Array): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, column.length * 2);
}
