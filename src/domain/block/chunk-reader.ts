import { constants, crc32, zstdDecompressSync } from 'node:zlib';
import { Codec, sectionName } from './block-format.ts';
import type { Chunk } from './chunk-table.ts';
import { ColumnReader } from './column-reader.ts';
import { corruptedBlock } from './corrupted-block.ts';
import { bytesAt, type FetchedRange } from './fetched-ranges.ts';

/**
 * Checks and decompresses a chunk.
 *
 * @throws StoreError 'corrupted' when the stored bytes differ from their checksum, or do not decompress to what the
 *         chunk table says
 * @source docs/formats/block.md, "Chunks"
 */
export function openChunk(chunk: Chunk, fetched: readonly FetchedRange[]): ColumnReader {
  return new ColumnReader(chunk, rawBytesOf(chunk, fetched));
}

/** The decompressed bytes of a chunk, checked. @throws StoreError as `openChunk` */
export function rawBytesOf(chunk: Chunk, fetched: readonly FetchedRange[]): Uint8Array {
  const stored = bytesAt(fetched, chunk.range);
  const where = { offset: chunk.range.offset, section: sectionName(chunk.section) };
  const actual = crc32(stored);
  if (actual !== chunk.crc32) {
    throw corruptedBlock('chunk: checksum differs', { ...where, expected: chunk.crc32, actual });
  }
  if (chunk.codec === Codec.none) return stored;

  const raw = decompress(chunk, stored);
  if (raw.length !== chunk.rawBytes) {
    throw corruptedBlock('chunk: it decompresses to another length', {
      ...where,
      expected: chunk.rawBytes,
      actual: raw.length,
    });
  }
  return raw;
}

function decompress(chunk: Chunk, stored: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(stored, {
      maxOutputLength: Math.max(1, chunk.rawBytes),
      // One byte more than the result, so that it is made in one piece and not joined from several.
      chunkSize: Math.max(constants.Z_MIN_CHUNK, chunk.rawBytes + 1),
      // No frame needs a window above the largest chunk, and a hostile one must not reserve more.
      params: { [constants.ZSTD_d_windowLogMax]: 26 },
    });
  } catch (cause) {
    throw corruptedBlock('chunk: it does not decompress', {
      offset: chunk.range.offset,
      section: sectionName(chunk.section),
      rawBytes: chunk.rawBytes,
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
}
