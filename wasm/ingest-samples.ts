// Bring the samples of a decoded profile into a head: their stacktraces into the tenant's symbol space, their values
// into the columns of the dataset, sorted by stacktrace, with equal ones summed.
//
//   dataset   samples, capacity, stack*, value*, spans, spanCapacity, spanSample*, spanId*, spanTrace*     u32 each
//   rows      one per profile row made: group u32, type u32, first sample u32, samples u32, total i64      24 bytes

import { allocHead, allocScratch, allocZeroed, HEAD } from './arena';
import { hasSpans, sampleGroup, sampleSpan, sampleTrace } from './label-groups';
import { LOCATION_BAD, SAMPLES, STACK_LOCATIONS, STACK_OFFSETS, TYPES, VALUES } from './pprof-decode';
import { sortRows } from './sort';
import { internLocation, spaceStacks } from './symbol-space';
import { addSaturated, treeChild } from './tree';

const COUNT: usize = 0;
const CAPACITY: usize = 4;
const STACK: usize = 8;
const VALUE: usize = 12;
const SPANS: usize = 16;
const SPAN_CAPACITY: usize = 20;
const SPAN_SAMPLE: usize = 24;
const SPAN_ID: usize = 28;
const SPAN_TRACE: usize = 32;
const DATASET_BYTES: usize = 48;

export const ROW_BYTES: u32 = 24;

/** u32[kept], the samples of the profile that are kept. */
export let keptSamples: usize = 0;
/** u32[samples], the stacktrace of each kept sample. */
let sampleStack: usize = 0;
/** What `appendSamples` made. */
export let resultRows: usize = 0;
export let rowCount: u32 = 0;

export function datasetNew(samples: u32): usize {
  const dataset = allocZeroed(HEAD, DATASET_BYTES);
  store<u32>(dataset, samples, CAPACITY);
  store<u32>(dataset, <u32>allocHead(<usize>samples << 2), STACK);
  store<u32>(dataset, <u32>allocHead(<usize>samples << 3), VALUE);
  return dataset;
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
    const end = load<u32>(offsets + (<usize>i << 2), 4);
    let good = true;
    for (let at = load<u32>(offsets + (<usize>i << 2)); at < end; at++) {
      if (load<u8>(bad + load<u32>(locations + (<usize>at << 2))) != 0) {
        good = false;
        break;
      }
    }
    if (!good) continue;
    store<u32>(keptSamples + (<usize>count << 2), i);
    count++;
  }
  return count;
}

/**
 * Brings the stacktraces of the kept samples into the symbol space. A sample without locations has stacktrace 0.
 *
 * @order after `keepSamples` @cost O(locations of the kept samples)
 */
export function insertStacks(profile: usize, space: usize, keptCount: u32): void {
  const offsets = <usize>load<u32>(profile, STACK_OFFSETS);
  const locations = <usize>load<u32>(profile, STACK_LOCATIONS);
  const tree = spaceStacks(space);
  sampleStack = allocScratch(<usize>load<u32>(profile, SAMPLES) << 2);
  for (let k: u32 = 0; k < keptCount; k++) {
    const i = load<u32>(keptSamples + (<usize>k << 2));
    const first = load<u32>(offsets + (<usize>i << 2));
    let stack: u32 = 0;
    for (let at = load<u32>(offsets + (<usize>i << 2), 4); at > first; at--) {
      stack = treeChild(tree, stack, internLocation(space, profile, load<u32>(locations + (<usize>(at - 1) << 2))));
    }
    store<u32>(sampleStack + (<usize>i << 2), stack);
  }
}

/**
 * Appends the samples to the dataset: per group and sample type one run, sorted by stacktrace, then span and trace
 * id, equal ones summed, zeros left out. The runs are in `resultRows`.
 *
 * @param seriesOfGroup  u32[groups]: groups that got the same number become one run; 2^32 - 1: dropped
 * @param seriesCount    numbers are below it
 * @order after `insertStacks` and `groupSamples`
 * @cost  O(n) per sorted byte, O(n types) to sum
 */
export function appendSamples(
  profile: usize, dataset: usize, keptCount: u32, seriesOfGroup: usize, seriesCount: u32,
): void {
  const types = load<u32>(profile, TYPES);
  const values = <usize>load<u32>(profile, VALUES);
  const samples = load<u32>(profile, SAMPLES);
  const keys = allocScratch(<usize>samples << 3);
  const order = allocScratch(<usize>keptCount << 2);
  const spare = allocScratch(<usize>keptCount << 2);
  let n: u32 = 0;
  for (let k: u32 = 0; k < keptCount; k++) {
    const i = load<u32>(keptSamples + (<usize>k << 2));
    const series = load<u32>(seriesOfGroup + (<usize>load<u32>(sampleGroup + (<usize>i << 2)) << 2));
    if (series >= seriesCount) continue;
    store<u64>(keys + (<usize>i << 3), (<u64>series << 32) | <u64>load<u32>(sampleStack + (<usize>i << 2)));
    store<u32>(order + (<usize>n << 2), i);
    n++;
  }
  if (hasSpans) {
    const half = allocScratch(<usize>samples << 3);
    for (let side: usize = 0; side < 2; side++) {
      for (let i: usize = 0; i < <usize>samples; i++) {
        store<u64>(half + (i << 3), load<u64>(sampleTrace + (i << 4) + ((1 - side) << 3)));
      }
      sortRows(order, half, spare, n);
    }
    sortRows(order, sampleSpan, spare, n);
  }
  sortRows(order, keys, spare, n);

  // Everything that can fail comes before the first change of the dataset.
  reserve(dataset, n * types, hasSpans ? n * types : 0);
  resultRows = allocScratch(<usize>min(seriesCount, n) * <usize>types * ROW_BYTES);
  rowCount = 0;
  let start: u32 = 0;
  while (start < n) {
    const series = load<u32>(keys + (<usize>load<u32>(order + (<usize>start << 2)) << 3), 4);
    let end = start + 1;
    while (end < n && load<u32>(keys + (<usize>load<u32>(order + (<usize>end << 2)) << 3), 4) == series) end++;
    for (let type: u32 = 0; type < types; type++) appendRun(dataset, keys, order, values, types, series, type, start, end);
    start = end;
  }
}

