import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Section } from '#src/domain/block/block-format.ts';
import type { ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { PageReader } from '#src/domain/block/chunk-reader.ts';
import { datasetTable, type Page, pagesOf, readChunkTable } from '#src/domain/block/chunk-table.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { coalesced, firstReads, missingReads, pagesWith, readBytesMax } from '#src/domain/block/read-plan.ts';
import { runSteps } from '#src/domain/model/steps.ts';
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

const space = [{ sampledStackCount: 9, nodeCount: 0 }];
const families = [{ runs: 4, samples: 200_000, columns: 2, spans: 5 }];
const columns = randomDataset(new Random(1), { series: 2, pushes: 4, profiles: 4, families }, space);
const { bytes, ...head } = encodeDataset({ service: 'shop', columns, space });
const table = readChunkTable('dataset', bytes, at(0, bytes.length));
const stacks = pagesOf(table, Section.sampleStacks);

const chunksOf = (pages: readonly Page[]): ByteRange[] => pages.map(({ chunk }) => chunk.range);

describe('a read plan', () => {
  test('reads only the head for labels', () => {
    deepEqual(firstReads([datasetOf(10_000)], 'labels'), [at(1_000_000, 300)]);
    deepEqual(firstReads([datasetOf(10_000_000)], 'labels'), [at(1_000_000, 300)]);
  });

  test('reads only the heads for series, which have the totals of all profiles', () => {
    deepEqual(firstReads([datasetOf(10_000)], 'series'), [at(1_000_000, 300)]);
    deepEqual(firstReads([datasetOf(10_000_000)], 'series'), [at(1_000_000, 300)]);
  });

  test('reads what is small at once for trees, and of what is large the head', () => {
    deepEqual(firstReads([datasetOf(256 << 10)], 'trees'), [at(100, 500), at(1_000_000, 256 << 10)]);
    deepEqual(firstReads([datasetOf((256 << 10) + 1)], 'trees'), [at(100, 500), at(1_000_000, 300)]);
    deepEqual(firstReads([{ ...datasetOf(10_000), symbols: at(0, 300_000) }], 'trees'), [
      at(0, 64 << 10),
      at(1_000_000, 10_000),
    ]);
  });

  test('reads symbols and dataset in one request when they are near', () => {
    deepEqual(firstReads([{ ...datasetOf(10_000), range: at(700, 10_000) }], 'trees'), [at(100, 10_600)]);
  });

  test('opens the pages that hold the rows, and no other', () => {
    const pagesFor = (...rows: [start: number, end: number][]) =>
      pagesWith(
        stacks,
        rows.map(([start, end]) => ({ start, end })),
      ).map((page) => stacks.indexOf(page));
    equal(stacks.length, 4);
    deepEqual(pagesFor(), []);
    deepEqual(pagesFor([5, 5]), []);
    deepEqual(pagesFor([0, 1]), [0]);
    deepEqual(pagesFor([65_535, 65_536]), [0]);
    deepEqual(pagesFor([65_535, 65_537]), [0, 1]);
    deepEqual(pagesFor([65_536, 65_537]), [1]);
    deepEqual(pagesFor([10, 20], [30, 40], [199_999, 200_000]), [0, 3]);
    deepEqual(pagesFor([0, 200_000]), [0, 1, 2, 3]);
    deepEqual(pagesFor([200_000, 200_001]), []);
  });

  test('reads neighbouring chunks in one request, and a chunk of several pages once', () => {
    const [first] = stacks;
    const last = stacks[stacks.length - 1];
    const end = last.chunk.range.offset + last.chunk.range.sizeBytes;
    deepEqual(coalesced(chunksOf(stacks)), [at(first.chunk.range.offset, end - first.chunk.range.offset)]);
    const heads = [Section.series, Section.pushes, Section.profiles].flatMap((section) => pagesOf(table, section));
    deepEqual(coalesced(chunksOf(heads)), [heads[0].chunk.range]);
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
    const meta = { ...datasetOf(bytes.length), ...head, range: at(0, bytes.length), symbols: at(bytes.length, 0) };
    const fetched: FetchedRange[] = [];
    const fetch = (ranges: readonly { offset: number; sizeBytes: number }[]) => {
      for (const range of missingReads(ranges, fetched)) {
        fetched.push({ range, bytes: bytes.slice(range.offset, range.offset + range.sizeBytes) });
      }
    };

    fetch(firstReads([meta], 'series'));
    const reader = new DatasetReader(runSteps(datasetTable(meta, fetched)), fetched);
    deepEqual(reader.series(), columns.series);
    const [{ sampleOffsets }] = reader.head().families;
    deepEqual(
      fetched.map(({ range }) => range),
      [at(0, head.headBytes)],
    );
    const rows = [{ start: sampleOffsets[1], end: sampleOffsets[2] }];
    const wanted = pagesWith(stacks, rows);
    fetch(coalesced(chunksOf(wanted)));
    const pages = new PageReader(fetched);
    for (const page of wanted) pages.open(page).u32Deltas(new Uint32Array(page.rowCount));
  });
});

describe('readBytesMax', () => {
  const KIB = 1 << 10;
  const datasetAt = (offset: number, sizeBytes: number, symbols: ByteRange): DatasetMeta => ({
    ...{ tenant: 'a', service: 's', minTimeMs: 0, maxTimeMs: 0, labels: [] },
    ...{ range: { offset, sizeBytes }, headBytes: Math.min(100, sizeBytes), symbols },
  });

  test('is the heads for labels and series, and the whole of small datasets for trees, with the gaps between them', () => {
    const symbols = { offset: 0, sizeBytes: 1000 };
    const datasets = [datasetAt(1000, 500, symbols), datasetAt(2000, 500, symbols)];

    equal(readBytesMax(datasets, 'labels'), 1100);
    equal(readBytesMax(datasets, 'series'), 1100);
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
      let offset = random.int(1, random.pick([200 * KIB, 2000 * KIB]));
      const symbols = { offset: 0, sizeBytes: offset };
      const datasets = Array.from({ length: random.int(1, 6) }, () => {
        const dataset = datasetAt(offset, random.int(1, random.pick([10 * KIB, 2000 * KIB])), symbols);
        offset += dataset.range.sizeBytes + random.int(0, 100 * KIB);
        return dataset;
      });
      const purpose = random.pick(['series', 'trees'] as const);
      const first = firstReads(datasets, purpose);
      // Only trees have a second round: the chunks of symbols and datasets that did not come whole.
      const places = purpose === 'trees' ? [symbols, ...datasets.map(({ range }) => range)] : [];
      const chunks = places.flatMap((range) =>
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
