import { constants, crc32, zstdCompressSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import {
  BLOCK_VERSION,
  CHUNK_ENTRY_BYTES,
  Codec,
  CRC_BYTES,
  chunkRawBytesMax,
  chunkRawBytesTarget,
  HEADER_PREFIX_BYTES,
  headerBytesFor,
  inHead,
  Magic,
  PAGE_ENTRY_BYTES,
  pageRawBytesTarget,
  pageRowsMax,
  type Section,
  type SpaceKind,
  sectionName,
  sectionRawBytesMax,
  sectionRowsMax,
} from './block-format.ts';

/** zstd level of segments. Compacted blocks, which live longer, take 3. */
export const segmentZstdLevel = 1;
export const compactedZstdLevel = 3;

/** Compresses to one zstd frame. What comes out is good until the next call. */
export type Compress = (raw: Uint8Array, level: number) => Uint8Array;

/** Below this a zstd call costs more than the bytes that it saves. */
const compressedBytesMin: Bytes = 128;

/** Which columns a page holds. */
export type PageKey = { readonly section: Section; readonly family?: number; readonly column?: number };

type StoredChunk = { readonly codec: Codec; readonly rawBytes: Bytes; readonly stored: Uint8Array };
type StoredPage = Required<PageKey> & { readonly chunk: number; readonly rowCount: number; readonly rawBytes: Bytes };

/**
 * Collects the pages of a symbol space or a dataset in chunks, and puts a header before them.
 *
 * Pages that are read together belong to one chunk; `closeChunk` stands between those that are not.
 *
 * @source docs/formats/block-v1.md, "Header", "Chunks and pages"
 */
export class ChunkWriter {
  readonly #kind: SpaceKind;
  readonly #zstdLevel: number;
  readonly #compress: Compress;
  readonly #chunks: StoredChunk[] = [];
  readonly #pages: StoredPage[] = [];
  readonly #sectionBytes = new Map<Section, Bytes>();
  readonly #sectionRows = new Map<Section, number>();
  #open = new Uint8Array(chunkRawBytesTarget);
  #openBytes: Bytes = 0;
  #headChunks = 0;

  constructor(kind: SpaceKind, zstdLevel: number, compress: Compress = compressOnce) {
    this.#kind = kind;
    this.#zstdLevel = zstdLevel;
    this.#compress = compress;
  }

  /**
   * Adds a page to the open chunk, or to a new one where it does not fit.
   *
   * @param raw  copied
   * @throws StoreError 'limit-exceeded' when the page or its section is larger than a reader accepts
   */
  page({ section, family = 0, column = 0 }: PageKey, rowCount: number, raw: Uint8Array): void {
    const sectionBytes = (this.#sectionBytes.get(section) ?? 0) + raw.length;
    checkSize(section, 'page', raw.length, chunkRawBytesMax);
    checkSize(section, 'section', sectionBytes, sectionRawBytesMax);
    this.#sectionBytes.set(section, sectionBytes);
    const rows = (this.#sectionRows.get(section) ?? 0) + rowCount;
    if (rows > sectionRowsMax) {
      const details = { rows, sectionRowsMax };
      throw new StoreError('limit-exceeded', `block ${sectionName(section)}: it has too many rows`, details);
    }
    this.#sectionRows.set(section, rows);
    if (this.#openBytes + raw.length > chunkRawBytesTarget) this.closeChunk();
    if (raw.length > this.#open.length) this.#open = new Uint8Array(raw.length);
    this.#open.set(raw, this.#openBytes);
    this.#openBytes += raw.length;
    const chunk = this.#chunks.length;
    this.#pages.push({ section, family, column, chunk, rowCount, rawBytes: raw.length });
    if (inHead(section)) this.#headChunks = chunk + 1;
  }

  /** What comes next is read apart from what came before. */
  closeChunk(): void {
    if (this.#openBytes === 0) return;
    const raw = this.#open.subarray(0, this.#openBytes);
    this.#chunks.push({ ...this.#stored(raw), rawBytes: raw.length });
    this.#openBytes = 0;
  }

  /**
   * Everything in one buffer of its own, so that a thread can give it away.
   *
   * @returns headBytes: the header and the chunks with pages of the head
   */
  finish(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly headBytes: Bytes } {
    this.closeChunk();
    const headerBytes = headerBytesFor(this.#chunks.length, this.#pages.length);
    const sizeBytes = this.#chunks.reduce((sum, chunk) => sum + chunk.stored.length, headerBytes);
    const bytes = new Uint8Array(sizeBytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Magic[this.#kind], true);
    view.setUint32(4, BLOCK_VERSION, true);
    view.setUint32(8, headerBytes, true);
    view.setUint32(12, this.#chunks.length, true);
    view.setUint32(16, this.#pages.length, true);

    let entry = HEADER_PREFIX_BYTES;
    let offset = headerBytes;
    let headBytes = headerBytes;
    for (const [i, { codec, rawBytes, stored }] of this.#chunks.entries()) {
      view.setUint32(entry, stored.length, true);
      view.setUint32(entry + 4, rawBytes, true);
      view.setUint32(entry + 8, crc32(stored), true);
      view.setUint32(entry + 12, codec, true);
      entry += CHUNK_ENTRY_BYTES;
      bytes.set(stored, offset);
      offset += stored.length;
      if (i < this.#headChunks) headBytes = offset;
    }
    for (const { section, column, family, chunk, rowCount, rawBytes } of this.#pages) {
      view.setUint8(entry, section);
      view.setUint8(entry + 1, column);
      view.setUint16(entry + 2, family, true);
      view.setUint32(entry + 4, chunk, true);
      view.setUint32(entry + 8, rowCount, true);
      view.setUint32(entry + 12, rawBytes, true);
      entry += PAGE_ENTRY_BYTES;
    }
    assert(entry + CRC_BYTES === headerBytes, `header of ${headerBytes} bytes, written ${entry + CRC_BYTES}`);
    view.setUint32(entry, crc32(bytes.subarray(0, entry)), true);
    return { bytes, headBytes };
  }

  #stored(raw: Uint8Array): { codec: Codec; stored: Uint8Array } {
    if (raw.length >= compressedBytesMin) {
      const stored = this.#compress(raw, this.#zstdLevel);
      if (stored.length <= raw.length * 0.9) return { codec: Codec.zstd, stored: stored.slice() };
    }
    return { codec: Codec.none, stored: raw.slice() };
  }
}

/**
 * Where pages end: as many rows as fit, at least one.
 *
 * @param bytesBefore  of sections whose rows vary in size: about how many bytes rows 0 .. row take
 */
export function* pageRanges(
  rowCount: number,
  bytesBefore: (row: number) => Bytes = () => 0,
): Generator<{ readonly start: number; readonly end: number }> {
  for (let start = 0; start < rowCount; ) {
    const end = pageEnd(start, rowCount, bytesBefore);
    yield { start, end };
    start = end;
  }
}

function pageEnd(start: number, rowCount: number, bytesBefore: (row: number) => Bytes): number {
  const bytesEnd = bytesBefore(start) + pageRawBytesTarget;
  let low = start + 1;
  let high = Math.min(rowCount, start + pageRowsMax);
  // The last row below `bytesEnd`: `bytesBefore` rises.
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (bytesBefore(middle) <= bytesEnd) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function compressOnce(raw: Uint8Array, level: number): Uint8Array {
  return zstdCompressSync(raw, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    pledgedSrcSize: raw.length,
    // One piece of output. What does not fit in is not worth storing compressed.
    chunkSize: raw.length + 64,
  });
}

function checkSize(section: Section, what: string, sizeBytes: Bytes, sizeBytesMax: Bytes): void {
  if (sizeBytes <= sizeBytesMax) return;
  throw new StoreError('limit-exceeded', `block ${sectionName(section)}: a ${what} is too large`, {
    sizeBytes,
    sizeBytesMax,
  });
}
