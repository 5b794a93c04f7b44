import type { Bytes } from '#src/domain/model/units.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { Page } from './chunk-table.ts';
import { corruptedBlock } from './corrupted-block.ts';
import { placeOf } from './page-place.ts';

/**
 * Reads back what a ColumnWriter appended, in the same order, into arrays that the caller made.
 *
 * Every length is compared with what is left before it is used. The caller checks with `claim` before it makes an
 * array whose length comes out of the page.
 *
 * @throws StoreError 'corrupted' from every method, with the page's section and place in the object
 * @source docs/formats/block-v1.md, "Columns"
 */
export class ColumnReader {
  readonly #page: Page;
  readonly #bytes: Uint8Array;
  #at: Bytes = 0;

  /** @param bytes the raw bytes of the page */
  constructor(page: Page, bytes: Uint8Array) {
    this.#page = page;
    this.#bytes = bytes;
  }

  number(): number {
    const at = this.#take(4, 'a number');
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 4).getUint32(0, true);
  }

  /** A view, not a copy. */
  raw(bytes: Bytes): Uint8Array {
    const at = this.#take(bytes, 'bytes');
    return this.#bytes.subarray(at, at + bytes);
  }

  u32(target: Uint32Array): void {
    this.#planes32(4, target);
  }

  u32Deltas(target: Uint32Array): void {
    this.u32(target);
    let value = 0;
    for (let i = 0; i < target.length; i++) {
      value += (target[i] >>> 1) ^ -(target[i] & 1);
      target[i] = value;
      value = target[i]; // Back from the sum to 32 bits.
    }
  }

  i64(target: BigInt64Array | BigUint64Array): void {
    const words = this.#planes64(target);
    for (let i = 0; i < words.length; i += 2) {
      const sign = -(words[i] & 1);
      const high = words[i + 1];
      words[i] = ((words[i] >>> 1) | (high << 31)) ^ sign;
      words[i + 1] = (high >>> 1) ^ sign;
    }
  }

  i64Deltas(target: BigInt64Array | BigUint64Array): void {
    this.i64(target);
    const words = new Uint32Array(target.buffer, target.byteOffset, target.length * 2);
    for (let i = 2; i < words.length; i += 2) {
      const low = words[i] + words[i - 2];
      words[i] = low;
      words[i + 1] += words[i - 1] + (low > 0xffffffff ? 1 : 0);
    }
  }

  u64(target: BigInt64Array | BigUint64Array): void {
    this.#planes64(target);
  }

  values(target: BigInt64Array | BigUint64Array): void {
    const at = this.#take(8, 'a divisor');
    const divisor = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getBigUint64(0, true);
    if (divisor === 0n) throw this.#corrupted('a divisor is 0', {});
    this.#planes64(target);
    const values = new BigUint64Array(target.buffer, target.byteOffset, target.length);
    for (let row = 0; row < values.length; row++) {
      const value = values[row] * divisor;
      if (value >= 2n ** 64n) throw this.#corrupted('a value times its divisor has more than 64 bits', { row });
      values[row] = value;
    }
  }

  /** @param next as it was written with */
  firstUse(target: Uint32Array, next: number): void {
    this.u32(target);
    let first = next;
    for (let i = 0; i < target.length; i++) {
      target[i] = first - ((target[i] >>> 1) ^ -(target[i] & 1));
      first = Math.max(first, (target[i] + 1) >>> 0);
    }
  }

  /**
   * @param n         how many strings, where the number comes out of the page too
   * @param bytesMax  of all strings together: stored bytes can stand for many times as many
   */
  strings(n: number, bytesMax: Bytes): ByteStrings {
    this.claim(n);
    const shared = new Uint32Array(n);
    this.#planes32(1, shared);
    const rest = new Uint32Array(n);
    this.u32(rest);
    const offsets = new Uint32Array(n + 1);
    let restBytes = 0;
    for (let row = 0; row < n; row++) {
      const previousBytes = row === 0 ? 0 : offsets[row] - offsets[row - 1];
      if (shared[row] > previousBytes) {
        throw this.#corrupted('a string shares more than the one before has', {
          row,
          sharedBytes: shared[row],
          previousBytes,
        });
      }
      const end = offsets[row] + shared[row] + rest[row];
      if (end > bytesMax) {
        throw this.#corrupted('strings have more bytes than they may have', { row, bytes: end, bytesMax });
      }
      offsets[row + 1] = end;
      restBytes += rest[row];
    }
    let from = this.#take(restBytes, 'the text of strings');
    const bytes = new Uint8Array(offsets[n]);
    for (let row = 0; row < n; row++) {
      const at = offsets[row];
      if (row > 0) bytes.copyWithin(at, offsets[row - 1], offsets[row - 1] + shared[row]);
      bytes.set(this.#bytes.subarray(from, from + rest[row]), at + shared[row]);
      from += rest[row];
    }
    return { bytes, offsets };
  }

  /**
   * States that `n` more values follow, before an array for them is made. A value takes a byte or more, so the claim
   * can be compared with what is left.
   */
  claim(n: number): void {
    if (n <= this.#bytes.length - this.#at) return;
    throw this.#corrupted('more values are claimed than bytes are left', { claimed: n });
  }

  /** States that all has been read. */
  end(): void {
    if (this.#at === this.#bytes.length) return;
    throw this.#corrupted('bytes are left after the last column', {});
  }

  #planes32(max: number, target: Uint32Array): void {
    const n = target.length;
    const planes = this.#planes(max, n);
    let at = this.#take(planes * n, 'a column');
    const bytes = this.#bytes;
    for (let i = 0; i < n; i++) target[i] = bytes[at++];
    for (let shift = 8; shift < planes * 8; shift += 8) {
      for (let i = 0; i < n; i++) target[i] |= bytes[at++] << shift;
    }
  }

  /** @shapes the result is a view of the target: low and high half of each value */
  #planes64(target: BigInt64Array | BigUint64Array): Uint32Array {
    const n = target.length;
    const planes = this.#planes(8, n);
    let at = this.#take(planes * n, 'a column');
    const bytes = this.#bytes;
    const words = new Uint32Array(target.buffer, target.byteOffset, n * 2).fill(0);
    for (let plane = 0; plane < planes; plane++) {
      const shift = (plane & 3) * 8;
      for (let i = plane >> 2; i < words.length; i += 2) words[i] |= bytes[at++] << shift;
    }
    return words;
  }

  #planes(max: number, n: number): number {
    const planes = this.#bytes[this.#take(1, 'the number of planes')];
    if (planes < 1 || planes > max) throw this.#corrupted('the number of planes is wrong', { planes, max, values: n });
    return planes;
  }

  #take(bytes: Bytes, what: string): Bytes {
    const at = this.#at;
    if (bytes > this.#bytes.length - at) throw this.#corrupted(`${what} is cut short`, { wanted: bytes });
    this.#at += bytes;
    return at;
  }

  #corrupted(what: string, facts: Readonly<Record<string, number>>) {
    const at = { rawOffset: this.#at, rawBytes: this.#bytes.length };
    return corruptedBlock(`page: ${what}`, { ...placeOf(this.#page), ...at, ...facts });
  }
}
