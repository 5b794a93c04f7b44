import { equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkExpressionLimits } from '#src/domain/series/expression-limits.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';

const limits = { lengthMax: 20, wordListLengthMax: 40, countMax: 2, costMax: 30 };

function expressions(...values: readonly string[]): Matcher[] {
  return values.map((value) => ({ name: 'pod', operator: '=~', value }));
}

function refusal(values: readonly string[], message: string): void {
  throws(() => checkExpressionLimits(expressions(...values), limits), { code: 'invalid-argument', message });
}

describe('checkExpressionLimits', () => {
  test('adds up what different expressions cost', () => {
    equal(checkExpressionLimits(expressions('a.*'), limits), 7);
    equal(checkExpressionLimits(expressions('a.*', 'b.*', 'a.*'), limits), 14);
    equal(checkExpressionLimits(expressions('a|b', '.*', '.+', ''), limits), 0);
    equal(checkExpressionLimits([{ name: 'pod', operator: '=', value: '.*'.repeat(100) }], limits), 0);
  });

  test('names the limit, its value and the actual one', () => {
    const subject = 'label selector: the expression for "pod"';
    refusal(
      [`.${'a'.repeat(20)}`],
      `${subject} has 21 characters and is no list of plain words; the limit is 20 (expression-length-max)`,
    );
    refusal(['a'.repeat(41)], `${subject} has 41 characters; the limit is 40 (expression-word-list-length-max)`);
    refusal(['.{50}'], `${subject} takes 104 instructions; the limit is 30 (expression-cost-max)`);
    refusal(
      ['.{10}', 'a.{9}'],
      `${subject} takes 47 instructions together with those before it; the limit is 30 (expression-cost-max)`,
    );
    refusal(['a.', 'b.', 'c.'], 'label selector: the query has 3 expressions; the limit is 2 (expressions-max)');
  });

  test('takes a list of words up to its own limit', () => {
    equal(checkExpressionLimits(expressions(`^(${'a|'.repeat(17)}b)$`), limits), 0);
  });

  test('allows what dashboards send', () => {
    const thousands = Array.from({ length: 3_000 }, (_, i) => `service\\.number-${i}`).join('|');
    equal(checkExpressionLimits(expressions(thousands, `(${thousands})`)), 0);
    checkExpressionLimits(expressions(Array.from({ length: 100 }, (_, i) => `service-${i}-.*`).join('|')));
    checkExpressionLimits(expressions(...Array.from({ length: 16 }, (_, i) => `(?i).*part ${i}.*`)));
  });
});
