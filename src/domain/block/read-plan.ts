import type { Bytes } from '#src/domain/model/units.ts';
import type { ByteRange, DatasetPlace } from './block-meta.ts';
import type { Page } from './chunk-table.ts';

// Which bytes of an object a query reads, and in which order. Pure: what comes out is a list of ranges, to be fetched by
// somebody else and handed to the readers as `FetchedRange`s.
//
//     labels, series   heads of the datasets
//     trees            heads of the datasets, symbol spaces | chunks with the samples of the profiles that match
//
// A bar is a round trip: what is behind it depends on what is before. What is small comes whole in the first.

export type ReadPurpose = 'labels' | 'series' | 'trees';

/** Consecutive rows of the samples, end excluded. */
export type RowRange = { readonly start: number; readonly end: number };

/** Reading this much more costs less than asking again: 256 KiB take about as long as a first byte does on S3. */
const wholeBytesMax: Bytes = 256 << 10;

/** The header of a larger symbol space is in these, and mostly its names. */
const symbolHeadBytes: Bytes = 64 << 10;

/** Ranges with a smaller gap are fetched as one, for the same reason. A request is what an object store bills. */
export const readGapBytesMax: Bytes = 64 << 10;

/** The first round: all that can be known from metadata. Pieces that others may ask for as well. */
export function firstPieces({ range, headBytes, symbols }: DatasetPlace, purpose: ReadPurpose): ByteRange[] {
  const head = { offset: range.offset, sizeBytes: headBytes };
  if (purpose !== 'trees') return [head];
  const small = { offset: symbols.offset, sizeBytes: Math.min(symbols.sizeBytes, symbolHeadBytes) };
  return [isLarge(symbols) ? small : symbols, isLarge(range) ? head : range];
}

/** The pages that hold any of the rows, in order. @param rows  in order, none inside another */
export function pagesWith(pages: readonly Page[], rows: readonly RowRange[]): Page[] {
  const wanted = rows.filter(({ start, end }) => start < end);
  let next = 0;
  return pages.filter(({ firstRow, rowCount }) => {
    while (next < wanted.length && wanted[next].end <= firstRow) next++;
    return next < wanted.length && wanted[next].start < firstRow + rowCount;
  });
}

/** The same as requests. */
export function firstReads(datasets: readonly DatasetPlace[], purpose: ReadPurpose): ByteRange[] {
  return coalesced(datasets.flatMap((dataset) => firstPieces(dataset, purpose)));
}

/** Whether the first round brings everything that any query of the purpose needs. */
export function comesWhole(datasets: readonly DatasetPlace[], purpose: ReadPurpose): boolean {
  return purpose !== 'trees' || datasets.every(({ range, symbols }) => !isLarge(range) && !isLarge(symbols));
}

/**
 * Bytes that a block adds to the memory of a query at most, with the gaps that are fetched along: known before anything
 * is read.
 */
export function readBytesMax(datasets: readonly DatasetPlace[], purpose: ReadPurpose): Bytes {
  const first = firstReads(datasets, purpose);
  // The second round reads chunks inside of what was too large to come whole, so it joins no gap that these do not.
  const large = datasets.flatMap(({ range, symbols }) => [symbols, range]).filter(isLarge);
  const second = purpose === 'trees' ? coalesced(large) : [];
  return [...first, ...second].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function isLarge({ sizeBytes }: ByteRange): boolean {
  return sizeBytes > wholeBytesMax;
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
