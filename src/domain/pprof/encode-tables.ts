import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { ChildTable } from '#src/domain/profile/child-table.ts';
import { NameTable, nameBytes, otherName } from '#src/domain/profile/name-table.ts';
import { otherLocation, type StackValues, stacksWithValue } from '#src/domain/profile/truncate-stacks.ts';
import { MappingFlag, type SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';

const pageBytes = 4096n;

/** Each is a key, and some objects. */
const STEP_LOCATIONS = STEP_ROWS / 16;

/** @units ids are rows plus one, strings are rows of `ProfileTables.strings` */
export type MappingRow = {
  readonly memoryStart: bigint;
  readonly memoryLimit: bigint;
  readonly fileOffset: bigint;
  readonly filename: number;
  readonly buildId: number;
  readonly flags: number;
};

export type FunctionRow = {
  readonly name: number;
  readonly systemName: number;
  readonly filename: number;
  readonly startLine: bigint;
};

export type LocationRow = {
  readonly mappingId: number;
  readonly address: bigint;
  readonly folded: boolean;
  readonly lines: readonly { readonly functionId: number; readonly line: bigint }[];
};

/**
 * What an exported profile consists of: only what its samples reach, and everything once.
 *
 * @shapes    stackParent Int32Array[n], stackLocation Uint32Array[n] (ids): the tree of stacks, row 0 is the root;
 *            sampleStack Uint32Array[m] (rows of it), sampleValue BigInt64Array[m]
 * @invariant strings: row 0 is the empty string
 */
export type ProfileTables = {
  readonly strings: NameTable;
  readonly mappings: readonly MappingRow[];
  readonly functions: readonly FunctionRow[];
  readonly locations: readonly LocationRow[];
  readonly stackParent: Int32Array;
  readonly stackLocation: Uint32Array;
  readonly sampleStack: Uint32Array;
  readonly sampleValue: BigInt64Array;
};

/**
 * Collects the tables of an exported profile. What is the same by the rules of pprof is one row, even where the symbol
 * space has several:
 *
 *     function  start line, name, system name, file
 *     mapping   size in pages, offset in the file, build id or else file name
 *     location  address, mapping, functions and lines
 *     sample    locations
 *
 * Rows are in the order of the symbol space, samples in that of its stacks.
 */
export function* profileTables(symbols: SymbolColumns, stacks: StackValues, secret: HashSecret): Steps<ProfileTables> {
  const used = stacksWithValue(stacks.parent, stacks.value);
  const reached = new Uint8Array(otherLocation(symbols) + 1);
  for (let i = 1; i < used.length; i++) if (used[i] === 1) reached[stacks.location[i]] = 1;

  const tables = new TableBuilder(symbols);
  const locationId = new Uint32Array(reached.length);
  for (let row = 0; row < otherLocation(symbols); row++) {
    if (row % STEP_LOCATIONS === 0) yield;
    if (reached[row] === 1) locationId[row] = tables.locationIdOf(row);
  }
  // Last, because the stub belongs to the first mapping, if there is one.
  if (reached[otherLocation(symbols)] === 1) locationId[otherLocation(symbols)] = tables.addOtherLocation();

  const merged = new ChildTable(secret);
  const mergedRow = new Uint32Array(used.length);
  for (let i = 1; i < used.length; i++) {
    if (i % STEP_ROWS === 0) yield;
    if (used[i] === 1) mergedRow[i] = merged.childOf(mergedRow[stacks.parent[i]], locationId[stacks.location[i]]);
  }
  const { parent, name } = merged.columns();
  return {
    ...tables.tables(),
    stackParent: parent,
    stackLocation: name,
    ...(yield* samplesOf(mergedRow, stacks.value)),
  };
}

function* samplesOf(
  mergedRow: Uint32Array,
  value: BigInt64Array,
): Steps<Pick<ProfileTables, 'sampleStack' | 'sampleValue'>> {
  const sampleOf = new Map<number, number>();
  const sampleStack: number[] = [];
  const sums: bigint[] = [];
  for (let i = 1; i < mergedRow.length; i++) {
    if (i % STEP_ROWS === 0) yield;
    if (value[i] <= 0n) continue;
    const known = sampleOf.get(mergedRow[i]);
    if (known !== undefined) {
      sums[known] = addSaturated(sums[known], value[i]);
      continue;
    }
    sampleOf.set(mergedRow[i], sums.length);
    sampleStack.push(mergedRow[i]);
    sums.push(value[i]);
  }
  return { sampleStack: Uint32Array.from(sampleStack), sampleValue: BigInt64Array.from(sums) };
}

class TableBuilder {
  readonly #symbols: SymbolColumns;
  readonly #strings = new NameTable();
  readonly #mappings = new RowTable<MappingRow>();
  readonly #functions = new RowTable<FunctionRow>();
  readonly #locations = new RowTable<LocationRow>();
  /** Id of a row of the symbol space, 0 while it has none. */
  readonly #mappingIds: Uint32Array;
  readonly #functionIds: Uint32Array;

  constructor(symbols: SymbolColumns) {
    this.#symbols = symbols;
    this.#strings.intern(new Uint8Array(0));
    this.#mappingIds = new Uint32Array(symbols.mappings.filename.length);
    this.#functionIds = new Uint32Array(symbols.functions.name.length);
  }

  locationIdOf(row: number): number {
    const { mapping, address, folded, lineOffsets, lineFunction, line } = this.#symbols.locations;
    const mappingId = mapping[row] === 0 ? 0 : this.#mappingIdOf(mapping[row]);
    const lines: { functionId: number; line: bigint }[] = [];
    let key = `${address[row]} ${mappingId}`;
    for (let i = lineOffsets[row]; i < lineOffsets[row + 1]; i++) {
      const functionId = lineFunction[i] === 0 ? 0 : this.#functionIdOf(lineFunction[i]);
      lines.push({ functionId, line: line[i] });
      key += ` ${functionId}:${line[i]}`;
    }
    return this.#locations.idOf(key, { mappingId, address: address[row], folded: folded[row] === 1, lines });
  }

  addOtherLocation(): number {
    const other = this.#strings.intern(Buffer.from(otherName));
    const functionId = this.#functions.idOf(`0 ${other} ${other} 0`, {
      name: other,
      systemName: other,
      filename: 0,
      startLine: 0n,
    });
    if (this.#mappings.rows.length === 0) this.#mappings.idOf('', emptyMapping);
    const row = { mappingId: 1, address: 0n, folded: false, lines: [{ functionId, line: 0n }] };
    return this.#locations.idOf(`0 1 ${functionId}:0`, row);
  }

  tables() {
    return {
      strings: this.#strings,
      mappings: this.#mappings.rows,
      functions: this.#functions.rows,
      locations: this.#locations.rows,
    };
  }

  #mappingIdOf(row: number): number {
    if (this.#mappingIds[row] !== 0) return this.#mappingIds[row];
    const { memoryStart, memoryLimit, fileOffset, filename, buildId, flags } = this.#symbols.mappings;
    const mapping = {
      memoryStart: memoryStart[row],
      memoryLimit: memoryLimit[row],
      fileOffset: fileOffset[row],
      filename: this.#stringOf(filename[row]),
      buildId: this.#stringOf(buildId[row]),
      flags: flags[row],
    };
    const pages = (BigInt.asUintN(64, mapping.memoryLimit - mapping.memoryStart) + pageBytes - 1n) / pageBytes;
    const file = mapping.buildId !== 0 ? `build ${mapping.buildId}` : `file ${mapping.filename}`;
    this.#mappingIds[row] = this.#mappings.idOf(`${pages} ${mapping.fileOffset} ${file}`, mapping);
    return this.#mappingIds[row];
  }

  #functionIdOf(row: number): number {
    if (this.#functionIds[row] !== 0) return this.#functionIds[row];
    const { name, systemName, filename, startLine } = this.#symbols.functions;
    const fn = {
      name: this.#stringOf(name[row]),
      systemName: this.#stringOf(systemName[row]),
      filename: this.#stringOf(filename[row]),
      startLine: startLine[row],
    };
    const key = `${fn.startLine} ${fn.name} ${fn.systemName} ${fn.filename}`;
    this.#functionIds[row] = this.#functions.idOf(key, fn);
    return this.#functionIds[row];
  }

  #stringOf(row: number): number {
    return this.#strings.intern(nameBytes(this.#symbols.strings, row));
  }
}

const emptyMapping: MappingRow = {
  memoryStart: 0n,
  memoryLimit: 0n,
  fileOffset: 0n,
  filename: 0,
  buildId: 0,
  flags: MappingFlag.hasFunctions,
};

/** Rows that are the same by their key are one. Ids begin at 1. */
class RowTable<Row> {
  readonly rows: Row[] = [];
  readonly #ids = new Map<string, number>();

  idOf(key: string, row: Row): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.rows.push(row);
    this.#ids.set(key, id);
    return id;
  }
}
