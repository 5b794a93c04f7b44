import type { MemoryBudget } from './memory-budget.ts';
import type { Bytes } from './units.ts';

/** Rows that are moved when slots become too few. Small tables move all of them. */
export const ROWS_AT_ONCE = 1 << 14;

/**
 * Rows that are moved each time when so many others were added, so that all have moved long before there are too few slots
 * again. Many at a time are faster: none of them waits for another one's place to come from memory.
 */
const ROWS_OF_PART = 1 << 10;
const ADDED_BETWEEN = 1 << 8;

/**
 * The slots of an open hash table. The table itself has the rows, which are numbered from 0 and never go away, and their
 * keys: it looks for a row from the slot of its hash on, up to the first one that is free.
 *
 *     slots of now:     row 5 | free | row 0 | free | ...     new rows, and those that have moved
 *     slots of before:  row 0 | row 5 | row 3 | free          all rows up to the growth, while some have not moved
 *
 * When half of the slots are taken there are to be twice as many. The rows move bit by bit, as others are added: of a
 * table of a million rows it would take a third of a second. Until then a row that is not in the slots of now may be in
 * those of before.
 *
 * @cost 8 to 16 bytes per row, and 8 more while rows move
 */
export class RowSlots {
  /** Rows + 1, and 0 where there is none. Others after `add`. @shapes Int32Array[a power of two] */
  now: Int32Array;
  /** The same of before; undefined when all rows have moved. */
  before: Int32Array | undefined;
  readonly #hashOf: (row: number) => number;
  readonly #memory: MemoryBudget | undefined;
  /** Rows below are in the slots of now. */
  #moved = 0;
  /** How many rows there were at the growth. */
  #toMove = 0;

  /**
   * @param rows    that there is room for at first, a power of two
   * @param hashOf  the hash of the key of a row that was added
   * @param memory  from which slots are taken before they are made
   */
  constructor(rows: number, hashOf: (row: number) => number, memory?: MemoryBudget) {
    memory?.take(8 * rows);
    this.now = new Int32Array(2 * rows);
    this.#hashOf = hashOf;
    this.#memory = memory;
  }

  get sizeBytes(): Bytes {
    return this.now.byteLength + (this.before?.byteLength ?? 0);
  }

  /**
   * @param row   the next one, whose key is not in the table
   * @param free  where the search for its hash ended in the slots of now
   * @throws what the memory throws; nothing has changed then
   */
  add(row: number, hash: number, free: number): void {
    if (2 * (row + 1) > this.now.length) this.#grow(row);
    else if (this.before === undefined || row % ADDED_BETWEEN !== 0) {
      this.now[free] = row + 1;
      return;
    } else this.#move(ROWS_OF_PART);
    this.#put(row, hash);
  }

  #grow(rows: number): void {
    this.#memory?.take(2 * this.now.byteLength);
    this.before = this.now;
    this.now = new Int32Array(2 * this.before.length);
    this.#moved = 0;
    this.#toMove = rows;
    this.#move(ROWS_AT_ONCE);
  }

  #move(rows: number): void {
    const end = Math.min(this.#moved + rows, this.#toMove);
    const hashOf = this.#hashOf;
    for (let row = this.#moved; row < end; row++) this.#put(row, hashOf(row));
    this.#moved = end;
    if (end < this.#toMove) return;
    this.#memory?.give(this.before?.byteLength ?? 0);
    this.before = undefined;
  }

  #put(row: number, hash: number): void {
    const { now } = this;
    const mask = now.length - 1;
    let slot = hash & mask;
    while (now[slot] !== 0) slot = (slot + 1) & mask;
    now[slot] = row + 1;
  }
}
