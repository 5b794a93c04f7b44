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
  chunkRowsMax,
  HEADER_PREFIX_BYTES,
  headerBytesFor,
  Magic,
  Section,
  type SpaceKind,
  sectionName,
  sectionRawBytesMax,
} from './block-format.ts';
import { ColumnWriter } from './column-writer.ts';

/** zstd level of segments. Compacted blocks, which live longer, take 3. */
export const segmentZstdLevel = 1;

/** Below this a zstd call costs more than the bytes that it saves. */
const compressedBytesMin: Bytes = 128;

type StoredChunk = {
  readonly section: Section;
  readonly codec: Codec;
  readonly firstRow: number;
  readonly rowCount: number;
  readonly rawBytes: Bytes;
  readonly stored: Uint8Array;
};

/**
 * Collects the sections of a symbol space or a dataset, chunk by chunk, and puts a header before them.
 *
 * @order  sections in the order of their ids
 * @source docs/formats/block.md, "Header", "Chunks"
 */
export class ChunkWriter {
  readonly #kind: SpaceKind;
  readonly #zstdLevel: number;
  readonly #chunks: StoredChunk[] = [];

  constructor(kind: SpaceKind, zstdLevel: number) {
    this.#kind = kind;
    this.#zstdLevel = zstdLevel;
  }

  /**
   * Writes the rows of a section in chunks of at most `chunkRowsMax`.
   *
   * @param bytesBefore  of sections whose rows vary in size: about how many bytes rows 0 .. row take
   * @throws StoreError 'limit-exceeded' when a chunk or the section is larger than a reader accepts
   */
  section(
    section: Section,
    rowCount: number,
    write: (columns: ColumnWriter, start: number, end: number) => void,
    bytesBefore: (row: number) => Bytes = () => 0,
  ): void {
    let sectionBytes = 0;
    for (let start = 0; start < rowCount; ) {
      const end = chunkEnd(start, rowCount, bytesBefore);
      const columns = new ColumnWriter();
      write(columns, start, end);
      const raw = columns.written();
      sectionBytes += raw.length;
      checkSize(section, 'chunk', raw.length, chunkRawBytesMax);
      checkSize(section, 'section', sectionBytes, sectionRawBytesMax);
      const { codec, stored } = compress(raw, this.#zstdLevel);
      this.#chunks.push({ section, codec, firstRow: start, rowCount: end - start, rawBytes: raw.length, stored });
      start = end;
    }
  }

  /**
   * Everything in one buffer of its own, so that a thread can give it away.
   *
   * @returns headBytes: the header and the series
   */
  finish(): { readonly bytes: Uint8Array; readonly headBytes: Bytes } {
    const headerBytes = headerBytesFor(this.#chunks.length);
    const sizeBytes = this.#chunks.reduce((sum, chunk) => sum + chunk.stored.length, headerBytes);
    const bytes = new Uint8Array(sizeBytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Magic[this.#kind], true);
    view.setUint32(4, BLOCK_VERSION, true);
    view.setUint32(8, headerBytes, true);
    view.setUint32(12, this.#chunks.length, true);

    let entry = HEADER_PREFIX_BYTES;
    let offset = headerBytes;
    let headBytes = headerBytes;
    for (const chunk of this.#chunks) {
      view.setUint16(entry, chunk.section, true);
      view.setUint16(entry + 2, chunk.codec, true);
      view.setUint32(entry + 4, chunk.firstRow, true);
      view.setUint32(entry + 8, chunk.rowCount, true);
      view.setBigUint64(entry + 12, BigInt(offset), true);
      view.setUint32(entry + 20, chunk.stored.length, true);
      view.setUint32(entry + 24, chunk.rawBytes, true);
      view.setUint32(entry + 28, crc32(chunk.stored), true);
      entry += CHUNK_ENTRY_BYTES;
      bytes.set(chunk.stored, offset);
      offset += chunk.stored.length;
      if (chunk.section === Section.series) headBytes = offset;
    }
    assert(entry + CRC_BYTES === headerBytes, `header of ${headerBytes} bytes, written ${entry + CRC_BYTES}`);
    view.setUint32(entry, crc32(bytes.subarray(0, entry)), true);
    return { bytes, headBytes };
  }
}

/** As many rows as fit, at least one. */
function chunkEnd(start: number, rowCount: number, bytesBefore: (row: number) => Bytes): number {
  const bytesEnd = bytesBefore(start) + chunkRawBytesTarget;
  let low = start + 1;
  let high = Math.min(rowCount, start + chunkRowsMax);
  // The last row below `bytesEnd`: `bytesBefore` rises.
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (bytesBefore(middle) <= bytesEnd) low = middle;
    else high = middle - 1;
  }
  return low;
}

function compress(raw: Uint8Array, zstdLevel: number): { codec: Codec; stored: Uint8Array } {
  if (raw.length >= compressedBytesMin) {
    const stored = zstdCompressSync(raw, {
      params: { [constants.ZSTD_c_compressionLevel]: zstdLevel },
      pledgedSrcSize: raw.length,
      // One piece of output. What does not fit in is not worth storing compressed.
      chunkSize: raw.length + 64,
    });
    if (stored.length <= raw.length * 0.9) return { codec: Codec.zstd, stored };
  }
  return { codec: Codec.none, stored: raw };
}

function checkSize(section: Section, what: string, sizeBytes: Bytes, sizeBytesMax: Bytes): void {
  if (sizeBytes <= sizeBytesMax) return;
  throw new StoreError('limit-exceeded', `block ${sectionName(section)}: a ${what} is too large`, {
    sizeBytes,
    sizeBytesMax,
  });
}
