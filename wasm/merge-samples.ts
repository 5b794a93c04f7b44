// Bring the samples of a block into a head: their stacktraces into its symbol space, their values into the columns of
// its dataset. A merge of blocks is an ingest whose source is a block instead of a pprof.
//
//   map    the stacktraces of a family of a source, and which rows of a stack table of the head they have so far:
//          tree*, space*, source*, parent*, location*, sampled*, rows*, path*      u32 each
//   rows   u32[stacks]   UNKNOWN until a sample needs it
//   path   u32[stacks]   where to go down again

import { allocScratch } from './arena';
import {
  datasetFamily, FAMILY_COLUMNS, FAMILY_RUN_SAMPLES, FAMILY_RUNS, FAMILY_SAMPLES, FAMILY_SPAN_ID, FAMILY_SPAN_SAMPLE,
  FAMILY_SPAN_TRACE, FAMILY_SPANS, FAMILY_STACK, FAMILY_VALUES, reserveSamples, reserveSpans,
} from './ingest-samples';
import { UNKNOWN } from './source';
import { internLocation } from './symbol-space';
import { treeChild } from './tree';

const MAP_TREE: usize = 0;
const MAP_SPACE: usize = 4;
const MAP_SOURCE: usize = 8;
const MAP_PARENT: usize = 12;
const MAP_LOCATION: usize = 16;
const MAP_SAMPLED: usize = 20;
const MAP_ROWS: usize = 24;
const MAP_PATH: usize = 28;
const MAP_BYTES: usize = 32;

/**
 * @param tree      a stack table of the space
 * @param parent    i32[stacks], location u32[stacks]: the stack table of the source
 * @param sampled   u32[sampled], rows of that table
 * @cost O(stacks)
 */
export function stackMapNew(
  tree: usize, space: usize, source: usize, parent: usize, location: usize, stacks: u32, sampled: usize,
): usize {
  const map = allocScratch(MAP_BYTES);
  store<u32>(map, <u32>tree, MAP_TREE);
  store<u32>(map, <u32>space, MAP_SPACE);
  store<u32>(map, <u32>source, MAP_SOURCE);
  store<u32>(map, <u32>parent, MAP_PARENT);
  store<u32>(map, <u32>location, MAP_LOCATION);
  store<u32>(map, <u32>sampled, MAP_SAMPLED);
  const rows = allocScratch(<usize>stacks << 2);
  memory.fill(rows, 0xff, <usize>stacks << 2);
  store<u32>(rows, 0);
  store<u32>(map, <u32>rows, MAP_ROWS);
  store<u32>(map, <u32>allocScratch(<usize>stacks << 2), MAP_PATH);
  return map;
}

/**
 * The row of a stacktrace of the source in the stack table of the head. It and those above are added when they are new,
 * so what no sample needs is never taken over.
 *
 * @cost O(1), and O(depth) once per stacktrace
 */
// @ts-ignore: decorator
@inline
function mappedStack(map: usize, stack: u32): u32 {
  const row = load<u32>(<usize>load<u32>(map, MAP_ROWS) + (<usize>stack << 2));
  return row != UNKNOWN ? row : addStack(map, stack);
}

function addStack(map: usize, stack: u32): u32 {
  const rows = <usize>load<u32>(map, MAP_ROWS);
  const path = <usize>load<u32>(map, MAP_PATH);
  const parents = <usize>load<u32>(map, MAP_PARENT);
  const locations = <usize>load<u32>(map, MAP_LOCATION);
  const tree = load<u32>(map, MAP_TREE);
  const space = load<u32>(map, MAP_SPACE);
  const source = load<u32>(map, MAP_SOURCE);
  let depth: usize = 0;
  let at = stack;
  let row = UNKNOWN;
  while (row == UNKNOWN) {
    store<u32>(path + (depth << 2), at);
    depth++;
    at = load<u32>(parents + (<usize>at << 2));
    row = load<u32>(rows + (<usize>at << 2));
  }
  while (depth > 0) {
    depth--;
    at = load<u32>(path + (depth << 2));
    row = treeChild(tree, row, internLocation(space, source, load<u32>(locations + (<usize>at << 2))));
    store<u32>(rows + (<usize>at << 2), row);
  }
  return row;
}

