import { crc32 } from 'node:zlib';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  BLOCK_VERSION,
  CHUNK_ENTRY_BYTES,
  Codec,
  CRC_BYTES,
  chunkRawBytesMax,
  chunkRowsMax,
  HEADER_PREFIX_BYTES,
  headerBytesFor,
  kindOf,
  Magic,
  Section,
  type SpaceKind,
  sectionName,
  sectionRawBytesMax,
} from './block-format.ts';
import type { ByteRange, DatasetMeta } from './block-meta.ts';
import { corruptedBlock, unknownBlockVersion } from './corrupted-block.ts';
import { bytesAt, type FetchedRange } from './fetched-ranges.ts';

/** A piece of a section that is read, checked and decompressed on its own. */
export type Chunk = {
  readonly section: Section;
  readonly codec: Codec;
  /** The stored bytes, in the object. */
  readonly range: ByteRange;
  /** What they decompress to. */
  readonly rawBytes: Bytes;
  /** Rows of the section before this chunk. */
  readonly firstRow: number;
  readonly rowCount: number;
  /** Of the stored bytes. */
  readonly crc32: number;
};

/**
 * The header of a symbol space or a dataset.
 *
 * @invariant chunks are ordered by section, then row; they follow each other without a gap from the end of the header
 *            to the end of the range, so that every byte is covered by a checksum
 */
export type ChunkTable = {
  readonly kind: SpaceKind;
  /** The whole symbol space or dataset, in the object. */
  readonly range: ByteRange;
  readonly headerBytes: Bytes;
  readonly chunks: readonly Chunk[];
};

/** The chunk table of a dataset, from its head. @throws StoreError as `readChunkTable` */
export function datasetTable(dataset: DatasetMeta, fetched: readonly FetchedRange[]): ChunkTable {
  const { range, headBytes } = dataset;
  const table = readChunkTable('dataset', bytesAt(fetched, { offset: range.offset, sizeBytes: headBytes }), range);
  const series = chunksOf(table, Section.series);
  const expected = table.headerBytes + series.reduce((bytes, chunk) => bytes + chunk.range.sizeBytes, 0);
  if (headBytes !== expected) {
    throw corruptedBlock('dataset: its metadata names another size of the head', {
      offset: range.offset,
      headBytes,
      expected,
    });
  }
  return table;
}

/** The chunk table of the symbol space of a dataset. @throws StoreError as `readChunkTable` */
export function symbolTable(dataset: DatasetMeta, fetched: readonly FetchedRange[]): ChunkTable {
  return readChunkTable('symbols', bytesAt(fetched, dataset.symbols), dataset.symbols);
}

/**
 * Reads the header at the start of a symbol space or a dataset.
 *
 *     | magic | version | header bytes | chunk count | entry ... entry | CRC-32 |
 *     |  u32  |   u32   |     u32      |     u32     |  32 bytes each  |  u32   |
 *     '------------------------- covered --------------------------- '
 *
 * @param head   the first bytes of the range, at least the header
 * @param range  where the symbol space or dataset is in the object, from its metadata
 * @throws StoreError 'corrupted' when the header is cut short, differs from its checksum, or says what cannot be;
 *         'unimplemented' when its version is later than this program
 * @source docs/formats/block.md, "Header"
 */
