import type { Matcher } from '#src/domain/series/matcher.ts';
import { compileMatcher } from '#src/domain/series/matchers.ts';

/** Compiles expressions that are too costly for the main loop, only to find what is wrong with them. @throws as compileMatcher */
export function checkExpressions(matchers: readonly Matcher[]): undefined {
  for (const matcher of matchers) compileMatcher(matcher);
  return undefined;
}
