import type { SpaceColumns } from '#src/domain/block/space-columns.ts';
import type {
  ByteStrings,
  FunctionColumns,
  LocationColumns,
  MappingColumns,
  StackColumns,
  SymbolColumns,
} from '#src/domain/symbols/symbol-columns.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { Source } from './source.ts';

/** The symbols of a head, with the stack tables of its first families. */
export type SpaceTaken = Omit<SpaceColumns, 'families'> & { readonly stacks: readonly StackColumns[] };

/**
 * Copies the symbol space of a head out of the kernels' memory.
 *
 * @cost O(bytes of the space)
 */
export function takeSpace(kernels: KernelInstance, space: Pointer, familyCount: number): SpaceTaken {
  const { exports } = kernels;
  return {
    names: takeStrings(kernels, exports.spaceNames(space)),
    texts: takeStrings(kernels, exports.spaceTexts(space)),
    ...takeTables(kernels, space),
    stacks: Array.from({ length: familyCount }, (_, i) => takeStacks(kernels, exports.spaceFamily(space, i))),
  };
}

/** Copies the symbol space of an answer out, which has one table of strings and one family. @cost as `takeSpace` */
export function takeSymbols(kernels: KernelInstance, space: Pointer): SymbolColumns {
  const { exports } = kernels;
  return {
    strings: takeStrings(kernels, exports.spaceNames(space)),
    ...takeTables(kernels, space),
    stacks: takeStacks(kernels, exports.spaceFamily(space, 0)),
  };
}

function takeTables(
  kernels: KernelInstance,
  space: Pointer,
): { functions: FunctionColumns; mappings: MappingColumns; locations: LocationColumns } {
  const { exports } = kernels;
  return {
    functions: takeFunctions(kernels, exports.spaceFunctions(space)),
    mappings: takeMappings(kernels, exports.spaceMappings(space)),
    locations: takeLocations(kernels, exports.spaceLocations(space)),
  };
}

/** Copies the strings of an intern table out. Row 0 is the empty string. */
export function takeStrings(kernels: KernelInstance, table: Pointer): ByteStrings {
  const { rows, offsets, at } = tableOf(kernels, table);
  return { offsets, bytes: kernels.takeU8(at, offsets[rows]) };
}

/**
 * Lays the symbols of a block out as a source for the kernels.
 *
 * @returns the source; what the kernels intern from it is remembered in its row columns
 * @cost    one copy of the symbols
 */
export function putSource(kernels: KernelInstance, symbols: SymbolColumns): Pointer {
  const { exports } = kernels;
  const source = exports.allocScratch(Source.bytes) >>> 0;
  const { functions, mappings, locations } = symbols;
  const strings = putStrings(kernels, symbols.strings);
  const fields: [number, number][] = [
    [Source.strings, symbols.strings.offsets.length - 1],
    [Source.stringAt, strings.at],
    [Source.stringLength, strings.length],
    [Source.functions, functions.name.length],
    [Source.functionName, kernels.putColumn(functions.name)],
    [Source.functionSystem, kernels.putColumn(functions.systemName)],
    [Source.functionFile, kernels.putColumn(functions.filename)],
    [Source.functionStart, kernels.putColumn(functions.startLine)],
    [Source.mappings, mappings.filename.length],
    [Source.mappingStart, kernels.putColumn(mappings.memoryStart)],
    [Source.mappingLimit, kernels.putColumn(mappings.memoryLimit)],
    [Source.mappingOffset, kernels.putColumn(mappings.fileOffset)],
    [Source.mappingFile, kernels.putColumn(mappings.filename)],
    [Source.mappingBuild, kernels.putColumn(mappings.buildId)],
    [Source.mappingFlags, kernels.putColumn(mappings.flags)],
    [Source.locations, locations.mapping.length],
    [Source.locationMapping, kernels.putColumn(locations.mapping)],
    [Source.locationAddress, kernels.putColumn(locations.address)],
    [Source.locationFolded, kernels.putColumn(locations.folded)],
    [Source.locationLines, kernels.putColumn(locations.lineOffsets)],
    [Source.lineFunction, kernels.putColumn(locations.lineFunction)],
    [Source.lineNumber, kernels.putColumn(locations.line)],
  ];
  const u32 = kernels.u32();
  for (const [field, value] of fields) u32[(source + field) >>> 2] = value;
  exports.sourceRowsReset(source);
  return source;
}

/**
 * Copies strings in, as the kernels want them: where each begins, and how long it is.
 *
 * @returns pointers to two u32 columns
 */
export function putStrings(kernels: KernelInstance, strings: ByteStrings): { at: Pointer; length: Pointer } {
  const n = strings.offsets.length - 1;
  const bytes = kernels.put(strings.bytes);
  const at = kernels.exports.allocScratch(n * 4) >>> 0;
  const length = kernels.exports.allocScratch(n * 4) >>> 0;
  const u32 = kernels.u32();
  for (let i = 0; i < n; i++) {
    u32[(at >>> 2) + i] = bytes + strings.offsets[i];
    u32[(length >>> 2) + i] = strings.offsets[i + 1] - strings.offsets[i];
  }
  return { at, length };
}

