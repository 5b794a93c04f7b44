import type { Bytes } from '#src/domain/model/units.ts';
import { sectionName } from './block-format.ts';
import type { Chunk } from './chunk-table.ts';
import { corruptedBlock } from './corrupted-block.ts';

/**
 * Reads back what a ColumnWriter appended, in the same order, into arrays that the caller made.
 *
 * Every length is compared with what is left before it is used. The caller checks with `claim` before it makes an
 * array whose length comes out of the chunk.
 *
 * @throws StoreError 'corrupted' from every method, with the chunk's section and place in the object
 * @source docs/formats/block.md, "Columns"
 */
export class ColumnReader {
  readonly #chunk: Chunk;
  readonly #bytes: Uint8Array;
  #at: Bytes = 0;

  /** @param bytes the decompressed bytes of the chunk */
  constructor(chunk: Chunk, bytes: Uint8Array) {
    this.#chunk = chunk;
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
    const n = target.length;
    const planes = this.#planes(4, n);
    let at = this.#take(planes * n, 'a column');
    const bytes = this.#bytes;
    for (let i = 0; i < n; i++) target[i] = bytes[at++];
    for (let shift = 8; shift < planes * 8; shift += 8) {
      for (let i = 0; i < n; i++) target[i] |= bytes[at++] << shift;
    }
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
    return corruptedBlock(`chunk: ${what}`, {
      section: sectionName(this.#chunk.section),
      offset: this.#chunk.range.offset,
      rawOffset: this.#at,
      rawBytes: this.#bytes.length,
      ...facts,
    });
  }
}
