import { crc32 } from 'node:zlib';
import { inSteps, runSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  BLOCK_VERSION,
  CHUNK_ENTRY_BYTES,
  Codec,
  CRC_BYTES,
  chunkRawBytesMax,
  columnsMax,
  familiesMax,
  HEADER_PREFIX_BYTES,
  headerBytesFor,
  inHead,
  isSection,
  kindOf,
  Magic,
  PAGE_ENTRY_BYTES,
  pageRowsMax,
  perColumn,
  perFamily,
  type Section,
  type SpaceKind,
  sectionName,
  sectionRawBytesMax,
  sectionRowsMax,
} from './block-format.ts';
import type { ByteRange, DatasetPlace } from './block-meta.ts';
import { corruptedBlock, unknownBlockVersion } from './corrupted-block.ts';
import { bytesAt, type FetchedRange, headAt } from './fetched-ranges.ts';

/** What is read, checked and decompressed on its own. */
export type Chunk = {
  readonly codec: Codec;
  /** The stored bytes, in the object. */
  readonly range: ByteRange;
  /** What they decompress to. */
  readonly rawBytes: Bytes;
  /** Of the stored bytes. */
  readonly crc32: number;
};

/** The columns of a section for a range of its rows: a piece of the raw bytes of a chunk. */
export type Page = {
  readonly section: Section;
  /** 0 where the section is not one per family. */
  readonly family: number;
  /** 0 where the section is not one per value column. */
  readonly column: number;
  readonly chunk: Chunk;
  /** In the raw bytes of the chunk. */
  readonly offset: Bytes;
  readonly rawBytes: Bytes;
  /** Rows in the pages before, of the same section, family and column. */
  readonly firstRow: number;
  readonly rowCount: number;
};

/**
 * The header of a symbol space or a dataset.
 *
 * @invariant chunks follow each other without a gap from the end of the header to the end of the range, and pages
 *            without a gap in the raw bytes of their chunk, so that every byte is covered by a checksum and has a use
 */
export type ChunkTable = {
  readonly kind: SpaceKind;
  /** The whole symbol space or dataset, in the object. */
  readonly range: ByteRange;
  readonly headerBytes: Bytes;
  readonly chunks: readonly Chunk[];
  readonly pages: readonly Page[];
  /** The same pages by section, family and column: see `pagesOf`. */
  readonly columns: PagesOfColumns;
};

/** Pages in row order, by `columnKey`. */
export type PagesOfColumns = ReadonlyMap<number, readonly Page[]>;

/** The chunk table of a dataset, from its head. @throws StoreError as `readChunkTable` */
export function* datasetTable(dataset: DatasetPlace, fetched: readonly FetchedRange[]): Steps<ChunkTable> {
  const { range, headBytes } = dataset;
  const head = bytesAt(fetched, { offset: range.offset, sizeBytes: headBytes });
  const table = yield* chunkTableSteps('dataset', head, range);
  const expected = headBytesOf(table);
  if (headBytes !== expected) {
    throw corruptedBlock('dataset: its metadata names another size of the head', {
      offset: range.offset,
      headBytes,
      expected,
    });
  }
  return table;
}

/** The header and all chunks up to the last one that has a page of the head. */
export function headBytesOf({ pages, range, headerBytes }: ChunkTable): Bytes {
  const chunk = pages.findLast(({ section }) => inHead(section))?.chunk;
  return chunk === undefined ? headerBytes : chunk.range.offset + chunk.range.sizeBytes - range.offset;
}

/**
 * The chunk table of the symbol space of a dataset.
 *
 * @order  its header was fetched: see `headerReads`
 * @throws StoreError as `readChunkTable`
 */
export function symbolTable({ symbols }: DatasetPlace, fetched: readonly FetchedRange[]): Steps<ChunkTable> {
  return chunkTableSteps('symbols', headAt(fetched, symbols), symbols);
}

/**
 * What is still to be read of a symbol space before its chunk table can be: nothing, or its header.
 *
 * @throws StoreError 'corrupted' when the header claims to be longer than the space
 */
