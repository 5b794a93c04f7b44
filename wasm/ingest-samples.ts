// Bring the samples of a decoded profile into a head: their stacktraces into the tenant's symbol space, their values
// into the columns of the dataset, sorted by stacktrace, with equal ones summed.
//
//   dataset   samples of family*[FAMILIES]      0 until somebody needs it
//   family    samples, capacity, stack*, columns, spans, spanCapacity, spanSample*, spanId*, spanTrace*, runs,
//             runCapacity, runSamples*, value*[COLUMNS]                                                  u32 each
//   rows      one per profile row made: series u32, type u32, family u32, run u32, total i64             24 bytes
//
// The sample types of a profile are stored in parts of COLUMNS, each with a family and a run of its own; hardly any
// profile has more than one part.

import { allocHead, allocScratch, allocZeroed, HEAD, SCRATCH } from './arena';
import { hasSpans, sampleGroup, sampleSpan, sampleTrace } from './label-groups';
import { ANY_BAD, LOCATION_BAD, SAMPLES, STACK_LOCATIONS, STACK_OFFSETS, TYPES, VALUES } from './pprof-decode';
import { sortRows } from './sort';
import { LOCATION_ROW, LOCATIONS } from './source';
import { FAMILIES, internLocations, spaceStacks } from './symbol-space';
import { addSaturated, treeChild } from './tree';

/** Value columns of a family: `columnsMax` of the block format. */
export const COLUMNS: u32 = 32;

export const FAMILY_SAMPLES: usize = 0;
const CAPACITY: usize = 4;
export const FAMILY_STACK: usize = 8;
export const FAMILY_COLUMNS: usize = 12;
export const FAMILY_SPANS: usize = 16;
const SPAN_CAPACITY: usize = 20;
export const FAMILY_SPAN_SAMPLE: usize = 24;
export const FAMILY_SPAN_ID: usize = 28;
export const FAMILY_SPAN_TRACE: usize = 32;
export const FAMILY_RUNS: usize = 36;
const RUN_CAPACITY: usize = 40;
export const FAMILY_RUN_SAMPLES: usize = 44;
export const FAMILY_VALUES: usize = 48;
const FAMILY_BYTES: usize = 48 + 4 * 32;

export const ROW_BYTES: u32 = 24;

/** Samples that a new family has room for. */
const SAMPLES_SCALE: u32 = 256;

/** u32[kept], the samples of the profile that are kept. */
export let keptSamples: usize = 0;
/** What `appendSamples` made. */
export let resultRows: usize = 0;
export let rowCount: u32 = 0;

export function datasetNew(): usize {
  return allocZeroed(HEAD, FAMILIES << 2);
}

/** The samples of a family, or 0 when it has none. */
export function datasetFamily(dataset: usize, family: u32): usize {
  return load<u32>(dataset + (<usize>family << 2));
}

/**
 * Finds the samples worth keeping: no negative value, not all values zero, every location of the stack there.
 *
 * @returns how many
 * @cost    O(values + locations)
 */
export function keepSamples(profile: usize): u32 {
  const samples = load<u32>(profile, SAMPLES);
  const types = load<u32>(profile, TYPES);
  const values = <usize>load<u32>(profile, VALUES);
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS);
  const locations = <usize>load<u32>(profile, STACK_LOCATIONS);
  const bad = <usize>load<u32>(profile, LOCATION_BAD);
  const anyBad = load<u32>(profile, ANY_BAD) != 0;
  keptSamples = allocScratch(<usize>samples << 2);
  let count: u32 = 0;
  for (let i: u32 = 0; i < samples; i++) {
    let any: i64 = 0;
    const first = values + ((<usize>i * <usize>types) << 3);
    for (let t: usize = 0; t < <usize>types; t++) {
      const value = load<i64>(first + (t << 3));
      if (value < 0) {
        any = 0;
        break;
      }
      any |= value;
    }
    if (any == 0) continue;
    const stack = offsets + (<usize>i << 2);
    if (anyBad && !isGood(locations, bad, load<u32>(stack), load<u32>(stack, 4))) continue;
    store<u32>(keptSamples + (<usize>count << 2), i);
    count++;
  }
  return count;
}

/** Whether every location of a stack is there. */
function isGood(locations: usize, bad: usize, first: u32, end: u32): bool {
  for (let at = first; at < end; at++) {
    if (load<u8>(bad + load<u32>(locations + (<usize>at << 2))) != 0) return false;
  }
  return true;
}

