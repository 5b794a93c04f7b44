import type { Page } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import { placeOf } from '#src/domain/block/page-place.ts';
import type { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { KernelInstance, Pointer } from './instance.ts';

/** What can be wrong, by the numbers of wasm/column-decode.ts, and what its details are. */
const FAULTS: readonly (readonly [what: string, ...details: string[]])[] = [
  ['nothing is wrong'],
  ['a number is cut short', 'wanted'],
  ['bytes is cut short', 'wanted'],
  ['a column is cut short', 'wanted'],
  ['the number of planes is cut short', 'wanted'],
  ['a divisor is cut short', 'wanted'],
  ['the text of strings is cut short', 'wanted'],
  ['the number of planes is wrong', 'planes', 'max', 'values'],
  ['more values are claimed than bytes are left', 'claimed'],
  ['bytes are left after the last column'],
  ['a divisor is 0'],
  ['a value times its divisor has more than 64 bits', 'row'],
  ['a string shares more than the one before has', 'row', 'sharedBytes', 'previousBytes'],
  ['strings have more bytes than they may have', 'row', 'bytes', 'bytesMax'],
];

/**
 * Reads back what a `PageEncoder` or a `ColumnWriter` appended, in the same order, into columns in scratch: the kernel of
 * `ColumnReader`, with the same errors. Each method claims its rows before it allocates, so the memory that hostile
 * bytes can ask for is at most eight times their own, and strings have a limit.
 *
 * For whole chunks in one call, kernels use wasm/column-decode.ts and `corrupted` tells what they met.
 *
 * Columns that go on over several pages are read to a `target` of the caller's, who knows that there is room.
 *
 * @order  results live until the next `resetScratch`. One decoder at a time: the kernels remember one error
 * @cost   O(n) per column; nothing is copied out. `KernelInstance.takeU32` and its like do that
 * @throws StoreError 'corrupted' from every method, with the chunk's section and place in the object; and
 *         'limit-exceeded' inside of `guard`, when scratch is full
 * @source docs/formats/block-v1.md, "Columns"
 */
export class ColumnDecoder {
  /** The `reader` of wasm/column-decode.ts. */
  readonly reader: Pointer;
  readonly #kernels: KernelInstance;
  readonly #page: Page;
  readonly #lengthBytes: Bytes;

  /** @param pointer  the decompressed bytes of the chunk, as `KernelInstance.put` lays them down */
  constructor(kernels: KernelInstance, page: Page, pointer: Pointer, lengthBytes: Bytes) {
    this.#kernels = kernels;
    this.#page = page;
    this.#lengthBytes = lengthBytes;
    this.reader = kernels.exports.readerNew(pointer, lengthBytes) >>> 0;
  }

  number(): number {
    const value = this.#kernels.exports.readNumber(this.reader) >>> 0;
    if (this.#kernels.exports.columnError.value !== 0) throw this.corrupted();
    return value;
  }

  /** @returns where the bytes are, among those of the chunk */
  raw(bytes: Bytes): Pointer {
    const pointer = this.#kernels.exports.readBytes(this.reader, bytes) >>> 0;
    if (pointer === 0) throw this.corrupted();
    return pointer;
  }

  /** @returns u32[n] */
  u32(n: number, target = this.#target(n, 4)): Pointer {
    this.#check(this.#kernels.exports.readU32(this.reader, target, n));
    return target;
  }

  /** @returns u32[n] */
  u32Deltas(n: number, target = this.#target(n, 4)): Pointer {
    this.#check(this.#kernels.exports.readU32Deltas(this.reader, target, n));
    return target;
  }

  /** @param next as it was written with @returns u32[n] */
  firstUse(n: number, next: number, target = this.#target(n, 4)): Pointer {
    this.#check(this.#kernels.exports.readFirstUse(this.reader, target, n, next));
    return target;
  }

  /** @returns u64[n] */
  u64(n: number, target = this.#target(n, 8)): Pointer {
    this.#check(this.#kernels.exports.readU64(this.reader, target, n));
    return target;
  }

  /** @returns i64[n] */
  i64(n: number, target = this.#target(n, 8)): Pointer {
    this.#check(this.#kernels.exports.readI64(this.reader, target, n));
    return target;
  }

  /** @returns i64[n] */
  i64Deltas(n: number, target = this.#target(n, 8)): Pointer {
    this.#check(this.#kernels.exports.readI64Deltas(this.reader, target, n));
    return target;
  }

  /** @returns u64[n] */
  values(n: number, target = this.#target(n, 8)): Pointer {
    this.#check(this.#kernels.exports.readValues(this.reader, target, n));
    return target;
  }

  /**
   * @param bytesMax  of all strings together: stored bytes can stand for many times as many
   * @returns         offsets u32[n + 1], bytes u8[offsets[n]]
   */
  strings(n: number, bytesMax: Bytes): { readonly offsets: Pointer; readonly bytes: Pointer } {
    this.claim(n);
    const offsets = this.#kernels.exports.allocScratch((n + 1) * 4) >>> 0;
    const bytes = this.#kernels.exports.readStrings(this.reader, offsets, n, bytesMax) >>> 0;
    if (bytes === 0) throw this.corrupted();
    return { offsets, bytes };
  }

  /** States that `n` more values follow, before memory for them is allocated. */
  claim(n: number): void {
    this.#check(this.#kernels.exports.readerClaim(this.reader, n));
  }

  /** States that all has been read. */
  end(): void {
    this.#check(this.#kernels.exports.readerEnd(this.reader));
  }

  /** What a kernel met in the chunk. @order after one that returned "no" */
  corrupted(): StoreError {
    const { columnError, columnDetail, columnDetail2, columnDetail3 } = this.#kernels.exports;
    const [what, ...names] = FAULTS[columnError.value];
    const values = [columnDetail, columnDetail2, columnDetail3].map((detail) => Number(detail.value));
    return corruptedBlock(`page: ${what}`, {
      ...placeOf(this.#page),
      rawOffset: this.#kernels.exports.readerOffset(this.reader) >>> 0,
      rawBytes: this.#lengthBytes,
      ...Object.fromEntries(names.map((name, i) => [name, values[i]])),
    });
  }

  #target(n: number, width: Bytes): Pointer {
    this.claim(n);
    return this.#kernels.exports.allocScratch(n * width) >>> 0;
  }

  #check(good: number): void {
    if (good === 0) throw this.corrupted();
  }
}
