import type { KernelInstance, Pointer } from './instance.ts';
import { FunctionRecord, layU32, layU64, lineCountOf, MappingRecord } from './lay-tables.ts';
import { Source } from './source.ts';

/**
 * Lays the symbols of a head out as a source for the kernels, in scratch, so that a part of them can be brought into
 * another space. Strings become one list, names before texts.
 *
 * @order what was interned from it is unknown until `sourceRowsReset`
 * @cost  O(symbols)
 */
export function sourceOfSpace(kernels: KernelInstance, space: Pointer): Pointer {
  const { exports } = kernels;
  const source = exports.allocScratch(Source.bytes) >>> 0;
  kernels.u8().fill(0, source, source + Source.bytes);
  const names = exports.spaceNames(space) >>> 0;
  const nameCount = exports.tableRows(names) >>> 0;
  const fields: [number, number][] = [
    ...layStrings(kernels, names, exports.spaceTexts(space) >>> 0),
    ...layFunctions(kernels, exports.spaceFunctions(space) >>> 0, nameCount),
    ...layMappings(kernels, exports.spaceMappings(space) >>> 0, nameCount),
    ...layLocations(kernels, exports.spaceLocations(space) >>> 0, exports.spaceFunctions(space) >>> 0),
  ];
  const u32 = kernels.u32();
  for (const [field, value] of fields) u32[(source + field) >>> 2] = value;
  return source;
}

function layStrings(kernels: KernelInstance, names: Pointer, texts: Pointer): [number, number][] {
  const { exports } = kernels;
  const nameCount = exports.tableRows(names) >>> 0;
  const textCount = exports.tableRows(texts) >>> 0;
  const rows = nameCount + textCount - 1;
  const [at, length] = [exports.allocScratch(rows * 4) >>> 0, exports.allocScratch(rows * 4) >>> 0];
  exports.stringRows(at, length, exports.tableOffsets(names), exports.tableBytes(names), nameCount);
  // Both lists begin with the empty string, and one does for both.
  const behind = nameCount * 4;
  const textOffsets = (exports.tableOffsets(texts) >>> 0) + 4;
  exports.stringRows(at + behind, length + behind, textOffsets, exports.tableBytes(texts), textCount - 1);
  return [
    [Source.strings, rows],
    [Source.stringAt, at],
    [Source.stringLength, length],
  ];
}

function layFunctions(kernels: KernelInstance, table: Pointer, nameCount: number): [number, number][] {
  const { exports } = kernels;
  const rows = exports.tableRows(table) >>> 0;
  const u32 = (field: number): Pointer => layU32(kernels, table, rows, field, FunctionRecord.bytes);
  const file = u32(FunctionRecord.file);
  exports.shiftReferences(file, rows, nameCount - 1);
  return [
    [Source.functions, rows],
    [Source.functionName, u32(FunctionRecord.name)],
    [Source.functionSystem, u32(FunctionRecord.system)],
    [Source.functionFile, file],
    [Source.functionStart, layU64(kernels, table, rows, FunctionRecord.startLine, FunctionRecord.bytes)],
  ];
}

function layMappings(kernels: KernelInstance, table: Pointer, nameCount: number): [number, number][] {
  const { exports } = kernels;
  const rows = exports.tableRows(table) >>> 0;
  const u64 = (field: number): Pointer => layU64(kernels, table, rows, field, MappingRecord.bytes);
  const u32 = (field: number): Pointer => layU32(kernels, table, rows, field, MappingRecord.bytes);
  const [file, build, flags] = [MappingRecord.file, MappingRecord.build, MappingRecord.flags].map(u32);
  for (const column of [file, build]) exports.shiftReferences(column, rows, nameCount - 1);
  exports.lowBytes(flags, flags, rows);
  return [
    [Source.mappings, rows],
    [Source.mappingStart, u64(MappingRecord.start)],
    [Source.mappingLimit, u64(MappingRecord.limit)],
    [Source.mappingOffset, u64(MappingRecord.offset)],
    [Source.mappingFile, file],
    [Source.mappingBuild, build],
    [Source.mappingFlags, flags],
  ];
}

function layLocations(kernels: KernelInstance, table: Pointer, functions: Pointer): [number, number][] {
  const { exports } = kernels;
  const alloc = (bytes: number): Pointer => exports.allocScratch(bytes) >>> 0;
  const rows = exports.tableRows(table) >>> 0;
  const lines = lineCountOf(kernels, table);
  // The kernel gives lines as their distance from where their function starts: here from 0.
  const zeros = alloc((exports.tableRows(functions) >>> 0) * 8);
  kernels.u8().fill(0, zeros, zeros + (exports.tableRows(functions) >>> 0) * 8);
  const [lineOffsets, mapping, address] = [alloc((rows + 1) * 4), alloc(rows * 4), alloc(rows * 8)];
  const [folded, lineFunction, line] = [alloc(rows), alloc(lines * 4), alloc(lines * 8)];
  exports.locationColumns(table, zeros, lineOffsets, mapping, address, folded, lineFunction, line);
  return [
    [Source.locations, rows],
    [Source.locationMapping, mapping],
    [Source.locationAddress, address],
    [Source.locationFolded, folded],
    [Source.locationLines, lineOffsets],
    [Source.lineFunction, lineFunction],
    [Source.lineNumber, line],
  ];
}