// The work of one call of `appendSamples`.
let profileValues: usize = 0;
let types: u32 = 0;
/** u64[samples]: series << 32 | stacktrace, for the part at work. */
let keys: usize = 0;
/** u32[n], the samples in the order of the part at work. */
let order: usize = 0;

/**
 * Brings the stacktraces of the kept samples into the symbol space and the samples into the dataset: per series a run,
 * sorted by stacktrace, then span and trace id, equal ones summed, those without a value in any type of the part left
 * out. What rows of profiles come of it is in `resultRows`.
 *
 * @param seriesOfGroup   u32[groups]: groups that got the same number become one run; 2^32 - 1: dropped
 * @param seriesCount     numbers are below it
 * @param familyOfSeries  u32[parts * seriesCount], part after part
 * @order after `keepSamples` and `groupSamples`
 * @cost  O(locations of the kept samples), O(n) per sorted byte, O(n types) to sum
 */
export function appendSamples(
  profile: usize, space: usize, dataset: usize, keptCount: u32, seriesOfGroup: usize, seriesCount: u32,
  familyOfSeries: usize,
): void {
  types = load<u32>(profile, TYPES);
  profileValues = load<u32>(profile, VALUES);
  const samples = load<u32>(profile, SAMPLES);
  const parts = (types + COLUMNS - 1) / COLUMNS;

  // Everything that can fail comes before the first change of the dataset. What it leaves in the symbol space, if it
  // fails, no sample refers to.
  internStacks(profile, space, keptCount, seriesOfGroup, seriesCount);
  const byPart = allocScratch(<usize>parts << 3);
  for (let part: u32 = 0; part < parts; part++) {
    const partKeys = allocScratch(<usize>samples << 3);
    const partOrder = allocScratch(<usize>keptCount << 2);
    store<u32>(byPart + (<usize>part << 3), <u32>partKeys);
    store<u32>(byPart + (<usize>part << 3), <u32>partOrder, 4);
    const n = insertStacks(
      profile, space, keptCount, seriesOfGroup, seriesCount, familyOfSeries + ((<usize>part * seriesCount) << 2),
      partKeys, partOrder,
    );
    sortSamples(partKeys, partOrder, samples, n);
    if (part == 0) rowCount = n;
  }
  const n = rowCount;
  resultRows = allocScratch(<usize>min(seriesCount, n) * <usize>types * ROW_BYTES);
  for (let part: u32 = 0; part < parts; part++) {
    reserve(dataset, familyOfSeries + ((<usize>part * seriesCount) << 2), seriesCount, part, byPart, n);
  }

  rowCount = 0;
  for (let part: u32 = 0; part < parts; part++) {
    keys = load<u32>(byPart + (<usize>part << 3));
    order = load<u32>(byPart + (<usize>part << 3), 4);
    let start: u32 = 0;
    while (start < n) {
      const series = seriesAt(start);
      let end = start + 1;
      while (end < n && seriesAt(end) == series) end++;
      const family = load<u32>(familyOfSeries + ((<usize>part * seriesCount + <usize>series) << 2));
      appendRun(dataset, family, part, series, start, end);
      start = end;
    }
  }
}

// @ts-ignore: decorator
@inline
function seriesAt(i: u32): u32 {
  return load<u32>(keys + (<usize>load<u32>(order + (<usize>i << 2)) << 3), 4);
}

/** Interns the locations that the stacks of stored samples have, in order of first need, root first. */
function internStacks(profile: usize, space: usize, keptCount: u32, seriesOfGroup: usize, seriesCount: u32): void {
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS);
  const locations = <usize>load<u32>(profile, STACK_LOCATIONS);
  const seen = allocZeroed(SCRATCH, load<u32>(profile, LOCATIONS));
  const list = allocScratch(<usize>load<u32>(profile, LOCATIONS) << 2);
  let count: u32 = 0;
  for (let k: u32 = 0; k < keptCount; k++) {
    const i = <usize>load<u32>(keptSamples + (<usize>k << 2));
    if (load<u32>(seriesOfGroup + (<usize>load<u32>(sampleGroup + (i << 2)) << 2)) >= seriesCount) continue;
    const first = locations + (<usize>load<u32>(offsets + (i << 2)) << 2);
    for (let at = locations + (<usize>load<u32>(offsets + (i << 2), 4) << 2); at > first; at -= 4) {
      const location = load<u32>(at - 4);
      if (load<u8>(seen + location) != 0) continue;
      store<u8>(seen + location, 1);
      store<u32>(list + (<usize>count << 2), location);
      count++;
    }
  }
  internLocations(space, profile, list, count);
}

