import type { Bytes } from '#src/domain/model/units.ts';
import { Section } from './block-format.ts';
import type { ByteRange, DatasetMeta } from './block-meta.ts';
import { type Chunk, type ChunkTable, chunksOf } from './chunk-table.ts';

// Which bytes of an object a query reads, and in which order. Pure: what comes out is a list of ranges, to be fetched by
// somebody else and handed to the readers as `FetchedRange`s.
//
//     labels   head
//     series   head | profiles
//     trees    head, symbol space | profiles | samples of the profiles that match, spans if they are asked for
//
// A bar is a round trip: what is behind it depends on what is before. A small dataset is read whole in the first.

export type ReadPurpose = 'labels' | 'series' | 'trees';

/** Consecutive rows of the samples, end excluded. */
export type RowRange = { readonly start: number; readonly end: number };

/** Reading this much more costs less than asking again: 256 KiB take about as long as a first byte does on S3. */
const wholeDatasetBytesMax: Bytes = 256 << 10;

/** Ranges with a smaller gap are fetched as one, for the same reason. A request is what an object store bills. */
export const readGapBytesMax: Bytes = 64 << 10;

/** The first round: all that can be known from metadata. */
export function firstReads(dataset: DatasetMeta, purpose: ReadPurpose): ByteRange[] {
  const { range, headBytes } = dataset;
  const head = { offset: range.offset, sizeBytes: headBytes };
  if (purpose === 'labels') return [head];
  const first = range.sizeBytes <= wholeDatasetBytesMax ? range : head;
  return coalesced(purpose === 'series' ? [first] : [dataset.symbols, first]);
}

/** The second round, for series and trees. */
export function profileReads(table: ChunkTable): ByteRange[] {
  return coalesced(chunksOf(table, Section.profiles).map((chunk) => chunk.range));
}

/**
 * The third round: the chunks with the samples of the profiles that matched.
 *
 * @param rows  ranges of sample rows, as `sampleOffsets` gives them; in order, none inside another
 */
export function sampleReads(table: ChunkTable, rows: readonly RowRange[]): ByteRange[] {
  return coalesced(sampleChunks(table, rows).map((chunk) => chunk.range));
}

/** The chunks that hold any of the rows, in order. */
export function sampleChunks(table: ChunkTable, rows: readonly RowRange[]): Chunk[] {
  const wanted = rows.filter(({ start, end }) => start < end);
  let next = 0;
  return chunksOf(table, Section.samples).filter(({ firstRow, rowCount }) => {
    while (next < wanted.length && wanted[next].end <= firstRow) next++;
    return next < wanted.length && wanted[next].start < firstRow + rowCount;
  });
}

/** With the third round, when span or trace ids are asked for. */
export function spanReads(table: ChunkTable): ByteRange[] {
  return coalesced(chunksOf(table, Section.spans).map((chunk) => chunk.range));
}

/**
 * Bytes that a block adds to the memory of a query at most, with the gaps that are fetched along: known before anything
 * is read.
 */
export function readBytesMax(datasets: readonly DatasetMeta[], purpose: ReadPurpose): Bytes {
  const first = coalesced(datasets.flatMap((dataset) => firstReads(dataset, purpose)));
  // Later rounds read chunks inside of the datasets, so they join no gap that the datasets as a whole would not.
  const later = purpose === 'labels' ? [] : datasets.filter(({ range }) => range.sizeBytes > wholeDatasetBytesMax);
  const ranges = [...first, ...coalesced(later.map(({ range }) => range))];
  return ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Those of the ranges that no fetched range holds yet. */
export function missingReads(
  ranges: readonly ByteRange[],
  fetched: readonly { readonly range: ByteRange }[],
): ByteRange[] {
  return ranges.filter(({ offset, sizeBytes }) => {
    const end = offset + sizeBytes;
    return !fetched.some(({ range }) => range.offset <= offset && end <= range.offset + range.sizeBytes);
  });
}

/** The ranges in order of offset, joined where they overlap or the gap between them is small. */
export function coalesced(ranges: readonly ByteRange[], gapBytesMax: Bytes = readGapBytesMax): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = joined.at(-1);
    if (last === undefined || range.offset - (last.offset + last.sizeBytes) > gapBytesMax) {
      joined.push(range);
    } else {
      const end = Math.max(last.offset + last.sizeBytes, range.offset + range.sizeBytes);
      joined[joined.length - 1] = { offset: last.offset, sizeBytes: end - last.offset };
    }
  }
  return joined;
}
