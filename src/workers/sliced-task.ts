import type { Steps } from '#src/domain/model/steps.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';

export type SlicedTaskOptions = {
  /** How long a slice goes on taking steps. It is longer by what is left of its last one. */
  readonly sliceMs: DurationMs;
  /** Milliseconds of any clock that never goes back. */
  readonly nowMs: () => number;
};

/**
 * Runs long tasks of a thread slice by slice, because a running one cannot be interrupted. What it needs later on stays
 * in the generator, and in the kernels that it uses: there is therefore one such task at a time.
 *
 * @invariant between two calls no step is running
 */
export class SlicedTask {
  readonly #options: SlicedTaskOptions;
  #suspended: Steps<unknown> | undefined;

  constructor(options: SlicedTaskOptions) {
    this.#options = options;
  }

  /** Whether a task waits for its next slice. */
  get suspended(): boolean {
    return this.#suspended !== undefined;
  }

  /**
   * Runs the first slice of a task.
   *
   * @returns whether it is done, and then what it made; otherwise it is suspended
   */
  start<T>(steps: Steps<T>): IteratorResult<undefined, T> {
    assert(this.#suspended === undefined, 'a task is suspended in this thread, and another one begins');
    return this.#runSlice(steps);
  }

  /**
   * Runs the next slice of the suspended task.
   *
   * @throws AssertionError when there is none, as in a thread that took the place of one that died
   */
  resume(): IteratorResult<undefined, unknown> {
    const steps = this.#suspended;
    assert(steps !== undefined, 'no task is suspended in this thread');
    this.#suspended = undefined;
    return this.#runSlice(steps);
  }

  /** Gives the suspended task up. It lets go of what it holds. */
  drop(): void {
    const steps = this.#suspended;
    this.#suspended = undefined;
    steps?.return(undefined);
  }

  #runSlice<T>(steps: Steps<T>): IteratorResult<undefined, T> {
    const { sliceMs, nowMs } = this.#options;
    const endMs = nowMs() + sliceMs;
    for (;;) {
      const step = steps.next();
      if (step.done) return step;
      if (nowMs() < endMs) continue;
      this.#suspended = steps;
      return step;
    }
  }
}
