import { Section } from '#src/domain/block/block-format.ts';
import type { ChunkWriter } from '#src/domain/block/chunk-writer.ts';
import { countsOf } from '#src/domain/block/row-counts.ts';
import { LINE_BYTES } from '#src/domain/block/symbol-space-writer.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import type { PageEncoder } from './page-encoder.ts';

/** Which rows of the stack table of a family samples have. */
export type SampledStacks = {
  /** Of the stack table; 0 when the family has none, which is stored as one root. */
  readonly tree: Pointer;
  /** u32[rows of the stack table]: the place of a row in `sampled`. */
  readonly place: Pointer;
  /** u32[count] */
  readonly sampled: Pointer;
  readonly count: number;
};

/** Records of wasm/symbol-space.ts: where their fields are, and their length. */
const FunctionRecord = { name: 0, system: 4, file: 8, startLine: 16, bytes: 24 } as const;
const MappingRecord = { start: 0, limit: 8, offset: 16, file: 24, build: 28, flags: 32, bytes: 40 } as const;
const LocationRecord = { bytes: 16, lineBytes: 16 } as const;

/**
 * Writes the symbol space of a head as `encodeSymbolSpace` does: the same pages, with the same bytes.
 *
 * @param families  the stacks that samples have, by family
 * @order what is laid out stays in scratch until the next `resetScratch`
 * @cost  O(rows)
 * @throws StoreError 'limit-exceeded' inside of `guard`, when scratch is full
 * @source docs/formats/block-v1.md, "Symbol space"
 */
export function encodeSpace(
  kernels: KernelInstance,
  space: Pointer,
  families: readonly SampledStacks[],
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const { exports } = kernels;
  const functions = layFunctions(kernels, exports.spaceFunctions(space) >>> 0);
  const locations = layLocations(kernels, exports.spaceLocations(space) >>> 0, functions.startLine);
  writeStrings(kernels, exports.spaceNames(space) >>> 0, Section.names, pages, writer);
  pages.write(writer, { section: Section.functions }, functions.rows, (columns, start, n) => {
    columns.firstUses(functions.name + start * 4, n);
  });
  pages.write(
    writer,
    { section: Section.locations },
    locations.rows,
    (columns, start, n) => {
      const lines = locations.lines(start, n);
      columns.u32(kernels.putColumn(lines.counts), n);
      columns.firstUses(locations.lineFunction + lines.start * 4, lines.n);
    },
    locations.bytesBefore,
  );
  writer.closeChunk();
  for (const [family, { tree, sampled, count }] of families.entries()) {
    writeTree(kernels, tree, family, pages, writer);
    pages.write(writer, { section: Section.sampledStacks, family }, count, (columns, start, n) => {
      columns.u32Deltas(sampled + start * 4, n);
    });
    writer.closeChunk();
  }
  writeStrings(kernels, exports.spaceTexts(space) >>> 0, Section.texts, pages, writer);
  pages.write(writer, { section: Section.functionDetails }, functions.rows, (columns, start, n) => {
    columns.u32(functions.systemDistance + start * 4, n);
    columns.firstUses(functions.file + start * 4, n);
    columns.i64(functions.startLine + start * 8, n);
  });
  writeMappings(kernels, exports.spaceMappings(space) >>> 0, pages, writer);
  pages.write(
    writer,
    { section: Section.locationDetails },
    locations.rows,
    (columns, start, n) => {
      const lines = locations.lines(start, n);
      columns.u32Deltas(locations.mapping + start * 4, n);
      columns.i64Deltas(locations.address + start * 8, n);
      columns.raw(locations.folded + start, n);
      columns.number(lines.n);
      columns.i64(locations.lineDistance + lines.start * 8, lines.n);
    },
    locations.bytesBefore,
  );
}

/**
 * Finds the stacks of a family that samples have.
 *
 * @param columns  the stack columns of all datasets
 * @cost  O(rows of the stack table + samples)
 */
export function sampledStacksOf(
  kernels: KernelInstance,
  tree: Pointer,
  columns: readonly { readonly stack: Pointer; readonly count: number }[],
): SampledStacks {
  const { exports } = kernels;
  const rows = tree === 0 ? 1 : exports.treeRows(tree) >>> 0;
  const place = exports.allocScratch(rows * 4) >>> 0;
  kernels.u8().fill(0, place, place + rows * 4);
  for (const { stack, count: n } of columns) exports.markStacks(place, stack, n);
  const sampled = exports.allocScratch(rows * 4) >>> 0;
  const count = exports.placeStacks(place, sampled, rows) >>> 0;
  exports.shrinkScratch(sampled + count * 4);
  return { tree, place, sampled, count };
}

function writeStrings(
  kernels: KernelInstance,
  table: Pointer,
  section: typeof Section.names | typeof Section.texts,
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const rows = kernels.exports.tableRows(table) >>> 0;
  const offsets = kernels.exports.tableOffsets(table) >>> 0;
  const bytes = kernels.exports.tableBytes(table) >>> 0;
  const bytesBefore = (row: number): number => kernels.u32()[(offsets >>> 2) + row];
  pages.write(writer, { section }, rows, (columns, start, n) => columns.strings(bytes, offsets, start, n), bytesBefore);
}

