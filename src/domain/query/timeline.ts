import type { TimeRange, UnixMs } from '#src/domain/model/units.ts';

/** The course of one series over a range, as `/pyroscope/render` draws it: one value per step, 0 where nothing is. */
export type Timeline = {
  readonly startSeconds: number;
  readonly stepSeconds: number;
  readonly samples: readonly bigint[];
};

/** @shapes timeMs Float64Array[n], value BigInt64Array[n] */
export type TimedValues = { readonly timeMs: Float64Array; readonly value: BigInt64Array };

const pointsAimedAt = 1_500;
const stepSecondsMin = 15;

/** Up to how many seconds a step is rounded to which. */
const stepTable: readonly (readonly [upTo: number, step: number])[] = [
  [17.5, 15],
  [25, 20],
  [45, 30],
  [90, 60],
  [210, 120],
  [450, 300],
  [750, 600],
  [1_050, 900],
  [1_500, 1_200],
  [2_700, 1_800],
  [5_400, 3_600],
  [9_000, 7_200],
  [16_200, 10_800],
  [32_400, 21_600],
  [86_400, 43_200],
  [7 * 86_400, 86_400],
  [21 * 86_400, 7 * 86_400],
  [42 * 86_400, 30 * 86_400],
];
const stepSecondsMax = 365 * 86_400;

/** The step of the timeline of a range: about 1,500 of them, rounded to what people read easily. */
export function timelineStepSeconds({ startMs, endMs }: TimeRange): number {
  const exact = Math.max((endMs - startMs) / 1_000 / pointsAimedAt, stepSecondsMin);
  return stepTable.find(([upTo]) => exact <= upTo)?.[1] ?? stepSecondsMax;
}

/**
 * Puts points on the steps of a timeline. Its ends are the ends of the range, rounded down to a step; points outside
 * are left out, and points in one step are added up.
 */
export function timelineOf(points: TimedValues, range: TimeRange): Timeline {
  const stepSeconds = timelineStepSeconds(range);
  const stepMs = stepSeconds * 1_000;
  const startMs = floorTo(stepMs, range.startMs);
  const count = Math.max((floorTo(stepMs, range.endMs) - startMs) / stepMs, 0);
  const samples = new Array<bigint>(count).fill(0n);
  for (let i = 0; i < points.timeMs.length; i++) {
    const at = Math.floor((points.timeMs[i] - startMs) / stepMs);
    if (at >= 0 && at < count) samples[at] += points.value[i];
  }
  return { startSeconds: startMs / 1_000, stepSeconds, samples };
}

function floorTo(stepMs: number, timeMs: UnixMs): UnixMs {
  return Math.floor(timeMs / stepMs) * stepMs;
}
