import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Section } from '#src/domain/block/block-format.ts';
import {
  columnCountOf,
  datasetTable,
  familyCountOf,
  pagesOf,
  readChunkTable,
  rowCountOf,
} from '#src/domain/block/chunk-table.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomDataset } from './random-columns.ts';

const space = [
  { sampledStackCount: 9, nodeCount: 0 },
  { sampledStackCount: 9, nodeCount: 0 },
];
const families = [
  { runs: 3, samples: 70_000, columns: 2, spans: 5 },
  { runs: 1, samples: 10, columns: 1, spans: 0 },
];
const columns = randomDataset(new Random(1), { series: 20, pushes: 3, profiles: 5, families }, space);
const { bytes, ...head } = encodeDataset({ service: 'shop', columns, space });
const range = { offset: 0, sizeBytes: bytes.length };
const chunkCount = new DataView(bytes.buffer).getUint32(12, true);

// Where the fields of the entries are.
const chunk = (i: number) => 20 + i * 16;
const storedBytes = 0;
const rawBytes = 4;
const codec = 12;
const page = (i: number) => 20 + chunkCount * 16 + i * 16;
const section = 0;
const column = 1;
const family = 2;
const ofChunk = 4;
const rowCount = 8;
const pageBytes = 12;

const head0 = readChunkTable('dataset', bytes, range);
const lastPage = head0.pages.length - 1;
/** The first page of a section. */
const pageOf = (wanted: Section) => page(head0.pages.findIndex((of) => of.section === wanted));
const compressed = head0.chunks.findIndex((of) => of.codec === 1);

/** Reads the same dataset with some bytes of its header changed, and a right checksum. */
function changed(change: (view: DataView) => void, sizeBytes = bytes.length) {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const crcAt = view.getUint32(8, true) - 4;
  change(view);
  view.setUint32(crcAt, crc32(copy.subarray(0, crcAt)), true);
  return () => readChunkTable('dataset', copy, { offset: 0, sizeBytes });
}

