import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Section } from './block-format.ts';
import { openChunk } from './chunk-reader.ts';
import { type ChunkTable, chunksOf, rowCountOf } from './chunk-table.ts';
import { refuseFault } from './column-fault.ts';
import type { FetchedRange } from './fetched-ranges.ts';
import { joinBytes, joinI64, joinU32 } from './join-columns.ts';
import { addOffsets } from './row-counts.ts';
import { symbolFault } from './symbol-faults.ts';

/**
 * Decodes a symbol space. What comes out keeps every invariant of `SymbolColumns`, so kernels need not check it.
 *
 * @order  all chunks of the table were fetched
 * @throws StoreError 'corrupted' when a checksum differs, or a value is not what the format promises
 * @source docs/formats/block.md, "Symbol space"
 */
export function decodeSymbols(table: ChunkTable, fetched: readonly FetchedRange[]): SymbolColumns {
  const symbols = {
    strings: readStrings(table, fetched),
    functions: readFunctions(table, fetched),
    mappings: readMappings(table, fetched),
    locations: readLocations(table, fetched),
    stacks: readStacks(table, fetched),
  };
  refuseFault(symbolFault(symbols), table);
  return symbols;
}

function readStrings(table: ChunkTable, fetched: readonly FetchedRange[]): SymbolColumns['strings'] {
  const offsets = new Uint32Array(rowCountOf(table, Section.strings) + 1);
  const parts: Uint8Array[] = [];
  for (const chunk of chunksOf(table, Section.strings)) {
    const columns = openChunk(chunk, fetched);
    const lengths = new Uint32Array(chunk.rowCount);
    columns.u32(lengths);
    parts.push(columns.raw(addOffsets(lengths, offsets, chunk.firstRow)));
    columns.end();
  }
  return { bytes: joinBytes(parts), offsets };
}

function readFunctions(table: ChunkTable, fetched: readonly FetchedRange[]): SymbolColumns['functions'] {
  const n = rowCountOf(table, Section.functions);
  const functions = {
    name: new Uint32Array(n),
    systemName: new Uint32Array(n),
    filename: new Uint32Array(n),
    startLine: new BigInt64Array(n),
  };
  for (const chunk of chunksOf(table, Section.functions)) {
    const columns = openChunk(chunk, fetched);
    const start = chunk.firstRow;
    const end = start + chunk.rowCount;
    columns.u32Deltas(functions.name.subarray(start, end));
    columns.u32Deltas(functions.systemName.subarray(start, end));
    columns.u32Deltas(functions.filename.subarray(start, end));
    columns.i64(functions.startLine.subarray(start, end));
    columns.end();
  }
  return functions;
}

function readMappings(table: ChunkTable, fetched: readonly FetchedRange[]): SymbolColumns['mappings'] {
  const n = rowCountOf(table, Section.mappings);
  const mappings = {
    memoryStart: new BigUint64Array(n),
    memoryLimit: new BigUint64Array(n),
    fileOffset: new BigUint64Array(n),
    filename: new Uint32Array(n),
    buildId: new Uint32Array(n),
    flags: new Uint8Array(n),
  };
  for (const chunk of chunksOf(table, Section.mappings)) {
    const columns = openChunk(chunk, fetched);
    const start = chunk.firstRow;
    const end = start + chunk.rowCount;
    columns.i64Deltas(mappings.memoryStart.subarray(start, end));
    columns.i64Deltas(mappings.memoryLimit.subarray(start, end));
    columns.i64Deltas(mappings.fileOffset.subarray(start, end));
    columns.u32Deltas(mappings.filename.subarray(start, end));
    columns.u32Deltas(mappings.buildId.subarray(start, end));
    mappings.flags.set(columns.raw(chunk.rowCount), start);
    columns.end();
  }
  return mappings;
}

function readLocations(table: ChunkTable, fetched: readonly FetchedRange[]): SymbolColumns['locations'] {
  const n = rowCountOf(table, Section.locations);
  const mapping = new Uint32Array(n);
  const address = new BigUint64Array(n);
  const folded = new Uint8Array(n);
  const lineOffsets = new Uint32Array(n + 1);
  // How many lines there are is known only when all chunks are open.
  const lineFunctions: Uint32Array[] = [];
  const lines: BigInt64Array[] = [];
  for (const chunk of chunksOf(table, Section.locations)) {
    const columns = openChunk(chunk, fetched);
    const start = chunk.firstRow;
    const end = start + chunk.rowCount;
    columns.u32Deltas(mapping.subarray(start, end));
    columns.i64Deltas(address.subarray(start, end));
    folded.set(columns.raw(chunk.rowCount), start);
    const lineCounts = new Uint32Array(chunk.rowCount);
    columns.u32(lineCounts);
    const lineCount = addOffsets(lineCounts, lineOffsets, start);
    columns.claim(lineCount);
    const lineFunction = new Uint32Array(lineCount);
    const line = new BigInt64Array(lineCount);
    columns.u32Deltas(lineFunction);
    columns.i64(line);
    columns.end();
    lineFunctions.push(lineFunction);
    lines.push(line);
  }
  return { mapping, address, folded, lineOffsets, lineFunction: joinU32(lineFunctions), line: joinI64(lines) };
}

function readStacks(table: ChunkTable, fetched: readonly FetchedRange[]): SymbolColumns['stacks'] {
  const n = rowCountOf(table, Section.stacks);
  const parent = new Int32Array(n);
  const location = new Uint32Array(n);
  for (const chunk of chunksOf(table, Section.stacks)) {
    const columns = openChunk(chunk, fetched);
    const start = chunk.firstRow;
    const distance = new Uint32Array(chunk.rowCount);
    columns.u32(distance);
    columns.u32Deltas(location.subarray(start, start + chunk.rowCount));
    columns.end();
    for (let i = 0; i < distance.length; i++) parent[start + i] = start + i - distance[i];
  }
  return { parent, location };
}
