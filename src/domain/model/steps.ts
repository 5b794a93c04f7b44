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

/**
 * Goes through rows level by level. Yields when they have come to a step: a level may be many steps long, and a deep tree
 * has as many levels as others have rows.
 *
 * @param offsets  where each level begins, and the last one ends
 * @param level    the first one
 * @param work     gets a level, or its parts in order; an empty level is one part
 * @param stepRows of a step, which is twice as long at most
 * @shapes offsets Uint32Array[levels + 1]
 */
export function* levelsInSteps(
  offsets: Uint32Array,
  firstLevel: number,
  work: (start: number, end: number, level: number) => void,
  stepRows = STEP_ROWS,
): Steps<void> {
  let done = 0;
  for (let level = firstLevel; level + 1 < offsets.length; level++) {
    const end = offsets[level + 1];
    let from = offsets[level];
    do {
      const to = Math.min(from + stepRows, end);
      work(from, to, level);
      done += to - from + LEVEL_ROWS;
      from = to;
      if (done < stepRows) continue;
      done = 0;
      yield;
    } while (from < end);
  }
}

/** What a level costs beside its rows, in rows. */
export const LEVEL_ROWS = 16;

/** Runs work at one go. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