describe('readChunkTable', () => {
  test('gives chunks their place in the object, and pages theirs in a chunk', () => {
    const table = readChunkTable('dataset', bytes, { offset: 5000, sizeBytes: bytes.length });
    const [first, second] = table.pages;
    equal(first.chunk.range.offset, 5000 + table.headerBytes);
    equal(first.offset, 0);
    equal(second.chunk, first.chunk);
    equal(second.offset, first.rawBytes);
    equal(rowCountOf(table, Section.sampleStacks), 70_000);
    equal(rowCountOf(table, Section.sampleStacks, 1), 10);
    equal(rowCountOf(table, Section.spans, 1), 0);
    equal(familyCountOf(table, Section.runs), 2);
    equal(familyCountOf(table, Section.totals), 0);
    deepEqual([columnCountOf(table, Section.sampleValues, 0), columnCountOf(table, Section.sampleValues, 1)], [2, 1]);
    deepEqual(
      pagesOf(table, Section.sampleValues, 0, 1).map((of) => [of.firstRow, of.rowCount]),
      [
        [0, 65_536],
        [65_536, 4_464],
      ],
    );
  });

  test('needs no more than the header', () => {
    deepEqual(readChunkTable('dataset', bytes.subarray(0, head.headBytes), range), head0);
    deepEqual(readChunkTable('dataset', bytes.subarray(0, head0.headerBytes), range), head0);
    const short = bytes.subarray(0, head0.headerBytes - 1);
    throws(() => readChunkTable('dataset', short, range), { code: 'corrupted', message: /length exceeds/ });
    throws(() => readChunkTable('dataset', bytes.subarray(0, 23), range), { code: 'corrupted', message: /cut short/ });
  });

  for (const version of [0, 2, 3]) {
    test(`refuses version ${version} by its name`, () => {
      throws(
        changed((view) => view.setUint32(4, version, true)),
        { code: 'unimplemented', message: new RegExp(`version ${version} is unknown, .* reads version 1 only`) },
      );
    });
  }

  test('refuses a symbol space where a dataset should be', () => {
    throws(() => readChunkTable('symbols', bytes, range), { code: 'corrupted', message: /no symbols/ });
  });

  test('refuses a header that differs from its checksum, or whose length is less than that of none', () => {
    const flipped = bytes.slice();
    flipped[21] ^= 1;
    throws(() => readChunkTable('dataset', flipped, range), { code: 'corrupted', message: /checksum differs/ });
    const short = bytes.slice();
    new DataView(short.buffer).setUint32(8, 23, true);
    throws(() => readChunkTable('dataset', short, range), { code: 'corrupted', message: /length exceeds/ });
  });

  const set16 = (at: number, value: number) => (view: DataView) => view.setUint16(at, value, true);
  const set32 = (at: number, value: number) => (view: DataView) => view.setUint32(at, value, true);
  const set8 = (at: number, value: number) => (view: DataView) => view.setUint8(at, value);
  const broken: Record<string, [change: (view: DataView) => void, message: RegExp]> = {
    'a number of chunks beyond the header': [set32(12, 2 ** 27), /number of chunks/],
    'a number of pages beyond the header': [set32(16, 2 ** 27), /number of chunks and pages/],
    'an unknown codec': [set32(chunk(1) + codec, 9), /codec is unknown/],
    'an empty chunk': [set32(chunk(1) + rawBytes, 0), /a chunk is empty/],
    'a chunk that is too large': [set32(chunk(1) + rawBytes, (64 << 20) + 1), /a chunk is too large/],
    'an uncompressed chunk with two lengths': [set32(chunk(compressed) + codec, 0), /two lengths/],
    'a chunk beyond the dataset': [
      set32(chunk(compressed) + storedBytes, 2 ** 32 - 1),
      /a chunk ends behind its dataset/,
    ],
    'an unknown section': [set8(page(2) + section, 99), /does not belong/],
    'a section of symbols': [set8(page(2) + section, Section.stacks), /does not belong/],
    'a family where a section has none': [set16(pageOf(Section.profiles) + family, 1), /no such family/],
    'a family beyond the last one': [set16(pageOf(Section.runs) + family, 65), /no such family/],
    'a value column where a section has none': [set8(pageOf(Section.sampleStacks) + column, 1), /no such column/],
    'a value column beyond the last one': [set8(pageOf(Section.sampleValues) + column, 32), /no such column/],
    'a page without rows': [set32(page(0) + rowCount, 0), /a page has no rows/],
    'a page with too many rows': [set32(pageOf(Section.sampleStacks) + rowCount, 65_537), /too many rows/],
    'a page with more rows than bytes': [set32(page(lastPage) + rowCount, 60_000), /more rows than bytes/],
    'a page in a chunk before': [set32(pageOf(Section.sampleStacks) + ofChunk, 0), /not in the chunk/],
    'a page in a chunk that is not there': [set32(page(lastPage) + ofChunk, chunkCount), /not in the chunk/],
    'a page that ends behind its chunk': [
      (view) => view.setUint32(page(0) + pageBytes, view.getUint32(page(0) + pageBytes, true) + 100_000, true),
      /a page ends behind its chunk/,
    ],
    'a chunk with bytes of no page': [
      (view) => view.setUint32(page(lastPage) + pageBytes, head0.pages[lastPage].rawBytes - 1, true),
      /a chunk has bytes of no page/,
    ],
  };
  for (const [name, [change, message]] of Object.entries(broken)) {
    test(`refuses ${name}`, () => throws(changed(change), { code: 'corrupted', message }));
  }

  test('refuses bytes that no chunk covers', () => {
    throws(
      changed(() => {}, bytes.length + 1),
      { code: 'corrupted', message: /left behind/ },
    );
  });

  test('refuses chunks without a page, and pages without a chunk', () => {
    throws(() => readChunkTable('dataset', ...headerOf([[1, 1, 0]], [])), { message: /bytes of no page/ });
    throws(() => readChunkTable('dataset', ...headerOf([], [[Section.series, 0, 1, 1]])), {
      code: 'corrupted',
      message: /not in the chunk/,
    });
  });

  // What is claimed costs a hostile writer 32 bytes per 64 MiB.
  test('refuses a section that decompresses to too much, all pages together', () => {
    const chunks = (n: number) => Array.from({ length: n }, () => [1, 64 << 20, 1]);
    const pages = (n: number) => Array.from({ length: n }, (_, i) => [Section.sampleStacks, i, 1, 64 << 20]);
    readChunkTable('dataset', ...headerOf(chunks(8), pages(8)));
    throws(() => readChunkTable('dataset', ...headerOf(chunks(9), pages(9))), {
      code: 'corrupted',
      message: /a section is too large/,
    });
  });
});

