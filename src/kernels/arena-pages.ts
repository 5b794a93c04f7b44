import { Codec } from '#src/domain/block/block-format.ts';
import { checkedBytesOf } from '#src/domain/block/chunk-reader.ts';
import type { Chunk, Page } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { placeOf } from '#src/domain/block/page-place.ts';
import type { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { ColumnDecoder } from './column-decoder.ts';
import type { KernelInstance, Pointer } from './instance.ts';

/** Decompresses a zstd frame to exactly the length of the target. @throws StoreError 'corrupted' */
export type Decompress = (frame: Uint8Array, target: Uint8Array, origin: { readonly offset: number }) => void;

/**
 * Raw bytes that are decompressed and decoded in one step, which takes about five milliseconds. A page has at most as
 * many rows as bytes.
 */
const STEP_BYTES: Bytes = 512 << 10;

/**
 * Opens pages of what was fetched of an object in the scratch arena: the fast side of `PageReader`. Each chunk is
 * checked and decompressed once, when its first page is asked for.
 *
 * @order  lives until the next `resetScratch`
 * @source docs/formats/block-v1.md, "Chunks and pages"
 */
export class ArenaPages {
  readonly kernels: KernelInstance;
  readonly fetched: readonly FetchedRange[];
  readonly #decompress: Decompress;
  readonly #rawAt = new Map<Chunk, Pointer>();
  #spentBytes: Bytes = 0;

  constructor(kernels: KernelInstance, fetched: readonly FetchedRange[], decompress: Decompress) {
    this.kernels = kernels;
    this.fetched = fetched;
    this.#decompress = decompress;
  }

  /** @throws StoreError 'corrupted' when the chunk differs from its checksum or its length */
  open(page: Page): ColumnDecoder {
    let raw = this.#rawAt.get(page.chunk);
    if (raw === undefined) {
      raw = this.#raw(page.chunk);
      this.#rawAt.set(page.chunk, raw);
    }
    return new ColumnDecoder(this.kernels, page, raw + page.offset, page.rawBytes);
  }

  /**
   * Counts what is decoded, because pages are of very different sizes and a pause for each would cost more than most.
   *
   * @param page  was decoded
   * @returns     whether a step has come together
   */
  spend({ rawBytes }: Page): boolean {
    this.#spentBytes += rawBytes;
    if (this.#spentBytes < STEP_BYTES) return false;
    this.#spentBytes = 0;
    return true;
  }

  #raw(chunk: Chunk): Pointer {
    const stored = checkedBytesOf(chunk, this.fetched);
    if (chunk.codec === Codec.none) return this.kernels.put(stored);
    const pointer = this.kernels.exports.allocScratch(chunk.rawBytes) >>> 0;
    const target = this.kernels.u8().subarray(pointer, pointer + chunk.rawBytes);
    this.#decompress(stored, target, { offset: chunk.range.offset });
    return pointer;
  }
}

/** What is wrong with a column of a page that decoded well. @param place  of the row in the page */
export function pageFault(page: Page, problem: string, place: number, facts: Record<string, number> = {}): StoreError {
  return corruptedBlock(`page: ${problem}`, { ...placeOf(page), row: page.firstRow + place, ...facts });
}
