import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Section } from '#src/domain/block/block-format.ts';
import { chunksOf, datasetTable, readChunkTable, rowCountOf } from '#src/domain/block/chunk-table.ts';
import { decodeSeries } from '#src/domain/block/dataset-reader.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomDataset } from './random-columns.ts';

const columns = randomDataset(new Random(1), { series: 20, profiles: 3, samples: 70_000, spans: 5 }, 9);
const { bytes, ...head } = encodeDataset({ tenant: 'alpha', service: 'shop', columns, stackCount: 9 });
const range = { offset: 0, sizeBytes: bytes.length };

// Where the fields of the entries are. The entries: series, profiles, samples, samples, spans.
const entry = (i: number) => 16 + i * 32;
const firstRow = 4;
const rowCount = 8;
const offset = 12;
const storedBytes = 20;
const rawBytes = 24;

/** The table of the same dataset with some bytes of its header changed, and a right checksum. */
function changed(change: (view: DataView) => void) {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const crcAt = view.getUint32(8, true) - 4;
  change(view);
  view.setUint32(crcAt, crc32(copy.subarray(0, crcAt)), true);
  return () => readChunkTable('dataset', copy, range);
}

describe('readChunkTable', () => {
  test('gives chunks their place in the object', () => {
    const table = readChunkTable('dataset', bytes, { offset: 5000, sizeBytes: bytes.length });
    equal(table.chunks[0]?.range.offset, 5000 + table.headerBytes);
    equal(rowCountOf(table, Section.samples), 70_000);
    equal(rowCountOf(table, Section.stacks), 0);
    deepEqual(
      chunksOf(table, Section.samples).map((chunk) => [chunk.firstRow, chunk.rowCount]),
      [
        [0, 65_536],
        [65_536, 4_464],
      ],
    );
  });

  test('needs no more than the head', () => {
    const expected = readChunkTable('dataset', bytes, range);
    deepEqual(readChunkTable('dataset', bytes.subarray(0, head.headBytes), range), expected);
    deepEqual(readChunkTable('dataset', bytes.subarray(0, expected.headerBytes), range), expected);
    const short = bytes.subarray(0, expected.headerBytes - 1);
    throws(() => readChunkTable('dataset', short, range), { code: 'corrupted', message: /length exceeds/ });
    throws(() => readChunkTable('dataset', bytes.subarray(0, 19), range), { code: 'corrupted', message: /cut short/ });
  });

  test('refuses a later version by its name', () => {
    throws(
      changed((view) => view.setUint32(4, 3, true)),
      { code: 'unimplemented', message: /version 3 is unknown/ },
    );
  });

  test('refuses a symbol space where a dataset should be', () => {
    throws(() => readChunkTable('symbols', bytes, range), { code: 'corrupted', message: /no symbols/ });
  });

  const broken: Record<string, [change: (view: DataView) => void, message: RegExp]> = {
    'a number of chunks beyond the header': [(view) => view.setUint32(12, 2 ** 27, true), /number of chunks/],
    'an unknown section': [(view) => view.setUint16(entry(2), 99, true), /does not belong/],
    'a section of symbols': [(view) => view.setUint16(entry(2), Section.stacks, true), /does not belong/],
    'sections out of order': [
      (view) => view.setUint16(entry(1), Section.spans, true),
      /out of order|rows do not follow/,
    ],
    'an unknown codec': [(view) => view.setUint16(entry(2) + 2, 9, true), /codec/],
    'rows that overlap': [(view) => view.setUint32(entry(3) + firstRow, 65_535, true), /rows do not follow/],
    'rows that leave a gap': [(view) => view.setUint32(entry(0) + firstRow, 1, true), /rows do not follow/],
    'a chunk without rows': [(view) => view.setUint32(entry(4) + rowCount, 0, true), /no rows/],
    'a chunk with too many rows': [(view) => view.setUint32(entry(4) + rowCount, 2 ** 32 - 1, true), /too many rows/],
    'chunks that overlap': [(view) => view.setUint32(entry(1) + offset, 1, true), /bytes do not follow/],
    'an offset beyond 2^53': [
      (view) => view.setUint32(entry(1) + offset + 4, 2 ** 32 - 1, true),
      /bytes do not follow/,
    ],
    'a chunk beyond the dataset': [(view) => view.setUint32(entry(4) + storedBytes, 2 ** 32 - 1, true), /./],
    'a chunk that is too large': [(view) => view.setUint32(entry(2) + rawBytes, (64 << 20) + 1, true), /too large/],
    'a raw chunk with two lengths': [(view) => view.setUint16(entry(2) + 2, 0, true), /two lengths/],
  };
  for (const [name, [change, message]] of Object.entries(broken)) {
    test(`refuses ${name}`, () => throws(changed(change), { code: 'corrupted', message }));
  }

  test('refuses bytes that no chunk covers', () => {
    const longer = { offset: 0, sizeBytes: bytes.length + 1 };
    throws(() => readChunkTable('dataset', bytes, longer), { code: 'corrupted', message: /left behind/ });
  });
});

describe('datasetTable', () => {
  const meta = { tenant: 'alpha', service: 'shop', range, symbols: { offset: 0, sizeBytes: 0 }, ...head };

  test('refuses a head that ends elsewhere than its metadata says', () => {
    datasetTable(meta, wholeObject(bytes));
    const longer = { ...meta, headBytes: head.headBytes + 1 };
    throws(() => datasetTable(longer, wholeObject(bytes)), { code: 'corrupted', message: /size of the head/ });
  });

  test('refuses a range of which the store has fewer bytes', () => {
    const short = [{ range, bytes: bytes.subarray(0, head.headBytes - 1) }];
    throws(() => datasetTable(meta, short), { code: 'corrupted', message: /cut short/ });
  });
});

describe('a chunk', () => {
  test('that decompresses to more, or less, than its table says is refused', () => {
    for (const difference of [-1, 1]) {
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      const crcAt = view.getUint32(8, true) - 4;
      equal(view.getUint16(entry(0) + 2, true), 1, 'the series are compressed');
      view.setUint32(entry(0) + rawBytes, view.getUint32(entry(0) + rawBytes, true) + difference, true);
      view.setUint32(crcAt, crc32(copy.subarray(0, crcAt)), true);
      const table = readChunkTable('dataset', copy, range);
      throws(() => decodeSeries(table, wholeObject(copy)), { code: 'corrupted', message: /decompress/ });
    }
  });
});
