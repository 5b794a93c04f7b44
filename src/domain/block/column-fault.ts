import { assert } from '#src/platform/assert.ts';
import { type Section, sectionName } from './block-format.ts';
import { type ChunkTable, pagesOf } from './chunk-table.ts';
import { corruptedBlock } from './corrupted-block.ts';

/**
 * The first value of some columns that breaks their invariant. A writer asserts that there is none; a reader, to whom
 * the same columns come from outside, refuses them.
 */
export type ColumnFault = {
  readonly section: Section;
  /** 0 when left out, as where the section is not one per family and value column. */
  readonly family?: number;
  readonly column?: number;
  /** The column, and what is wrong with it. */
  readonly problem: string;
  readonly row: number;
  readonly value: number | bigint;
  /** What the value would have to be, or to stay below. */
  readonly limit: number | bigint;
};

/** States, before columns are written, that a reader will accept them. */
export function assertNoFault(fault: ColumnFault | undefined): void {
  assert(
    fault === undefined,
    `block ${sectionName(fault?.section ?? 0)}: ${fault?.problem}: ${fault?.value} in row ${fault?.row}, limit ${fault?.limit}`,
  );
}

/** @throws StoreError 'corrupted' naming the place in the object, when there is a fault */
export function refuseFault(fault: ColumnFault | undefined, table: ChunkTable): void {
  if (fault === undefined) return;
  const { section, family = 0, column = 0, problem, row } = fault;
  const page = pagesOf(table, section, family, column).findLast(({ firstRow }) => firstRow <= row);
  throw corruptedBlock(`page: ${problem}`, {
    offset: (page?.chunk ?? table).range.offset,
    section: sectionName(section),
    family,
    column,
    row,
    value: String(fault.value),
    limit: String(fault.limit),
  });
}

/** A fault of columns that belong to a family. */
export function faultIn(fault: ColumnFault | undefined, family: number): ColumnFault | undefined {
  return fault && { ...fault, family };
}

/** The first row whose value is not below the limit, or -1. */
export function firstAtOrAbove(column: Uint32Array, limit: number): number {
  for (let i = 0; i < column.length; i++) if (column[i] >= limit) return i;
  return -1;
}

/** The first row i with column[i] > column[i + 1], or -1. */
export function firstFall(column: Uint32Array): number {
  for (let i = 1; i < column.length; i++) if (column[i - 1] > column[i]) return i - 1;
  return -1;
}

/** A fault of a column of row numbers, when one is not below `count`. */
export function referenceFault(
  section: Section,
  name: string,
  column: Uint32Array,
  count: number,
): ColumnFault | undefined {
  const row = firstAtOrAbove(column, count);
  if (row === -1) return undefined;
  return { section, problem: `${name} is not a row`, row, value: column[row], limit: count };
}

/** A fault of offsets that do not rise from 0 to `end`. */
export function offsetsFault(
  section: Section,
  name: string,
  offsets: Uint32Array,
  end: number,
): ColumnFault | undefined {
  if (offsets[0] !== 0) return { section, problem: `${name} do not start at 0`, row: 0, value: offsets[0], limit: 0 };
  const row = firstFall(offsets);
  if (row !== -1) return { section, problem: `${name} fall`, row, value: offsets[row], limit: offsets[row + 1] };
  const last = offsets.length - 1;
  if (offsets[last] === end) return undefined;
  return { section, problem: `${name} end elsewhere`, row: last, value: offsets[last], limit: end };
}

/** A fault of a column that must rise with every row. */
export function strictRiseFault(section: Section, name: string, column: Uint32Array): ColumnFault | undefined {
  for (let row = 1; row < column.length; row++) {
    if (column[row - 1] < column[row]) continue;
    return { section, problem: `${name} do not rise`, row, value: column[row], limit: column[row - 1] };
  }
  return undefined;
}

/** A fault of columns of one table that differ in length. */
export function lengthFault(section: Section, rowCount: number, lengths: readonly number[]): ColumnFault | undefined {
  const other = lengths.find((length) => length !== rowCount);
  if (other === undefined) return undefined;
  return { section, problem: 'columns differ in length', row: 0, value: other, limit: rowCount };
}
