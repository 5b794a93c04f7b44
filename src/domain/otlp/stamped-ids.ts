import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';

/**
 * For rows of a table, the ids that they have in the profile that is being written. Beginning the next profile costs
 * nothing, however large the table is.
 */
export class StampedIds {
  readonly #ids: Int32Array;
  readonly #stamps: Int32Array;
  #stamp = 1;

  constructor(rowCount: number, memory: MemoryBudget) {
    memory.take(8 * rowCount);
    this.#ids = new Int32Array(rowCount);
    this.#stamps = new Int32Array(rowCount);
  }

  /** @returns -1 when the row has none yet */
  get(row: number): number {
    return this.#stamps[row] === this.#stamp ? this.#ids[row] : -1;
  }

  set(row: number, id: number): void {
    this.#ids[row] = id;
    this.#stamps[row] = this.#stamp;
  }

  /** No row has an id any more. */
  clear(): void {
    this.#stamp++;
  }
}