export function readChunkTable(kind: SpaceKind, head: Uint8Array, range: ByteRange): ChunkTable {
  const header = checkedHeader(kind, head, range);
  const chunkCount = header.getUint32(12, true);
  if (headerBytesFor(chunkCount) !== header.byteLength) {
    throw corruptedBlock('header: the number of chunks does not fit its length', {
      offset: range.offset,
      chunkCount,
      headerBytes: header.byteLength,
    });
  }

  const chunks: Chunk[] = [];
  let end = range.offset + header.byteLength;
  let sectionRows = 0;
  let sectionRawBytes = 0;
  for (let i = 0; i < chunkCount; i++) {
    const entry = HEADER_PREFIX_BYTES + i * CHUNK_ENTRY_BYTES;
    const chunk = readEntry(header, entry, range.offset);
    const previous = chunks.at(-1);
    const fail = (what: string, value: number, expected: number) =>
      corruptedBlock(`chunk table: ${what}`, {
        offset: range.offset + entry,
        section: sectionName(chunk.section),
        value,
        expected,
      });

    if (!knownSection(chunk.section) || kindOf(chunk.section) !== kind) {
      throw fail('this section does not belong here', chunk.section, 0);
    }
    if (previous === undefined || previous.section !== chunk.section) {
      if (previous !== undefined && previous.section > chunk.section) {
        throw fail('sections are out of order', chunk.section, previous.section);
      }
      sectionRows = 0;
      sectionRawBytes = 0;
    }
    if (chunk.firstRow !== sectionRows) throw fail('rows do not follow the chunk before', chunk.firstRow, sectionRows);
    if (chunk.rowCount < 1) throw fail('a chunk has no rows', chunk.rowCount, 1);
    if (chunk.rowCount > chunkRowsMax) throw fail('a chunk has too many rows', chunk.rowCount, chunkRowsMax);
    if (chunk.range.offset !== end) throw fail('bytes do not follow the chunk before', chunk.range.offset, end);
    if (chunk.rawBytes > chunkRawBytesMax) throw fail('a chunk is too large', chunk.rawBytes, chunkRawBytesMax);
    if (chunk.codec === Codec.none && chunk.rawBytes !== chunk.range.sizeBytes) {
      throw fail('an uncompressed chunk has two lengths', chunk.range.sizeBytes, chunk.rawBytes);
    }
    if (chunk.codec !== Codec.none && chunk.codec !== Codec.zstd) throw fail('the codec is unknown', chunk.codec, 1);

    end += chunk.range.sizeBytes;
    if (end > range.offset + range.sizeBytes) {
      throw fail('a chunk ends behind its dataset', end, range.offset + range.sizeBytes);
    }
    sectionRows += chunk.rowCount;
    sectionRawBytes += chunk.rawBytes;
    if (sectionRawBytes > sectionRawBytesMax) throw fail('a section is too large', sectionRawBytes, sectionRawBytesMax);
    chunks.push(chunk);
  }
  if (end !== range.offset + range.sizeBytes) {
    throw corruptedBlock('chunk table: bytes are left behind the last chunk', {
      offset: end,
      sizeBytes: range.offset + range.sizeBytes - end,
    });
  }
  return { kind, range, headerBytes: header.byteLength, chunks };
}

/** The chunks of one section, in row order. Empty when the section is. */
export function chunksOf(table: ChunkTable, section: Section): Chunk[] {
  return table.chunks.filter((chunk) => chunk.section === section);
}

/** How many rows a section has, all chunks together. */
export function rowCountOf(table: ChunkTable, section: Section): number {
  const last = table.chunks.findLast((chunk) => chunk.section === section);
  return last === undefined ? 0 : last.firstRow + last.rowCount;
}

/** The header alone, once its magic, length, checksum and version are what they must be. */
function checkedHeader(kind: SpaceKind, head: Uint8Array, range: ByteRange): DataView {
  const offset = range.offset;
  if (head.length < headerBytesFor(0)) {
    throw corruptedBlock('header: it is cut short', { offset, headBytes: head.length, need: headerBytesFor(0) });
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0, true);
  if (magic !== Magic[kind])
    throw corruptedBlock(`header: this is no ${kind}`, { offset, magic, expected: Magic[kind] });

  const headerBytes = view.getUint32(8, true);
  if (headerBytes < headerBytesFor(0) || headerBytes > head.length) {
    throw corruptedBlock('header: its length exceeds what there is', { offset, headerBytes, headBytes: head.length });
  }
  const expected = view.getUint32(headerBytes - CRC_BYTES, true);
  const actual = crc32(head.subarray(0, headerBytes - CRC_BYTES));
  if (actual !== expected) throw corruptedBlock('header: checksum differs', { offset, expected, actual });

  const version = view.getUint32(4, true);
  if (version > BLOCK_VERSION) throw unknownBlockVersion('header', version, offset);
  return new DataView(head.buffer, head.byteOffset, headerBytes);
}

function readEntry(header: DataView, at: Bytes, baseOffset: Bytes): Chunk {
  return {
    // Compared with the known sections and codecs by the caller, before anything else is done with them.
    section: header.getUint16(at, true) as Section,
    codec: header.getUint16(at + 2, true) as Codec,
    firstRow: header.getUint32(at + 4, true),
    rowCount: header.getUint32(at + 8, true),
    range: {
      // Beyond 2^53 the sum is not exact, but then it is not equal to the end of the chunk before either.
      offset: baseOffset + header.getUint32(at + 12, true) + header.getUint32(at + 16, true) * 2 ** 32,
      sizeBytes: header.getUint32(at + 20, true),
    },
    rawBytes: header.getUint32(at + 24, true),
    crc32: header.getUint32(at + 28, true),
  };
}

function knownSection(section: number): boolean {
  return Object.values<number>(Section).includes(section);
}
