import type { Bytes } from '#src/domain/model/units.ts';
import { mayBeUnstable } from './symbol-name.ts';
import { WordLists } from './word-lists.ts';
import type { TableMeans } from './word-table.ts';

const DOLLAR = 0x24;
const POINT = 0x2e;

/** Copying by hand is faster up to here. */
const LOOP_BYTES_MAX = 128;

/**
 * Gives equal texts one number, in order of first appearance. What is compared and hashed are words of 32 bits, and hardly
 * any text is made to a string.
 *
 *     | length | text, with zeros up to the next word |     a list
 */
export class SymbolTable {
  readonly #lists: WordLists;

  constructor(means: TableMeans) {
    this.#lists = new WordLists('symbols', { words: 1 << 14, rows: 2048 }, means);
  }

  /** Of a symbol. */
  bytesOf(symbol: number): Bytes {
    return this.#lists.words[this.#lists.startOf(symbol)];
  }

  /**
   * A symbol that is what it says: ASCII, without what differs from process to process.
   *
   * @returns -1 when it may be something else, which its text has to tell
   */
  internPlain(source: Uint8Array, start: Bytes, length: Bytes): number {
    const at = this.#reserve(length);
    const { bytes } = this.#lists;
    let bits = 0;
    let before = 0;
    for (let i = 0; i < length; i++) {
      const byte = source[start + i];
      bytes[at + i] = byte;
      bits |= byte;
      if (byte === DOLLAR && before === DOLLAR) return -1;
      before = byte;
    }
    if (bits > 0x7f || mayBeUnstable(source, start, length)) return -1;
    return this.#internLast(length);
  }

  intern(text: string): number {
    const bytes = Buffer.from(text);
    const at = this.#reserve(bytes.length);
    this.#lists.bytes.set(bytes, at);
    return this.#internLast(bytes.length);
  }

  /** What `first` says, a point, and so many bytes of what `second` says. */
  internJoined(first: number, second: number, secondBytes: Bytes): number {
    const length = this.bytesOf(first) + 1 + secondBytes;
    const point = this.#reserve(length) + this.bytesOf(first);
    this.#copy(first, 0, this.bytesOf(first), point - this.bytesOf(first));
    this.#lists.bytes[point] = POINT;
    this.#copy(second, 0, secondBytes, point + 1);
    return this.#internLast(length);
  }

  /** What a symbol says from one of its bytes on. */
  internRest(symbol: number, from: Bytes): number {
    const length = this.bytesOf(symbol) - from;
    this.#copy(symbol, from, length, this.#reserve(length));
    return this.#internLast(length);
  }

  /** Where the last point of a symbol stands, -1 when it has none. */
  lastPointOf(symbol: number): Bytes {
    const { bytes } = this.#lists;
    const start = this.#startOf(symbol);
    let at = start + this.bytesOf(symbol) - 1;
    while (at >= start && bytes[at] !== POINT) at--;
    return at < start ? -1 : at - start;
  }

  /** Writes a symbol. @returns where it ends */
  writeTo(target: Uint8Array, at: Bytes, symbol: number): Bytes {
    const { bytes } = this.#lists;
    const start = this.#startOf(symbol);
    const length = this.bytesOf(symbol);
    if (length > LOOP_BYTES_MAX) target.set(bytes.subarray(start, start + length), at);
    else for (let i = 0; i < length; i++) target[at + i] = bytes[start + i];
    return at + length;
  }

  #startOf(symbol: number): Bytes {
    return 4 * this.#lists.startOf(symbol) + 4;
  }

  #copy(symbol: number, from: Bytes, length: Bytes, to: Bytes): void {
    const start = this.#startOf(symbol) + from;
    this.#lists.bytes.copyWithin(to, start, start + length);
  }

  /** Makes room for the next text. @returns where it begins among the bytes */
  #reserve(length: Bytes): Bytes {
    this.#lists.reserve(1 + ((length + 3) >>> 2));
    return 4 * this.#lists.end + 4;
  }

  #internLast(length: Bytes): number {
    const { bytes, words, end } = this.#lists;
    const wordCount = 1 + ((length + 3) >>> 2);
    words[end] = length;
    for (let i = 4 * end + 4 + length; i < 4 * (end + wordCount); i++) bytes[i] = 0;
    return this.#lists.internLast(wordCount);
  }
}
