import { mixed } from '#src/domain/model/hash-secret.ts';
import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { RowSlots } from '#src/domain/model/row-slots.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import { ROWS_MAX, type TableMeans } from './word-table.ts';

/** Of a list: where it begins, its length, its hash. */
const STRIDE = 3;

/**
 * Gives equal lists of words of 32 bits one number, in order of first appearance. A list is written behind all others,
 * looked for, and stays there if it is new.
 *
 *     | list 0 | list 1 | ... | the next one |     words, of which `end` is where the next list begins
 *
 * @cost 4 bytes per word, 12 to 24 per list and what `RowSlots` takes, from the memory before they grow
 */
export class WordLists {
  /** @shapes Int32Array[at least end + what was reserved]; another one after `reserve` */
  words: Int32Array;
  /** The same memory. */
  bytes: Uint8Array;
  end = 0;
  length = 0;
  readonly #what: string;
  readonly #memory: MemoryBudget;
  readonly #seed: number;
  readonly #secret: number;
  #rows: Int32Array;
  readonly #slots: RowSlots;

  /**
   * @param what         the lists are, for the message when there are too many
   * @param words, rows  that there is room for at first, powers of two
   */
  constructor(what: string, { words, rows }: { words: number; rows: number }, { secret, memory }: TableMeans) {
    memory.take(4 * (words + rows * STRIDE));
    this.#what = what;
    this.#memory = memory;
    [this.#seed, this.#secret] = secret;
    this.words = new Int32Array(words);
    this.bytes = new Uint8Array(this.words.buffer);
    this.#rows = new Int32Array(STRIDE * rows);
    this.#slots = new RowSlots(rows, (list) => this.#rows[STRIDE * list + 2], memory);
  }

  startOf(list: number): number {
    return this.#rows[STRIDE * list];
  }

  /** How many words a list has. */
  lengthOf(list: number): number {
    return this.#rows[STRIDE * list + 1];
  }

  /** Makes room for a list of so many words. */
  reserve(length: number): void {
    const needed = this.end + length;
    if (needed <= this.words.length) return;
    const size = 2 ** (32 - Math.clz32(needed));
    this.#memory.take(4 * (size - this.words.length));
    const words = new Int32Array(size);
    words.set(this.words.subarray(0, needed - length));
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
  }

  /**
   * The number of the list of so many words that begins at `end`. It is new when it equals the length before.
   *
   * @throws StoreError 'invalid-argument' when there are too many
   */
  internLast(length: number): number {
    const { words, end: start } = this;
    const end = start + length;
    const secret = this.#secret;
    let hash = mixed(this.#seed, length, secret);
    for (let i = start; i < end; i++) hash = mixed(hash, words[i], secret);

    const { now, before } = this.#slots;
    const slot = this.#slotIn(now, length, hash);
    if (now[slot] !== 0) return now[slot] - 1;
    if (before !== undefined) {
      const known = before[this.#slotIn(before, length, hash)];
      if (known !== 0) return known - 1;
    }
    return this.#add(length, hash, slot);
  }

  /** The slot that has the list which equals the last one, or the free one where it is not found. */
  #slotIn(slots: Int32Array, length: number, hash: number): number {
    const { words, end: start } = this;
    const end = start + length;
    const rows = this.#rows;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = STRIDE * (slots[slot] - 1);
      if (rows[row + 2] !== hash || rows[row + 1] !== length) continue;
      let own = rows[row];
      let i = start;
      while (i < end && words[own] === words[i]) {
        own++;
        i++;
      }
      if (i === end) break;
    }
    return slot;
  }

  #add(length: number, hash: number, slot: number): number {
    const list = this.length;
    if (list === ROWS_MAX) throw undecodableUpload('jfr', `it has more than ${ROWS_MAX} ${this.#what}`);
    const row = STRIDE * list;
    if (row === this.#rows.length) this.#growRows();
    this.#slots.add(list, hash, slot);
    this.#rows[row] = this.end;
    this.#rows[row + 1] = length;
    this.#rows[row + 2] = hash;
    this.length++;
    this.end += length;
    return list;
  }

  #growRows(): void {
    this.#memory.take(this.#rows.byteLength);
    const rows = new Int32Array(2 * this.#rows.length);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