type FunctionsLaid = {
  readonly rows: number;
  readonly name: Pointer;
  readonly systemDistance: Pointer;
  readonly file: Pointer;
  readonly startLine: Pointer;
};

function layFunctions(kernels: KernelInstance, table: Pointer): FunctionsLaid {
  const { exports } = kernels;
  const rows = exports.tableRows(table) >>> 0;
  const u32 = (field: number): Pointer => layU32(kernels, table, rows, field, FunctionRecord.bytes);
  const name = u32(FunctionRecord.name);
  const systemDistance = u32(FunctionRecord.system);
  exports.subtractU32(systemDistance, name, rows);
  const file = u32(FunctionRecord.file);
  const startLine = layU64(kernels, table, rows, FunctionRecord.startLine, FunctionRecord.bytes);
  return { rows, name, systemDistance, file, startLine };
}

type LocationsLaid = {
  readonly rows: number;
  readonly mapping: Pointer;
  readonly address: Pointer;
  readonly folded: Pointer;
  readonly lineFunction: Pointer;
  readonly lineDistance: Pointer;
  /** The lines of `n` locations from `start` on. */
  lines(start: number, n: number): { readonly start: number; readonly n: number; readonly counts: Uint32Array };
  bytesBefore(row: number): number;
};

function layLocations(kernels: KernelInstance, table: Pointer, startLine: Pointer): LocationsLaid {
  const { exports } = kernels;
  const rows = exports.tableRows(table) >>> 0;
  const bytes = kernels.u32()[((exports.tableOffsets(table) >>> 0) >>> 2) + rows];
  const lineCount = (bytes - (rows - 1) * LocationRecord.bytes) / LocationRecord.lineBytes;
  const alloc = (size: number): Pointer => exports.allocScratch(size) >>> 0;
  const [lineOffsets, mapping, address] = [alloc((rows + 1) * 4), alloc(rows * 4), alloc(rows * 8)];
  const [folded, lineFunction, lineDistance] = [alloc(rows), alloc(lineCount * 4), alloc(lineCount * 8)];
  exports.locationColumns(table, startLine, lineOffsets, mapping, address, folded, lineFunction, lineDistance);
  const offsets = kernels.takeU32(lineOffsets, rows + 1);
  return {
    ...{ rows, mapping, address, folded, lineFunction, lineDistance },
    lines: (start, n) => ({
      start: offsets[start],
      n: offsets[start + n] - offsets[start],
      counts: countsOf(offsets, start, start + n),
    }),
    bytesBefore: (row) => offsets[row] * LINE_BYTES,
  };
}

function writeTree(
  kernels: KernelInstance,
  tree: Pointer,
  family: number,
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const { exports } = kernels;
  const rows = tree === 0 ? 1 : exports.treeRows(tree) >>> 0;
  const distance = exports.allocScratch(rows * 4) >>> 0;
  const key = exports.allocScratch(rows * 4) >>> 0;
  if (tree === 0) {
    kernels.u32()[distance >>> 2] = 1;
    kernels.u32()[key >>> 2] = 0;
  } else exports.treeColumns(tree, distance, key);
  pages.write(writer, { section: Section.stacks, family }, rows, (columns, start, n) => {
    columns.u32(distance + start * 4, n);
    columns.firstUses(key + start * 4, n);
  });
}

function writeMappings(kernels: KernelInstance, table: Pointer, pages: PageEncoder, writer: ChunkWriter): void {
  const { exports } = kernels;
  const rows = exports.tableRows(table) >>> 0;
  const u64 = (field: number): Pointer => layU64(kernels, table, rows, field, MappingRecord.bytes);
  const u32 = (field: number): Pointer => layU32(kernels, table, rows, field, MappingRecord.bytes);
  const [start, limit, offset] = [MappingRecord.start, MappingRecord.limit, MappingRecord.offset].map(u64);
  const [file, build, flags] = [MappingRecord.file, MappingRecord.build, MappingRecord.flags].map(u32);
  exports.lowBytes(flags, flags, rows);
  pages.write(writer, { section: Section.mappings }, rows, (columns, first, n) => {
    for (const column of [start, limit, offset]) columns.i64Deltas(column + first * 8, n);
    for (const column of [file, build]) columns.u32Deltas(column + first * 4, n);
    columns.raw(flags + first, n);
  });
}

function layU32(kernels: KernelInstance, table: Pointer, rows: number, field: number, width: number): Pointer {
  const target = kernels.exports.allocScratch(rows * 4) >>> 0;
  kernels.exports.fieldU32(target, table, field, width);
  return target;
}

function layU64(kernels: KernelInstance, table: Pointer, rows: number, field: number, width: number): Pointer {
  const target = kernels.exports.allocScratch(rows * 8) >>> 0;
  kernels.exports.fieldU64(target, table, field, width);
  return target;
}
