import { constants, crc32, zstdDecompressSync } from 'node:zlib';
import { Codec } from './block-format.ts';
import type { Chunk, Page } from './chunk-table.ts';
import { ColumnReader } from './column-reader.ts';
import { corruptedBlock } from './corrupted-block.ts';
import { bytesAt, type FetchedRange } from './fetched-ranges.ts';

/**
 * Opens pages of what was fetched of an object: checks and decompresses each chunk once, when its first page is asked
 * for.
 *
 * @source docs/formats/block-v1.md, "Chunks and pages"
 */
export class PageReader {
  readonly #fetched: readonly FetchedRange[];
  readonly #rawBytes = new Map<Chunk, Uint8Array>();

  constructor(fetched: readonly FetchedRange[]) {
    this.#fetched = fetched;
  }

  /** @throws StoreError as `rawBytesOf` */
  open(page: Page): ColumnReader {
    let raw = this.#rawBytes.get(page.chunk);
    if (raw === undefined) {
      raw = rawBytesOf(page.chunk, this.#fetched);
      this.#rawBytes.set(page.chunk, raw);
    }
    return new ColumnReader(page, raw.subarray(page.offset, page.offset + page.rawBytes));
  }
}

/**
 * The decompressed bytes of a chunk.
 *
 * @throws StoreError 'corrupted' when the stored bytes differ from their checksum, or do not decompress to what the
 *         chunk table says
 */
export function rawBytesOf(chunk: Chunk, fetched: readonly FetchedRange[]): Uint8Array {
  const stored = checkedBytesOf(chunk, fetched);
  if (chunk.codec === Codec.none) return stored;
  const raw = decompress(chunk, stored);
  if (raw.length !== chunk.rawBytes) {
    throw corruptedBlock('chunk: it decompresses to another length', {
      offset: chunk.range.offset,
      expected: chunk.rawBytes,
      actual: raw.length,
    });
  }
  return raw;
}

/** The stored bytes of a chunk. @throws StoreError 'corrupted' when they differ from their checksum */
export function checkedBytesOf(chunk: Chunk, fetched: readonly FetchedRange[]): Uint8Array {
  const stored = bytesAt(fetched, chunk.range);
  const actual = crc32(stored);
  if (actual === chunk.crc32) return stored;
  throw corruptedBlock('chunk: checksum differs', { offset: chunk.range.offset, expected: chunk.crc32, actual });
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
      rawBytes: chunk.rawBytes,
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
}
