import { type ChunkWriter, type PageKey, pageRanges } from '#src/domain/block/chunk-writer.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';

/** Room for the first columns of a page; more is made when it is needed. */
const FIRST_BYTES: Bytes = 64 << 10;

/**
 * Puts columns that lie in an arena into the pages of a `ChunkWriter`: the fast side of `ColumnWriter`, with the same
 * kinds of columns and the same bytes.
 *
 * @order  lives until the next `resetScratch`
 * @throws StoreError 'limit-exceeded' inside of `guard`, when scratch is full
 * @source docs/formats/block-v1.md, "Columns"
 */
export class PageEncoder {
  readonly #kernels: KernelInstance;
  readonly #output: Pointer;

  constructor(kernels: KernelInstance) {
    this.#kernels = kernels;
    this.#output = kernels.exports.outputNew(Arena.scratch, FIRST_BYTES) >>> 0;
  }

  /**
   * Writes all pages of a section.
   *
   * @param page         appends the columns of `n` rows from `start` on
   * @param bytesBefore  as for `pageRanges`
   */
  write(
    writer: ChunkWriter,
    key: PageKey,
    rowCount: number,
    page: (columns: this, start: number, n: number) => void,
    bytesBefore?: (row: number) => Bytes,
  ): void {
    const { exports } = this.#kernels;
    for (const { start, end } of pageRanges(rowCount, bytesBefore)) {
      exports.outputReset(this.#output);
      page(this, start, end - start);
      const at = exports.outputPointer(this.#output) >>> 0;
      const length = exports.outputLength(this.#output) >>> 0;
      writer.page(key, end - start, this.#kernels.u8().subarray(at, at + length));
    }
  }

  number(value: number): void {
    this.#kernels.exports.columnNumber(this.#output, value);
  }

  /** @param column u8[n] */
  raw(column: Pointer, n: number): void {
    this.#kernels.exports.columnBytes(this.#output, column, n);
  }

  /** @param column u32[n] */
  u32(column: Pointer, n: number): void {
    this.#kernels.exports.columnU32(this.#output, column, n);
  }

  /** @param column u32[n] */
  u32Deltas(column: Pointer, n: number): void {
    this.#kernels.exports.columnU32Deltas(this.#output, column, n);
  }

  /** The first one, and how the others follow from it. @param column u32[n] */
  firstUses(column: Pointer, n: number): void {
    const first = n === 0 ? 0 : this.#kernels.u32()[column >>> 2];
    this.number(first);
    this.#kernels.exports.columnFirstUse(this.#output, column, n, first);
  }

  /** @param column i64[n] */
  i64(column: Pointer, n: number): void {
    this.#kernels.exports.columnI64(this.#output, column, n);
  }

  /** @param column i64[n] */
  i64Deltas(column: Pointer, n: number): void {
    this.#kernels.exports.columnI64Deltas(this.#output, column, n);
  }

  /** @param column i64[n], not negative */
  values(column: Pointer, n: number): void {
    this.#kernels.exports.columnValues(this.#output, column, n);
  }

  /** Strings `start` .. `start + n` of a table. @param offsets u32[...], from where its first string begins */
  strings(bytes: Pointer, offsets: Pointer, start: number, n: number): void {
    this.#kernels.exports.columnStrings(this.#output, bytes, offsets, start, n);
  }
}
