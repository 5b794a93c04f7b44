import { type MatchLimits, MatchMeter } from '#src/domain/series/match-meter.ts';
import { SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { systemClock } from '#src/platform/clock.ts';

/**
 * What one task may spend on label values. A thread that matches cannot take pushes, so this bounds how long they wait:
 * the longest match takes about 2 s. A thousand distinct values against a hundred alternatives take 10 ms.
 */
const THREAD_MATCH_LIMITS: MatchLimits = {
  // What a query may cost was checked when it came.
  compiledCostMax: Number.POSITIVE_INFINITY,
  stepsMax: 4 << 20,
  timeMsMax: 2_000,
};

/** A matcher for one task. @throws as SeriesMatcher */
export function threadMatcher(matchers: readonly Matcher[]): SeriesMatcher {
  return new SeriesMatcher(matchers, new MatchMeter(THREAD_MATCH_LIMITS, () => systemClock.now()));
}
