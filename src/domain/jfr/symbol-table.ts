import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import { mayBeUnstable } from './symbol-name.ts';
import { mixed, ROWS_MAX, type TableMeans } from './word-table.ts';

const ROWS_AT_FIRST = 4096;
const BYTES_AT_FIRST: Bytes = 64 << 10;

/** Of a symbol: its first word, its length in bytes, its hash. */
const STRIDE = 3;

const DOLLAR = 0x24;
const POINT = 0x2e;

/**
 * Gives equal texts one number, in order of first appearance. A text is written behind all others, looked for, and stays
 * there if it is new: what is compared and hashed are words of 32 bits, and hardly any text is made to a string.
 *
 *     | text 0 000 | text 1 | text 2 00 | ...     each from the start of a word, with zeros up to the next one
 *
 * @cost the bytes of the texts, and 20 to 40 per text, taken from the memory before it grows
 */
export class SymbolTable {
  readonly #memory: MemoryBudget;
  readonly #seed: number;
  readonly #secret: number;
  /** One buffer, as bytes and as words. */
  #bytes = new Uint8Array(BYTES_AT_FIRST);
  #words = new Int32Array(this.#bytes.buffer);
  #endWord = 0;
  #rows = new Int32Array(STRIDE * ROWS_AT_FIRST);
  /** Numbers + 1, and 0 where there is none. At most half of them are taken. */
  #slots = new Int32Array(2 * ROWS_AT_FIRST);
  #length = 0;

  constructor({ secret, memory }: TableMeans) {
    memory.take(BYTES_AT_FIRST + this.#rows.byteLength + this.#slots.byteLength);
    this.#memory = memory;
    [this.#seed, this.#secret] = secret;
  }

  /** Of a symbol. */
  bytesOf(symbol: number): Bytes {
    return this.#rows[STRIDE * symbol + 1];
  }

  /**
   * A symbol that is what it says: ASCII, without what differs from process to process.
   *
   * @returns -1 when it may be something else, which its text has to tell
   */
  internPlain(source: Uint8Array, start: Bytes, length: Bytes): number {
    this.#reserve(length);
    const bytes = this.#bytes;
    const at = 4 * this.#endWord;
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
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, 4 * this.#endWord);
    return this.#internLast(bytes.length);
  }

  /** What `first` says, a point, and so many bytes of what `second` says. */
  internJoined(first: number, second: number, secondBytes: Bytes): number {
    const length = this.bytesOf(first) + 1 + secondBytes;
    this.#reserve(length);
    this.#bytes[this.#copy(first, 0, this.bytesOf(first), 0)] = POINT;
    this.#copy(second, 0, secondBytes, this.bytesOf(first) + 1);
    return this.#internLast(length);
  }

  /** What a symbol says from one of its bytes on. */
  internRest(symbol: number, from: Bytes): number {
    const length = this.bytesOf(symbol) - from;
    this.#reserve(length);
    this.#copy(symbol, from, length, 0);
    return this.#internLast(length);
  }

  /** Where the last point of a symbol stands, -1 when it has none. */
  lastPointOf(symbol: number): Bytes {
    const bytes = this.#bytes;
    const start = this.#startOf(symbol);
    let at = start + this.bytesOf(symbol) - 1;
    while (at >= start && bytes[at] !== POINT) at--;
    return at < start ? -1 : at - start;
  }

  /** Writes a symbol. @returns where it ends */
  writeTo(target: Uint8Array, at: Bytes, symbol: number): Bytes {
    const bytes = this.#bytes;
    const start = this.#startOf(symbol);
    const length = this.bytesOf(symbol);
    if (length > LOOP_BYTES_MAX) target.set(bytes.subarray(start, start + length), at);
    else for (let i = 0; i < length; i++) target[at + i] = bytes[start + i];
    return at + length;
  }

  #startOf(symbol: number): Bytes {
    return 4 * this.#rows[STRIDE * symbol];
  }

  /** Copies of a symbol behind all others. @returns where it ends */
  #copy(symbol: number, from: Bytes, length: Bytes, to: Bytes): Bytes {
    const start = this.#startOf(symbol) + from;
    const at = 4 * this.#endWord + to;
    this.#bytes.copyWithin(at, start, start + length);
    return at + length;
  }

  /** Makes room for a text, and the zeros behind it. */
  #reserve(length: Bytes): void {
    const needed = 4 * this.#endWord + length + 4;
    if (needed <= this.#bytes.length) return;
    const size = 2 ** (32 - Math.clz32(needed));
    this.#memory.take(size - this.#bytes.length);
    const wider = new Uint8Array(size);
    wider.set(this.#bytes);
    this.#bytes = wider;
    this.#words = new Int32Array(wider.buffer);
  }

  /** The number of what stands behind all others. */
  #internLast(length: Bytes): number {
    const words = this.#words;
    const first = this.#endWord;
    const end = first + ((length + 3) >>> 2);
    const bytes = this.#bytes;
    for (let i = 4 * first + length; i < 4 * end; i++) bytes[i] = 0;
    const secret = this.#secret;
    let hash = mixed(this.#seed, length, secret);
    for (let i = first; i < end; i++) hash = mixed(hash, words[i], secret);

    const slots = this.#slots;
    const rows = this.#rows;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = STRIDE * (slots[slot] - 1);
      if (rows[row + 2] !== hash || rows[row + 1] !== length) continue;
      let own = rows[row];
      let i = first;
      while (i < end && words[own] === words[i]) {
        own++;
        i++;
      }
      if (i === end) return slots[slot] - 1;
    }
    return this.#add(slot, end, length, hash);
  }

  #add(slot: number, endWord: number, length: Bytes, hash: number): number {
    if (this.#length === ROWS_MAX) throw undecodableUpload('jfr', `it has more than ${ROWS_MAX} symbols`);
    let free = slot;
    if (2 * (this.#length + 1) > this.#slots.length) {
      this.#growRows();
      free = this.#freeSlot(hash);
    }
    const symbol = this.#length++;
    const row = STRIDE * symbol;
    this.#rows[row] = this.#endWord;
    this.#rows[row + 1] = length;
    this.#rows[row + 2] = hash;
    this.#slots[free] = symbol + 1;
    this.#endWord = endWord;
    return symbol;
  }

  #growRows(): void {
    this.#memory.take(this.#rows.byteLength + this.#slots.byteLength);
    const rows = new Int32Array(2 * this.#rows.length);
    rows.set(this.#rows);
    this.#rows = rows;
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let symbol = 0; symbol < this.#length; symbol++) {
      this.#slots[this.#freeSlot(rows[STRIDE * symbol + 2])] = symbol + 1;
    }
  }

  #freeSlot(hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }
}

/** Copying by hand is faster up to here. */
const LOOP_BYTES_MAX = 128;