export function headerReads({ symbols }: DatasetPlace, fetched: readonly FetchedRange[]): ByteRange[] {
  const head = headAt(fetched, symbols);
  if (head.length < HEADER_PREFIX_BYTES) return [symbols];
  const headerBytes = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(8, true);
  if (headerBytes <= head.length) return [];
  if (headerBytes <= symbols.sizeBytes) return [{ offset: symbols.offset, sizeBytes: headerBytes }];
  const { offset, sizeBytes } = symbols;
  throw corruptedBlock('header: its length exceeds what there is', { offset, headerBytes, headBytes: sizeBytes });
}

/**
 * Reads the header at the start of a symbol space or a dataset.
 *
 *     | magic | version | header bytes | chunks | pages | chunk ... | page ... | CRC-32 |
 *     |  u32  |   u32   |     u32      |  u32   |  u32  | 16 bytes  | 16 bytes |  u32   |
 *     '------------------------------- covered --------------------------------'
 *
 * @param head   the first bytes of the range, at least the header
 * @param range  where the symbol space or dataset is in the object, from its metadata
 * @throws StoreError 'corrupted' when the header is cut short, differs from its checksum, or says what cannot be;
 *         'unimplemented' when this program does not know its version
 * @source docs/formats/block-v1.md, "Header"
 */
export function readChunkTable(kind: SpaceKind, head: Uint8Array, range: ByteRange): ChunkTable {
  return runSteps(chunkTableSteps(kind, head, range));
}

/** The same in steps: a large block may have some 10^5 pages, and a damaged header as many as it is long. */
function* chunkTableSteps(kind: SpaceKind, head: Uint8Array, range: ByteRange): Steps<ChunkTable> {
  const header = checkedHeader(kind, head, range);
  const chunkCount = header.getUint32(12, true);
  const pageCount = header.getUint32(16, true);
  if (headerBytesFor(chunkCount, pageCount) !== header.byteLength) {
    throw corruptedBlock('header: the number of chunks and pages does not fit its length', {
      offset: range.offset,
      chunkCount,
      pageCount,
      headerBytes: header.byteLength,
    });
  }
  const chunks = new ChunkEntries(header, range);
  yield* readEntries(chunkCount, chunks);
  const pages = new PageEntries(kind, header, chunks.end(), range);
  yield* readEntries(pageCount, pages);
  return { kind, range, headerBytes: header.byteLength, chunks: chunks.chunks, ...pages.end() };
}

/** The pages of one section, in row order. Empty when the section is. @cost O(1) */
export function pagesOf({ columns }: ChunkTable, section: Section, family = 0, column = 0): readonly Page[] {
  return columns.get(columnKey(section, family, column)) ?? NO_PAGES;
}

/** How many rows a section has, all pages together. @cost O(1) */
export function rowCountOf(table: ChunkTable, section: Section, family = 0, column = 0): number {
  const last = pagesOf(table, section, family, column).at(-1);
  return last === undefined ? 0 : last.firstRow + last.rowCount;
}

/** One above the highest family that a section has, 0 when it has none. @cost O(sections, families and columns) */
export function familyCountOf({ columns }: ChunkTable, section: Section): number {
  let count = 0;
  for (const [page] of columns.values()) if (page.section === section) count = Math.max(count, page.family + 1);
  return count;
}

/** One above the highest value column that a section has in a family, 0 when it has none. @cost O(columns) */
export function columnCountOf(table: ChunkTable, section: Section, family: number): number {
  let count = 0;
  for (let column = 0; column < columnsMax; column++) {
    if (pagesOf(table, section, family, column).length > 0) count = column + 1;
  }
  return count;
}

const NO_PAGES: readonly Page[] = [];

function columnKey(section: Section, family: number, column: number): number {
  return (section << 24) | (column << 16) | family;
}

