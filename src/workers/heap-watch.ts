import type { Bytes, DurationMs } from '#src/domain/model/units.ts';

/** What a thread has beside its kernels: JavaScript, and buffers on their way. */
export type ThreadHeap = {
  /** What V8 took of the machine for objects and code. */
  readonly total: Bytes;
  /** What of it objects take, garbage that was not collected yet included. */
  readonly used: Bytes;
  /** Buffers that belong to objects. The memory of kernels is one of them only when they were replaced. */
  readonly external: Bytes;
};

export type HeapWatchOptions = {
  readonly read: () => ThreadHeap;
  readonly nowMs: () => number;
  /** A heap that came to take more, and twice of what it needed last time, gives back what it does not need. */
  readonly keptBytesMax: Bytes;
  /** Collects garbage, and gives memory back to the machine. */
  readonly giveBack: () => void;
};

/** Whoever looks at metrics sees no more often. */
const TELL_INTERVAL_MS: DurationMs = 1_000;

/**
 * Looks at the heap of this thread after each task, because nobody can from outside while it waits for the next one.
 *
 * V8 keeps the pages that a heap does not need any more. It gives them back in a collection that is meant to reduce memory,
 * and those begin with a timer, which a thread that waits on a futex between two tasks never runs: one answer of a gigabyte
 * would be a gigabyte for good.
 *
 * Kernels that were replaced are garbage like any other buffer, and count until they are collected. A thread whose windows
 * take more than an instance is kept for replaces its own behind each, and may then give back once per window, 45 to 70 ms
 * long: otherwise the old memory lies beside the new one until V8 collects of its own accord.
 */
export class HeapWatch {
  readonly #options: HeapWatchOptions;
  /** Since memory was given back. A peak that was over before the task ended is not seen. */
  #peakBytes: Bytes = 0;
  /** The least since memory was given back, an answer that still had to be sent among it. */
  #leftBytes: Bytes = 0;
  #tellMs = Number.NEGATIVE_INFINITY;

  constructor(options: HeapWatchOptions) {
    this.#options = options;
  }

  /**
   * @param idle  nothing is suspended whose objects are still needed
   * @returns     undefined when it was told a moment ago
   * @cost        a microsecond, or some hundred milliseconds when it gives back
   */
  look(idle: boolean): ThreadHeap | undefined {
    const { read, nowMs, keptBytesMax, giveBack } = this.#options;
    let heap = read();
    this.#peakBytes = Math.max(this.#peakBytes, sizeOf(heap));
    this.#leftBytes = Math.min(this.#leftBytes, sizeOf(heap));
    const givesBack = idle && this.#peakBytes > Math.max(keptBytesMax, 2 * this.#leftBytes);
    if (givesBack) {
      giveBack();
      heap = read();
      this.#leftBytes = sizeOf(heap);
      this.#peakBytes = this.#leftBytes;
    }
    const now = nowMs();
    if (now < this.#tellMs && !givesBack) return undefined;
    this.#tellMs = now + TELL_INTERVAL_MS;
    return heap;
  }
}

/** Buffers belong to objects, and are kept as long as nobody collects those. */
function sizeOf({ total, external }: ThreadHeap): Bytes {
  return total + external;
}
