import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Section } from './block-format.ts';
import { ChunkWriter, segmentZstdLevel } from './chunk-writer.ts';
import { assertNoFault } from './column-fault.ts';
import { countsOf } from './row-counts.ts';
import { symbolFault } from './symbol-faults.ts';

/**
 * Encodes a symbol space: header and chunks, in one buffer of its own.
 *
 * @throws AssertionError when the columns break an invariant of `SymbolColumns`
 * @throws StoreError 'limit-exceeded' when a section is larger than a reader accepts
 * @cost   O(bytes), mostly in zstd
 * @source docs/formats/block.md, "Symbol space"
 */
export function encodeSymbolSpace(symbols: SymbolColumns, zstdLevel: number = segmentZstdLevel): Uint8Array {
  assertNoFault(symbolFault(symbols));
  const space = new ChunkWriter('symbols', zstdLevel);
  writeStrings(space, symbols.strings);
  writeFunctions(space, symbols.functions);
  writeMappings(space, symbols.mappings);
  writeLocations(space, symbols.locations);
  writeStacks(space, symbols.stacks);
  return space.finish().bytes;
}

function writeStrings(space: ChunkWriter, { bytes, offsets }: SymbolColumns['strings']): void {
  space.section(
    Section.strings,
    offsets.length - 1,
    (columns, start, end) => {
      columns.u32(countsOf(offsets, start, end));
      columns.raw(bytes.subarray(offsets[start], offsets[end]));
    },
    (row) => offsets[row],
  );
}

function writeFunctions(space: ChunkWriter, functions: SymbolColumns['functions']): void {
  space.section(Section.functions, functions.name.length, (columns, start, end) => {
    columns.u32Deltas(functions.name.subarray(start, end));
    columns.u32Deltas(functions.systemName.subarray(start, end));
    columns.u32Deltas(functions.filename.subarray(start, end));
    columns.i64(functions.startLine.subarray(start, end));
  });
}

function writeMappings(space: ChunkWriter, mappings: SymbolColumns['mappings']): void {
  space.section(Section.mappings, mappings.filename.length, (columns, start, end) => {
    columns.i64Deltas(mappings.memoryStart.subarray(start, end));
    columns.i64Deltas(mappings.memoryLimit.subarray(start, end));
    columns.i64Deltas(mappings.fileOffset.subarray(start, end));
    columns.u32Deltas(mappings.filename.subarray(start, end));
    columns.u32Deltas(mappings.buildId.subarray(start, end));
    columns.raw(mappings.flags.subarray(start, end));
  });
}

function writeLocations(space: ChunkWriter, locations: SymbolColumns['locations']): void {
  const { mapping, address, folded, lineOffsets, lineFunction, line } = locations;
  space.section(
    Section.locations,
    mapping.length,
    (columns, start, end) => {
      columns.u32Deltas(mapping.subarray(start, end));
      columns.i64Deltas(address.subarray(start, end));
      columns.raw(folded.subarray(start, end));
      columns.u32(countsOf(lineOffsets, start, end));
      columns.u32Deltas(lineFunction.subarray(lineOffsets[start], lineOffsets[end]));
      columns.i64(line.subarray(lineOffsets[start], lineOffsets[end]));
    },
    (row) => lineOffsets[row] * 12,
  );
}

function writeStacks(space: ChunkWriter, { parent, location }: SymbolColumns['stacks']): void {
  space.section(Section.stacks, parent.length, (columns, start, end) => {
    // Distances, because a stack mostly stands right behind its parent. The root's is 1: from row 0 to -1.
    const distance = new Uint32Array(end - start);
    for (let i = start; i < end; i++) distance[i - start] = i - parent[i];
    columns.u32(distance);
    columns.u32Deltas(location.subarray(start, end));
  });
}