/** The header alone, once its magic, length, checksum and version are what they must be. */
function checkedHeader(kind: SpaceKind, head: Uint8Array, range: ByteRange): DataView {
  const offset = range.offset;
  const least = headerBytesFor(0, 0);
  if (head.length < least) {
    throw corruptedBlock('header: it is cut short', { offset, headBytes: head.length, need: least });
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0, true);
  if (magic !== Magic[kind]) {
    throw corruptedBlock(`header: this is no ${kind}`, { offset, magic, expected: Magic[kind] });
  }
  const headerBytes = view.getUint32(8, true);
  if (headerBytes < least || headerBytes > head.length) {
    throw corruptedBlock('header: its length exceeds what there is', { offset, headerBytes, headBytes: head.length });
  }
  const expected = view.getUint32(headerBytes - CRC_BYTES, true);
  const actual = crc32(head.subarray(0, headerBytes - CRC_BYTES));
  if (actual !== expected) throw corruptedBlock('header: checksum differs', { offset, expected, actual });

  const version = view.getUint32(4, true);
  if (version !== BLOCK_VERSION) throw unknownBlockVersion('header', version, offset);
  return new DataView(head.buffer, head.byteOffset, headerBytes);
}

/** Entries of a table that are read in one step, in about five milliseconds. */
const STEP_ENTRIES = STEP_ROWS / 4;

function* readEntries(count: number, entries: ChunkEntries | PageEntries): Steps<void> {
  // What is small is read at one go: a query has many small tables.
  if (count <= STEP_ENTRIES) entries.read(0, count);
  else yield* inSteps(0, count, (start, end) => entries.read(start, end), STEP_ENTRIES);
}

/** Reads the entries of chunks, in order. @throws StoreError as `readChunkTable` */
class ChunkEntries {
  readonly chunks: Chunk[] = [];
  readonly #header: DataView;
  readonly #range: ByteRange;
  /** Of the chunks so far, in the object. */
  #end: number;

  constructor(header: DataView, range: ByteRange) {
    this.#header = header;
    this.#range = range;
    this.#end = range.offset + header.byteLength;
  }

  read(start: number, end: number): void {
    for (let i = start; i < end; i++) this.#readEntry(HEADER_PREFIX_BYTES + i * CHUNK_ENTRY_BYTES);
  }

  /** @order all are read */
  end(): readonly Chunk[] {
    const { offset, sizeBytes } = this.#range;
    if (this.#end !== offset + sizeBytes) {
      throw corruptedBlock('chunk table: bytes are left behind the last chunk', {
        offset: this.#end,
        sizeBytes: offset + sizeBytes - this.#end,
      });
    }
    return this.chunks;
  }

