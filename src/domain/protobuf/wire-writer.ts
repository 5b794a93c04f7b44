import type { Bytes } from '#src/domain/model/units.ts';
import { writeVarint64 } from './varint.ts';

/** A length that is filled in later takes so many bytes, whatever it is: 35 bits. */
const LENGTH_BYTES = 5;

/** Writes a protobuf message whose parts have lengths that nobody knows before they are written. */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;
  readonly #sizeBytesMax: Bytes;
  readonly #onFull: () => Error;

  /**
   * @param sizeBytes     what it is expected to become; it grows beyond
   * @param sizeBytesMax  what it may become; at least 64
   * @param onFull        what is thrown then
   */
  constructor(sizeBytes: Bytes, sizeBytesMax: Bytes, onFull: () => Error) {
    this.#bytes = new Uint8Array(Math.max(64, Math.min(sizeBytes, sizeBytesMax)));
    this.#sizeBytesMax = sizeBytesMax;
    this.#onFull = onFull;
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written behind. @param length  as it was before */
  cut(length: number): void {
    this.#length = length;
  }

  /** A view of what was written. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @param field  at most 15 */
  tag(field: number, wire: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = (field << 3) | wire;
  }

  varint64(low: number, high: number): void {
    this.#reserve(10);
    this.#length = writeVarint64(this.#bytes, this.#length, low, high);
  }

  fixed64(low: number, high: number): void {
    this.#reserve(8);
    for (const half of [low, high]) {
      for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#length++] = half >>> shift;
    }
  }

  /** A text, bytes or a message that is there already, with its length. */
  delimited(bytes: Uint8Array): void {
    this.varint64(bytes.length, 0);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Begins something with a length. @returns what `end` takes */
  begin(): number {
    this.#reserve(LENGTH_BYTES);
    this.#length += LENGTH_BYTES;
    return this.#length;
  }

  /** Fills the length in, with as many bytes as were left for it. */
  end(start: number): void {
    let rest = this.#length - start;
    for (let i = start - LENGTH_BYTES; i < start; i++) {
      this.#bytes[i] = i < start - 1 ? (rest & 0x7f) | 0x80 : rest;
      rest >>>= 7;
    }
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#bytes.length) return;
    // Room is asked for before it is known how much of it is needed: the last bytes may stay free.
    if (needed > this.#sizeBytesMax) throw this.#onFull();
    const roomy = Math.min(this.#bytes.length + (this.#bytes.length >> 1), this.#sizeBytesMax);
    const larger = new Uint8Array(Math.max(needed, roomy));
    larger.set(this.bytes());
    this.#bytes = larger;
  }
}
