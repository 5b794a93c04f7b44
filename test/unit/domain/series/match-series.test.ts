import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seriesStrings } from '#src/domain/block/series-strings.ts';
import { type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import { type NumberedSeries, SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { selectSeries } from '#src/domain/series/matchers.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

/** As a page has them. @param asked  gets the rows whose text is wanted */
function numbered(series: readonly Labels[], asked: number[] = []): NumberedSeries {
  const { strings, rowOf } = seriesStrings(series);
  const offsets = new Uint32Array(series.length + 1);
  for (const [i, labels] of series.entries()) offsets[i + 1] = offsets[i] + labels.length;
  const rows = (of: 'name' | 'value') => Uint32Array.from(series.flat(), (label) => rowOf.get(label[of]) ?? 0);
  const bytesOf = (row: number) => strings.bytes.subarray(strings.offsets[row], strings.offsets[row + 1]);
  return {
    ...{ offsets, name: rows('name'), value: rows('value') },
    stringCount: strings.offsets.length - 1,
    rowOf: (bytes) => rowOf.get(Buffer.from(bytes).toString()) ?? -1,
    textOf: (row) => {
      asked.push(row);
      return Buffer.from(bytesOf(row)).toString();
    },
  };
}

// A name that is also a value, a value that is a prefix of another, what UTF-16 would order otherwise, and nothing.
const WORDS = ['pod', 'größe', '\u{1f600}', '\uffee', 'a', 'ab', 'A', '\ufeffa', 'a\nb', '.*', ''];
const NAMES = WORDS.slice(0, -1);
const EXPRESSIONS = [...WORDS, 'a|ab', 'a.*', '.+', '[^a]*', 'a|', '(?i)a', '.', 'gr..e|pod', '\\.\\*'];

function randomLabels(random: Random): Labels {
  const names = random.shuffled(NAMES).slice(0, random.int(0, 5));
  return sortedLabels(names.map((name) => ({ name, value: random.pick(WORDS) })));
}

function randomMatcher(random: Random): Matcher {
  const operator = random.pick(['=', '!=', '=~', '!~'] as const);
  const value = random.pick(operator === '=' || operator === '!=' ? WORDS : EXPRESSIONS);
  return { name: random.pick([...NAMES, 'nobody']), operator, value };
}

describe('SeriesMatcher', () => {
  test(`selects what the plain version does, page after page (seed ${seed})`, () => {
    const random = new Random(seed);
    const met = new Set<string>();
    for (let round = 0; round < 500; round++) {
      const matchers = Array.from({ length: random.int(0, 3) }, () => randomMatcher(random));
      const matcher = new SeriesMatcher(matchers);
      const matches = selectSeries(matchers);
      for (let page = 0; page < 3; page++) {
        const series = Array.from({ length: random.int(0, 30) }, () => randomLabels(random));

        const selected = matcher.select(numbered(series));

        const expected = Uint8Array.from(series, (labels) => (matches(labels) ? 1 : 0));
        deepEqual(selected, expected, JSON.stringify({ round, matchers }));
        for (const one of expected) for (const { operator } of matchers) met.add(`${operator} ${one}`);
      }
    }
    equal(met.size, 8, 'an operator never selected, or never refused');
  });

  test('takes a label that is absent for an empty one', () => {
    const series = numbered([{}, { pod: '' }, { pod: 'a' }].map((labels) => labelList(labels)));
    const select = (operator: Matcher['operator'], value: string) => [
      ...new SeriesMatcher([{ name: 'pod', operator, value }]).select(series),
    ];

    deepEqual(select('=', ''), [1, 1, 0]);
    deepEqual(select('!=', ''), [0, 0, 1]);
    deepEqual(select('!=', 'a'), [1, 1, 0]);
    deepEqual(select('=~', 'a|'), [1, 1, 1]);
    deepEqual(select('!~', '.+'), [1, 1, 0]);
  });

  test('makes text of a value only where an expression is tried on it, and once', () => {
    const series = Array.from({ length: 50 }, (_, i) => labelList({ pod: `p${i % 5}`, region: 'eu' }));
    const asked: number[] = [];

    new SeriesMatcher([{ name: 'region', operator: '=', value: 'eu' }]).select(numbered(series, asked));
    equal(asked.length, 0);

    new SeriesMatcher([{ name: 'pod', operator: '=~', value: 'p[12]' }]).select(numbered(series, asked));
    equal(asked.length, 5);
  });

  test('refuses an expression that is none', () => {
    throws(() => new SeriesMatcher([{ name: 'pod', operator: '=~', value: '(' }]), { code: 'invalid-argument' });
    ok(new SeriesMatcher([{ name: 'pod', operator: '=', value: '(' }]));
  });
});