  #readEntry(entry: Bytes): void {
    const header = this.#header;
    const sizeBytes = header.getUint32(entry, true);
    const rawBytes = header.getUint32(entry + 4, true);
    const codec = header.getUint32(entry + 12, true);
    const fail = (what: string, value: number, expected: number) =>
      corruptedBlock(`chunk table: ${what}`, { offset: this.#range.offset + entry, value, expected });
    if (codec !== Codec.none && codec !== Codec.zstd) throw fail('the codec is unknown', codec, Codec.zstd);
    if (rawBytes < 1) throw fail('a chunk is empty', rawBytes, 1);
    if (rawBytes > chunkRawBytesMax) throw fail('a chunk is too large', rawBytes, chunkRawBytesMax);
    if (codec === Codec.none && rawBytes !== sizeBytes) {
      throw fail('an uncompressed chunk has two lengths', sizeBytes, rawBytes);
    }
    const crc = header.getUint32(entry + 8, true);
    this.chunks.push({ codec, range: { offset: this.#end, sizeBytes }, rawBytes, crc32: crc });
    this.#end += sizeBytes;
    const limit = this.#range.offset + this.#range.sizeBytes;
    if (this.#end > limit) throw fail('a chunk ends behind its dataset', this.#end, limit);
  }
}

/** Reads the entries of pages, in order. @throws StoreError as `readChunkTable` */
class PageEntries {
  readonly #kind: SpaceKind;
  readonly #header: DataView;
  readonly #chunks: readonly Chunk[];
  readonly #range: ByteRange;
  readonly #pages: Page[] = [];
  readonly #columns = new Map<number, Page[]>();
  readonly #bytesOf = new Map<Section, Bytes>();
  readonly #rowsOf = new Map<Section, number>();
  #chunkIndex = 0;
  /** In the raw bytes of the chunk. */
  #offset: Bytes = 0;

  constructor(kind: SpaceKind, header: DataView, chunks: readonly Chunk[], range: ByteRange) {
    this.#kind = kind;
    this.#header = header;
    this.#chunks = chunks;
    this.#range = range;
  }

  read(start: number, end: number): void {
    const first = HEADER_PREFIX_BYTES + this.#chunks.length * CHUNK_ENTRY_BYTES;
    for (let i = start; i < end; i++) this.#readEntry(first + i * PAGE_ENTRY_BYTES);
  }

  /** Every byte of every chunk belongs to a page. @order all are read */
  end(): Pick<ChunkTable, 'pages' | 'columns'> {
    const last = this.#chunks.length - 1;
    if (last >= 0 && (this.#chunkIndex !== last || this.#offset !== this.#chunks[last].rawBytes)) {
      throw corruptedBlock('page table: a chunk has bytes of no page', {
        offset: this.#range.offset,
        value: this.#chunkIndex,
        expected: last,
      });
    }
    return { pages: this.#pages, columns: this.#columns };
  }

  #readEntry(entry: Bytes): void {
    const header = this.#header;
    const section = header.getUint8(entry);
    const column = header.getUint8(entry + 1);
    const family = header.getUint16(entry + 2, true);
    const rowCount = header.getUint32(entry + 8, true);
    const rawBytes = header.getUint32(entry + 12, true);
    const fail = (what: string, value: number, expected: number) =>
      corruptedBlock(`page table: ${what}`, {
        offset: this.#range.offset + entry,
        section: sectionName(section),
        value,
        expected,
      });
    if (!isSection(section) || kindOf(section) !== this.#kind) {
      throw fail('this section does not belong here', section, 0);
    }
    const familyLimit = perFamily(section) ? familiesMax : 0;
    if (family > familyLimit) throw fail('there is no such family', family, familyLimit);
    const columnLimit = perColumn(section) ? columnsMax - 1 : 0;
    if (column > columnLimit) throw fail('there is no such column', column, columnLimit);
    if (rowCount < 1) throw fail('a page has no rows', rowCount, 1);
    if (rowCount > pageRowsMax) throw fail('a page has too many rows', rowCount, pageRowsMax);

    // In every section a row takes a byte or more, so arrays for the rows are never larger than what was stored.
    if (rowCount > rawBytes) throw fail('a page has more rows than bytes', rowCount, rawBytes);

    // A chunk ends where its pages do.
    const chunks = this.#chunks;
    if (this.#chunkIndex < chunks.length && this.#offset === chunks[this.#chunkIndex].rawBytes) {
      this.#chunkIndex++;
      this.#offset = 0;
    }
    const ofChunk = header.getUint32(entry + 4, true);
    if (ofChunk !== this.#chunkIndex || this.#chunkIndex >= chunks.length) {
      throw fail('a page is not in the chunk that it should be in', ofChunk, this.#chunkIndex);
    }
    const chunk = chunks[this.#chunkIndex];
    const bytesLeft = chunk.rawBytes - this.#offset;
    if (rawBytes > bytesLeft) throw fail('a page ends behind its chunk', rawBytes, bytesLeft);
    const sectionBytes = (this.#bytesOf.get(section) ?? 0) + rawBytes;
    if (sectionBytes > sectionRawBytesMax) throw fail('a section is too large', sectionBytes, sectionRawBytesMax);
    this.#bytesOf.set(section, sectionBytes);
    const sectionRows = (this.#rowsOf.get(section) ?? 0) + rowCount;
    if (sectionRows > sectionRowsMax) throw fail('a section has too many rows', sectionRows, sectionRowsMax);
    this.#rowsOf.set(section, sectionRows);

    const key = columnKey(section, family, column);
    let ofColumn = this.#columns.get(key);
    if (ofColumn === undefined) {
      ofColumn = [];
      this.#columns.set(key, ofColumn);
    }
    const before = ofColumn.at(-1);
    const firstRow = before === undefined ? 0 : before.firstRow + before.rowCount;
    const page = { section, family, column, chunk, offset: this.#offset, rawBytes, firstRow, rowCount };
    this.#pages.push(page);
    ofColumn.push(page);
    this.#offset += rawBytes;
  }
}