/**
 * @param familyOf  u32[seriesCount]
 * @param partKeys  u64[samples], out: series << 32 | stacktrace, of the samples in `partOrder`
 * @param partOrder u32[kept], out: samples whose series is stored
 * @returns         how many these are
 */
function insertStacks(
  profile: usize, space: usize, keptCount: u32, seriesOfGroup: usize, seriesCount: u32, familyOf: usize,
  partKeys: usize, partOrder: usize,
): u32 {
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS);
  const locations = <usize>load<u32>(profile, STACK_LOCATIONS);
  const rows = <usize>load<u32>(profile, LOCATION_ROW);
  // The rows of the stack at work and of its callers, root first. Neighbours mostly have their root side in common.
  const path = allocScratch(<usize>deepest(profile) << 2);
  let pathTree: usize = 0;
  let pathDepth: u32 = 0;
  let pathEnd: usize = 0;
  let n: u32 = 0;
  for (let k: u32 = 0; k < keptCount; k++) {
    const i = load<u32>(keptSamples + (<usize>k << 2));
    const series = load<u32>(seriesOfGroup + (<usize>load<u32>(sampleGroup + (<usize>i << 2)) << 2));
    if (series >= seriesCount) continue;
    const tree = spaceStacks(space, load<u32>(familyOf + (<usize>series << 2)));
    const first = load<u32>(offsets + (<usize>i << 2));
    const depth = load<u32>(offsets + (<usize>i << 2), 4) - first;
    const end = locations + (<usize>(first + depth) << 2);
    let frame = tree == pathTree ? sharedFrames(end, pathEnd, min(depth, pathDepth)) : 0;
    let stack: u32 = frame == 0 ? 0 : load<u32>(path + (<usize>(frame - 1) << 2));
    for (; frame < depth; frame++) {
      const location = load<u32>(end - (<usize>(frame + 1) << 2));
      stack = treeChild(tree, stack, load<u32>(rows + (<usize>location << 2)));
      store<u32>(path + (<usize>frame << 2), stack);
    }
    pathTree = tree;
    pathDepth = depth;
    pathEnd = end;
    store<u64>(partKeys + (<usize>i << 3), (<u64>series << 32) | <u64>stack);
    store<u32>(partOrder + (<usize>n << 2), i);
    n++;
  }
  return n;
}

/** Locations that two stacks have in common at their root sides, up to `most`. @param end, otherEnd  behind the roots */
// @ts-ignore: decorator
@inline
function sharedFrames(end: usize, otherEnd: usize, most: u32): u32 {
  let frames: u32 = 0;
  while (frames < most) {
    const at = <usize>(frames + 1) << 2;
    if (load<u32>(end - at) != load<u32>(otherEnd - at)) break;
    frames++;
  }
  return frames;
}

/** Locations of the deepest stack, which may be deeper than any that was decoded: see go-stacks.ts. */
function deepest(profile: usize): u32 {
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS);
  const samples = <usize>load<u32>(profile, SAMPLES);
  let most: u32 = 0;
  for (let i: usize = 0; i < samples; i++) {
    const stack = offsets + (i << 2);
    most = max(most, load<u32>(stack, 4) - load<u32>(stack));
  }
  return most;
}

/** By series, stacktrace, span, trace. */
function sortSamples(partKeys: usize, partOrder: usize, samples: u32, n: u32): void {
  const spare = allocScratch(<usize>n << 2);
  if (hasSpans) {
    const half = allocScratch(<usize>samples << 3);
    for (let side: usize = 0; side < 2; side++) {
      for (let i: usize = 0; i < <usize>samples; i++) {
        store<u64>(half + (i << 3), load<u64>(sampleTrace + (i << 4) + ((1 - side) << 3)));
      }
      sortRows(partOrder, half, spare, n);
    }
    sortRows(partOrder, sampleSpan, spare, n);
  }
  sortRows(partOrder, partKeys, spare, n);
}

