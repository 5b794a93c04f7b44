import { StoreError } from '#src/domain/errors.ts';
import { durationText, roundDurationText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { DurationMs, TimeRange, UnixMs } from '#src/domain/model/units.ts';

/** How far back and over how long a time a tenant may query. 0: without limit. */
export type TimeRangeLimits = { readonly lookbackMs: DurationMs; readonly lengthMs: DurationMs };

/** `empty`: nothing can be there, and the answer is an empty success. */
export type ValidTimeRange = { readonly empty: true } | ({ readonly empty: false } & TimeRange);

const hourMs = 3_600_000;

/**
 * Checks a closed range of time, and cuts off what is older than the lookback.
 *
 * The length is measured after the cut: a query from 1970 to now is judged by the lookback, not by fifty years.
 *
 * @throws StoreError 'invalid-argument' when an end is missing (0), the ends are swapped, or the range is too long
 */
export function validateTimeRange(range: TimeRange, limits: TimeRangeLimits, nowMs: UnixMs): ValidTimeRange {
  const { startMs, endMs } = range;
  if (startMs === 0 || endMs === 0) {
    throw new StoreError('invalid-argument', 'missing time range: start and end must not be 0');
  }
  if (startMs > endMs) throw new StoreError('invalid-argument', `start ${startMs} is after end ${endMs}`);

  const oldestMs = limits.lookbackMs > 0 ? nowMs - limits.lookbackMs : Number.NEGATIVE_INFINITY;
  if (endMs < oldestMs) return { empty: true };
  const fromMs = Math.max(startMs, oldestMs);
  const lengthMs = endMs - fromMs;
  if (limits.lengthMs > 0 && lengthMs > limits.lengthMs) {
    const message = `the query is longer than --${LimitFlag.queryLength}: limit ${durationText(limits.lengthMs)}, actual ${roundDurationText(lengthMs)}`;
    throw new StoreError('invalid-argument', message, { lengthMs, limitMs: limits.lengthMs });
  }
  return { empty: false, startMs: fromMs, endMs };
}

/** The range of a request for profile types, where two zeros stand for the last hour. */
export function profileTypesRange(range: TimeRange, nowMs: UnixMs): TimeRange {
  return range.startMs === 0 && range.endMs === 0 ? { startMs: nowMs - hourMs, endMs: nowMs } : range;
}
