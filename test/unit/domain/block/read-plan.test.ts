import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Section } from '#src/domain/block/block-format.ts';
import type { ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { chunksOf, datasetTable, readChunkTable } from '#src/domain/block/chunk-table.ts';
import { decodeProfiles, decodeSamples, decodeSeries } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import {
  coalesced,
  firstReads,
  missingReads,
  profileReads,
  readBytesMax,
  sampleChunks,
  sampleReads,
  spanReads,
} from '#src/domain/block/read-plan.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomDataset } from './random-columns.ts';

const at = (offset: number, sizeBytes: number) => ({ offset, sizeBytes });

/** Metadata of a dataset that is not looked at. */
function datasetOf(sizeBytes: number): DatasetMeta {
  return {
    tenant: 'alpha',
    service: 'shop',
    minTimeMs: 0,
    maxTimeMs: 0,
    range: at(1_000_000, sizeBytes),
    headBytes: 300,
    symbols: at(100, 500),
    labels: [],
  };
}

const columns = randomDataset(new Random(1), { series: 2, profiles: 4, samples: 200_000, spans: 5 }, 9);
const { bytes, ...head } = encodeDataset({ tenant: 'alpha', service: 'shop', columns, stackCount: 9 });
const table = readChunkTable('dataset', bytes, at(0, bytes.length));
const samples = chunksOf(table, Section.samples);

describe('a read plan', () => {
  test('reads only the head for labels', () => {
    deepEqual(firstReads(datasetOf(10_000), 'labels'), [at(1_000_000, 300)]);
    deepEqual(firstReads(datasetOf(10_000_000), 'labels'), [at(1_000_000, 300)]);
  });

  test('reads a small dataset at once, and the head of a large one first', () => {
    deepEqual(firstReads(datasetOf(10_000), 'series'), [at(1_000_000, 10_000)]);
    deepEqual(firstReads(datasetOf(10_000_000), 'series'), [at(1_000_000, 300)]);
  });

  test('reads symbols with the first round of trees, in one request when they are near', () => {
    deepEqual(firstReads(datasetOf(10_000), 'trees'), [at(100, 500), at(1_000_000, 10_000)]);
    deepEqual(firstReads({ ...datasetOf(10_000), range: at(700, 10_000) }, 'trees'), [at(100, 10_600)]);
  });

  test('reads the profiles without the samples behind them', () => {
    const [profiles] = chunksOf(table, Section.profiles);
    deepEqual(profileReads(table), [profiles?.range]);
  });

  test('reads the chunks that hold the rows, and no other', () => {
    const chunksFor = (...rows: [start: number, end: number][]) =>
      sampleChunks(
        table,
        rows.map(([start, end]) => ({ start, end })),
      ).map((chunk) => samples.indexOf(chunk));
    equal(samples.length, 4);
    deepEqual(chunksFor(), []);
    deepEqual(chunksFor([5, 5]), []);
    deepEqual(chunksFor([0, 1]), [0]);
    deepEqual(chunksFor([65_535, 65_536]), [0]);
    deepEqual(chunksFor([65_535, 65_537]), [0, 1]);
    deepEqual(chunksFor([65_536, 65_537]), [1]);
    deepEqual(chunksFor([10, 20], [30, 40], [199_999, 200_000]), [0, 3]);
    deepEqual(chunksFor([0, 200_000]), [0, 1, 2, 3]);
  });

  test('reads neighbouring chunks in one request', () => {
    const all = sampleReads(table, [{ start: 0, end: 200_000 }]);
    const first = samples[0]?.range.offset ?? 0;
    deepEqual(all, [
      at(
        first,
        samples.reduce((sum, { range }) => sum + range.sizeBytes, 0),
      ),
    ]);
    equal(
      sampleReads(table, [
        { start: 0, end: 1 },
        { start: 199_999, end: 200_000 },
      ]).length,
      2,
    );
    deepEqual(spanReads(table), [chunksOf(table, Section.spans)[0]?.range]);
  });

  test('asks only for what was not fetched', () => {
    const fetched = [{ range: at(100, 50) }, { range: at(400, 10) }];
    deepEqual(missingReads([at(100, 50), at(120, 30), at(120, 31), at(405, 5), at(399, 1)], fetched), [
      at(120, 31),
      at(399, 1),
    ]);
  });

  test('joins ranges that touch, overlap, or leave a small gap', () => {
    deepEqual(coalesced([at(30, 10), at(0, 10)], 19), [at(0, 10), at(30, 10)]);
    deepEqual(coalesced([at(30, 10), at(0, 10)], 20), [at(0, 40)]);
    deepEqual(coalesced([at(0, 100), at(10, 5), at(100, 1)], 0), [at(0, 101)]);
    deepEqual(coalesced([]), []);
  });

  test('fetches all that the readers need, round by round', () => {
    const meta = { ...datasetOf(bytes.length), ...head, range: at(0, bytes.length), symbols: at(0, 0) };
    const fetched: FetchedRange[] = [];
    const fetch = (ranges: readonly { offset: number; sizeBytes: number }[]) => {
      for (const range of missingReads(ranges, fetched)) {
        fetched.push({ range, bytes: bytes.slice(range.offset, range.offset + range.sizeBytes) });
      }
    };

    fetch(firstReads(meta, 'series'));
    const dataset = datasetTable(meta, fetched);
    deepEqual(decodeSeries(dataset, fetched), columns.series);
    fetch(profileReads(dataset));
    const { sampleOffsets } = decodeProfiles(dataset, fetched);
    const rows = [{ start: sampleOffsets[1] ?? 0, end: sampleOffsets[2] ?? 0 }];
    fetch(sampleReads(dataset, rows));
    for (const chunk of sampleChunks(dataset, rows)) decodeSamples(dataset, chunk, fetched, 9);

    deepEqual(
      fetched.map(({ range }) => range),
      [at(0, head.headBytes), ...profileReads(table), ...sampleReads(table, rows)],
    );
  });
});

describe('readBytesMax', () => {
  const KIB = 1 << 10;
  const datasetAt = (offset: number, sizeBytes: number, symbols: ByteRange): DatasetMeta => ({
    ...{ tenant: 'a', service: 's', minTimeMs: 0, maxTimeMs: 0, labels: [] },
    ...{ range: { offset, sizeBytes }, headBytes: Math.min(100, sizeBytes), symbols },
  });

  test('is the heads for labels, and the first round for small datasets, with the gaps between them', () => {
    const symbols = { offset: 0, sizeBytes: 1000 };
    const datasets = [datasetAt(1000, 500, symbols), datasetAt(2000, 500, symbols)];

    equal(readBytesMax(datasets, 'labels'), 1100);
    equal(readBytesMax(datasets, 'series'), 1500);
    equal(readBytesMax(datasets, 'trees'), 2500);
  });

  test('counts the head and then the whole of a large dataset', () => {
    const datasets = [datasetAt(1 << 30, 80 << 20, { offset: 0, sizeBytes: 1000 })];

    equal(readBytesMax(datasets, 'labels'), 100);
    equal(readBytesMax(datasets, 'trees'), 1000 + 100 + (80 << 20));
  });

  test('is never less than what the rounds fetch, wherever the chunks lie', (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    for (let run = 0; run < 500; run++) {
      let offset = random.int(0, 200 * KIB);
      const symbols = { offset: 0, sizeBytes: offset };
      const datasets = Array.from({ length: random.int(1, 6) }, () => {
        const dataset = datasetAt(offset, random.int(1, random.pick([10 * KIB, 2000 * KIB])), symbols);
        offset += dataset.range.sizeBytes + random.int(0, 100 * KIB);
        return dataset;
      });
      const purpose = random.pick(['series', 'trees'] as const);
      const first = coalesced(datasets.flatMap((dataset) => firstReads(dataset, purpose)));
      const chunks = datasets.flatMap(({ range }) =>
        Array.from({ length: random.int(0, 20) }, () => {
          const start = random.int(0, range.sizeBytes - 1);
          return {
            offset: range.offset + start,
            sizeBytes: random.int(1, Math.min(50 * KIB, range.sizeBytes - start)),
          };
        }),
      );
      const second = coalesced(
        missingReads(
          chunks,
          first.map((range) => ({ range })),
        ),
      );
      const fetchedBytes = [...first, ...second].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

      ok(fetchedBytes <= readBytesMax(datasets, purpose), `${fetchedBytes} > ${readBytesMax(datasets, purpose)}`);
    }
  });
});
