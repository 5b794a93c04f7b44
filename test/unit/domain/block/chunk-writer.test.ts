import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  chunkRawBytesMax,
  chunkRawBytesTarget,
  pageRowsMax,
  Section,
  sectionRawBytesMax,
  sectionRowsMax,
} from '#src/domain/block/block-format.ts';
import { readChunkTable } from '#src/domain/block/chunk-table.ts';
import { ChunkWriter, pageRanges } from '#src/domain/block/chunk-writer.ts';

/** A writer for which all compresses to a byte. */
const tinyWriter = () => new ChunkWriter('dataset', 1, () => Uint8Array.of(0));
const section = Section.sampleStacks;

describe('ChunkWriter', () => {
  test('puts pages in one chunk until the next one would not fit, and a larger page in one of its own', () => {
    const writer = tinyWriter();
    const half = new Uint8Array(chunkRawBytesTarget / 2);
    for (const raw of [half, half, Uint8Array.of(1), new Uint8Array(chunkRawBytesTarget + 1), Uint8Array.of(1)]) {
      writer.page({ section }, 1, raw);
    }
    writer.closeChunk();
    writer.closeChunk();
    writer.page({ section }, 1, Uint8Array.of(1));

    const { bytes } = writer.finish();

    const { chunks, pages } = readChunkTable('dataset', bytes, { offset: 0, sizeBytes: bytes.length });
    deepEqual(
      pages.map(({ chunk }) => chunks.indexOf(chunk)),
      [0, 0, 1, 2, 3, 4],
    );
  });

  test('refuses a page that is larger than a reader takes', () => {
    throws(() => tinyWriter().page({ section }, 1, new Uint8Array(chunkRawBytesMax + 1)), {
      code: 'limit-exceeded',
      message: /sampleStacks: a page is too large/,
      details: { sizeBytes: chunkRawBytesMax + 1, sizeBytesMax: chunkRawBytesMax },
    });
  });

  test('refuses a section that is larger than a reader takes, all families together', () => {
    const writer = tinyWriter();
    const largest = new Uint8Array(chunkRawBytesMax);
    const pages = sectionRawBytesMax / chunkRawBytesMax;
    for (let family = 0; family < pages; family++) writer.page({ section, family }, 1, largest);
    throws(() => writer.page({ section, family: pages }, 1, Uint8Array.of(1)), {
      code: 'limit-exceeded',
      message: /a section is too large/,
    });
  });

  test('refuses a section of more rows than a reader takes, all families together', () => {
    const writer = tinyWriter();
    const pages = sectionRowsMax / pageRowsMax;
    for (let page = 0; page < pages; page++) writer.page({ section, family: page % 65 }, pageRowsMax, Uint8Array.of(1));
    throws(() => writer.page({ section }, 1, Uint8Array.of(1)), {
      code: 'limit-exceeded',
      message: /sampleStacks: it has too many rows/,
      details: { rows: sectionRowsMax + 1, sectionRowsMax },
    });
    writer.page({ section: Section.runs }, 1, Uint8Array.of(1));
  });
});

describe('pageRanges', () => {
  const rangesOf = (...of: Parameters<typeof pageRanges>) =>
    [...pageRanges(...of)].map(({ start, end }) => [start, end]);

  test('ends a page at the most rows that it may have', () => {
    deepEqual(rangesOf(0), []);
    deepEqual(rangesOf(1), [[0, 1]]);
    deepEqual(rangesOf(pageRowsMax), [[0, pageRowsMax]]);
    deepEqual(rangesOf(pageRowsMax + 1), [
      [0, pageRowsMax],
      [pageRowsMax, pageRowsMax + 1],
    ]);
  });

  test('ends a page before it is too large, after a row at least', () => {
    const rowBytes = [1 << 19, 1 << 19, 1, 2 << 20, 0, 5];
    const before = (row: number) => rowBytes.slice(0, row).reduce((sum, bytes) => sum + bytes, 0);
    deepEqual(rangesOf(rowBytes.length, before), [
      [0, 2],
      [2, 3],
      [3, 4],
      [4, 6],
    ]);
    equal(rangesOf(3, (row) => row * (64 << 20)).length, 3);
  });
});
