import type { Bytes } from '#src/domain/model/units.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';

/** Room for the first columns of a chunk; more is made when it is needed. */
const FIRST_BYTES = 4096;

/**
 * Appends columns to the raw bytes of a chunk, as its plain twin `ColumnWriter` does: the same kinds, the same bytes.
 *
 * Columns are copied into scratch, where they stay until the next `resetScratch`. Columns that lie in an arena already
 * are appended with the exports of wasm/column-encode.ts, to `output`.
 *
 * @order  with an output in scratch, everything lives until the next `resetScratch`
 * @cost   O(n) per column, plus a copy of it. An output that is not the last of its arena moves when it grows, and its
 *         old place is lost until the arena is reset: at most as much as it has at last
 * @throws StoreError 'limit-exceeded' inside of `guard`, when an arena is full; what was appended before is whole
 * @source docs/formats/block-v1.md, "Columns"
 */
export class ColumnEncoder {
  /** The `output` of wasm/column-encode.ts. */
  readonly output: Pointer;
  readonly #kernels: KernelInstance;

  /** @param arena  of the output */
  constructor(kernels: KernelInstance, arena: (typeof Arena)[keyof typeof Arena] = Arena.scratch) {
    this.#kernels = kernels;
    this.output = kernels.exports.outputNew(arena, FIRST_BYTES) >>> 0;
  }

  number(value: number): void {
    this.#kernels.exports.columnNumber(this.output, value);
  }

  raw(bytes: Uint8Array): void {
    this.#kernels.exports.columnBytes(this.output, this.#kernels.put(bytes), bytes.length);
  }

  u32(column: Uint32Array): void {
    this.#kernels.exports.columnU32(this.output, this.#kernels.putColumn(column), column.length);
  }

  u32Deltas(column: Uint32Array): void {
    this.#kernels.exports.columnU32Deltas(this.output, this.#kernels.putColumn(column), column.length);
  }

  firstUse(column: Uint32Array, next: number): void {
    this.#kernels.exports.columnFirstUse(this.output, this.#kernels.putColumn(column), column.length, next);
  }

  u64(column: BigInt64Array | BigUint64Array): void {
    this.#kernels.exports.columnU64(this.output, this.#kernels.putColumn(column), column.length);
  }

  i64(column: BigInt64Array | BigUint64Array): void {
    this.#kernels.exports.columnI64(this.output, this.#kernels.putColumn(column), column.length);
  }

  i64Deltas(column: BigInt64Array | BigUint64Array): void {
    this.#kernels.exports.columnI64Deltas(this.output, this.#kernels.putColumn(column), column.length);
  }

  values(column: BigInt64Array | BigUint64Array): void {
    this.#kernels.exports.columnValues(this.output, this.#kernels.putColumn(column), column.length);
  }

  /** @cost copies all strings, also those before `firstRow` */
  strings({ bytes, offsets }: ByteStrings, firstRow: number, endRow: number): void {
    const bytesAt = this.#kernels.put(bytes);
    const offsetsAt = this.#kernels.putColumn(offsets);
    this.#kernels.exports.columnStrings(this.output, bytesAt, offsetsAt, firstRow, endRow - firstRow);
  }

  get lengthBytes(): Bytes {
    return this.#kernels.exports.outputLength(this.output) >>> 0;
  }

  /** What was appended so far, as a copy. */
  take(): Uint8Array {
    const pointer = this.#kernels.exports.outputPointer(this.output) >>> 0;
    return this.#kernels.takeU8(pointer, this.lengthBytes);
  }
}