function appendRun(
  dataset: usize, keys: usize, order: usize, values: usize, types: u32, series: u32, type: u32, start: u32, end: u32,
): void {
  const stackColumn = <usize>load<u32>(dataset, STACK);
  const valueColumn = <usize>load<u32>(dataset, VALUE);
  const first = load<u32>(dataset, COUNT);
  let count = first;
  let total: i64 = 0;
  let i = start;
  while (i < end) {
    const row = load<u32>(order + (<usize>i << 2));
    let sum: i64 = 0;
    do {
      const other = load<u32>(order + (<usize>i << 2));
      if (other != row && !sameSample(keys, row, other)) break;
      sum = addSaturated(sum, load<i64>(values + ((<usize>other * <usize>types + <usize>type) << 3)));
      i++;
    } while (i < end);
    if (sum == 0) continue;
    if (hasSpans) appendSpan(dataset, row, count);
    store<u32>(stackColumn + (<usize>count << 2), <u32>load<u64>(keys + (<usize>row << 3)));
    store<i64>(valueColumn + (<usize>count << 3), sum);
    total = addSaturated(total, sum);
    count++;
  }
  if (count == first) return;
  const result = resultRows + <usize>rowCount * ROW_BYTES;
  store<u32>(result, series);
  store<u32>(result, type, 4);
  store<u32>(result, first, 8);
  store<u32>(result, count - first, 12);
  store<i64>(result, total, 16);
  rowCount++;
  store<u32>(dataset, count, COUNT);
}

// @ts-ignore: decorator
@inline
function sameSample(keys: usize, a: u32, b: u32): bool {
  if (load<u64>(keys + (<usize>a << 3)) != load<u64>(keys + (<usize>b << 3))) return false;
  if (!hasSpans) return true;
  return load<u64>(sampleSpan + (<usize>a << 3)) == load<u64>(sampleSpan + (<usize>b << 3)) &&
    load<u64>(sampleTrace + (<usize>a << 4)) == load<u64>(sampleTrace + (<usize>b << 4)) &&
    load<u64>(sampleTrace + (<usize>a << 4), 8) == load<u64>(sampleTrace + (<usize>b << 4), 8);
}

function appendSpan(dataset: usize, row: u32, sample: u32): void {
  const span = load<u64>(sampleSpan + (<usize>row << 3));
  const traceLow = load<u64>(sampleTrace + (<usize>row << 4));
  const traceHigh = load<u64>(sampleTrace + (<usize>row << 4), 8);
  if ((span | traceLow | traceHigh) == 0) return;
  const at = <usize>load<u32>(dataset, SPANS);
  store<u32>(<usize>load<u32>(dataset, SPAN_SAMPLE) + (at << 2), sample);
  store<u64>(<usize>load<u32>(dataset, SPAN_ID) + (at << 3), span);
  store<u64>(<usize>load<u32>(dataset, SPAN_TRACE) + (at << 4), traceLow);
  store<u64>(<usize>load<u32>(dataset, SPAN_TRACE) + (at << 4), traceHigh, 8);
  store<u32>(dataset, <u32>at + 1, SPANS);
}

function reserve(dataset: usize, samples: u32, spans: u32): void {
  const count = load<u32>(dataset, COUNT);
  const capacity = load<u32>(dataset, CAPACITY);
  if (count + samples > capacity) {
    const larger = max(capacity << 1, count + samples + 1024);
    const stack = allocHead(<usize>larger << 2);
    const value = allocHead(<usize>larger << 3);
    memory.copy(stack, load<u32>(dataset, STACK), <usize>count << 2);
    memory.copy(value, load<u32>(dataset, VALUE), <usize>count << 3);
    store<u32>(dataset, <u32>stack, STACK);
    store<u32>(dataset, <u32>value, VALUE);
    store<u32>(dataset, larger, CAPACITY);
  }
  const spanCount = load<u32>(dataset, SPANS);
  const spanCapacity = load<u32>(dataset, SPAN_CAPACITY);
  if (spanCount + spans > spanCapacity) {
    const larger = max(spanCapacity << 1, spanCount + spans + 64);
    const sample = allocHead(<usize>larger << 2);
    const id = allocHead(<usize>larger << 3);
    const trace = allocHead(<usize>larger << 4);
    memory.copy(sample, load<u32>(dataset, SPAN_SAMPLE), <usize>spanCount << 2);
    memory.copy(id, load<u32>(dataset, SPAN_ID), <usize>spanCount << 3);
    memory.copy(trace, load<u32>(dataset, SPAN_TRACE), <usize>spanCount << 4);
    store<u32>(dataset, <u32>sample, SPAN_SAMPLE);
    store<u32>(dataset, <u32>id, SPAN_ID);
    store<u32>(dataset, <u32>trace, SPAN_TRACE);
    store<u32>(dataset, larger, SPAN_CAPACITY);
  }
}
