import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { columnsMax, familiesMax, pageRowsMax, Section } from '#src/domain/block/block-format.ts';
import { pagesOf, readChunkTable } from '#src/domain/block/chunk-table.ts';
import { type DatasetColumns, familyOfRun, firstRuns } from '#src/domain/block/dataset-columns.ts';
import type { FamilySizes } from '#src/domain/block/dataset-faults.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { sortedLabels } from '#src/domain/model/labels.ts';
import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import { SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { selectSeries } from '#src/domain/series/matchers.ts';
import type { ArenaPages } from '#src/kernels/arena-pages.ts';
import { FamilySums } from '#src/kernels/block-stacks.ts';
import { BlockDataset, type SampleRange, type SelectedRows } from '#src/kernels/read-dataset.ts';
import { type Encoded, encodedDataset, freshPages } from '../../fixtures/block-in-arena.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { type DatasetSizes, randomDataset, type SamplesSize } from '../domain/block/random-columns.ts';

const seed = runSeed();
const kernels = testKernels();

type Asked = { readonly matchers: readonly Matcher[]; readonly startNanos: bigint; readonly endNanos: bigint };

const ALWAYS = { startNanos: -(2n ** 63n), endNanos: 2n ** 63n - 1n };
const everything: Asked = { matchers: [], ...ALWAYS };

const plainFamily: FamilySizes = { sampledStackCount: 100, nodeCount: 0 };
const none: SamplesSize = { runs: 0, samples: 0, columns: 0, spans: 0 };
const some: SamplesSize = { runs: 5, samples: 500, columns: 2, spans: 20 };

function encoded(columns: DatasetColumns, space: readonly FamilySizes[]): Encoded {
  return encodedDataset(encodeDataset({ service: 'shop', columns, space }).bytes);
}

/** The rows of profiles, by the plain reader. */
function rowsPlain({ series, pushes, profiles }: DatasetColumns, { matchers, startNanos, endNanos }: Asked): number[] {
  const matches = selectSeries(matchers);
  const wanted = series.map(matches);
  return Array.from(profiles.series, (_, row) => row).filter((row) => {
    const time = pushes.timeNanos[profiles.push[row]];
    return wanted[profiles.series[row]] && time >= startNanos && time <= endNanos;
  });
}

/** By family and value column: which samples the rows have, each as often as rows have it. */
function samplesPlain(columns: DatasetColumns, rows: readonly number[]): Map<string, Uint32Array> {
  const { profiles, families } = columns;
  const firstRunOf = firstRuns(families);
  const samples = new Map<string, Uint32Array>();
  for (const row of rows) {
    const family = familyOfRun(firstRunOf, profiles.run[row]);
    const { sampleOffsets } = families[family];
    const run = profiles.run[row] - firstRunOf[family];
    const key = `${family} ${profiles.column[row]}`;
    const times = samples.get(key) ?? new Uint32Array(sampleOffsets[sampleOffsets.length - 1]);
    for (let i = sampleOffsets[run]; i < sampleOffsets[run + 1]; i++) times[i]++;
    samples.set(key, times);
  }
  return samples;
}

function samplesOf(columns: DatasetColumns, ranges: ReadonlyMap<number, readonly SampleRange[]>) {
  const samples = new Map<string, Uint32Array>();
  for (const [family, ofFamily] of ranges) {
    for (const { column, start, end } of ofFamily) {
      const key = `${family} ${column}`;
      const times = samples.get(key) ?? new Uint32Array(columns.families[family].stack.length);
      for (let i = start; i < end; i++) times[i]++;
      samples.set(key, times);
    }
  }
  return samples;
}

function sumsPlain({ families }: DatasetColumns, family: number, samples: ReadonlyMap<string, Uint32Array>, n: number) {
  const sums = new BigInt64Array(n);
  const { stack, values } = families[family];
  for (const [column, value] of values.entries()) {
    const times = samples.get(`${family} ${column}`);
    for (let i = 0; i < stack.length; i++) {
      for (let time = 0; time < (times?.[i] ?? 0); time++) sums[stack[i]] = addSaturated(sums[stack[i]], value[i]);
    }
  }
  return sums;
}

function selected(dataset: BlockDataset, { matchers, startNanos, endNanos }: Asked): SelectedRows | undefined {
  const wanted = runSteps(dataset.matchingSeries(new SeriesMatcher(matchers)));
  return wanted === 0 ? undefined : runSteps(dataset.profiles(wanted, startNanos, endNanos));
}

/** Asks both readers, who must agree on everything. @returns how many rows were found */
function sameAsPlain(
  pages: ArenaPages,
  { table, fetched }: Encoded,
  space: readonly FamilySizes[],
  asked: Asked,
): number {
  const plain = new DatasetReader(table, fetched).all(space);
  const dataset = new BlockDataset(pages, table);
  deepEqual(
    plain.series.map((_, row) => dataset.labelsOf(row)),
    plain.series,
  );
  for (const page of dataset.series) {
    for (let row = 0; row < page.stringCount; row++) equal(page.rowOf(Buffer.from(page.textOf(row))), row);
    equal(page.rowOf(Buffer.from('\0no such string')), -1);
  }
  const expected = rowsPlain(plain, asked);
  const rows = selected(dataset, asked);
  deepEqual([...(rows?.rows ?? [])], expected);
  if (rows === undefined) return 0;

  const [series, timesMs, totals] = [rows.series(), rows.timesMs(), rows.totals()];
  for (const [i, row] of expected.entries()) {
    const push = plain.profiles.push[row];
    equal(series[i], plain.profiles.series[row]);
    equal(totals[i], plain.profiles.total[row]);
    deepEqual(rows.profileId(i), plain.pushes.id.subarray(16 * push, 16 * push + 16));
    equal(timesMs[i], Number(plain.pushes.timeNanos[push] / 1_000_000n));
  }
  const ranges = runSteps(rows.sampleRanges(runSteps(dataset.sampleOffsets())));
  const samples = samplesPlain(plain, expected);
  deepEqual(samplesOf(plain, ranges), samples);
  for (const [family, ofFamily] of ranges) {
    const { sampledStackCount } = space[family];
    const sums = new FamilySums(pages, family, sampledStackCount);
    runSteps(sums.add(dataset, ofFamily));
    deepEqual(kernels.takeI64(sums.sums, sampledStackCount), sumsPlain(plain, family, samples, sampledStackCount));
  }
  return expected.length;
}

describe('a dataset in the arena', () => {
  const cases: Record<string, [sizes: DatasetSizes, space: FamilySizes[]]> = {
    'of one sample': [
      { series: 1, pushes: 1, profiles: 1, families: [{ runs: 1, samples: 1, columns: 1, spans: 0 }] },
      [plainFamily],
    ],
    'with families that have nothing': [
      { series: 3, pushes: 7, profiles: 9, families: [none, some, none, { ...some, columns: 3 }] },
      [plainFamily, { sampledStackCount: 100, nodeCount: 50 }, plainFamily, plainFamily],
    ],
    'with 65 families of 32 columns': [
      { series: 3, pushes: 7, profiles: 90, families: Array(familiesMax + 1).fill({ ...some, columns: columnsMax }) },
      Array(familiesMax + 1).fill(plainFamily),
    ],
    'of pages of samples, profiles and pushes': [
      {
        ...{ series: 20, pushes: 66_000, profiles: 66_000 },
        families: [{ runs: 400, samples: 140_000, columns: 2, spans: 70_000 }, some],
      },
      [plainFamily, plainFamily],
    ],
  };
  for (const [name, [sizes, space]] of Object.entries(cases)) {
    test(`${name} is what the plain reader finds (seed ${seed})`, () => {
      const columns = randomDataset(new Random(seed), sizes, space);
      const block = encoded(columns, space);
      const time = columns.pushes.timeNanos[columns.pushes.timeNanos.length >> 1];
      const pod = { name: 'pod', operator: '=~', value: 'pod-[02468]*' } as const;

      equal(sameAsPlain(freshPages(kernels, block), block, space, everything), sizes.profiles);
      if (sizes.profiles > 10_000) return; // The plain sums take long.
      sameAsPlain(freshPages(kernels, block), block, space, { ...everything, matchers: [pod] });
      sameAsPlain(freshPages(kernels, block), block, space, { ...everything, endNanos: time });
      sameAsPlain(freshPages(kernels, block), block, space, { matchers: [pod], startNanos: time, endNanos: time });
    });
  }

  test(`of any small sizes is what the plain reader finds (seed ${seed})`, () => {
    const random = new Random(seed);
    let found = 0;
    for (let round = 0; round < 150; round++) {
      const families = Array.from({ length: random.int(1, 4) }, () => {
        const runs = random.int(1, 9);
        const samples = random.int(runs, 90);
        return { runs, samples, columns: random.int(1, 4), spans: random.int(0, samples) };
      });
      const sizes = { series: random.int(1, 9), pushes: random.int(1, 20), profiles: random.int(1, 40), families };
      const space = families.map(() => ({ sampledStackCount: random.int(1, 30), nodeCount: random.pick([0, 7]) }));
      const columns = randomDataset(random, sizes, space);
      const block = encoded(columns, space);
      const operator = random.pick(['=', '!=', '=~', '!~'] as const);
      const matchers = [{ name: 'pod', operator, value: `pod-${random.int(0, 3)}` }].slice(0, random.int(0, 1));
      const times = [0, 1].map(() => random.pick([...columns.pushes.timeNanos])).sort((a, b) => (a < b ? -1 : 1));
      const range = { startNanos: times[0], endNanos: times[1] };

      found += sameAsPlain(freshPages(kernels, block), block, space, { matchers, ...range });
    }
    ok(found > 150);
  });

  test('of series on several pages finds them by their row, and selects on each', () => {
    const type = { name: '__profile_type__', value: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds' };
    const random = randomDataset(new Random(1), { series: 300, pushes: 3, profiles: 900, families: [some] }, [
      plainFamily,
    ]);
    const series = random.series.map((_, row) =>
      sortedLabels([type, { name: 'pod', value: `pod-${row % 7}` }, { name: 'text', value: `${row} `.repeat(3000) }]),
    );
    const block = encoded({ ...random, series }, [plainFamily]);
    ok(pagesOf(block.table, Section.series).length > 2);

    const asked = { ...everything, matchers: [{ name: 'pod', operator: '=', value: 'pod-3' }] as const };
    ok(sameAsPlain(freshPages(kernels, block), block, [plainFamily], asked) > 50);
  });

  test('adds up to the largest sum and no further', () => {
    const largest = 2n ** 63n - 1n;
    const random = randomDataset(
      new Random(1),
      { series: 1, pushes: 1, profiles: 1, families: [{ runs: 1, samples: 3, columns: 1, spans: 0 }] },
      [plainFamily],
    );
    const family = {
      ...random.families[0],
      stack: Uint32Array.of(5, 5, 6),
      values: [BigInt64Array.of(largest, 1n, 2n)],
    };
    const block = encoded({ ...random, families: [family] }, [plainFamily]);
    const pages = freshPages(kernels, block);
    const sums = new FamilySums(pages, 0, 100);

    runSteps(sums.add(new BlockDataset(pages, block.table), [{ column: 0, start: 0, end: 3 }]));

    deepEqual([...kernels.takeI64(sums.sums, 100).subarray(4, 8)], [0n, largest, 2n, 0n]);
  });

  test('adds datasets that share a symbol space to one sum', () => {
    const sizes = { series: 1, pushes: 1, profiles: 1, families: [{ runs: 1, samples: 90, columns: 1, spans: 0 }] };
    const both = [1, 2].map((of) => randomDataset(new Random(of), sizes, [plainFamily]));
    const parts = both.map((columns) => encodeDataset({ service: 'shop', columns, space: [plainFamily] }).bytes);
    const fetched = wholeObject(Uint8Array.from(Buffer.concat(parts)));
    const pages = freshPages(kernels, { fetched });
    const sums = new FamilySums(pages, 0, 100);

    let offset = 0;
    for (const part of parts) {
      const table = readChunkTable('dataset', part, { offset, sizeBytes: part.length });
      runSteps(sums.add(new BlockDataset(pages, table), [{ column: 0, start: 10, end: 80 }]));
      offset += part.length;
    }

    const expected = new BigInt64Array(100);
    for (const { families } of both) {
      const { stack, values } = families[0];
      for (let i = 10; i < 80; i++) expected[stack[i]] = addSaturated(expected[stack[i]], values[0][i]);
    }
    deepEqual(kernels.takeI64(sums.sums, 100), expected);
  });

  test('opens only pages with samples that are asked for', () => {
    const sizes = { runs: 3, samples: 3 * pageRowsMax, columns: 2, spans: 0 };
    const random = randomDataset(new Random(3), { series: 1, pushes: 1, profiles: 1, families: [sizes] }, [
      plainFamily,
    ]);
    const block = encoded(random, [plainFamily]);
    const second = pagesOf(block.table, Section.sampleStacks)[1]?.chunk;
    const wanted = [second, pagesOf(block.table, Section.sampleValues, 0, 1)[1]?.chunk];
    const bytes = block.fetched[0]?.bytes ?? new Uint8Array(0);
    const fetched = wanted.flatMap((chunk) => {
      if (chunk === undefined) return [];
      const { offset, sizeBytes } = chunk.range;
      return [{ range: chunk.range, bytes: bytes.subarray(offset, offset + sizeBytes) }];
    });
    const pages = freshPages(kernels, { fetched });
    const sums = new FamilySums(pages, 0, 100);

    runSteps(
      sums.add(new BlockDataset(pages, block.table), [{ column: 1, start: pageRowsMax + 5, end: pageRowsMax + 6 }]),
    );

    const { stack, values } = random.families[0];
    const expected = new BigInt64Array(100);
    expected[stack[pageRowsMax + 5]] = values[1][pageRowsMax + 5];
    deepEqual(kernels.takeI64(sums.sums, 100), expected);
  });

  test('looks at a range and at a page a few times, however many there are of the other', () => {
    const pageCount = 12;
    const sizes = { runs: 3, samples: pageCount * pageRowsMax, columns: 1, spans: 0 };
    const random = randomDataset(new Random(3), { series: 1, pushes: 1, profiles: 1, families: [sizes] }, [
      plainFamily,
    ]);
    const block = encoded(random, [plainFamily]);
    let looks = 0;
    const n = 2000;
    const rowsEach = Math.floor((pageCount * pageRowsMax) / n);
    const ranges = Array.from({ length: n }, (_, i) => {
      const range = { column: 0, start: i * rowsEach, end: i * rowsEach + (i % rowsEach) };
      return new Proxy(range, {
        get(of, name: keyof SampleRange) {
          looks++;
          return of[name];
        },
      });
    });
    const pages = freshPages(kernels, block);
    const sums = new FamilySums(pages, 0, 100);

    runSteps(sums.add(new BlockDataset(pages, block.table), ranges));

    const { stack, values } = random.families[0];
    const expected = new BigInt64Array(100);
    for (let i = 0; i < n; i++) {
      for (let row = i * rowsEach; row < i * rowsEach + (i % rowsEach); row++) {
        expected[stack[row]] = addSaturated(expected[stack[row]], values[0][row]);
      }
    }
    deepEqual(kernels.takeI64(sums.sums, 100), expected);
    ok(looks <= 10 * (n + pageCount), `${looks} looks at ${n} ranges`);
  });

  test('selects very many profiles in steps', () => {
    const n = 150_000;
    const sizes = { series: 3, pushes: n, profiles: n, families: [{ runs: n, samples: n, columns: 1, spans: 0 }] };
    const block = encoded(randomDataset(new Random(5), sizes, [plainFamily]), [plainFamily]);
    const dataset = new BlockDataset(freshPages(kernels, block), block.table);
    const wanted = runSteps(dataset.matchingSeries(new SeriesMatcher([])));
    const counted = <T>(steps: Steps<T>): { value: T; pauses: number } => {
      for (let pauses = 0; ; pauses++) {
        const step = steps.next();
        if (step.done) return { value: step.value, pauses };
      }
    };

    const rows = counted(dataset.profiles(wanted, -(2n ** 63n), 2n ** 63n - 1n));
    const ranges = counted(rows.value.sampleRanges(runSteps(dataset.sampleOffsets())));

    equal(rows.value.length, n);
    ok(rows.pauses >= 5, `${rows.pauses} pauses to select`);
    ok(ranges.pauses >= 8, `${ranges.pauses} pauses to find the samples`);
    const none = counted(rows.value.withIds(new Set(['00'])));
    equal(none.value.length, 0);
    ok(none.pauses >= 18);
  });
});
