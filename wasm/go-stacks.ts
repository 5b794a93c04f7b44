// Give stacks that the Go runtime cut at their root side the frames they miss, as far as other stacks of the profile
// show them. What that means is drawn in src/domain/pprof/go-truncated-stacks.ts.
//
// Locations are compared as numbers that are equal exactly for equal locations. A group of stacks, and a window of
// locations, is then a run of numbers in the column of stacks, and as such a row of an intern table:
//
//     stacks    … 7 3 3 9 … 2 1 | 5 …
//                   '-- 24 ---'           root part: a row of `groups`
//                     '- 16 -'            windows, and its own root side: rows of `windows`

import { allocScratch, allocZeroed, SCRATCH } from './arena';
import { intern, internTail, tableNew, tableRows, tableTail } from './intern-table';
import { LOCATION_BAD, SAMPLES, STACK_LOCATIONS, STACK_OFFSETS } from './pprof-decode';
import {
  FUNCTION_FILE, FUNCTION_NAME, FUNCTION_START, FUNCTION_SYSTEM, FUNCTIONS, LINE_FUNCTION, LINE_NUMBER,
  LOCATION_ADDRESS, LOCATION_FOLDED, LOCATION_LINES, LOCATION_MAPPING, LOCATIONS, STRING_AT, STRING_LENGTH, STRINGS,
  UNKNOWN,
} from './source';

// As in src/domain/pprof/go-truncated-stacks.ts.
const ROOT_PART: u32 = 24;
const WINDOW: u32 = 16;
const WINDOW_COUNT: u32 = ROOT_PART - WINDOW;
const STEPS_MAX: u32 = 56;

const ROOT_PART_BYTES: u32 = ROOT_PART << 2;
const WINDOW_BYTES: u32 = WINDOW << 2;

/** u32[windows], by row of the window: the group that it was found in, 0: none; and the frames above its root. */
let windowGroup: usize = 0;
let windowFrames: usize = 0;
/** u32[groups], by group: the row of its own root-most window, the first of its samples. */
let rootWindow: usize = 0;
let firstSample: usize = 0;

/** Where `followSteps` ended. */
let lastGroup: u32 = 0;
let missingFrames: u32 = 0;

/**
 * Replaces the stacks of a decoded profile by whole ones. Locations are replaced by the first that means the same.
 *
 * @cost O(locations + groups * 8 windows), by hashing
 */
export function repairGoStacks(profile: usize): void {
  useFirstLocations(profile);
  const samples = load<u32>(profile, SAMPLES);
  const groups = tableNew(SCRATCH, 64, 8192);
  const groupOf = groupStacks(profile, groups);
  const groupCount = tableRows(groups) - 1;
  findWindows(profile, groupCount);

  // Frames that the stacks of a group get, and the sample whose root side they are.
  const added = allocZeroed(SCRATCH, (<usize>groupCount + 1) << 2);
  const reference = allocZeroed(SCRATCH, (<usize>groupCount + 1) << 2);
  let anyAdded = false;
  for (let group: u32 = 1; group <= groupCount; group++) {
    if (!followSteps(group)) return;
    if (missingFrames == 0) continue;
    const sample = load<u32>(firstSample + (<usize>lastGroup << 2));
    if (missingFrames > depthOf(profile, sample)) continue;
    store<u32>(added + (<usize>group << 2), missingFrames);
    store<u32>(reference + (<usize>group << 2), sample);
    anyAdded = true;
  }
  if (anyAdded) extendStacks(profile, samples, groupOf, added, reference);
}

/** Numbers the root parts. @returns u32[samples], the group of each; 0: too short to have one */
function groupStacks(profile: usize, groups: usize): usize {
  const samples = load<u32>(profile, SAMPLES);
  const groupOf = allocZeroed(SCRATCH, <usize>samples << 2);
  firstSample = allocScratch((<usize>samples + 1) << 2);
  for (let i: u32 = 0; i < samples; i++) {
    if (depthOf(profile, i) < ROOT_PART) continue;
    const before = tableRows(groups);
    const group = intern(groups, rootPartOf(profile, i), ROOT_PART_BYTES);
    if (group == before) store<u32>(firstSample + (<usize>group << 2), i);
    store<u32>(groupOf + (<usize>i << 2), group);
  }
  return groupOf;
}

