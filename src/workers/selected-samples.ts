import type { FamilySamples, SpanColumns } from '#src/domain/block/dataset-columns.ts';
import { familyOfRun, firstRuns } from '#src/domain/block/dataset-columns.ts';
import type { DatasetHead } from '#src/domain/block/dataset-reader.ts';
import type { TimeRange } from '#src/domain/model/units.ts';
import { selectSeries } from '#src/domain/series/matchers.ts';
import type { SampleRange } from '#src/kernels/stack-sums.ts';
import type { ProfileSelection } from './query-messages.ts';

const NANOS_PER_MS = 1_000_000n;

/** The profile rows of one dataset that a query is about. */
export type SelectedProfiles = {
  readonly head: DatasetHead;
  /** Row numbers, rising. */
  readonly rows: readonly number[];
};

/**
 * Finds the rows of a dataset that a query is about.
 *
 * @cost O(series + profiles); regular expressions run once per series
 */
export function selectProfiles(head: DatasetHead, selection: ProfileSelection): SelectedProfiles {
  const { series, pushes, profiles } = head;
  const matches = selectSeries(selection.matchers);
  const selected = series.map(matches);
  if (!selected.includes(true)) return { head, rows: [] };
  const { startNanos, endNanos } = nanosOf(selection);
  const ids = new Set(selection.profileIds.map(hex));
  const rows: number[] = [];
  for (let row = 0; row < profiles.series.length; row++) {
    if (!selected[profiles.series[row]]) continue;
    const push = profiles.push[row];
    const time = pushes.timeNanos[push];
    if (time < startNanos || time > endNanos) continue;
    if (ids.size > 0 && !ids.has(hex(pushes.id.subarray(16 * push, 16 * push + 16)))) continue;
    rows.push(row);
  }
  return { head, rows };
}

/** Samples that a query is about: rows start .. end of a value column of a family. */
type Selected = { readonly column: number; readonly start: number; readonly end: number };

/** By family: where the samples of the selected rows are. */
export function selectedRuns({ head, rows }: SelectedProfiles): Map<number, Selected[]> {
  const firstRunOf = firstRuns(head.families);
  const byFamily = new Map<number, Selected[]>();
  for (const row of rows) {
    const run = head.profiles.run[row];
    const family = familyOfRun(firstRunOf, run);
    const { sampleOffsets } = head.families[family];
    const local = run - firstRunOf[family];
    const range = { column: head.profiles.column[row], start: sampleOffsets[local], end: sampleOffsets[local + 1] };
    const known = byFamily.get(family);
    if (known === undefined) byFamily.set(family, [range]);
    else known.push(range);
  }
  return byFamily;
}

/**
 * Passes the samples of the selected runs of a family to `take`, without those of other spans and traces if the query
 * names some. Stacks are places among the sampled stacks of the family.
 */
export function takeSamples(
  family: FamilySamples,
  runs: readonly Selected[],
  selection: ProfileSelection,
  take: (samples: SampleRange) => void,
): void {
  const wanted = spanFilter(family.spans, selection);
  if (wanted === 'nothing') return;
  for (const { column, start, end } of runs) {
    const samples = { stack: family.stack.subarray(start, end), value: family.values[column].subarray(start, end) };
    take(wanted === 'everything' ? samples : filtered(samples, start, wanted));
  }
}

/** Both ends belong to the range, to the nanosecond: half a millisecond after the end is outside. */
function nanosOf({ startMs, endMs }: TimeRange): { startNanos: bigint; endNanos: bigint } {
  return { startNanos: BigInt(Math.ceil(startMs)) * NANOS_PER_MS, endNanos: BigInt(Math.floor(endMs)) * NANOS_PER_MS };
}

function spanFilter(
  spans: SpanColumns,
  { spanIds, traceIds }: ProfileSelection,
): 'everything' | 'nothing' | ReadonlySet<number> {
  if (spanIds.length === 0 && traceIds.length === 0) return 'everything';
  if (spans.sample.length === 0) return 'nothing';
  return samplesOf(spans, new Set(spanIds), new Set(traceIds.map(hex)));
}

/** A sample without an id is of no span, whatever the query asks for. */
function samplesOf(spans: SpanColumns, spanIds: ReadonlySet<bigint>, traceIds: ReadonlySet<string>): Set<number> {
  const samples = new Set<number>();
  for (let i = 0; i < spans.sample.length; i++) {
    const span = spans.spanId[i];
    const ofSpan = spanIds.size === 0 || (span !== 0n && spanIds.has(span));
    const ofTrace = traceIds.size === 0 || traceIds.has(hex(spans.traceId.subarray(16 * i, 16 * i + 16)));
    if (ofSpan && ofTrace) samples.add(spans.sample[i]);
  }
  return samples;
}

function filtered({ stack, value }: SampleRange, firstRow: number, wanted: ReadonlySet<number>): SampleRange {
  const kept: number[] = [];
  for (let i = 0; i < stack.length; i++) if (wanted.has(firstRow + i)) kept.push(i);
  return {
    stack: Uint32Array.from(kept, (i) => stack[i]),
    value: BigInt64Array.from({ length: kept.length }, (_, i) => value[kept[i]]),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
