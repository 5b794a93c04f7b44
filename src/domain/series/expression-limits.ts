import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import { expressionCost } from './expression-cost.ts';
import type { Matcher } from './matcher.ts';
import { isWordList } from './word-list.ts';

export type ExpressionLimits = {
  /** Characters of an expression. */
  readonly lengthMax: number;
  /** Characters of an alternation of plain words, which becomes a set and costs nothing else. */
  readonly wordListLengthMax: number;
  /** Different expressions of a query that are compiled. A thread holds up to 8 MiB for each while it matches. */
  readonly countMax: number;
  /** What all of them cost together, as `expressionCost` has it. */
  readonly costMax: number;
};

/** What people and dashboards send is two orders below: a hundred alternatives with wildcards cost 1,500. */
export const expressionLimits: ExpressionLimits = {
  lengthMax: 4 << 10,
  wordListLengthMax: 64 << 10,
  countMax: 16,
  costMax: 8 << 10,
};

/** What it costs to compile a condition and to ask it about a value. 0: next to nothing. */
export function matcherCost({ operator, value }: Matcher): number {
  if (operator === '=' || operator === '!=') return 0;
  if (value === '.*' || value === '.+' || isWordList(value)) return 0;
  return expressionCost(value);
}

/**
 * Refuses what would take too long to compile or to match, before any of it is compiled.
 *
 * @returns the cost of all expressions together
 * @throws  StoreError 'invalid-argument' naming the limit, its value and the actual one
 */
export function checkExpressionLimits(
  matchers: readonly Matcher[],
  limits: ExpressionLimits = expressionLimits,
): number {
  const costs = new Map<string, number>();
  let costOfAll = 0;
  for (const matcher of matchers) {
    const { operator, name, value } = matcher;
    if (operator === '=' || operator === '!=' || costs.has(value)) continue;
    const subject = `the expression for ${quoted(name)}`;
    if (value.length > limits.lengthMax) checkWordList(value, subject, limits);
    const cost = matcherCost(matcher);
    if (cost === 0) continue;
    costs.set(value, cost);
    costOfAll += cost;
    refuseAbove(costs.size, { max: limits.countMax, name: 'expressions-max' }, 'the query has', 'expressions');
    const unit = costs.size === 1 ? 'instructions' : 'instructions together with those before it';
    refuseAbove(costOfAll, { max: limits.costMax, name: 'expression-cost-max' }, `${subject} takes`, unit);
  }
  return costOfAll;
}

function checkWordList(value: string, subject: string, limits: ExpressionLimits): void {
  const list = { max: limits.wordListLengthMax, name: 'expression-word-list-length-max' };
  refuseAbove(value.length, list, `${subject} has`, 'characters');
  if (isWordList(value)) return;
  const expression = { max: limits.lengthMax, name: 'expression-length-max' };
  refuseAbove(value.length, expression, `${subject} has`, 'characters and is no list of plain words');
}

function refuseAbove(actual: number, limit: { max: number; name: string }, subject: string, unit: string): void {
  if (actual <= limit.max) return;
  const message = `label selector: ${subject} ${actual} ${unit}; the limit is ${limit.max} (${limit.name})`;
  throw new StoreError('invalid-argument', message, { limit: limit.name, value: limit.max, actual });
}
