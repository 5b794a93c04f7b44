import { describe, test } from 'node:test';
import { namesOf, nameText } from '#src/domain/profile/name-table.ts';
import { Arena } from '#src/kernels/instance.ts';
import { takeStrings } from '#src/kernels/symbol-space.ts';
import { GuardedColumns } from '../../fixtures/guarded-columns.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { sameRows } from '../../fixtures/same-rows.ts';

const seed = runSeed();
const kernels = testKernels();
const { exports } = kernels;

/** Pairs of name and value, by their place among the strings of the page. */
type Page = { readonly strings: readonly string[]; readonly series: readonly (readonly [number, number])[][] };

function randomPage(random: Random, n: number): Page {
  const strings = [...new Set(Array.from({ length: random.int(1, 20) }, () => `s${random.int(0, 30)}`)), ''];
  const row = (): number => random.int(0, strings.length - 1);
  const series = Array.from({ length: n }, () =>
    Array.from({ length: random.pick([0, 1, 2, 3, 12]) }, () => [row(), row()] as const),
  );
  return { strings, series };
}

/** Rows from 1, by first use, of what the pairs spell; 0 for a series without labels. */
class SeriesPlain {
  readonly #rows = new Map<string, number>();
  readonly labels: (readonly (readonly [string, string])[])[] = [[]];

  rowsOf({ strings, series }: Page): number[] {
    return series.map((pairs) => {
      const labels = pairs.map(([name, value]) => [strings[name], strings[value]] as const);
      const key = JSON.stringify(labels);
      const known = labels.length === 0 ? 0 : this.#rows.get(key);
      if (known !== undefined) return known;
      this.#rows.set(key, this.labels.length);
      return this.labels.push(labels) - 1;
    });
  }
}

describe(`internSeries (seed ${seed})`, () => {
  for (const n of [0, 1, 2, 31, 32, 33, 1000, 20_000]) {
    test(`numbers ${n} series of each of several pages as the plain version does`, () => {
      const random = new Random(seed + n);
      exports.resetHead();
      const strings = exports.tableNew(Arena.head, 4, 16) >>> 0;
      const series = exports.tableNew(Arena.head, 4, 16) >>> 0;
      const plain = new SeriesPlain();
      for (let i = 0; i < 3; i++) {
        const page = randomPage(random, n);
        exports.resetScratch();
        const columns = new GuardedColumns(kernels);
        const { bytes, offsets } = namesOf(page.strings);
        const pairs = page.series.flat();
        const ends = page.series.map(({ length }) => length);
        const rows = columns.room(n * 4);

        exports.internSeries(
          strings,
          series,
          columns.put(offsets),
          columns.put(bytes),
          page.strings.length,
          columns.put(Uint32Array.from([0, ...ends]).map(runningSum())),
          columns.put(Uint32Array.from(pairs, ([name]) => name)),
          columns.put(Uint32Array.from(pairs, ([, value]) => value)),
          n,
          rows,
        );

        columns.check(`page ${i}`);
        sameRows([...kernels.takeU32(rows, n)], plain.rowsOf(page));
      }

      exports.resetScratch();
      const texts = takeStrings(kernels, strings);
      const count = plain.labels.length;
      for (let row = 0; row < texts.offsets.length - 1; row++) {
        const first = random.int(1, count);
        const columns = new GuardedColumns(kernels);
        const target = columns.room((count - first) * 4);
        exports.labelOfSeries(series, row, first, target);
        columns.check('labelOfSeries');
        const values = [...kernels.takeU32(target, count - first)].map((value) => nameText(texts, value));
        // Of a name that is there twice the last value counts.
        const name = nameText(texts, row);
        const expected = plain.labels.slice(first).map((labels) => labels.findLast(([own]) => own === name)?.[1] ?? '');
        sameRows(values, expected, `label ${name}`);
      }
    });
  }
});

function runningSum(): (value: number) => number {
  let sum = 0;
  return (value) => (sum += value);
}
