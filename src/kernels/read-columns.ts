import { type Section, sectionName } from '#src/domain/block/block-format.ts';
import { type ChunkTable, type Page, pagesOf, rowCountOf } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { type ArenaPages, pageFault } from './arena-pages.ts';
import type { ColumnDecoder } from './column-decoder.ts';
import type { KernelInstance, Pointer } from './instance.ts';

/**
 * Reads all pages of a section.
 *
 * @param read  gets the columns of a page: `start` is its first row, `n` how many it has
 */
export function* readPages(
  pages: ArenaPages,
  of: readonly Page[],
  read: (columns: ColumnDecoder, start: number, n: number, page: Page) => void,
): Steps<void> {
  for (const page of of) {
    const columns = pages.open(page);
    read(columns, page.firstRow, page.rowCount, page);
    columns.end();
    if (pages.spend(page)) yield;
  }
}

/** Room in scratch for a column of all rows. @order the rows are those of a `ChunkTable`, so they are bounded by bytes */
export function roomFor(kernels: KernelInstance, rows: number, width: number): Pointer {
  return kernels.exports.allocScratch(rows * width) >>> 0;
}

/** @throws StoreError 'corrupted' when a value of the column, of a page's rows, is not below the limit */
export function checkReferences(
  kernels: KernelInstance,
  page: Page,
  what: string,
  column: Pointer,
  n: number,
  limit: number,
): void {
  if (kernels.exports.allBelow(column, n, limit) !== 0) return;
  const place = kernels
    .u32()
    .subarray(column >>> 2, (column >>> 2) + n)
    .findIndex((value) => value >= limit);
  throw pageFault(page, `${what} is not a row`, place, { value: kernels.u32()[(column >>> 2) + place], limit });
}

/**
 * @param fields  of row 0 of a section, which stands for "none": where each is, and its width
 * @throws StoreError 'corrupted' when one is not 0
 */
export function checkNone(kernels: KernelInstance, page: Page, fields: readonly (readonly [Pointer, Bytes])[]): void {
  const u8 = kernels.u8();
  for (const [at, width] of fields) {
    for (let i = 0; i < width; i++) if (u8[at + i] !== 0) throw pageFault(page, 'row 0 is not empty', 0);
  }
}

/** Rows of a section that must have the first one. @throws StoreError 'corrupted' when there is none */
export function rowsWithFirst(table: ChunkTable, section: Section, family = 0): number {
  const rows = rowCountOf(table, section, family);
  if (rows > 0) return rows;
  const details = { offset: table.range.offset, section: sectionName(section), family };
  throw corruptedBlock('page table: row 0 is missing', details);
}

/** @throws StoreError 'corrupted' when a section that goes on with the rows of another has another number of them */
export function sameRows(table: ChunkTable, section: Section, rows: number): readonly Page[] {
  const actual = rowCountOf(table, section);
  if (actual === rows) return pagesOf(table, section);
  const details = { offset: table.range.offset, section: sectionName(section), value: actual, limit: rows };
  throw corruptedBlock('page table: another number of rows than in its first part', details);
}
