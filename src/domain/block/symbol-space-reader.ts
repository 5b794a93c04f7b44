import type { Bytes } from '#src/domain/model/units.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { Section, sectionRawBytesMax } from './block-format.ts';
import { PageReader } from './chunk-reader.ts';
import { type ChunkTable, familyCountOf, pagesOf, rowCountOf } from './chunk-table.ts';
import { refuseFault } from './column-fault.ts';
import type { ColumnReader } from './column-reader.ts';
import type { FetchedRange } from './fetched-ranges.ts';
import { joinBytes, joinI64, joinU32 } from './join-columns.ts';
import { addOffsets } from './row-counts.ts';
import type { FamilyColumns, FoldedStacks, SpaceColumns } from './space-columns.ts';
import { spaceFault } from './space-faults.ts';

/**
 * Decodes a whole symbol space. What comes out keeps every invariant of `SpaceColumns`. The plain version, and the
 * definition: kernels read only what a query needs, and are tested against it.
 *
 * @order  all chunks of the table were fetched
 * @throws StoreError 'corrupted' when a checksum differs, or a value is not what the format promises
 * @source docs/formats/block-v1.md, "Symbol space"
 */
export function decodeSymbolSpace(table: ChunkTable, fetched: readonly FetchedRange[]): SpaceColumns {
  const reader = new SpaceReader(table, fetched);
  const space = reader.space();
  refuseFault(spaceFault(space), table);
  return space;
}

class SpaceReader {
  readonly #table: ChunkTable;
  readonly #pages: PageReader;

  constructor(table: ChunkTable, fetched: readonly FetchedRange[]) {
    this.#table = table;
    this.#pages = new PageReader(fetched);
  }

