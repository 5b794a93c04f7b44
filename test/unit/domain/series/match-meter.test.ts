import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MatchMeter } from '#src/domain/series/match-meter.ts';
import { type NumberedSeries, SeriesMatcher } from '#src/domain/series/match-series.ts';
import { parseSelector } from '#src/domain/series/selector.ts';

const none = Number.POSITIVE_INFINITY;

/** Series of one label each. */
function seriesOf(name: string, values: readonly string[]): NumberedSeries {
  const strings = [name, ...values];
  return {
    offsets: Uint32Array.from({ length: values.length + 1 }, (_, i) => i),
    name: new Uint32Array(values.length),
    value: Uint32Array.from(values, (_, i) => i + 1),
    rowOf: (bytes) => strings.indexOf(Buffer.from(bytes).toString()),
    textOf: (row) => strings[row],
    stringCount: strings.length,
  };
}

/** A clock on which every look takes a millisecond. */
function slowClock(): () => number {
  let ms = 0;
  return () => ms++;
}

describe('SeriesMatcher with a meter', () => {
  test('refuses a value that is too long for the expression, naming limit and values', () => {
    const meter = new MatchMeter({ compiledCostMax: none, stepsMax: 112, timeMsMax: none }, () => 0);
    const matcher = new SeriesMatcher(parseSelector('{pod=~"a.*"}'), meter);
    equal(matcher.select(seriesOf('pod', ['a'.repeat(16)]))[0], 1);
    throws(() => matcher.select(seriesOf('pod', ['a'.repeat(17)])), {
      code: 'too-large',
      message:
        'label selector: an expression of 7 instructions meets a label value of 17 characters, which takes 119 steps; the limit is 112 (match-steps-max)',
      details: { limit: 'match-steps-max', value: 112, actual: 119 },
    });
  });

  test('stops when its time is up, and does not count comparisons and lists of words', () => {
    const meter = new MatchMeter({ compiledCostMax: none, stepsMax: none, timeMsMax: 2 }, slowClock());
    const matcher = new SeriesMatcher(parseSelector('{pod=~"a.*"}'), meter);
    deepEqual([...matcher.select(seriesOf('pod', ['a', 'b']))], [1, 0]);
    deepEqual([...matcher.select(seriesOf('pod', ['a', 'b']))], [1, 0], 'what was asked before is known');
    throws(() => matcher.select(seriesOf('pod', ['c'])), {
      code: 'too-large',
      details: { limit: 'match-time-max', value: 2 },
    });
    const cheap = new SeriesMatcher(parseSelector('{pod=~"a|b",pod!="c"}'), meter);
    deepEqual([...cheap.select(seriesOf('pod', ['a', 'c']))], [1, 0]);
  });
});