/**
 * Appends runs of a family of a source to a family of a dataset. What it leaves behind when it fails is not whole: the
 * caller drops the head.
 *
 * @param family   of the head
 * @param columns  value columns of the source
 * @param runs     u32[runCount], rising: the runs to take
 * @param masks    u32[runCount]: bit c says that value column c of the run belongs to a profile; others become 0
 * @param offsets  u32[...]: the samples of run i of the source are offsets[i] .. offsets[i + 1]
 * @param stack    u32[samples], places in `sampled` of the map
 * @param values   u32[columns], pointers to i64[samples]
 * @param spans    how many samples have a span: spanSample u32[spans], rising; spanId u64[spans]; spanTrace u8[16 spans]
 * @cost  O(samples of the runs), and O(depth) per new stacktrace
 */
export function mergeRuns(
  map: usize, dataset: usize, family: u32, columns: u32, runs: usize, masks: usize, runCount: u32, offsets: usize,
  stack: usize, values: usize, spans: u32, spanSample: usize, spanId: usize, spanTrace: usize,
): void {
  let samples: u32 = 0;
  for (let i: usize = 0; i < <usize>runCount; i++) {
    const at = offsets + (<usize>load<u32>(runs + (i << 2)) << 2);
    samples += load<u32>(at, 4) - load<u32>(at);
  }
  reserveSamples(dataset, family, columns, samples, runCount);
  const target = datasetFamily(dataset, family);
  if (spans > 0) reserveSpans(target, spans);

  const known = load<u32>(target, FAMILY_COLUMNS);
  const sampled = <usize>load<u32>(map, MAP_SAMPLED);
  const targetStack = <usize>load<u32>(target, FAMILY_STACK);
  const runSamples = <usize>load<u32>(target, FAMILY_RUN_SAMPLES) + (<usize>load<u32>(target, FAMILY_RUNS) << 2);
  let count = load<u32>(target, FAMILY_SAMPLES);
  let span: u32 = 0;
  for (let i: usize = 0; i < <usize>runCount; i++) {
    const at = offsets + (<usize>load<u32>(runs + (i << 2)) << 2);
    const start = load<u32>(at);
    const n = load<u32>(at, 4) - start;
    const from = stack + (<usize>start << 2);
    const to = targetStack + (<usize>count << 2);
    for (let k: usize = 0; k < <usize>n; k++) {
      const place = <usize>load<u32>(from + (k << 2));
      store<u32>(to + (k << 2), mappedStack(map, load<u32>(sampled + (place << 2))));
    }
    const mask = load<u32>(masks + (i << 2));
    for (let column: u32 = 0; column < known; column++) {
      const value = <usize>load<u32>(target + FAMILY_VALUES + (<usize>column << 2)) + (<usize>count << 3);
      if (column < columns && ((mask >> column) & 1) != 0) {
        memory.copy(value, <usize>load<u32>(values + (<usize>column << 2)) + (<usize>start << 3), <usize>n << 3);
      } else memory.fill(value, 0, <usize>n << 3);
    }
    while (span < spans && load<u32>(spanSample + (<usize>span << 2)) < start) span++;
    while (span < spans && load<u32>(spanSample + (<usize>span << 2)) - start < n) {
      appendSpan(target, count + load<u32>(spanSample + (<usize>span << 2)) - start, span, spanId, spanTrace);
      span++;
    }
    store<u32>(runSamples + (i << 2), n);
    count += n;
  }
  store<u32>(target, count, FAMILY_SAMPLES);
  store<u32>(target, load<u32>(target, FAMILY_RUNS) + runCount, FAMILY_RUNS);
}

function appendSpan(family: usize, sample: u32, span: u32, spanId: usize, spanTrace: usize): void {
  const at = <usize>load<u32>(family, FAMILY_SPANS);
  store<u32>(<usize>load<u32>(family, FAMILY_SPAN_SAMPLE) + (at << 2), sample);
  store<u64>(<usize>load<u32>(family, FAMILY_SPAN_ID) + (at << 3), load<u64>(spanId + (<usize>span << 3)));
  const trace = <usize>load<u32>(family, FAMILY_SPAN_TRACE) + (at << 4);
  v128.store(trace, v128.load(spanTrace + (<usize>span << 4)));
  store<u32>(family, <u32>at + 1, FAMILY_SPANS);
}