  space(): SpaceColumns {
    const functions = this.#functions();
    return {
      names: this.#strings(Section.names),
      texts: this.#strings(Section.texts),
      functions,
      mappings: this.#mappings(),
      locations: this.#locations(functions.startLine),
      families: Array.from({ length: familyCountOf(this.#table, Section.stacks) }, (_, i) => this.#family(i)),
    };
  }

  #strings(section: Section): ByteStrings {
    const offsets = new Uint32Array(this.#rows(section) + 1);
    const parts: Uint8Array[] = [];
    let total: Bytes = 0;
    this.#each(section, (columns, start, end) => {
      const page = columns.strings(end - start, sectionRawBytesMax - total);
      for (let i = 1; i < page.offsets.length; i++) offsets[start + i] = total + page.offsets[i];
      total += page.bytes.length;
      parts.push(page.bytes);
    });
    return { bytes: joinBytes(parts), offsets };
  }

  #functions(): SpaceColumns['functions'] {
    const n = this.#rows(Section.functions);
    const functions = {
      name: new Uint32Array(n),
      systemName: new Uint32Array(n),
      filename: new Uint32Array(n),
      startLine: new BigInt64Array(n),
    };
    this.#each(Section.functions, (columns, start, end) => {
      readFirstUses(columns, functions.name.subarray(start, end));
    });
    this.#eachOf(Section.functionDetails, n, (columns, start, end) => {
      columns.u32(functions.systemName.subarray(start, end));
      for (let i = start; i < end; i++) functions.systemName[i] += functions.name[i];
      readFirstUses(columns, functions.filename.subarray(start, end));
      columns.i64(functions.startLine.subarray(start, end));
    });
    return functions;
  }

  #mappings(): SpaceColumns['mappings'] {
    const n = this.#rows(Section.mappings);
    const mappings = {
      memoryStart: new BigUint64Array(n),
      memoryLimit: new BigUint64Array(n),
      fileOffset: new BigUint64Array(n),
      filename: new Uint32Array(n),
      buildId: new Uint32Array(n),
      flags: new Uint8Array(n),
    };
    this.#each(Section.mappings, (columns, start, end) => {
      columns.i64Deltas(mappings.memoryStart.subarray(start, end));
      columns.i64Deltas(mappings.memoryLimit.subarray(start, end));
      columns.i64Deltas(mappings.fileOffset.subarray(start, end));
      columns.u32Deltas(mappings.filename.subarray(start, end));
      columns.u32Deltas(mappings.buildId.subarray(start, end));
      mappings.flags.set(columns.raw(end - start), start);
    });
    return mappings;
  }

  #locations(startLine: BigInt64Array): SpaceColumns['locations'] {
    const n = this.#rows(Section.locations);
    const lineOffsets = new Uint32Array(n + 1);
    // How many lines there are is known only when all pages are open.
    const lineFunctions: Uint32Array[] = [];
    this.#each(Section.locations, (columns, start, end) => {
      const lineCounts = new Uint32Array(end - start);
      columns.u32(lineCounts);
      const lineCount = addOffsets(lineCounts, lineOffsets, start);
      columns.claim(lineCount);
      const lineFunction = new Uint32Array(lineCount);
      readFirstUses(columns, lineFunction);
      lineFunctions.push(lineFunction);
    });
    const lineFunction = joinU32(lineFunctions);

    const mapping = new Uint32Array(n);
    const address = new BigUint64Array(n);
    const folded = new Uint8Array(n);
    const lines: BigInt64Array[] = [];
    this.#eachOf(Section.locationDetails, n, (columns, start, end) => {
      columns.u32Deltas(mapping.subarray(start, end));
      columns.i64Deltas(address.subarray(start, end));
      folded.set(columns.raw(end - start), start);
      const lineCount = columns.number();
      columns.claim(lineCount);
      const line = new BigInt64Array(lineCount);
      columns.i64(line);
      lines.push(line);
    });
    const line = joinI64(lines);
    const known = Math.min(line.length, lineFunction.length);
    // A reference beyond the functions is found with all others, below.
    for (let i = 0; i < known; i++) line[i] += startLine[lineFunction[i]] ?? 0n;
    return { mapping, address, folded, lineOffsets, lineFunction, line };
  }

  #family(family: number): FamilyColumns {
    const { parent, key } = this.#tree(Section.stacks, family);
    const sampledStacks = new Uint32Array(this.#rows(Section.sampledStacks, family));
    this.#each(
      Section.sampledStacks,
      (columns, start, end) => columns.u32Deltas(sampledStacks.subarray(start, end)),
      family,
    );
    const stacks = { parent, location: key };
    const folded = this.#folded(family);
    return folded === undefined ? { stacks, sampledStacks } : { stacks, sampledStacks, folded };
  }

  #folded(family: number): FoldedStacks | undefined {
    if (this.#rows(Section.functionTree, family) === 0) return undefined;
    const { parent, key } = this.#tree(Section.functionTree, family);
    const node = new Uint32Array(this.#rows(Section.foldedStacks, family));
    this.#each(Section.foldedStacks, (columns, start, end) => columns.u32Deltas(node.subarray(start, end)), family);
    return { parent, name: key, node };
  }

  #tree(section: Section, family: number): { parent: Int32Array; key: Uint32Array } {
    const n = this.#rows(section, family);
    const parent = new Int32Array(n);
    const key = new Uint32Array(n);
    this.#each(
      section,
      (columns, start, end) => {
        const distance = new Uint32Array(end - start);
        columns.u32(distance);
        for (let i = start; i < end; i++) parent[i] = i - distance[i - start];
        readFirstUses(columns, key.subarray(start, end));
      },
      family,
    );
    return { parent, key };
  }

  #rows(section: Section, family = 0): number {
    return rowCountOf(this.#table, section, family);
  }

  #each(section: Section, read: (columns: ColumnReader, start: number, end: number) => void, family = 0): void {
    for (const page of pagesOf(this.#table, section, family)) {
      const columns = this.#pages.open(page);
      read(columns, page.firstRow, page.firstRow + page.rowCount);
      columns.end();
    }
  }

  /** For a section whose rows go on in another one. */
  #eachOf(section: Section, rows: number, read: (columns: ColumnReader, start: number, end: number) => void): void {
    const problem = 'another number of rows than in its first part';
    const actual = this.#rows(section);
    refuseFault(actual === rows ? undefined : { section, problem, row: 0, value: actual, limit: rows }, this.#table);
    this.#each(section, read);
  }
}

function readFirstUses(columns: ColumnReader, target: Uint32Array): void {
  columns.firstUse(target, columns.number());
}
