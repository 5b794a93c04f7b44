import { grown } from './growing-columns.ts';

const CHUNK_SHIFT = 12;
/** Rows of a chunk. */
const CHUNK_ROWS = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK_ROWS - 1;

/** What a row has whose number is in `#far`. */
const FAR = 0xffff_ffff;

/**
 * Safe integers that only ever get more: 4 bytes each for those that are a little above a base, as nearly all are, and an
 * entry of a map for each of the others.
 *
 * They lie in chunks, so that no row is copied once its chunk is full, and only the end of the last one is unused. One
 * array that grows by half is copied again and again, up to a third of it is unused, and what it leaves behind are holes in
 * the heap.
 */
export class NumberColumn {
  readonly #base: number;
  readonly #chunks: Uint32Array<ArrayBuffer>[] = [];
  readonly #far = new Map<number, number>();
  #length = 0;

  /** @param base  numbers from here to 2^32 - 2 more are near */
  constructor(base = 0) {
    this.#base = base;
  }

  push(value: number): void {
    const row = this.#length++;
    const above = value - this.#base;
    const near = above >= 0 && above < FAR;
    const index = row >>> CHUNK_SHIFT;
    const chunk = grown(this.#chunks[index] ?? new Uint32Array(0), (row & CHUNK_MASK) + 1, CHUNK_ROWS);
    this.#chunks[index] = chunk;
    chunk[row & CHUNK_MASK] = near ? above : FAR;
    if (!near) this.#far.set(row, value);
  }

  /** @order  0 <= row < how often something was pushed */
  at(row: number): number {
    const above = this.#chunks[row >>> CHUNK_SHIFT][row & CHUNK_MASK];
    return above === FAR ? (this.#far.get(row) as number) : this.#base + above;
  }
}
