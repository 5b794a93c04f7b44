import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Bytes } from '#src/domain/model/units.ts';

const LENGTH_AT_FIRST = 64;

/** Whole numbers of 32 bits, appended one by one: a column while nobody knows how long it becomes. */
export class IntList {
  values = new Int32Array(LENGTH_AT_FIRST);
  length = 0;
  readonly #memory: MemoryBudget;

  constructor(memory: MemoryBudget) {
    memory.take(this.values.byteLength);
    this.#memory = memory;
  }

  push(value: number): void {
    if (this.length === this.values.length) this.#grow();
    this.values[this.length++] = value;
  }

  get sizeBytes(): Bytes {
    return this.values.byteLength;
  }

  clear(): void {
    this.length = 0;
  }

  /** By half, so that appending stays cheap and little is left over. */
  #grow(): void {
    const length = this.values.length + (this.values.length >> 1);
    this.#memory.take(4 * (length - this.values.length));
    const larger = new Int32Array(length);
    larger.set(this.values);
    this.values = larger;
  }
}