function appendRun(dataset: usize, familyIndex: u32, part: u32, series: u32, start: u32, end: u32): void {
  const family = datasetFamily(dataset, familyIndex);
  const firstType = part * COLUMNS;
  const columns = min(types - firstType, COLUMNS);
  const stackColumn = <usize>load<u32>(family, FAMILY_STACK);
  const known = load<u32>(family, FAMILY_COLUMNS);
  const first = load<u32>(family, FAMILY_SAMPLES);
  const run = load<u32>(family, FAMILY_RUNS);
  const firstRow = resultRows + <usize>rowCount * ROW_BYTES;
  for (let column: u32 = 0; column < columns; column++) store<i64>(firstRow + <usize>column * ROW_BYTES, 0, 16);
  let count = first;
  let i = start;
  while (i < end) {
    const row = load<u32>(order + (<usize>i << 2));
    let next = i + 1;
    while (next < end && sameSample(row, load<u32>(order + (<usize>next << 2)))) next++;
    let any: i64 = 0;
    for (let column: u32 = 0; column < columns; column++) {
      let sum: i64 = 0;
      for (let k = i; k < next; k++) {
        const sample = <usize>load<u32>(order + (<usize>k << 2));
        sum = addSaturated(sum, load<i64>(profileValues + ((sample * <usize>types + <usize>(firstType + column)) << 3)));
      }
      any |= sum;
      store<i64>(<usize>load<u32>(family + FAMILY_VALUES + (<usize>column << 2)) + (<usize>count << 3), sum);
      const total = firstRow + <usize>column * ROW_BYTES;
      store<i64>(total, addSaturated(load<i64>(total, 16), sum), 16);
    }
    i = next;
    if (any == 0) continue; // Its value is of another part.
    for (let column = columns; column < known; column++) {
      store<i64>(<usize>load<u32>(family + FAMILY_VALUES + (<usize>column << 2)) + (<usize>count << 3), 0);
    }
    store<u32>(stackColumn + (<usize>count << 2), <u32>load<u64>(keys + (<usize>row << 3)));
    if (hasSpans) appendSpan(family, row, count);
    count++;
  }
  if (count == first) return;
  store<u32>(<usize>load<u32>(family, FAMILY_RUN_SAMPLES) + (<usize>run << 2), count - first);
  store<u32>(family, run + 1, FAMILY_RUNS);
  store<u32>(family, count, FAMILY_SAMPLES);
  for (let column: u32 = 0; column < columns; column++) {
    const total = load<i64>(firstRow + <usize>column * ROW_BYTES, 16);
    if (total == 0) continue;
    const result = resultRows + <usize>rowCount * ROW_BYTES;
    store<u32>(result, series);
    store<u32>(result, firstType + column, 4);
    store<u32>(result, familyIndex, 8);
    store<u32>(result, run, 12);
    store<i64>(result, total, 16);
    rowCount++;
  }
}

// @ts-ignore: decorator
@inline
function sameSample(a: u32, b: u32): bool {
  if (load<u64>(keys + (<usize>a << 3)) != load<u64>(keys + (<usize>b << 3))) return false;
  if (!hasSpans) return true;
  return load<u64>(sampleSpan + (<usize>a << 3)) == load<u64>(sampleSpan + (<usize>b << 3)) &&
    load<u64>(sampleTrace + (<usize>a << 4)) == load<u64>(sampleTrace + (<usize>b << 4)) &&
    load<u64>(sampleTrace + (<usize>a << 4), 8) == load<u64>(sampleTrace + (<usize>b << 4), 8);
}

function appendSpan(family: usize, row: u32, sample: u32): void {
  const span = load<u64>(sampleSpan + (<usize>row << 3));
  const traceLow = load<u64>(sampleTrace + (<usize>row << 4));
  const traceHigh = load<u64>(sampleTrace + (<usize>row << 4), 8);
  if ((span | traceLow | traceHigh) == 0) return;
  const at = <usize>load<u32>(family, FAMILY_SPANS);
  store<u32>(<usize>load<u32>(family, FAMILY_SPAN_SAMPLE) + (at << 2), sample);
  store<u64>(<usize>load<u32>(family, FAMILY_SPAN_ID) + (at << 3), span);
  store<u64>(<usize>load<u32>(family, FAMILY_SPAN_TRACE) + (at << 4), traceLow);
  store<u64>(<usize>load<u32>(family, FAMILY_SPAN_TRACE) + (at << 4), traceHigh, 8);
  store<u32>(family, <u32>at + 1, FAMILY_SPANS);
}

