// Bounds the frames of a profile's stacktraces, those of inlined functions counted: flame graphs and merges have a node
// for each. The plain twin, and why there are such limits, is src/domain/pprof/frame-limits.ts; the numbers are the same.

import { arenaTop, releaseScratch, SCRATCH } from './arena';
import { fail } from './protobuf';
import { FAMILIES } from './symbol-space';
import { treeChild, treeNew, treeRows } from './tree';

export const LOCATION_LINES_MAX: u32 = 1024;
const STACK_FRAMES_MAX: u64 = 1 << 18;
const PROFILE_FRAMES_MAX: u64 = 1 << 21;

/** Sample types that share a stack table. */
const TYPES_PER_TABLE: u32 = 32;

const STACK_FRAMES: i32 = 14; // detail: sample, frames
const PROFILE_FRAMES: i32 = 15; // detail: frames

/**
 * Nearly every profile is within the limits by its deepest stack and its location with the most lines alone; nearly all
 * others by their sums. Only for the rest it is looked which stacktraces begin alike.
 *
 * @param offsets      u32[samples + 1]
 * @param stacks       u32[...], rows of locations, leaf first
 * @param lineOffsets  u32[locations + 1]
 * @param mostLines    of any location
 * @param deepest      locations of any stack
 * @returns            false: the failure is in protobuf.ts
 * @cost               O(1), or O(locations of the stacks)
 */
export function framesFit(
  offsets: usize, stacks: usize, samples: u32, lineOffsets: usize, mostLines: u32, deepest: u32, types: u32,
): bool {
  const tables = <u64>min((types + TYPES_PER_TABLE - 1) / TYPES_PER_TABLE, FAMILIES);
  const most = <u64>max(mostLines, 1);
  const all = <u64>load<u32>(offsets + (<usize>samples << 2));
  if (most * deepest <= STACK_FRAMES_MAX && most * all * tables <= PROFILE_FRAMES_MAX) return true;

  let sum: u64 = 0;
  for (let i: usize = 0; i < <usize>samples; i++) {
    const end = stacks + (<usize>load<u32>(offsets + (i << 2), 4) << 2);
    let frames: u64 = 0;
    for (let at = stacks + (<usize>load<u32>(offsets + (i << 2)) << 2); at < end; at += 4) {
      frames += framesOf(lineOffsets, load<u32>(at));
    }
    if (frames > STACK_FRAMES_MAX) return fail(STACK_FRAMES, i, frames) != 0;
    sum += frames;
  }
  return sum * tables <= PROFILE_FRAMES_MAX || differentFramesFit(offsets, stacks, samples, lineOffsets, tables);
}

function differentFramesFit(offsets: usize, stacks: usize, samples: u32, lineOffsets: usize, tables: u64): bool {
  const top = arenaTop(SCRATCH);
  const tree = treeNew(SCRATCH, 4096, 0);
  let frames: u64 = 0;
  for (let i: usize = 0; i < <usize>samples; i++) {
    const first = stacks + (<usize>load<u32>(offsets + (i << 2)) << 2);
    let stack: u32 = 0;
    for (let at = stacks + (<usize>load<u32>(offsets + (i << 2), 4) << 2); at > first; at -= 4) {
      const location = load<u32>(at - 4);
      const known = treeRows(tree);
      stack = treeChild(tree, stack, location);
      if (stack < known) continue;
      frames += framesOf(lineOffsets, location) * tables;
      // More than the limit is not counted, so that the tree is bounded too.
      if (frames > PROFILE_FRAMES_MAX) return fail(PROFILE_FRAMES, frames, 0) != 0;
    }
  }
  releaseScratch(top);
  return true;
}

/** What has no lines, or is missing, is shown as one frame. */
// @ts-ignore: decorator
@inline
function framesOf(lineOffsets: usize, location: u32): u64 {
  const at = lineOffsets + (<usize>location << 2);
  return <u64>max(load<u32>(at, 4) - load<u32>(at), 1);
}
