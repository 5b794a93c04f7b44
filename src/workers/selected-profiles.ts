import type { Steps } from '#src/domain/model/steps.ts';
import type { TimeRange } from '#src/domain/model/units.ts';
import type { SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { SpanTest } from '#src/kernels/block-stacks.ts';
import type { BlockDataset, SelectedRows } from '#src/kernels/read-dataset.ts';
import type { ProfileSelection } from './query-messages.ts';

const NANOS_PER_MS = 1_000_000n;

/**
 * Finds the rows of profiles of a dataset that a query is about.
 *
 * @param matcher  of the selection, which remembers what expressions said of earlier datasets
 * @returns        undefined when no series matches
 * @cost           O(labels + profiles)
 */
export function* profilesOf(
  dataset: BlockDataset,
  matcher: SeriesMatcher,
  selection: ProfileSelection,
): Steps<SelectedRows | undefined> {
  const wanted = yield* dataset.matchingSeries(matcher);
  if (wanted === 0) return undefined;
  const { startNanos, endNanos } = nanosOf(selection);
  const rows = yield* dataset.profiles(wanted, startNanos, endNanos);
  return selection.profileIds.length === 0 ? rows : yield* rows.withIds(new Set(selection.profileIds.map(hex)));
}

/** @returns undefined when the query names neither spans nor traces */
export function spanTestOf({ spanIds, traceIds }: ProfileSelection): SpanTest | undefined {
  if (spanIds.length === 0 && traceIds.length === 0) return undefined;
  const spans = new Set(spanIds);
  const traces = new Set(traceIds.map(hex));
  // A sample without an id is of no span, whatever the query asks for.
  return (spanId, traceId) =>
    (spans.size === 0 || (spanId !== 0n && spans.has(spanId))) && (traces.size === 0 || traces.has(hex(traceId)));
}

/** Both ends belong to the range, to the nanosecond: half a millisecond after the end is outside. */
function nanosOf({ startMs, endMs }: TimeRange): { startNanos: bigint; endNanos: bigint } {
  return { startNanos: BigInt(Math.ceil(startMs)) * NANOS_PER_MS, endNanos: BigInt(Math.floor(endMs)) * NANOS_PER_MS };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
