import { type HashSecret, mixed } from '#src/domain/model/hash-secret.ts';
import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { RowSlots } from '#src/domain/model/row-slots.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/** What tables are made with. Those of a recording share the memory. */
export type TableMeans = { readonly secret: HashSecret; readonly memory: MemoryBudget };

/** A table of a chunk is small at first, because a recording may have very many chunks. */
const ROWS_AT_FIRST = 32;

/** More would make a table of a hundred megabytes, whose words take longer than a step to be copied when it grows. */
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
 * @cost 4 to 6 bytes per word, and what `RowSlots` takes, from the memory before a table grows
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
  readonly #slots: RowSlots;

  /**
   * @param what  the rows are, for the message when there are too many
   * @param rows  that there is room for at first, a power of two and at least 2
   */
  constructor(
    what: string,
    { keyWords, dataWords, rows = ROWS_AT_FIRST }: { keyWords: number; dataWords: number; rows?: number },
    { secret, memory }: TableMeans,
  ) {
    memory.take(4 * rows * (keyWords + dataWords));
    this.#memory = memory;
    this.#what = what;
    this.key = new Int32Array(keyWords);
    this.stride = keyWords + dataWords;
    this.words = new Int32Array(rows * this.stride);
    this.#keyWords = keyWords;
    [this.#seed, this.#secret] = secret;
    this.#slots = new RowSlots(rows, (row) => this.#hashOf(this.words, row * this.stride), memory);
  }

  get sizeBytes(): Bytes {
    return this.words.byteLength + this.#slots.sizeBytes;
  }

  /** The row of `key`, -1 when there is none. */
  find(): number {
    const { now, before } = this.#slots;
    const hash = this.#hashOf(this.key, 0);
    const row = now[this.#slotIn(now, hash)] - 1;
    return row === -1 && before !== undefined ? before[this.#slotIn(before, hash)] - 1 : row;
  }

  /**
   * The row of `key`, which is new when it equals the length before.
   *
   * @throws StoreError 'invalid-argument' when there are too many
   */
  intern(): number {
    const { now, before } = this.#slots;
    const hash = this.#hashOf(this.key, 0);
    const slot = this.#slotIn(now, hash);
    if (now[slot] !== 0) return now[slot] - 1;
    if (before !== undefined) {
      const known = before[this.#slotIn(before, hash)];
      if (known !== 0) return known - 1;
    }
    const row = this.length;
    if (row === ROWS_MAX) {
      throw undecodableUpload('jfr', `it has more than ${ROWS_MAX} ${this.#what}`);
    }
    if ((row + 1) * this.stride > this.words.length) this.#growWords();
    this.#slots.add(row, hash, slot);
    this.words.set(this.key, row * this.stride);
    this.length++;
    return row;
  }

  /** The slot that has the row of `key`, or the free one where it is not found. */
  #slotIn(slots: Int32Array, hash: number): number {
    const mask = slots.length - 1;
    const { key, words, stride } = this;
    const keyWords = this.#keyWords;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot] - 1;
      if (row < 0) return slot;
      let own = row * stride;
      let i = 0;
      while (i < keyWords && words[own] === key[i]) {
        own++;
        i++;
      }
      if (i === keyWords) return slot;
    }
  }

  #hashOf(keys: Int32Array, start: number): number {
    let hash = this.#seed;
    const end = start + this.#keyWords;
    const secret = this.#secret;
    for (let i = start; i < end; i++) {
      hash = mixed(hash, keys[i], secret);
    }
    return hash;
  }

  /** By half: words are most of a table. */
  #growWords(): void {
    const length = this.words.length + this.stride * (this.length >>> 1);
    this.#memory.take(4 * length - this.words.byteLength);
    const words = new Int32Array(length);
    words.set(this.words);
    this.words = words;
  }
}
