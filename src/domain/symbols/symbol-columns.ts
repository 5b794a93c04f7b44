/**
 * The symbols of one symbol space, as columns: what a worker's kernels hand over, what a block stores and what
 * a query reads back. Every reference is a row number in the column set it names.
 *
 * @invariant strings: row 0 is the empty string. functions, mappings, locations: row 0 is "none" (all zero).
 *            stacks: row 0 is the root: parent -1, location 0; otherwise 0 <= parent[i] < i and location[i] > 0
 */
export type SymbolColumns = {
  readonly strings: ByteStrings;
  readonly functions: FunctionColumns;
  readonly mappings: MappingColumns;
  readonly locations: LocationColumns;
  readonly stacks: StackColumns;
};

/** Strings as their bytes, one after the other. String i is bytes[offsets[i] .. offsets[i + 1]). @shapes offsets [n + 1] */
export type ByteStrings = { readonly bytes: Uint8Array; readonly offsets: Uint32Array };

/** @shapes all [n]; name, systemName, filename are rows of the strings */
export type FunctionColumns = {
  readonly name: Uint32Array;
  readonly systemName: Uint32Array;
  readonly filename: Uint32Array;
  readonly startLine: BigInt64Array;
};

/** Bits of `MappingColumns.flags`. */
export const MappingFlag = { hasFunctions: 1, hasFilenames: 2, hasLineNumbers: 4, hasInlineFrames: 8 } as const;

/** @shapes all [n]; filename, buildId are rows of the strings */
export type MappingColumns = {
  readonly memoryStart: BigUint64Array;
  readonly memoryLimit: BigUint64Array;
  readonly fileOffset: BigUint64Array;
  readonly filename: Uint32Array;
  readonly buildId: Uint32Array;
  readonly flags: Uint8Array;
};

/**
 * @shapes  mapping, address, folded [n]; lineOffsets [n + 1]; lineFunction, line [m], m = lineOffsets[n].
 *          The lines of location i are lineOffsets[i] .. lineOffsets[i + 1], innermost inlined frame first
 */
export type LocationColumns = {
  readonly mapping: Uint32Array;
  readonly address: BigUint64Array;
  /** 1 when the profile said `is_folded`. */
  readonly folded: Uint8Array;
  readonly lineOffsets: Uint32Array;
  readonly lineFunction: Uint32Array;
  readonly line: BigInt64Array;
};

/** The stack table: row i is a stacktrace, `location[i]` called from the stacktrace in row `parent[i]`. @shapes [n] */
export type StackColumns = { readonly parent: Int32Array; readonly location: Uint32Array };
