/**
 * Work in steps: it yields, and tells nothing, wherever it may be paused for a while or given up with `return()`. A step
 * is about ten milliseconds long at most, so that whoever runs it has a say often enough.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Rows of typed arrays, or elements of about that cost, that loops go through in one step: at 100 ns each, 6 ms. */
export const STEP_ROWS = 1 << 16;

/**
 * Goes through rows, and yields behind each part. Loops that yield in their middle are compiled to code that takes half
 * as long again; and where a loop is long, it belongs into a function of a module: code that was made for a closure is
 * thrown away with it.
 *
 * @param work      gets ranges that follow each other
 * @param stepRows  of one range at most
 */
export function* inSteps(
  start: number,
  end: number,
  work: (start: number, end: number) => void,
  stepRows = STEP_ROWS,
): Steps<void> {
  for (let from = start; from < end; from += stepRows) {
    work(from, Math.min(from + stepRows, end));
    yield;
  }
}

/**
 * Goes through rows of which one may cost many times what another does. Yields where `work` stops, so a step is as long as
 * `work` makes it.
 *
 * @param work  goes on from a row until it has done enough, at least one row; returns the row to go on from
 */
export function* byWork(start: number, end: number, work: (start: number) => number): Steps<void> {
  for (let from = start; from < end; ) {
    from = work(from);
    yield;
  }
}

/** Runs work at one go. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