describe('readChunkTable, of pages that claim very many rows', () => {
  // Readers make arrays for all rows of a section, of up to 16 bytes each, before they open its first page.
  test('refuses a section of more rows than its bound, all families together', () => {
    const pages = (n: number) =>
      Array.from({ length: n }, (_, i) => [Section.sampleStacks, Math.floor(i / 1024), 65_536, 65_536]);
    readChunkTable('dataset', ...headerOf([[1, 64 << 20, 1]], pages(1024)));
    const chunks = [
      [1, 64 << 20, 1],
      [1, 65_536, 1],
    ];
    throws(() => readChunkTable('dataset', ...headerOf(chunks, pages(1025))), {
      code: 'corrupted',
      message: /a section has too many rows/,
    });
  });
});

describe('datasetTable', () => {
  const meta = { tenant: 'alpha', service: 'shop', range, symbols: { offset: 0, sizeBytes: 0 }, ...head };

  test('refuses a head that ends elsewhere than its metadata says', () => {
    runSteps(datasetTable(meta, wholeObject(bytes)));
    const longer = { ...meta, headBytes: head.headBytes + 1 };
    throws(() => runSteps(datasetTable(longer, wholeObject(bytes))), {
      code: 'corrupted',
      message: /size of the head/,
    });
  });

  test('refuses a range of which the store has fewer bytes', () => {
    const short = [{ range, bytes: bytes.subarray(0, head.headBytes - 1) }];
    throws(() => runSteps(datasetTable(meta, short)), { code: 'corrupted', message: /cut short/ });
  });
});

describe('a table of very many pages', () => {
  test('is read in steps, and its pages are found without a look at the others', () => {
    const n = 300_000;
    const pages = Array.from({ length: n }, (_, i) => [Section.sampleValues | ((i % 2) << 8), 0, 1, 1]);
    const [header, place] = headerOf([[n, n, 0]], pages);
    const times = { minTimeMs: 0, maxTimeMs: 0 };
    const meta = { tenant: 't', service: 's', symbols: place, range: place, headBytes: header.length, ...times };

    const steps = datasetTable(meta, [{ range: { offset: place.offset, sizeBytes: header.length }, bytes: header }]);
    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) count++;

    ok(count >= n / 16_384, `${count} steps`);
    const table = step.value;
    equal(pagesOf(table, Section.sampleValues, 0, 1).length, n / 2);
    equal(pagesOf(table, Section.sampleValues, 0, 1)[7].firstRow, 7);
    equal(rowCountOf(table, Section.sampleValues), n / 2);
    equal(columnCountOf(table, Section.sampleValues, 0), 2);
  });
});

describe('a chunk', () => {
  test('that decompresses to less or more than its table says is refused', () => {
    for (const difference of [-1, 1]) {
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      const crcAt = view.getUint32(8, true) - 4;
      equal(view.getUint32(chunk(0) + codec, true), 1, 'the head is compressed');
      const last = page(head0.pages.findLastIndex((of) => of.chunk === head0.chunks[0]));
      for (const at of [chunk(0) + rawBytes, last + pageBytes]) {
        view.setUint32(at, view.getUint32(at, true) + difference, true);
      }
      view.setUint32(crcAt, crc32(copy.subarray(0, crcAt)), true);
      const reader = new DatasetReader(readChunkTable('dataset', copy, range), wholeObject(copy));
      throws(() => reader.series(), { code: 'corrupted', message: /decompress/ });
    }
  });
});

/**
 * A header with a right checksum, and the range that its chunks say.
 *
 * @param chunks  stored bytes, raw bytes, codec
 * @param pages   section, chunk, rows, raw bytes
 */
function headerOf(
  chunks: readonly (readonly number[])[],
  pages: readonly (readonly number[])[],
): [head: Uint8Array, range: { offset: number; sizeBytes: number }] {
  const header = new Uint8Array(24 + 16 * (chunks.length + pages.length));
  const view = new DataView(header.buffer);
  const words = [0x5441444b, 1, header.length, chunks.length, pages.length];
  for (const [stored, raw, of] of chunks) words.push(stored, raw, 0, of);
  for (const [of, inChunk, rows, raw] of pages) words.push(of, inChunk, rows, raw);
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true);
  view.setUint32(header.length - 4, crc32(header.subarray(0, header.length - 4)), true);
  return [header, { offset: 0, sizeBytes: chunks.reduce((sum, [stored]) => sum + stored, header.length) }];
}
