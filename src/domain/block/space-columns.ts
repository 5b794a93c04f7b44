import type {
  ByteStrings,
  FunctionColumns,
  LocationColumns,
  MappingColumns,
  StackColumns,
  SymbolColumns,
} from '#src/domain/symbols/symbol-columns.ts';

/**
 * A symbol space as a block stores it: names of functions apart from all other strings, because flame graphs need
 * nothing else, and a stack table for each family of profile types.
 *
 * @invariant names, texts: row 0 is the empty string. functions, mappings, locations: row 0 is "none" (all zero)
 */
export type SpaceColumns = {
  readonly names: ByteStrings;
  /** File names and build ids. */
  readonly texts: ByteStrings;
  /** name and systemName are rows of the names, filename of the texts. */
  readonly functions: FunctionColumns;
  /** filename and buildId are rows of the texts. */
  readonly mappings: MappingColumns;
  readonly locations: LocationColumns;
  readonly families: readonly FamilyColumns[];
};

/**
 * The stacktraces of the profiles of one family: of those that have the same profile types, such as all that is in a
 * heap profile. A query is about one profile type, and reads the stack table of its family only.
 *
 * @invariant stacks: row 0 is the root: parent -1, location 0; otherwise 0 <= parent[i] < i and location[i] > 0
 * @invariant sampledStacks rises strictly, below the number of stacks
 */
export type FamilyColumns = {
  readonly stacks: StackColumns;
  /** The rows of `stacks` that samples have. A sample names its stacktrace by its place in this list. */
  readonly sampledStacks: Uint32Array;
  /** Only in compacted blocks. */
  readonly folded?: FoldedStacks;
};

/**
 * The stacktraces of a family as a tree of function names, so that a flame graph needs neither stacks nor locations.
 *
 * @shapes    parent, name [n]; node [sampledStacks.length]
 * @invariant row 0 is the root: parent -1, name 0; otherwise 0 <= parent[i] < i. name is a row of the names, node a row
 *            of the tree
 */
export type FoldedStacks = {
  readonly parent: Int32Array;
  readonly name: Uint32Array;
  /** The node of each sampled stacktrace. */
  readonly node: Uint32Array;
};

/**
 * The symbols of one family the way a profile has them, with one table of strings: first the names, then the texts.
 *
 * @cost one copy of the strings, and of the references to texts
 */
export function symbolsOfFamily(space: SpaceColumns, family: number): SymbolColumns {
  const { names, texts, functions, mappings, locations } = space;
  const nameCount = names.offsets.length - 1;
  return {
    strings: joined(names, texts),
    functions: { ...functions, filename: behind(functions.filename, nameCount) },
    mappings: {
      ...mappings,
      filename: behind(mappings.filename, nameCount),
      buildId: behind(mappings.buildId, nameCount),
    },
    locations,
    stacks: space.families[family].stacks,
  };
}

/** The second list behind the first, without the empty string that both begin with. */
function joined(first: ByteStrings, second: ByteStrings): ByteStrings {
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  const offsets = new Uint32Array(first.offsets.length + second.offsets.length - 2);
  offsets.set(first.offsets);
  for (let i = 2; i < second.offsets.length; i++) {
    offsets[first.offsets.length + i - 2] = first.bytes.length + second.offsets[i];
  }
  return { bytes, offsets };
}

function behind(rows: Uint32Array, nameCount: number): Uint32Array {
  return rows.map((row) => (row === 0 ? 0 : nameCount + row - 1));
}