/** Makes room for a part in all families that it goes to. */
function reserve(dataset: usize, familyOf: usize, seriesCount: u32, part: u32, byPart: usize, n: u32): void {
  const columns = min(types - part * COLUMNS, COLUMNS);
  const needed = allocZeroed(SCRATCH, FAMILIES << 3); // u32[FAMILIES] samples, then u32[FAMILIES] runs
  keys = load<u32>(byPart + (<usize>part << 3));
  order = load<u32>(byPart + (<usize>part << 3), 4);
  let before: u32 = 0xffffffff;
  for (let i: u32 = 0; i < n; i++) {
    const series = seriesAt(i);
    const at = needed + (<usize>load<u32>(familyOf + (<usize>series << 2)) << 2);
    store<u32>(at, load<u32>(at) + 1);
    if (series != before) store<u32>(at, load<u32>(at, FAMILIES << 2) + 1, FAMILIES << 2);
    before = series;
  }
  // A family may get several parts of one profile, when it is the one that all late ones share.
  for (let family: u32 = 0; family < FAMILIES; family++) {
    const at = needed + (<usize>family << 2);
    const samples = load<u32>(at);
    if (samples == 0) continue;
    const parts = (types + COLUMNS - 1) / COLUMNS;
    reserveSamples(dataset, family, columns, samples * parts, load<u32>(at, FAMILIES << 2) * parts);
    if (hasSpans) reserveSpans(datasetFamily(dataset, family), samples * parts);
  }
}

/**
 * Makes room for more samples and runs in a family of a dataset, which is made when it is new.
 *
 * @cost O(1), and O(samples) when columns grow
 */
export function reserveSamples(dataset: usize, index: u32, columns: u32, samples: u32, runs: u32): void {
  let family = datasetFamily(dataset, index);
  if (family == 0) {
    family = allocZeroed(HEAD, FAMILY_BYTES);
    store<u32>(dataset + (<usize>index << 2), <u32>family);
  }
  const count = load<u32>(family, FAMILY_SAMPLES);
  const known = load<u32>(family, FAMILY_COLUMNS);
  if (count + samples > load<u32>(family, CAPACITY) || columns > known) {
    const larger = max(max(load<u32>(family, CAPACITY) << 1, SAMPLES_SCALE), count + samples);
    const stack = copied(load<u32>(family, FAMILY_STACK), <usize>count << 2, <usize>larger << 2);
    const all = max(columns, known);
    for (let column: u32 = 0; column < all; column++) {
      const at = family + FAMILY_VALUES + (<usize>column << 2);
      const values = copied(load<u32>(at), <usize>count << 3, <usize>larger << 3);
      if (column >= known) memory.fill(values, 0, <usize>count << 3);
      store<u32>(at, <u32>values);
    }
    store<u32>(family, <u32>stack, FAMILY_STACK);
    store<u32>(family, all, FAMILY_COLUMNS);
    store<u32>(family, larger, CAPACITY);
  }
  const runCount = load<u32>(family, FAMILY_RUNS);
  if (runCount + runs > load<u32>(family, RUN_CAPACITY)) {
    const larger = max(load<u32>(family, RUN_CAPACITY) << 1, runCount + runs + 16);
    const grown = copied(load<u32>(family, FAMILY_RUN_SAMPLES), <usize>runCount << 2, <usize>larger << 2);
    store<u32>(family, <u32>grown, FAMILY_RUN_SAMPLES);
    store<u32>(family, larger, RUN_CAPACITY);
  }
}

/** Makes room for spans of so many more samples. */
export function reserveSpans(family: usize, samples: u32): void {
  const spans = load<u32>(family, FAMILY_SPANS);
  if (spans + samples <= load<u32>(family, SPAN_CAPACITY)) return;
  const larger = max(load<u32>(family, SPAN_CAPACITY) << 1, spans + samples + 64);
  const sample = copied(load<u32>(family, FAMILY_SPAN_SAMPLE), <usize>spans << 2, <usize>larger << 2);
  const id = copied(load<u32>(family, FAMILY_SPAN_ID), <usize>spans << 3, <usize>larger << 3);
  const trace = copied(load<u32>(family, FAMILY_SPAN_TRACE), <usize>spans << 4, <usize>larger << 4);
  store<u32>(family, <u32>sample, FAMILY_SPAN_SAMPLE);
  store<u32>(family, <u32>id, FAMILY_SPAN_ID);
  store<u32>(family, <u32>trace, FAMILY_SPAN_TRACE);
  store<u32>(family, larger, SPAN_CAPACITY);
}

/** A larger piece of the head that begins with the bytes of another one. */
function copied(from: usize, bytes: usize, capacity: usize): usize {
  const to = allocHead(capacity);
  memory.copy(to, from, bytes);
  return to;
}
