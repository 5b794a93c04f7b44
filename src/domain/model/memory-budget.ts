import type { Bytes } from './units.ts';

/** Counts the memory of columns and tables that grow with what comes from outside, and stops them before they are too many. */
export class MemoryBudget {
  readonly limitBytes: Bytes;
  readonly #onFull: (limitBytes: Bytes) => Error;
  #takenBytes: Bytes = 0;

  /** @param onFull  makes what is thrown */
  constructor(limitBytes: Bytes, onFull: (limitBytes: Bytes) => Error) {
    this.limitBytes = limitBytes;
    this.#onFull = onFull;
  }

  get takenBytes(): Bytes {
    return this.#takenBytes;
  }

  /** @order before the memory is allocated */
  take(bytes: Bytes): void {
    if (this.#takenBytes + bytes > this.limitBytes) throw this.#onFull(this.limitBytes);
    this.#takenBytes += bytes;
  }

  /** For what is not needed any more. */
  give(bytes: Bytes): void {
    this.#takenBytes -= bytes;
  }
}
