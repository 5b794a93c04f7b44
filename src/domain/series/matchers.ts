import { RE2JS, RE2JSException } from 're2js';
import { StoreError } from '#src/domain/errors.ts';
import { type Labels, valueOf } from '#src/domain/model/labels.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Matcher } from './matcher.ts';
import { wordsOf } from './word-list.ts';

/** Whether a label with this value satisfies a condition. An absent label is asked about as the empty string. */
export type ValueTest = (value: string) => boolean;

/**
 * Compiles one condition.
 *
 * Regular expressions are RE2's: matched against the whole value, in time linear in its length and in the cost of the
 * expression. That is a microsecond or, for a hostile one, a second: ask once per distinct value, not once per series,
 * and let a MatchMeter watch. Alternations of plain words, which is what dashboards send, become a set.
 *
 * @order  `checkExpressionLimits` has passed
 * @throws StoreError 'invalid-argument' when the expression is not one of RE2's
 * @source https://github.com/google/re2/wiki/Syntax
 */
export function compileMatcher({ operator, name, value }: Matcher): ValueTest {
  switch (operator) {
    case '=':
      return (actual) => actual === value;
    case '!=':
      return (actual) => actual !== value;
    case '=~':
      return compileExpression(name, value);
    case '!~': {
      const matches = compileExpression(name, value);
      return (actual) => !matches(actual);
    }
  }
}

/** Compiles conditions into one question about a label set. @throws as compileMatcher */
export function selectSeries(matchers: readonly Matcher[]): (labels: Labels) => boolean {
  const tests = matchers.map((matcher) => ({ name: matcher.name, test: compileMatcher(matcher) }));
  return (labels) => tests.every(({ name, test }) => test(valueOf(labels, name) ?? ''));
}

function compileExpression(name: string, expression: string): ValueTest {
  if (expression === '.*') return () => true;
  if (expression === '.+') return (value) => value !== '';
  const words = wordsOf(expression);
  if (words) return (value) => words.has(value);

  try {
    const compiled = RE2JS.compile(expression, RE2JS.DOTALL);
    return (value) => compiled.matches(value);
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    // The flag that makes the dot match newlines is put before the expression; nobody wrote it.
    const reason = cause.message.replace('`(?s)', '`');
    const message = `label selector: the expression for ${quoted(name)} is not valid: ${reason}`;
    throw new StoreError('invalid-argument', message, {}, { cause });
  }
}