function tableOf(kernels: KernelInstance, table: Pointer): { rows: number; offsets: Uint32Array; at: Pointer } {
  const rows = kernels.exports.tableRows(table) >>> 0;
  const offsets = kernels.takeU32(kernels.exports.tableOffsets(table) >>> 0, rows + 1);
  return { rows, offsets, at: kernels.exports.tableBytes(table) >>> 0 };
}

// The records that follow are those of wasm/symbol-space.ts. Row 0, "none", has no record: its offsets are 0 and 0.

function takeFunctions(kernels: KernelInstance, table: Pointer): FunctionColumns {
  const { rows, offsets, at } = tableOf(kernels, table);
  const columns = {
    name: new Uint32Array(rows),
    systemName: new Uint32Array(rows),
    filename: new Uint32Array(rows),
    startLine: new BigInt64Array(rows),
  };
  const u32 = kernels.u32();
  const i64 = kernels.i64();
  for (let row = 1; row < rows; row++) {
    const record = at + offsets[row];
    columns.name[row] = u32[record >>> 2];
    columns.systemName[row] = u32[(record >>> 2) + 1];
    columns.filename[row] = u32[(record >>> 2) + 2];
    columns.startLine[row] = i64[(record >>> 3) + 2];
  }
  return columns;
}

function takeMappings(kernels: KernelInstance, table: Pointer): MappingColumns {
  const { rows, offsets, at } = tableOf(kernels, table);
  const columns = {
    memoryStart: new BigUint64Array(rows),
    memoryLimit: new BigUint64Array(rows),
    fileOffset: new BigUint64Array(rows),
    filename: new Uint32Array(rows),
    buildId: new Uint32Array(rows),
    flags: new Uint8Array(rows),
  };
  const u32 = kernels.u32();
  const i64 = kernels.i64();
  for (let row = 1; row < rows; row++) {
    const record = at + offsets[row];
    columns.memoryStart[row] = i64[record >>> 3];
    columns.memoryLimit[row] = i64[(record >>> 3) + 1];
    columns.fileOffset[row] = i64[(record >>> 3) + 2];
    columns.filename[row] = u32[(record >>> 2) + 6];
    columns.buildId[row] = u32[(record >>> 2) + 7];
    columns.flags[row] = u32[(record >>> 2) + 8];
  }
  return columns;
}

function takeLocations(kernels: KernelInstance, table: Pointer): LocationColumns {
  const { rows, offsets, at } = tableOf(kernels, table);
  const lineOffsets = new Uint32Array(rows + 1);
  for (let row = 1; row < rows; row++) {
    lineOffsets[row + 1] = lineOffsets[row] + (offsets[row + 1] - offsets[row] - 16) / 16;
  }
  const lines = lineOffsets[rows];
  const columns = {
    mapping: new Uint32Array(rows),
    address: new BigUint64Array(rows),
    folded: new Uint8Array(rows),
    lineOffsets,
    lineFunction: new Uint32Array(lines),
    line: new BigInt64Array(lines),
  };
  const u32 = kernels.u32();
  const i64 = kernels.i64();
  for (let row = 1; row < rows; row++) {
    const record = at + offsets[row];
    columns.address[row] = i64[record >>> 3];
    columns.mapping[row] = u32[(record >>> 2) + 2];
    columns.folded[row] = u32[(record >>> 2) + 3];
    let from = record + 16;
    for (let line = lineOffsets[row]; line < lineOffsets[row + 1]; line++) {
      columns.lineFunction[line] = u32[from >>> 2];
      columns.line[line] = i64[(from >>> 3) + 1];
      from += 16;
    }
  }
  return columns;
}

/** @param tree  0: a family of which there are no stacktraces */
function takeStacks(kernels: KernelInstance, tree: Pointer): StackColumns {
  if (tree === 0) return { parent: Int32Array.of(-1), location: new Uint32Array(1) };
  const { parent, key } = takeTree(kernels, tree);
  return { parent, location: key };
}

/** The nodes of a tree as columns. @shapes parent Int32Array[rows], key Uint32Array[rows] */
export function takeTree(kernels: KernelInstance, tree: Pointer): { parent: Int32Array; key: Uint32Array } {
  const rows = kernels.exports.treeRows(tree) >>> 0;
  const nodes = kernels.exports.treeNodes(tree) >>> 0;
  const u32 = kernels.u32();
  const parent = new Int32Array(rows);
  const key = new Uint32Array(rows);
  for (let row = 0, at = nodes >>> 2; row < rows; row++, at += 2) {
    key[row] = u32[at];
    parent[row] = u32[at + 1];
  }
  parent[0] = -1;
  key[0] = 0;
  return { parent, key };
}
