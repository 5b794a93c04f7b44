import type { LocationColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Section } from './block-format.ts';
import { ChunkWriter, type PageKey, pageRanges, segmentZstdLevel } from './chunk-writer.ts';
import { assertNoFault } from './column-fault.ts';
import { ColumnWriter } from './column-writer.ts';
import { countsOf } from './row-counts.ts';
import type { FamilyColumns, SpaceColumns } from './space-columns.ts';
import { spaceFault } from './space-faults.ts';

/**
 * Encodes a symbol space: header and chunks, in one buffer of its own. The plain version, and the definition: the
 * kernels that do the same faster are tested against it.
 *
 * @throws AssertionError when the columns break an invariant of `SpaceColumns`
 * @throws StoreError 'limit-exceeded' when a section is larger than a reader accepts
 * @cost   O(bytes), mostly in zstd
 * @source docs/formats/block-v1.md, "Symbol space"
 */
export function encodeSymbolSpace(space: SpaceColumns, zstdLevel: number = segmentZstdLevel): Uint8Array<ArrayBuffer> {
  assertNoFault(spaceFault(space));
  const writer = new ChunkWriter('symbols', zstdLevel);
  // What flame graphs read, then what only exports read. With function trees a flame graph needs names and no more.
  writeNames(writer, space);
  if (space.families.some(({ folded }) => folded !== undefined)) writer.closeChunk();
  writeFunctions(writer, space);
  writeLocations(writer, space);
  writer.closeChunk();
  for (const [family, columns] of space.families.entries()) {
    writeStacks(writer, family, columns);
    writer.closeChunk();
    writeFolded(writer, family, columns);
    writer.closeChunk();
  }
  writeDetails(writer, space);
  return writer.finish().bytes;
}

/** The columns of rows start .. end of a section. */
export type WritePage = (columns: ColumnWriter, start: number, end: number) => void;

/** Writes all pages of a section. @param bytesBefore as for `pageRanges` */
export function writePages(
  writer: ChunkWriter,
  key: PageKey,
  rowCount: number,
  write: WritePage,
  bytesBefore?: (row: number) => number,
): void {
  for (const { start, end } of pageRanges(rowCount, bytesBefore)) {
    const columns = new ColumnWriter();
    write(columns, start, end);
    writer.page(key, end - start, columns.written());
  }
}

function writeNames(writer: ChunkWriter, { names }: SpaceColumns): void {
  const rows = names.offsets.length - 1;
  const write: WritePage = (columns, start, end) => columns.strings(names, start, end);
  writePages(writer, { section: Section.names }, rows, write, (row) => names.offsets[row]);
}

function writeFunctions(writer: ChunkWriter, { functions }: SpaceColumns): void {
  writePages(writer, { section: Section.functions }, functions.name.length, (columns, start, end) => {
    writeFirstUses(columns, functions.name.subarray(start, end));
  });
}

function writeLocations(writer: ChunkWriter, { locations }: SpaceColumns): void {
  const { mapping, lineOffsets, lineFunction } = locations;
  const write: WritePage = (columns, start, end) => {
    columns.u32(countsOf(lineOffsets, start, end));
    writeFirstUses(columns, lineFunction.subarray(lineOffsets[start], lineOffsets[end]));
  };
  writePages(writer, { section: Section.locations }, mapping.length, write, (row) => lineOffsets[row] * LINE_BYTES);
}

function writeStacks(writer: ChunkWriter, family: number, { stacks, sampledStacks }: FamilyColumns): void {
  const { parent, location } = stacks;
  writePages(writer, { section: Section.stacks, family }, parent.length, (columns, start, end) => {
    writeTree(columns, parent, location, start, end);
  });
  writePages(writer, { section: Section.sampledStacks, family }, sampledStacks.length, (columns, start, end) => {
    columns.u32Deltas(sampledStacks.subarray(start, end));
  });
}

function writeFolded(writer: ChunkWriter, family: number, { folded }: FamilyColumns): void {
  if (folded === undefined) return;
  const { parent, name, node } = folded;
  writePages(writer, { section: Section.functionTree, family }, parent.length, (columns, start, end) => {
    writeTree(columns, parent, name, start, end);
  });
  writePages(writer, { section: Section.foldedStacks, family }, node.length, (columns, start, end) => {
    columns.u32Deltas(node.subarray(start, end));
  });
}

/** Distances, because a row mostly stands right behind its parent. The root's is 1: from row 0 to -1. */
function writeTree(columns: ColumnWriter, parent: Int32Array, key: Uint32Array, start: number, end: number): void {
  const distance = new Uint32Array(end - start);
  for (let i = start; i < end; i++) distance[i - start] = i - parent[i];
  columns.u32(distance);
  writeFirstUses(columns, key.subarray(start, end));
}

/** Symbols are numbered as they are first used, so most of a page goes on where its first row begins. */
function writeFirstUses(columns: ColumnWriter, references: Uint32Array): void {
  const first = references.length === 0 ? 0 : references[0];
  columns.number(first);
  columns.firstUse(references, first);
}

function writeDetails(writer: ChunkWriter, { texts, functions, mappings, locations }: SpaceColumns): void {
  const { name, systemName, filename, startLine } = functions;
  const textRows = texts.offsets.length - 1;
  const writeTexts: WritePage = (columns, start, end) => columns.strings(texts, start, end);
  writePages(writer, { section: Section.texts }, textRows, writeTexts, (row) => texts.offsets[row]);
  writePages(writer, { section: Section.functionDetails }, name.length, (columns, start, end) => {
    // Mostly the same name: the system name is the mangled one.
    columns.u32(systemName.subarray(start, end).map((row, i) => row - name[start + i]));
    writeFirstUses(columns, filename.subarray(start, end));
    columns.i64(startLine.subarray(start, end));
  });
  writePages(writer, { section: Section.mappings }, mappings.filename.length, (columns, start, end) => {
    columns.i64Deltas(mappings.memoryStart.subarray(start, end));
    columns.i64Deltas(mappings.memoryLimit.subarray(start, end));
    columns.i64Deltas(mappings.fileOffset.subarray(start, end));
    columns.u32Deltas(mappings.filename.subarray(start, end));
    columns.u32Deltas(mappings.buildId.subarray(start, end));
    columns.raw(mappings.flags.subarray(start, end));
  });
  const { mapping, address, folded, lineOffsets } = locations;
  const writeLocation: WritePage = (columns, start, end) => {
    columns.u32Deltas(mapping.subarray(start, end));
    columns.i64Deltas(address.subarray(start, end));
    columns.raw(folded.subarray(start, end));
    columns.number(lineOffsets[end] - lineOffsets[start]);
    columns.i64(linesFromStart(locations, startLine, lineOffsets[start], lineOffsets[end]));
  };
  const key = { section: Section.locationDetails };
  writePages(writer, key, mapping.length, writeLocation, (row) => lineOffsets[row] * LINE_BYTES);
}

/** Lines as their distance from where their function begins, modulo 2^64. */
function linesFromStart(
  { lineFunction, line }: LocationColumns,
  startLine: BigInt64Array,
  start: number,
  end: number,
): BigInt64Array {
  const distances = new BigInt64Array(end - start);
  for (let i = start; i < end; i++) distances[i - start] = line[i] - startLine[lineFunction[i]];
  return distances;
}

/** What a line adds to the pages of locations, about, so that a page of deeply inlined code is not too large. */
export const LINE_BYTES = 12;
