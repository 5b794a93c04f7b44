import { Section } from '#src/domain/block/block-format.ts';
import type { ChunkWriter, PageKey } from '#src/domain/block/chunk-writer.ts';
import { countsOf } from '#src/domain/block/row-counts.ts';
import { LINE_BYTES } from '#src/domain/block/symbol-space-writer.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { FunctionRecord, layU32, layU64, lineCountOf, MappingRecord } from './lay-tables.ts';
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

/** The function tree of a family of a compacted block. */
export type FoldedTree = {
  /** Its keys are rows of the names. */
  readonly tree: Pointer;
  /** u32[sampled]: the node of each sampled stack. */
  readonly node: Pointer;
};

/** Functions and locations of a symbol space as columns, in scratch. */
export type SpaceLaid = { readonly functions: FunctionsLaid; readonly locations: LocationsLaid };

/**
 * Writes the symbol space of a head as `encodeSymbolSpace` does: the same pages, with the same bytes.
 *
 * @param laid      the functions and locations of the space
 * @param families  the stacks that samples have, by family
 * @order what is laid out stays in scratch until the next `resetScratch`
 * @cost  O(rows)
 * @throws StoreError 'limit-exceeded' inside of `guard`, when scratch is full
 * @source docs/formats/block-v1.md, "Symbol space"
 */
export function encodeSpace(
  kernels: KernelInstance,
  space: Pointer,
  { functions, locations }: SpaceLaid,
  families: readonly (SampledStacks & { readonly folded?: FoldedTree })[],
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const { exports } = kernels;
  writeStrings(kernels, exports.spaceNames(space) >>> 0, Section.names, pages, writer);
  // With function trees a flame graph needs names and no more.
  if (families.some(({ folded }) => folded !== undefined)) writer.closeChunk();
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
  for (const [family, { tree, sampled, count, folded }] of families.entries()) {
    writeTree(kernels, tree, { section: Section.stacks, family }, pages, writer);
    pages.write(writer, { section: Section.sampledStacks, family }, count, (columns, start, n) => {
      columns.u32Deltas(sampled + start * 4, n);
    });
    writer.closeChunk();
    if (folded === undefined) continue;
    writeTree(kernels, folded.tree, { section: Section.functionTree, family }, pages, writer);
    pages.write(writer, { section: Section.foldedStacks, family }, count, (columns, start, n) => {
      columns.u32Deltas(folded.node + start * 4, n);
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

export function laySpace(kernels: KernelInstance, space: Pointer): SpaceLaid {
  const { exports } = kernels;
  const functions = layFunctions(kernels, exports.spaceFunctions(space) >>> 0);
  const locations = layLocations(kernels, exports.spaceLocations(space) >>> 0, functions.startLine);
  return { functions, locations };
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
  /** u32[rows + 1] */
  readonly lineOffsets: Pointer;
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
  const lineCount = lineCountOf(kernels, table);
  const alloc = (size: number): Pointer => exports.allocScratch(size) >>> 0;
  const [lineOffsets, mapping, address] = [alloc((rows + 1) * 4), alloc(rows * 4), alloc(rows * 8)];
  const [folded, lineFunction, lineDistance] = [alloc(rows), alloc(lineCount * 4), alloc(lineCount * 8)];
  exports.locationColumns(table, startLine, lineOffsets, mapping, address, folded, lineFunction, lineDistance);
  const offsets = kernels.takeU32(lineOffsets, rows + 1);
  return {
    ...{ rows, lineOffsets, mapping, address, folded, lineFunction, lineDistance },
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
  page: PageKey,
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
  pages.write(writer, page, rows, (columns, start, n) => {
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
