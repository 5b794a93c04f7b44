import { AssertionError, deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { columnsMax, familiesMax, Section } from '#src/domain/block/block-format.ts';
import { datasetTable, pagesOf, readChunkTable } from '#src/domain/block/chunk-table.ts';
import type { DatasetColumns, FamilySamples } from '#src/domain/block/dataset-columns.ts';
import { datasetFault, type FamilySizes, typeFault } from '#src/domain/block/dataset-faults.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset, floorMs } from '#src/domain/block/dataset-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { typeColumnsOf } from '#src/domain/block/type-columns.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { type DatasetSizes, randomDataset, type SamplesSize } from './random-columns.ts';

const seed = runSeed();

/** A family without a function tree, and one with. */
const plain: FamilySizes = { sampledStackCount: 100, nodeCount: 0 };
const compacted: FamilySizes = { sampledStackCount: 100, nodeCount: 50 };

const none: SamplesSize = { runs: 0, samples: 0, columns: 0, spans: 0 };
const one: SamplesSize = { runs: 1, samples: 1, columns: 1, spans: 1 };
const some: SamplesSize = { runs: 5, samples: 500, columns: 2, spans: 20 };

function encode(columns: DatasetColumns, space: readonly FamilySizes[]) {
  return encodeDataset({ service: 'shop', columns, space });
}

function readerOf(bytes: Uint8Array): DatasetReader {
  return new DatasetReader(tableOf(bytes), wholeObject(bytes));
}

function tableOf(bytes: Uint8Array) {
  return readChunkTable('dataset', bytes, { offset: 0, sizeBytes: bytes.length });
}

describe('a dataset', () => {
  const least = { series: 1, pushes: 1, profiles: 1 };
  const cases: Record<string, [sizes: DatasetSizes, space: FamilySizes[]]> = {
    'of one sample': [{ ...least, families: [one] }, [plain]],
    'of one sample, compacted': [{ ...least, families: [one] }, [compacted]],
    'with families that have nothing, and a column more': [
      { series: 3, pushes: 7, profiles: 9, families: [none, some, none, { ...some, columns: 3 }] },
      [plain, compacted, compacted, plain],
    ],
    'with 65 families of 32 columns': [
      { series: 3, pushes: 7, profiles: 90, families: Array(familiesMax + 1).fill({ ...some, columns: columnsMax }) },
      Array.from({ length: familiesMax + 1 }, (_, i) => (i % 2 === 0 ? plain : compacted)),
    ],
    'of a page less a sample': [
      { series: 2, pushes: 3, profiles: 3, families: [{ runs: 2, samples: 65_535, columns: 1, spans: 1 }] },
      [plain],
    ],
    'of a page of samples': [
      {
        series: 2,
        pushes: 65_535,
        profiles: 65_535,
        families: [{ runs: 2, samples: 65_536, columns: 1, spans: 65_536 }],
      },
      [plain],
    ],
    'of a page and a sample': [
      {
        series: 2,
        pushes: 65_536,
        profiles: 65_536,
        families: [{ runs: 65_536, samples: 65_537, columns: 2, spans: 65_537 }],
      },
      [{ sampledStackCount: 3, nodeCount: 65_537 }],
    ],
    'of three pages': [
      {
        series: 65_537,
        pushes: 65_537,
        profiles: 65_537,
        families: [{ runs: 65_537, samples: 131_073, columns: 1, spans: 0 }],
      },
      [plain],
    ],
  };
  for (const [name, [sizes, space]] of Object.entries(cases)) {
    test(`reads back what was written: ${name} (seed ${seed})`, () => {
      const columns = randomDataset(new Random(seed), sizes, space);
      const { bytes } = encode(columns, space);

      const reader = readerOf(bytes);

      deepEqual(reader.series(), columns.series);
      deepEqual(reader.types(), typeColumnsOf(columns));
      deepEqual(reader.all(space), columns);
      const { series, pushes, profiles, families } = columns;
      const runs = families.map(({ sampleOffsets }) => ({ sampleOffsets }));
      deepEqual(reader.head(), { series, pushes, profiles, families: runs });
    });
  }

  test('names one label set per profile type, sorted', () => {
    const cpu = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
    const heap = 'memory:inuse_space:bytes:space:bytes';
    const columns = randomDataset(new Random(1), { series: 3, pushes: 3, profiles: 3, families: [some] }, [plain]);
    const series = [cpu, heap, cpu].map((value) => [{ name: '__profile_type__', value }]);

    const { labels } = encode({ ...columns, series }, [plain]);

    deepEqual(
      labels,
      [heap, cpu].map((value) => [
        { name: '__profile_type__', value },
        { name: 'service_name', value: 'shop' },
      ]),
    );
  });

  test('names its times in milliseconds, rounded down, also before 1970', () => {
    equal(floorMs(0n), 0);
    equal(floorMs(999_999n), 0);
    equal(floorMs(1_000_000n), 1);
    equal(floorMs(-1n), -1);
    equal(floorMs(-1_000_000n), -1);
    equal(floorMs(-1_000_001n), -2);

    const columns = randomDataset(new Random(1), { series: 1, pushes: 3, profiles: 1, families: [one] }, [plain]);
    const pushes = { ...columns.pushes, timeNanos: BigInt64Array.of(7_999_999n, -1n, 5n) };

    const { minTimeMs, maxTimeMs } = encode({ ...columns, pushes }, [plain]);

    deepEqual({ minTimeMs, maxTimeMs }, { minTimeMs: -1, maxTimeMs: 7 });
  });

  test('has in its head what a query needs before samples, and no page for what there is none of', () => {
    const sizes = { ...least, families: [{ ...one, spans: 0 }] };
    const { bytes, headBytes } = encode(randomDataset(new Random(1), sizes, [plain]), [plain]);

    const { chunks, pages, headerBytes } = tableOf(bytes);

    deepEqual(
      chunks.map((chunk) => pages.filter((page) => page.chunk === chunk).map(({ section }) => section)),
      [
        [Section.series, Section.pushes, Section.profiles, Section.runs],
        [Section.sampleStacks, Section.sampleValues],
      ],
    );
    equal(headBytes, headerBytes + chunks[0].range.sizeBytes);
  });

  test('is read as far as its head when nothing more was fetched', () => {
    const space = [compacted];
    const columns = randomDataset(new Random(2), { series: 4, pushes: 3, profiles: 9, families: [some] }, space);
    const { bytes, headBytes } = encode(columns, space);
    const range = { offset: 0, sizeBytes: headBytes };
    const meta = { range: { offset: 0, sizeBytes: bytes.length }, headBytes } as Parameters<typeof datasetTable>[0];
    const fetched = [{ range, bytes: bytes.slice(0, headBytes) }];

    const reader = new DatasetReader(runSteps(datasetTable(meta, fetched)), fetched);

    deepEqual(reader.head().profiles, columns.profiles);
    deepEqual(reader.types(), typeColumnsOf(columns));
  });

  // Each breaks one promise of DatasetColumns. A writer must not store it, and a reader that meets it finds it with the
  // same function.
  type Change = (columns: DatasetColumns) => DatasetColumns | unknown;
  const first = (columns: DatasetColumns, change: Partial<FamilySamples>): DatasetColumns => ({
    ...columns,
    families: [{ ...columns.families[0], ...change }, ...columns.families.slice(1)],
  });
  const totalsOf = ({ families: [{ totals = [] }] }: DatasetColumns) => totals;
  const broken: Record<string, Change> = {
    'labels whose names do not rise': (columns) => {
      const label = { name: '__profile_type__', value: 'a:b:c:d:e' };
      return { ...columns, series: columns.series.map((): Labels => [label, label]) };
    },
    'pushes of two lengths': (columns) => ({ ...columns, pushes: { ...columns.pushes, period: new BigInt64Array(6) } }),
    'pushes with half an id': (columns) => ({ ...columns, pushes: { ...columns.pushes, id: new Uint8Array(15) } }),
    'profiles of two lengths': (columns) => ({
      ...columns,
      profiles: { ...columns.profiles, total: new BigInt64Array(8) },
    }),
    'a profile of no series': ({ profiles }) => profiles.series.fill(3, 8),
    'a profile of no push': ({ profiles }) => profiles.push.fill(7, 8),
    'a profile of no run': ({ profiles }) => profiles.run.fill(10, 8),
    'a profile of no value column': ({ profiles }) => profiles.column.fill(2, 8),
    'series that fall': ({ profiles }) => profiles.series.fill(1, 0, 1) && profiles.series.fill(0, 1, 2),
    'times of a series that fall': ({ profiles }) => profiles.series.fill(0) && profiles.push.set([6, 0]),
    'more families than the symbols have': (columns) => ({
      ...columns,
      families: [...columns.families, columns.families[0]],
    }),
    'more than 32 value columns': (columns) =>
      first(columns, { values: Array(columnsMax + 1).fill(columns.families[0].values[0]) }),
    'value columns of two lengths': (columns) => first(columns, { values: [new BigInt64Array(499)] }),
    'sample offsets that fall': ({ families: [{ sampleOffsets }] }) => sampleOffsets.fill(501, 1, 2),
    'sample offsets that end early': ({ families: [{ sampleOffsets }] }) => sampleOffsets.fill(0),
    'a run without samples': ({ families: [{ sampleOffsets }] }) => sampleOffsets.fill(sampleOffsets[2], 1, 2),
    'a sample of no stack': ({ families: [{ stack }] }) => stack.fill(100, 499),
    'a value that is negative': ({ families: [{ values }] }) => values[1].fill(-1n, 499),
    'spans of two lengths': (columns) =>
      first(columns, { spans: { ...columns.families[0].spans, spanId: new BigUint64Array(19) } }),
    'a span of no sample': ({ families: [{ spans }] }) => spans.sample.fill(500, 19),
    'two spans of one sample': ({ families: [{ spans }] }) => spans.sample.fill(spans.sample[18], 19),
    'totals of two lengths': (columns) =>
      first(columns, { totals: [{ ...totalsOf(columns)[0], value: new BigInt64Array(0) }] }),
    'totals of no value column': (columns) => first(columns, { totals: Array(3).fill(totalsOf(columns)[0]) }),
    'a total of no node': (columns) => totalsOf(columns)[1].node.fill(50, -1),
    'two totals of one node': (columns) =>
      first(columns, { totals: [{ node: Uint32Array.of(3, 3), value: new BigInt64Array(2) }] }),
    'a total that is negative': (columns) => totalsOf(columns)[1].value.fill(-1n, 0, 1),
  };
  for (const [name, breakIt] of Object.entries(broken)) {
    test(`refuses ${name}`, () => {
      const space = [compacted, plain];
      const sizes = { series: 3, pushes: 7, profiles: 9, families: [some, some] };
      const columns = randomDataset(new Random(6), sizes, space);
      encode(columns, space);
      const changed = breakIt(columns);
      const wrong = isDataset(changed) ? changed : columns;
      ok(datasetFault(wrong, space) !== undefined);
      throws(() => encode(wrong, space), AssertionError);
    });
  }

  test('refuses what has no profile, and a series without a profile type', () => {
    const columns = randomDataset(new Random(6), { ...least, families: [one] }, [plain]);
    const profiles = {
      ...{ series: new Uint32Array(0), push: new Uint32Array(0), run: new Uint32Array(0) },
      ...{ column: new Uint32Array(0), total: new BigInt64Array(0) },
    };
    throws(() => encode({ ...columns, profiles }, [plain]), AssertionError);
    throws(() => encode({ ...columns, series: [[]] }, [plain]), AssertionError);
  });

  test('is corrupted for a reader whose symbols have fewer stacks, and the place is named', () => {
    const families = [none, { runs: 1, samples: 65_540, columns: 1, spans: 0 }];
    const space = [plain, plain];
    const columns = randomDataset(new Random(6), { series: 1, pushes: 1, profiles: 1, families }, space);
    columns.families[1].stack.fill(4).fill(7, 65_538, 65_539);
    const { bytes } = encode(columns, space);
    const [, second] = pagesOf(tableOf(bytes), Section.sampleStacks, 1);

    throws(() => readerOf(bytes).all([plain, { ...plain, sampledStackCount: 5 }]), {
      code: 'corrupted',
      details: {
        ...{ offset: second.chunk.range.offset, section: 'sampleStacks', family: 1, column: 0 },
        ...{ row: 65_538, value: '7', limit: '5' },
      },
    });
    throws(() => readerOf(bytes).all([plain]), { code: 'corrupted' });
  });

  test('is corrupted for a reader whose symbols have fewer nodes', () => {
    const columns = randomDataset(new Random(6), { ...least, families: [one] }, [compacted]);
    columns.families[0].totals?.[0]?.node.fill(49, -1);
    const { bytes } = encode(columns, [compacted]);
    throws(() => readerOf(bytes).all([{ ...compacted, nodeCount: 49 }]), {
      code: 'corrupted',
      message: /node is not a row/,
    });
  });
});

describe('the profile types of a dataset', () => {
  test('are a row per value column that has totals, with a series of the type', () => {
    const space = [plain, compacted, compacted];
    const families = [some, { ...some, runs: 1 }, { ...some, runs: 1 }];
    const columns = randomDataset(new Random(1), { series: 5, pushes: 1, profiles: 5, families }, space);
    // Runs 0 .. 4 are of the first family, 5 of the second, 6 of the third.
    const profiles = {
      series: Uint32Array.of(0, 1, 2, 3, 4),
      push: new Uint32Array(5),
      run: Uint32Array.of(6, 5, 0, 6, 5),
      column: Uint32Array.of(1, 1, 0, 0, 1),
      total: new BigInt64Array(5),
    };

    const { bytes } = encode({ ...columns, profiles }, space);

    deepEqual(readerOf(bytes).types(), {
      family: Uint32Array.of(1, 2, 2),
      column: Uint32Array.of(1, 0, 1),
      series: Uint32Array.of(1, 3, 0),
    });
  });

  const good = { family: Uint32Array.of(0, 1, 1), column: Uint32Array.of(0, 0, 1), series: Uint32Array.of(2, 1, 0) };
  const broken: Record<string, [types: Partial<typeof good>, problem: RegExp]> = {
    'columns of two lengths': [{ series: Uint32Array.of(0) }, /length/],
    'a family that is not there': [{ family: Uint32Array.of(0, 1, 2) }, /family/],
    'a value column that is not there': [{ column: Uint32Array.of(0, 0, 2) }, /no such value column/],
    'a series that is not there': [{ series: Uint32Array.of(0, 1, 3) }, /series/],
    'families that fall': [{ family: Uint32Array.of(1, 0, 1), column: Uint32Array.of(0, 0, 1) }, /do not rise/],
    'a column that is there twice': [{ column: Uint32Array.of(0, 1, 1) }, /do not rise/],
  };
  for (const [name, [change, problem]] of Object.entries(broken)) {
    test(`refuse ${name}`, () => {
      equal(typeFault(good, 3, [1, 2]), undefined);
      const fault = typeFault({ ...good, ...change }, 3, [1, 2]);
      equal(fault?.section, Section.types);
      ok(problem.test(fault?.problem ?? ''), fault?.problem);
    });
  }
});

function isDataset(value: unknown): value is DatasetColumns {
  return typeof value === 'object' && value !== null && 'pushes' in value;
}
