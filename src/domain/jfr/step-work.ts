/** Work of a step, in bytes of constants: what else is gone through counts as so many of them. */
const STEP_WORK = 256 << 10;

/** Counts the work since the last pause, across loops of which each may be short or may have nothing to do. */
export class StepWork {
  #done = 0;

  /** How much more belongs into this step. */
  get left(): number {
    return STEP_WORK - this.#done;
  }

  /** @returns whether it is time for a pause, which is taken as made then */
  add(work: number): boolean {
    this.#done += work;
    if (this.#done < STEP_WORK) return false;
    this.#done = 0;
    return true;
  }
}
