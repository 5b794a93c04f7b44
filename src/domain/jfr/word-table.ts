import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/** Two random numbers of 32 bits, so that nobody outside can choose keys that collide in a hash table. */
export type HashSecret = readonly [number, number];

/** What tables are made with. Those of a recording share the memory. */
export type TableMeans = { readonly secret: HashSecret; readonly memory: MemoryBudget };

/** A table of a chunk is small at first, because a recording may have very many chunks. */
const ROWS_AT_FIRST = 32;

/** More would make a table of a hundred megabytes, which takes longer than a step to grow. */
export const ROWS_MAX = 1 << 21;

/**
 * Gives equal keys one row, in order of first appearance. A key is some words of 32 bits, and a row has more words beside
 * it, which begin as 0 and belong to whoever made the table.
 *
 *     key key data | key key data | ...     words, of which row i is i × stride ..
 *
 * Everything that a recording refers to by numbers is found in such tables: a Map of pairs takes five times the memory,
 * and its hash of numbers can be foreseen.
 *
 * @cost 4 to 6 bytes per word and 8 to 16 per row, taken from the memory before a table grows
 */
export class WordTable {
  /** What is looked for is written here first. */
  readonly key: Int32Array;
  readonly stride: number;
  /** @shapes Int32Array[at least length × stride]; another one after `intern` */
  words: Int32Array;
  length = 0;
  readonly #what: string;
  readonly #memory: MemoryBudget;
  readonly #keyWords: number;
  readonly #seed: number;
  readonly #secret: number;
  /** Rows + 1, and 0 where there is none. At most half of them are taken. */
  #slots: Int32Array;

  /**
   * @param what  the rows are, for the message when there are too many
   * @param rows  that there is room for at first, a power of two
   */
  constructor(
    what: string,
    { keyWords, dataWords, rows = ROWS_AT_FIRST }: { keyWords: number; dataWords: number; rows?: number },
    { secret, memory }: TableMeans,
  ) {
    memory.take(4 * rows * (keyWords + dataWords + 2));
    this.#memory = memory;
    this.#what = what;
    this.key = new Int32Array(keyWords);
    this.stride = keyWords + dataWords;
    this.words = new Int32Array(rows * this.stride);
    this.#keyWords = keyWords;
    this.#slots = new Int32Array(2 * rows);
    [this.#seed, this.#secret] = secret;
  }

  get sizeBytes(): Bytes {
    return this.words.byteLength + this.#slots.byteLength;
  }

  /** The row of `key`, -1 when there is none. */
  find(): number {
    return this.#slots[this.#slotOf(this.key, 0)] - 1;
  }

  /**
   * The row of `key`, which is new when it equals the length before.
   *
   * @throws StoreError 'invalid-argument' when there are too many
   */
  intern(): number {
    let slot = this.#slotOf(this.key, 0);
    if (this.#slots[slot] !== 0) return this.#slots[slot] - 1;
    if (this.length === ROWS_MAX) {
      throw undecodableUpload('jfr', `it has more than ${ROWS_MAX} ${this.#what}`);
    }
    if ((this.length + 1) * this.stride > this.words.length) this.#growWords();
    if (2 * (this.length + 1) > this.#slots.length) {
      this.#growSlots();
      slot = this.#slotOf(this.key, 0);
    }
    const row = this.length++;
    this.words.set(this.key, row * this.stride);
    this.#slots[slot] = row + 1;
    return row;
  }

  #slotOf(keys: Int32Array, start: number): number {
    const mask = this.#slots.length - 1;
    let hash = this.#seed;
    const end = start + this.#keyWords;
    const secret = this.#secret;
    for (let i = start; i < end; i++) {
      hash = mixed(hash, keys[i], secret);
    }
    const slots = this.#slots;
    const { words, stride } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot] - 1;
      if (row < 0) return slot;
      let own = row * stride;
      let i = start;
      while (i < end && words[own] === keys[i]) {
        own++;
        i++;
      }
      if (i === end) return slot;
    }
  }

  /** By half: words are most of a table. */
  #growWords(): void {
    const length = this.words.length + this.stride * (this.length >>> 1);
    this.#memory.take(4 * length - this.words.byteLength);
    const words = new Int32Array(length);
    words.set(this.words);
    this.words = words;
  }

  #growSlots(): void {
    this.#memory.take(this.#slots.byteLength);
    this.#slots = new Int32Array(2 * this.#slots.length);
    const { words } = this;
    for (let row = 0; row < this.length; row++) this.#slots[this.#slotOf(words, row * this.stride)] = row + 1;
  }
}

/**
 * The hash of words with one more. Two rounds of multiplying, with a secret before each: which keys meet in one place
 * cannot be computed.
 */
export function mixed(hash: number, word: number, secret: number): number {
  let next = Math.imul(hash ^ word, 0x85eb_ca6b);
  next ^= next >>> 15;
  next = Math.imul(next ^ secret, 0xc2b2_ae35);
  return next ^ (next >>> 13);
}
