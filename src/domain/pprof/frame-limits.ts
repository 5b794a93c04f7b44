import { columnsMax, familiesMax } from '#src/domain/block/block-format.ts';
import type { PlainProfile } from './plain-profile.ts';
import { stackTooLong, tooManyFrames, tooManyLines } from './profile-errors.ts';

// A location may stand for several frames, of functions that were inlined into each other, and a stacktrace may have it
// as often as it is deep. So a few hundred bytes can mean frames without end, and a flame graph has a node for each.
// Here a profile's frames are bounded before any of it is stored. The kernels have the same numbers.

/** Lines of a location. Compilers inline below a hundred deep. */
export const locationLinesMax = 1024;

/** Frames of a stacktrace, with those of inlined functions: as deep as a tree of a text profile may be. */
export const stackFramesMax = 1 << 18;

/**
 * Frames of all different stacktraces of a profile, those that begin alike counted once up to where they part.
 *
 * Their function tree takes half of `query-backend.result-bytes-max` then, and is folded and merged within
 * `pool.task-bytes-max`, as these are by default; trees of more such profiles are cut. Where nothing is inlined, a head has
 * no room for so many.
 */
export const profileFramesMax = 1 << 21;

/**
 * @throws StoreError 'invalid-argument' when there are more frames than a profile may have
 * @cost   O(locations of the samples)
 */
export function checkFrames({ locations, samples, sampleTypes }: PlainProfile): void {
  locations.forEach(({ lines }, row) => {
    if (lines.length > locationLinesMax) throw tooManyLines(row, locationLinesMax, lines.length);
  });
  // Of locations with the same id the last one counts. What is missing, or has no lines, is shown as one frame.
  const rows = new Map(locations.map(({ id }, row) => [id, row]));
  const framesOf = (row: number): number => Math.max(1, locations[row]?.lines.length ?? 0);
  const stacks = samples.map(({ locationIds }) => locationIds.map((id) => rows.get(id) ?? -1));
  stacks.forEach((stack, sample) => {
    const frames = stack.reduce((sum, row) => sum + framesOf(row), 0);
    if (frames > stackFramesMax) throw stackTooLong(sample, stackFramesMax, frames);
  });
  const tables = stackTablesOf(sampleTypes.length);
  const root: StackNode = new Map();
  let frames = 0;
  for (const stack of stacks) {
    let node = root;
    for (const row of stack.toReversed()) {
      const known = node.get(row);
      const child: StackNode = known ?? new Map();
      if (known === undefined) {
        node.set(row, child);
        frames += framesOf(row) * tables;
        if (frames > profileFramesMax) throw tooManyFrames(profileFramesMax, frames);
      }
      node = child;
    }
  }
}

/** Stack tables that a profile's stacktraces may get into: one for each family of sample types. */
function stackTablesOf(typeCount: number): number {
  return Math.min(Math.ceil(typeCount / columnsMax), familiesMax + 1);
}

/** By row of the location. */
type StackNode = Map<number, StackNode>;
