/** Location rows of one stacktrace, leaf first. */
type Stack = readonly number[];

type Group = { readonly members: number[]; readonly rootPart: Stack };

/** How many of its root-most locations a stack is known by, and must have to take part. */
const ROOT_PART = 24;
/** How many locations in a row must be equal for two stacks to overlap. */
const WINDOW = 16;
/** How many frames above the root a window may end: so many frames can be missing per step. */
const WINDOW_COUNT = ROOT_PART - WINDOW;
/** Recursion makes stacks that continue each other for ever. */
const STEPS_MAX = 56;

const HEAP_TYPES: ReadonlySet<string> = new Set(['alloc_objects', 'alloc_space', 'inuse_objects', 'inuse_space']);

/**
 * Whether stacks of a Go profile may have been cut by the runtime, which keeps 32 frames of an allocation and 64 of
 * a CPU sample. Depths around the limit say so: inlined frames share a location, so a cut stack is somewhat shorter.
 */
export function mayHaveTruncatedStacks(sampleTypes: readonly string[], depths: Iterable<number>): boolean {
  let deepest = 0;
  for (const depth of depths) deepest = Math.max(deepest, depth);
  const heap = sampleTypes.some((type) => HEAP_TYPES.has(type)) && deepest >= 28 && deepest <= 32;
  return heap || (sampleTypes.includes('cpu') && deepest >= 60);
}

/**
 * Gives stacks that the Go runtime cut at their root side the frames they miss, as far as other stacks of the profile
 * show them:
 *
 *     whole      a b c … p q r s t u v w x          leaf first, the root is x
 *     cut    … a b c … p q r                        its root-most 16 are 16 in a row of the other
 *     gets   … a b c … p q r s t u v w x            what the other has behind them
 *
 * Stacks are grouped by their 24 root-most locations. A group is cut when its root-most 16 are found within the
 * root part of another group, j frames above its root; then it misses the last j frames of that group, which may be
 * cut itself: the steps are followed to a group that is not, and add up.
 *
 * The plain twin of `repairGoStacks` in wasm/go-stacks.ts.
 *
 * @param stacks  rows of locations, equal rows exactly for equal locations
 * @returns       the stacks in the same order, longer or the same; all the same when they continue each other in a ring
 * @cost          O(locations + groups * 8 windows)
 * @source        the write-path reference, "Go repair"; the last group takes part like the others, which is a fix
 */
export function repairTruncatedStacks(stacks: readonly Stack[]): readonly Stack[] {
  const groups = groupsByRootPart(stacks);
  const windows = windowsOf(groups);
  const repaired = [...stacks];
  for (let group = 0; group < groups.length; group++) {
    const step = followSteps(groups, windows, group);
    if (step === 'ring') return stacks;
    if (step === undefined) continue;
    const reference = stackOf(stacks, groupAt(groups, step.group).members[0]);
    if (step.frames > reference.length) continue;
    const missing = reference.slice(-step.frames);
    for (const member of groupAt(groups, group).members) repaired[member] = [...stackOf(stacks, member), ...missing];
  }
  return repaired;
}

type Step = { readonly group: number; readonly frames: number };

function groupsByRootPart(stacks: readonly Stack[]): Group[] {
  const groups = new Map<string, Group>();
  stacks.forEach((stack, index) => {
    if (stack.length < ROOT_PART) return;
    const rootPart = stack.slice(-ROOT_PART);
    const key = rootPart.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { members: [index], rootPart });
    else group.members.push(index);
  });
  return [...groups.values()];
}

/** By content, the window that is furthest from its root. */
function windowsOf(groups: readonly Group[]): Map<string, Step> {
  const windows = new Map<string, Step>();
  groups.forEach(({ rootPart }, group) => {
    for (let frames = 1; frames <= WINDOW_COUNT; frames++) {
      const end = ROOT_PART - frames;
      const key = rootPart.slice(end - WINDOW, end).join();
      if ((windows.get(key)?.frames ?? 0) < frames) windows.set(key, { group, frames });
    }
  });
  return windows;
}

/** @returns the group at the end of the steps and the frames between; undefined when the group is not cut */
function followSteps(
  groups: readonly Group[],
  windows: ReadonlyMap<string, Step>,
  start: number,
): Step | 'ring' | undefined {
  let group = start;
  let frames = 0;
  for (let steps = 0; steps <= STEPS_MAX; steps++) {
    const next = windows.get(groupAt(groups, group).rootPart.slice(-WINDOW).join());
    if (next === undefined || next.group === group) return frames === 0 ? undefined : { group, frames };
    group = next.group;
    frames += next.frames;
  }
  return 'ring';
}

function groupAt(groups: readonly Group[], index: number): Group {
  return groups[index] as Group; // Indices come from this very list.
}

function stackOf(stacks: readonly Stack[], index: number | undefined): Stack {
  return stacks[index as number] as Stack; // Members are indices of the stacks, and a group has at least one.
}
