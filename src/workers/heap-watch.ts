import type { Bytes, DurationMs } from '#src/domain/model/units.ts';

/** What a thread has beside its kernels: JavaScript, and buffers on their way. */
export type ThreadHeap = {
  /** What V8 took of the machine for objects and code. */
  readonly total: Bytes;
  /** What of it objects take, garbage that was not collected yet included. */
  readonly used: Bytes;
  /** Buffers that belong to objects. The memory of kernels is none of them. */
  readonly external: Bytes;
};

/** Whoever looks at metrics sees no more; a task without it costs its thread and the main loop nothing. */
const INTERVAL_MS: DurationMs = 1_000;

/** Looks at the heap of this thread now and then, because nobody can from outside while it waits for its next task. */
export class HeapWatch {
  readonly #read: () => ThreadHeap;
  readonly #nowMs: () => number;
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(read: () => ThreadHeap, nowMs: () => number) {
    this.#read = read;
    this.#nowMs = nowMs;
  }

  /** @returns undefined when it was asked a moment ago */
  look(): ThreadHeap | undefined {
    const nowMs = this.#nowMs();
    if (nowMs < this.#nextMs) return undefined;
    this.#nextMs = nowMs + INTERVAL_MS;
    return this.#read();
  }
}
