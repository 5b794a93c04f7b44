/**
 * Work in steps: it yields, and tells nothing, wherever it may be paused for a while or given up with `return()`. A step
 * is about ten milliseconds long at most, so that whoever runs it has a say often enough.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs work at one go. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
