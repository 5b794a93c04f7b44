import { AssertionError, deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Section } from '#src/domain/block/block-format.ts';
import { chunksOf, readChunkTable } from '#src/domain/block/chunk-table.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { decodeProfiles, decodeSamples, decodeSeries, decodeSpans } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset, floorMs } from '#src/domain/block/dataset-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { type DatasetSizes, randomDataset } from './random-columns.ts';

const seed = runSeed();
const stackCount = 100;

function encode(columns: DatasetColumns) {
  return encodeDataset({ tenant: 'alpha', service: 'shop', columns, stackCount });
}

function tableOf(bytes: Uint8Array) {
  return readChunkTable('dataset', bytes, { offset: 0, sizeBytes: bytes.length });
}

describe('a dataset', () => {
  const sizes: DatasetSizes[] = [
    { series: 1, profiles: 1, samples: 0, spans: 0 },
    { series: 1, profiles: 1, samples: 1, spans: 1 },
    { series: 3, profiles: 7, samples: 500, spans: 20 },
    { series: 2, profiles: 3, samples: 65_535, spans: 1 },
    { series: 2, profiles: 3, samples: 65_536, spans: 65_536 },
    { series: 2, profiles: 65_536, samples: 65_537, spans: 65_537 },
    { series: 65_537, profiles: 65_537, samples: 131_073, spans: 0 },
  ];
  for (const size of sizes) {
    test(`reads back what was written: ${JSON.stringify(size)} (seed ${seed})`, () => {
      const columns = randomDataset(new Random(seed), size, stackCount);
      const { bytes } = encode(columns);

      const table = tableOf(bytes);
      const fetched = wholeObject(bytes);
      deepEqual(decodeSeries(table, fetched), columns.series);
      deepEqual(decodeProfiles(table, fetched), columns.profiles);
      deepEqual(decodeSpans(table, fetched), columns.spans);
      const chunks = chunksOf(table, Section.samples);
      equal(chunks.length, Math.ceil(size.samples / 65_536));
      for (const chunk of chunks) {
        const [start, end] = [chunk.firstRow, chunk.firstRow + chunk.rowCount];
        deepEqual(decodeSamples(table, chunk, fetched, stackCount), {
          stack: columns.samples.stack.slice(start, end),
          value: columns.samples.value.slice(start, end),
        });
      }
    });
  }

  test('names one label set per profile type, sorted', () => {
    const cpu = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
    const heap = 'memory:inuse_space:bytes:space:bytes';
    const columns = randomDataset(new Random(1), { series: 3, profiles: 3, samples: 3, spans: 0 }, stackCount);
    const series = [cpu, heap, cpu].map((value) => [{ name: '__profile_type__', value }]);

    const { labels } = encode({ ...columns, series });

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

    const columns = randomDataset(new Random(1), { series: 2, profiles: 3, samples: 3, spans: 0 }, stackCount);
    const series = Uint32Array.of(0, 1, 1);
    const timeNanos = BigInt64Array.of(7_999_999n, -1n, 5n);

    const { minTimeMs, maxTimeMs } = encode({ ...columns, profiles: { ...columns.profiles, series, timeNanos } });

    deepEqual({ minTimeMs, maxTimeMs }, { minTimeMs: -1, maxTimeMs: 7 });
  });

  test('has its header and series in its head, and no chunk for an empty section', () => {
    const columns = randomDataset(new Random(1), { series: 2, profiles: 1, samples: 0, spans: 0 }, stackCount);
    const { bytes, headBytes } = encode(columns);

    const { chunks } = tableOf(bytes);

    deepEqual(
      chunks.map(({ section }) => section),
      [Section.series, Section.profiles],
    );
    equal(headBytes, chunks[1]?.range.offset);
  });

  const broken: Record<string, (columns: DatasetColumns) => unknown> = {
    'a profile of no series': ({ profiles }) => profiles.series.fill(3, 6),
    'series that fall': ({ profiles }) => profiles.series.fill(1, 0, 1) && profiles.series.fill(0, 1, 2),
    'times of a series that fall': ({ profiles }) =>
      profiles.series.fill(0) && profiles.timeNanos.fill(-(2n ** 63n), 6),
    'sample offsets that fall': ({ profiles }) => profiles.sampleOffsets.fill(501, 1, 2),
    'sample offsets that end early': ({ profiles }) => profiles.sampleOffsets.fill(0),
    'a sample of no stack': ({ samples }) => samples.stack.fill(stackCount, 499),
    'a span of no sample': ({ spans }) => spans.sample.fill(500, 19),
    'two spans of one sample': ({ spans }) => spans.sample.fill(spans.sample[18] ?? 0, 19),
  };
  for (const [name, breakIt] of Object.entries(broken)) {
    test(`refuses ${name}`, () => {
      const columns = randomDataset(new Random(6), { series: 3, profiles: 7, samples: 500, spans: 20 }, stackCount);
      encode(columns);
      breakIt(columns);
      throws(() => encode(columns), AssertionError);
    });
  }

  test('refuses labels whose names do not rise', () => {
    const columns = randomDataset(new Random(6), { series: 1, profiles: 1, samples: 1, spans: 0 }, stackCount);
    const label = { name: '__profile_type__', value: 'a:b:c:d:e' };
    throws(() => encode({ ...columns, series: [[label, label]] }), AssertionError);
  });

  test('is corrupted for a reader whose symbols have fewer stacks, and the row is named', () => {
    const columns = randomDataset(new Random(6), { series: 1, profiles: 1, samples: 65_540, spans: 0 }, 5);
    columns.samples.stack.fill(7, 65_538, 65_539);
    const { bytes } = encode(columns);
    const table = tableOf(bytes);
    const [, second] = chunksOf(table, Section.samples);
    if (second === undefined) throw new Error('two chunks of samples');

    throws(() => decodeSamples(table, second, wholeObject(bytes), 5), {
      code: 'corrupted',
      details: { offset: second.range.offset, section: 'samples', row: 65_538, value: '7', limit: '5' },
    });
  });
});