/** By content, the window that is furthest from its root. */
function findWindows(profile: usize, groupCount: u32): void {
  const windows = tableNew(SCRATCH, 64, 8192);
  const rowsMax = <usize>groupCount * <usize>(WINDOW_COUNT + 1) + 1;
  windowGroup = allocZeroed(SCRATCH, rowsMax << 2);
  windowFrames = allocZeroed(SCRATCH, rowsMax << 2);
  rootWindow = allocScratch((<usize>groupCount + 1) << 2);
  for (let group: u32 = 1; group <= groupCount; group++) {
    const rootPart = rootPartOf(profile, load<u32>(firstSample + (<usize>group << 2)));
    for (let frames: u32 = 0; frames <= WINDOW_COUNT; frames++) {
      const row = intern(windows, rootPart + (<usize>(WINDOW_COUNT - frames) << 2), WINDOW_BYTES);
      if (frames == 0) store<u32>(rootWindow + (<usize>group << 2), row);
      if (load<u32>(windowFrames + (<usize>row << 2)) >= frames) continue;
      store<u32>(windowFrames + (<usize>row << 2), frames);
      store<u32>(windowGroup + (<usize>row << 2), group);
    }
  }
}

/** Sets `lastGroup` and `missingFrames`, 0 for a group that is not cut. @returns false for a ring */
function followSteps(start: u32): bool {
  lastGroup = start;
  missingFrames = 0;
  for (let steps: u32 = 0; steps <= STEPS_MAX; steps++) {
    const row = load<u32>(rootWindow + (<usize>lastGroup << 2));
    const next = load<u32>(windowGroup + (<usize>row << 2));
    if (next == 0 || next == lastGroup) return true;
    missingFrames += load<u32>(windowFrames + (<usize>row << 2));
    lastGroup = next;
  }
  return false;
}

function extendStacks(profile: usize, samples: u32, groupOf: usize, added: usize, reference: usize): void {
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS);
  const locations = <usize>load<u32>(profile, STACK_LOCATIONS);
  let count: u64 = load<u32>(offsets + (<usize>samples << 2));
  for (let i: u32 = 0; i < samples; i++) {
    count += load<u32>(added + (<usize>load<u32>(groupOf + (<usize>i << 2)) << 2));
  }
  const newOffsets = allocScratch((<usize>samples + 1) << 2);
  // More than the memory has is asked for as such, so that the arena says no.
  const newLocations = allocScratch(<usize>min<u64>(count << 2, 0xfffffff0));
  let to: u32 = 0;
  for (let i: u32 = 0; i < samples; i++) {
    const group = <usize>load<u32>(groupOf + (<usize>i << 2));
    const from = load<u32>(offsets + (<usize>i << 2));
    const depth = depthOf(profile, i);
    store<u32>(newOffsets + (<usize>i << 2), to);
    memory.copy(newLocations + (<usize>to << 2), locations + (<usize>from << 2), <usize>depth << 2);
    to += depth;
    const frames = load<u32>(added + (group << 2));
    if (frames == 0) continue;
    const end = load<u32>(offsets + (<usize>load<u32>(reference + (group << 2)) << 2), 4);
    memory.copy(newLocations + (<usize>to << 2), locations + (<usize>(end - frames) << 2), <usize>frames << 2);
    to += frames;
  }
  store<u32>(newOffsets + (<usize>samples << 2), to);
  store<u32>(profile, <u32>newOffsets, STACK_OFFSETS);
  store<u32>(profile, <u32>newLocations, STACK_LOCATIONS);
}

// @ts-ignore: decorator
@inline
function depthOf(profile: usize, sample: u32): u32 {
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS) + (<usize>sample << 2);
  return load<u32>(offsets, 4) - load<u32>(offsets);
}

/** The last 24 locations of a stack that has so many. */
// @ts-ignore: decorator
@inline
function rootPartOf(profile: usize, sample: u32): usize {
  const end = load<u32>(<usize>load<u32>(profile, STACK_OFFSETS) + (<usize>sample << 2), 4);
  return <usize>load<u32>(profile, STACK_LOCATIONS) + (<usize>(end - ROOT_PART) << 2);
}

/**
 * Replaces every location of the stacks by the first one that means the same: two rows of the table may, above all
 * after names lost their type parameters. Bad ones stay: samples that have one are lost later, and a missing mapping
 * looks like none here, so that others would be lost with them.
 */
