import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { compileMatcher, selectSeries } from '#src/domain/series/matchers.ts';
import { parseSelector } from '#src/domain/series/selector.ts';
import { isWordList } from '#src/domain/series/word-list.ts';

function matching(operator: Matcher['operator'], value: string, among: readonly string[]): string[] {
  return among.filter(compileMatcher({ name: 'x', operator, value }));
}

describe('compileMatcher', () => {
  const values = ['', 'a', 'ab', 'b', 'a\nb', 'A'];

  test('compares whole values', () => {
    deepEqual(matching('=', 'a', values), ['a']);
    deepEqual(matching('=', '', values), ['']);
    deepEqual(matching('!=', 'a', values), ['', 'ab', 'b', 'a\nb', 'A']);
    deepEqual(matching('!=', '', values), ['a', 'ab', 'b', 'a\nb', 'A']);
  });

  test('anchors expressions at both ends', () => {
    deepEqual(matching('=~', 'a.?', values), ['a', 'ab']);
    deepEqual(matching('=~', 'a|ab', values), ['a', 'ab']);
    deepEqual(matching('=~', '[a]|a.b', values), ['a', 'a\nb']);
    deepEqual(matching('!~', 'a.*', values), ['', 'b', 'A']);
  });

  test('lets the dot match a newline', () => {
    deepEqual(matching('=~', 'a.b', values), ['a\nb']);
    deepEqual(matching('=~', '.+', values), ['a', 'ab', 'b', 'a\nb', 'A']);
    deepEqual(matching('=~', '.*', values), values);
  });

  test('knows what RE2 knows', () => {
    deepEqual(matching('=~', '(?i)a', values), ['a', 'A']);
    deepEqual(matching('=~', '\\pL', ['é', '1']), ['é']);
    deepEqual(matching('=~', '(?P<x>.)', ['😀', 'ab']), ['😀']);
  });

  test('takes an alternation of words as a set, with escaped punctuation', () => {
    deepEqual(matching('=~', 'a|b', values), ['a', 'b']);
    deepEqual(matching('=~', 'a|', values), ['', 'a']);
    deepEqual(matching('=~', '', values), ['']);
    deepEqual(matching('=~', 'a\\.b|c\\|d', ['a.b', 'axb', 'c|d', 'c']), ['a.b', 'c|d']);
  });

  test('takes a list in parentheses, with or without anchors, as a set too', () => {
    for (const list of ['(a|b)', '(?:a|b)', '^(a|b)$', '^(?:a|b)']) {
      equal(isWordList(list), true, list);
      deepEqual(matching('=~', list, values), ['a', 'b'], list);
    }
    for (const other of ['(a)|(b)', '(a|b', '(a\\)', 'a|b)', '^a|b$', 'a\\d']) equal(isWordList(other), false, other);
    deepEqual(matching('=~', '(a)|(b)', values), ['a', 'b']);
  });

  for (const expression of ['(', 'a)(b', '[', 'a**', '(?<!a)b', '\\1', 'x{1001}', '(x{100}){100}']) {
    test(`refuses ${expression}`, () => {
      throws(() => compileMatcher({ name: 'x', operator: '=~', value: expression }), { code: 'invalid-argument' });
    });
  }

  test('takes linear time for what makes a backtracking matcher hang', () => {
    equal(compileMatcher({ name: 'x', operator: '=~', value: '(a+)+$' })(`${'a'.repeat(5_000)}!`), false);
  });
});

test('selectSeries asks all conditions, and takes an absent label for an empty one', () => {
  const labels = [
    { name: 'env', value: 'prod' },
    { name: 'service_name', value: 'db' },
  ];
  const selected = (text: string) => selectSeries(parseSelector(text))(labels);
  equal(selected('{}'), true);
  equal(selected('{env="prod",env=~"p.*",service_name!="web"}'), true);
  equal(selected('{env="prod",service_name!="db"}'), false);
  equal(selected('{pod=""}'), true);
  equal(selected('{pod=~"w1|"}'), true);
  equal(selected('{pod!~".+"}'), true);
  equal(selected('{pod!=""}'), false);
  equal(selected('{pod=~".+"}'), false);
});
