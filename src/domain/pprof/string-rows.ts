import { isUtf8 } from 'node:buffer';
import type { Bytes } from '#src/domain/model/units.ts';
import type { Spans } from './pprof-fields.ts';

/** No string, or one that is not UTF-8. */
export const NO_ROW = -1;

/** Shorter strings are looked at and copied byte by byte, which is faster than the view that all else takes. */
const SHORT_BYTES: Bytes = 128;

const NOTHING = new Uint8Array(0);
const [UNKNOWN, TEXT, NO_TEXT] = [0, 1, 2];

/** The strings of a pprof, by what refers to them. */
export class StringRows {
  readonly #bytes: Uint8Array;
  readonly #spans: Spans;
  /** By row: whether it is UTF-8, as far as somebody asked. A string of megabytes may be the file of all functions. */
  readonly #texts: Uint8Array;

  /** @param bytes  of the pprof */
  constructor(bytes: Uint8Array, spans: Spans) {
    this.#bytes = bytes;
    this.#spans = spans;
    this.#texts = new Uint8Array(spans.count);
  }

  get count(): number {
    return this.#spans.count;
  }

  /** @param low, high  of the reference @returns NO_ROW when it means no text */
  rowOf(low: number, high: number): number {
    if (high !== 0 || low < 0 || low >= this.count) return NO_ROW;
    if (this.#texts[low] === UNKNOWN) this.#texts[low] = this.#isText(low) ? TEXT : NO_TEXT;
    return this.#texts[low] === TEXT ? low : NO_ROW;
  }

  /** A view. Empty, as those below, when there is no row. */
  bytesOf(row: number): Uint8Array {
    return row === NO_ROW ? NOTHING : this.#spans.contentAt(row);
  }

  lengthOf(row: number): Bytes {
    return row === NO_ROW ? 0 : this.#spans.endOf(row) - this.#spans.startOf(row);
  }

  /** -1 where there is none. */
  firstByteOf(row: number): number {
    return this.lengthOf(row) === 0 ? -1 : this.#bytes[this.#spans.startOf(row)];
  }

  /** @returns where it ends */
  copy(row: number, out: Uint8Array, start: number): number {
    const length = this.lengthOf(row);
    if (length > SHORT_BYTES) {
      out.set(this.bytesOf(row), start);
      return start + length;
    }
    if (length === 0) return start;
    const from = this.#spans.startOf(row);
    for (let i = 0; i < length; i++) out[start + i] = this.#bytes[from + i];
    return start + length;
  }

  #isText(row: number): boolean {
    const [start, end] = [this.#spans.startOf(row), this.#spans.endOf(row)];
    if (end - start > SHORT_BYTES) return isUtf8(this.bytesOf(row));
    let bits = 0;
    for (let i = start; i < end; i++) bits |= this.#bytes[i];
    return bits < 0x80 || isUtf8(this.bytesOf(row));
  }
}