function useFirstLocations(profile: usize): void {
  const functionRow = equalFunctions(profile);
  const count = load<u32>(profile, LOCATIONS);
  const lineOffsets = <usize>load<u32>(profile, LOCATION_LINES);
  const lineFunction = <usize>load<u32>(profile, LINE_FUNCTION);
  const lineNumber = <usize>load<u32>(profile, LINE_NUMBER);
  const table = tableNew(SCRATCH, count, 4096);
  /** u32[rows of the table], the first location of each. */
  const firstOf = allocScratch((<usize>count + 1) << 2);
  const first = allocZeroed(SCRATCH, <usize>count << 2);
  const bad = <usize>load<u32>(profile, LOCATION_BAD);
  for (let i: u32 = 1; i < count; i++) {
    if (load<u8>(bad + i) != 0) {
      store<u32>(first + (<usize>i << 2), i);
      continue;
    }
    const lines = load<u32>(lineOffsets + (<usize>i << 2));
    const end = load<u32>(lineOffsets + (<usize>i << 2), 4);
    const length = 16 + ((end - lines) << 4);
    const record = tableTail(table, length);
    store<u64>(record, load<u64>(<usize>load<u32>(profile, LOCATION_ADDRESS) + (<usize>i << 3)));
    store<u32>(record, load<u32>(<usize>load<u32>(profile, LOCATION_MAPPING) + (<usize>i << 2)), 8);
    store<u32>(record, <u32>load<u8>(<usize>load<u32>(profile, LOCATION_FOLDED) + <usize>i), 12);
    let to = record + 16;
    for (let line = lines; line < end; line++) {
      const fn = load<u32>(lineFunction + (<usize>line << 2));
      store<u64>(to, <u64>load<u32>(functionRow + (<usize>fn << 2)));
      store<i64>(to, load<i64>(lineNumber + (<usize>line << 3)), 8);
      to += 16;
    }
    const before = tableRows(table);
    const row = internTail(table, length, 0);
    if (row == before) store<u32>(firstOf + (<usize>row << 2), i);
    store<u32>(first + (<usize>i << 2), load<u32>(firstOf + (<usize>row << 2)));
  }
  const stacks = <usize>load<u32>(profile, STACK_LOCATIONS);
  const total = load<u32>(<usize>load<u32>(profile, STACK_OFFSETS) + (<usize>load<u32>(profile, SAMPLES) << 2));
  for (let at: usize = 0; at < <usize>total; at++) {
    const place = stacks + (at << 2);
    store<u32>(place, load<u32>(first + (<usize>load<u32>(place) << 2)));
  }
}

/** u32[functions], equal for functions that mean the same; 0 for none. */
function equalFunctions(profile: usize): usize {
  const count = load<u32>(profile, FUNCTIONS);
  const strings = tableNew(SCRATCH, count, 4096);
  const stringRow = allocScratch(<usize>load<u32>(profile, STRINGS) << 2);
  memory.fill(stringRow, 0xff, <usize>load<u32>(profile, STRINGS) << 2);
  const table = tableNew(SCRATCH, count, 4096);
  const rows = allocZeroed(SCRATCH, <usize>count << 2);
  for (let i: usize = 1; i < <usize>count; i++) {
    const name = equalString(profile, strings, stringRow, load<u32>(<usize>load<u32>(profile, FUNCTION_NAME) + (i << 2)));
    const system = equalString(
      profile, strings, stringRow, load<u32>(<usize>load<u32>(profile, FUNCTION_SYSTEM) + (i << 2)));
    const file = equalString(profile, strings, stringRow, load<u32>(<usize>load<u32>(profile, FUNCTION_FILE) + (i << 2)));
    const record = tableTail(table, 24);
    store<u32>(record, name);
    store<u32>(record, system, 4);
    store<u64>(record, <u64>file, 8);
    store<i64>(record, load<i64>(<usize>load<u32>(profile, FUNCTION_START) + (i << 3)), 16);
    store<u32>(rows + (i << 2), internTail(table, 24, 0));
  }
  return rows;
}

function equalString(profile: usize, table: usize, known: usize, index: u32): u32 {
  const at = known + (<usize>index << 2);
  let row = load<u32>(at);
  if (row == UNKNOWN) {
    const pointer = <usize>load<u32>(<usize>load<u32>(profile, STRING_AT) + (<usize>index << 2));
    row = intern(table, pointer, load<u32>(<usize>load<u32>(profile, STRING_LENGTH) + (<usize>index << 2)));
    store<u32>(at, row);
  }
  return row;
}
