import type { KernelInstance, Pointer } from './instance.ts';

// The records of the tables of wasm/symbol-space.ts: where their fields are, and their length.

export const FunctionRecord = { name: 0, system: 4, file: 8, startLine: 16, bytes: 24 } as const;
export const MappingRecord = { start: 0, limit: 8, offset: 16, file: 24, build: 28, flags: 32, bytes: 40 } as const;
export const LocationRecord = { bytes: 16, lineBytes: 16 } as const;

/** A field of all records of a table. Row 0, "none", has 0. @param width bytes of a record @returns u32[rows], in scratch */
export function layU32(kernels: KernelInstance, table: Pointer, rows: number, field: number, width: number): Pointer {
  const target = kernels.exports.allocScratch(rows * 4) >>> 0;
  kernels.exports.fieldU32(target, table, field, width);
  return target;
}

/** As `layU32`. @returns u64[rows], in scratch */
export function layU64(kernels: KernelInstance, table: Pointer, rows: number, field: number, width: number): Pointer {
  const target = kernels.exports.allocScratch(rows * 8) >>> 0;
  kernels.exports.fieldU64(target, table, field, width);
  return target;
}

/** How many lines all locations of a space have. @param table of locations */
export function lineCountOf(kernels: KernelInstance, table: Pointer): number {
  const rows = kernels.exports.tableRows(table) >>> 0;
  const bytes = kernels.u32()[((kernels.exports.tableOffsets(table) >>> 0) >>> 2) + rows];
  return (bytes - (rows - 1) * LocationRecord.bytes) / LocationRecord.lineBytes;
}
