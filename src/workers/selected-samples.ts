import { Section } from '#src/domain/block/block-format.ts';
import { type ChunkTable, chunksOf, rowCountOf } from '#src/domain/block/chunk-table.ts';
import type { ProfileColumns, SpanColumns } from '#src/domain/block/dataset-columns.ts';
import { decodeProfiles, decodeSamples, decodeSeries, decodeSpans } from '#src/domain/block/dataset-reader.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { type RowRange, sampleChunks } from '#src/domain/block/read-plan.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import type { TimeRange } from '#src/domain/model/units.ts';
import { selectSeries } from '#src/domain/series/matchers.ts';
import type { SampleRange } from '#src/kernels/stack-sums.ts';
import type { ProfileSelection } from './query-messages.ts';

const NANOS_PER_MS = 1_000_000n;

/** The profile rows of one dataset that a query is about. */
export type SelectedProfiles = {
  readonly series: readonly Labels[];
  readonly profiles: ProfileColumns;
  /** Row numbers, rising. */
  readonly rows: readonly number[];
};

/**
 * Finds the rows of a dataset that a query is about.
 *
 * @cost O(series + profiles); regular expressions run once per series
 */
export function selectProfiles(
  table: ChunkTable,
  fetched: readonly FetchedRange[],
  selection: ProfileSelection,
): SelectedProfiles {
  const matches = selectSeries(selection.matchers);
  const series = decodeSeries(table, fetched);
  const selected = series.map(matches);
  if (!selected.includes(true)) return { series, profiles: NO_PROFILES, rows: [] };
  const profiles = decodeProfiles(table, fetched);
  const { startNanos, endNanos } = nanosOf(selection);
  const ids = new Set(selection.profileIds.map(hex));
  const rows: number[] = [];
  for (let row = 0; row < profiles.series.length; row++) {
    if (!selected[profiles.series[row]]) continue;
    const time = profiles.timeNanos[row];
    if (time < startNanos || time > endNanos) continue;
    if (ids.size > 0 && !ids.has(hex(profiles.id.subarray(16 * row, 16 * row + 16)))) continue;
    rows.push(row);
  }
  return { series, profiles, rows };
}

/**
 * Passes the samples of the selected rows to `take`, chunk by chunk, without those of other spans and traces if the
 * query names some.
 *
 * @cost O(samples of the chunks that have any)
 */
export function takeSamples(
  table: ChunkTable,
  fetched: readonly FetchedRange[],
  selection: ProfileSelection,
  { profiles, rows }: SelectedProfiles,
  stackCount: number,
  take: (samples: SampleRange) => void,
): void {
  const ranges = joinedRanges(rows, profiles.sampleOffsets);
  const wanted = spanFilter(table, fetched, selection);
  if (wanted === 'nothing') return;
  for (const chunk of sampleChunks(table, ranges)) {
    const { stack, value } = decodeSamples(table, chunk, fetched, stackCount);
    for (const { start, end } of ranges) {
      const first = Math.max(start, chunk.firstRow) - chunk.firstRow;
      const last = Math.min(end, chunk.firstRow + chunk.rowCount) - chunk.firstRow;
      if (first >= last) continue;
      const samples = { stack: stack.subarray(first, last), value: value.subarray(first, last) };
      take(wanted === 'everything' ? samples : filtered(samples, chunk.firstRow + first, wanted));
    }
  }
}

/** Whether a dataset has span or trace ids at all. */
export function hasSpans(table: ChunkTable): boolean {
  return chunksOf(table, Section.spans).length > 0;
}

/** The stacks that samples of a dataset may refer to. */
export function stackCountOf(symbols: ChunkTable): number {
  return rowCountOf(symbols, Section.stacks);
}

const NO_PROFILES: ProfileColumns = {
  series: new Uint32Array(0),
  timeNanos: new BigInt64Array(0),
  durationNanos: new BigInt64Array(0),
  period: new BigInt64Array(0),
  total: new BigInt64Array(0),
  id: new Uint8Array(0),
  sampleOffsets: new Uint32Array(1),
};

/** Both ends belong to the range, to the nanosecond: half a millisecond after the end is outside. */
function nanosOf({ startMs, endMs }: TimeRange): { startNanos: bigint; endNanos: bigint } {
  return { startNanos: BigInt(Math.ceil(startMs)) * NANOS_PER_MS, endNanos: BigInt(Math.floor(endMs)) * NANOS_PER_MS };
}

/** The samples of rows that follow each other are one range. */
function joinedRanges(rows: readonly number[], sampleOffsets: Uint32Array): RowRange[] {
  const ranges: { start: number; end: number }[] = [];
  for (const row of rows) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end === sampleOffsets[row]) last.end = sampleOffsets[row + 1];
    else ranges.push({ start: sampleOffsets[row], end: sampleOffsets[row + 1] });
  }
  return ranges;
}

function spanFilter(
  table: ChunkTable,
  fetched: readonly FetchedRange[],
  { spanIds, traceIds }: ProfileSelection,
): 'everything' | 'nothing' | ReadonlySet<number> {
  if (spanIds.length === 0 && traceIds.length === 0) return 'everything';
  if (!hasSpans(table)) return 'nothing';
  return samplesOf(decodeSpans(table, fetched), new Set(spanIds), new Set(traceIds.map(hex)));
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
