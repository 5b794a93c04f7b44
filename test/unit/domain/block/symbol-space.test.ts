import { AssertionError, deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { familiesMax, Section } from '#src/domain/block/block-format.ts';
import { type Page, pagesOf, readChunkTable } from '#src/domain/block/chunk-table.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import type { FoldedStacks, SpaceColumns } from '#src/domain/block/space-columns.ts';
import { spaceFault } from '#src/domain/block/space-faults.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { encodeSymbolSpace } from '#src/domain/block/symbol-space-writer.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { byteStrings, randomSpace, type SpaceSizes } from './random-columns.ts';

const seed = runSeed();
const family = { stacks: 8, sampled: 4, nodes: 6 };
const small: SpaceSizes = { names: 5, texts: 5, functions: 4, mappings: 3, locations: 6, families: [family] };
const least: SpaceSizes = { names: 1, texts: 1, functions: 1, mappings: 1, locations: 1, families: [] };

function tableOf(bytes: Uint8Array) {
  return readChunkTable('symbols', bytes, { offset: 0, sizeBytes: bytes.length });
}

function roundTrip(space: SpaceColumns): SpaceColumns {
  const bytes = encodeSymbolSpace(space);
  return decodeSymbolSpace(tableOf(bytes), wholeObject(bytes));
}

describe('a symbol space', () => {
  const sizes: Record<string, SpaceSizes> = {
    'without families': least,
    'with a family of which there is nothing': { ...least, families: [{ stacks: 1, sampled: 0 }] },
    'with a stacktrace that is the root': { ...least, families: [{ stacks: 1, sampled: 1, nodes: 1 }] },
    small,
    'with 65 families': {
      ...small,
      families: Array.from({ length: familiesMax + 1 }, (_, i) => (i % 2 === 0 ? family : { stacks: 2, sampled: 1 })),
    },
    'of a page less a row, a page, and a row more': {
      ...{ names: 65_535, texts: 65_536, functions: 65_537, mappings: 65_535, locations: 65_536 },
      families: [
        { stacks: 65_535, sampled: 65_535 },
        { stacks: 65_536, sampled: 65_536, nodes: 65_537 },
        { stacks: 65_537, sampled: 65_537 },
      ],
    },
    'of three pages': {
      ...{ names: 131_073, texts: 2, functions: 2, mappings: 65_537, locations: 65_537 },
      families: [{ stacks: 131_073, sampled: 70_000, nodes: 131_073 }],
    },
  };
  for (const [name, size] of Object.entries(sizes)) {
    test(`reads back what was written: ${name} (seed ${seed})`, () => {
      const space = randomSpace(new Random(seed), size);
      deepEqual(roundTrip(space), space);
    });
  }

  test('keeps empty, equal and very long strings, and bytes that are not UTF-8', () => {
    const long = new Uint8Array(70_000).fill(0x61);
    const strings = byteStrings(['', '', 'main', 'main', long, long, Uint8Array.of(0xff, 0xfe, 0), 'größe']);
    const space = { ...randomSpace(new Random(1), { ...small, names: 8, texts: 8 }), names: strings, texts: strings };
    deepEqual(roundTrip(space), space);
  });

  test('keeps a location with 255 inlined lines', () => {
    const space = randomSpace(new Random(2), { ...small, locations: 3 });
    const locations = {
      ...space.locations,
      lineOffsets: Uint32Array.of(0, 0, 255, 256),
      lineFunction: Uint32Array.from({ length: 256 }, (_, i) => i % 4),
      line: BigInt64Array.from({ length: 256 }, (_, i) => BigInt(i) - 3n),
    };
    deepEqual(roundTrip({ ...space, locations }).locations, locations);
  });

  test('closes a page of strings before it is too large, and splits at rows', () => {
    const names = byteStrings(['', ...Array.from({ length: 10 }, (_, i) => new Uint8Array(300 << 10).fill(i))]);
    const space = { ...randomSpace(new Random(3), { ...small, names: 11 }), names };
    const bytes = encodeSymbolSpace(space);

    deepEqual(rowsOf(pagesOf(tableOf(bytes), Section.names)), [
      [0, 4],
      [4, 3],
      [7, 3],
      [10, 1],
    ]);
    deepEqual(decodeSymbolSpace(tableOf(bytes), wholeObject(bytes)), space);
  });

  test('keeps apart in chunks what is not read together: what flame graphs need, each family, details', () => {
    const space = randomSpace(new Random(4), { ...small, families: [family, { stacks: 3, sampled: 2 }] });
    const { chunks, pages } = tableOf(encodeSymbolSpace(space));

    const sections = chunks.map((chunk) => pages.filter((page) => page.chunk === chunk).map(({ section }) => section));

    const details = [Section.texts, Section.functionDetails, Section.mappings, Section.locationDetails];
    deepEqual(sections, [
      [Section.names],
      [Section.functions, Section.locations],
      [Section.stacks, Section.sampledStacks],
      [Section.functionTree, Section.foldedStacks],
      [Section.stacks, Section.sampledStacks],
      details,
    ]);
  });

  test('gives the same bytes for the same columns, in a buffer of its own', () => {
    const space = randomSpace(new Random(4), small);
    const bytes = encodeSymbolSpace(space);
    deepEqual(encodeSymbolSpace(space), bytes);
    equal(bytes.buffer.byteLength, bytes.length);
  });

  // Each breaks one promise of SpaceColumns. A writer must not store it, and a reader that meets it finds it with the
  // same function.
  const foldedOf = ({ families: [{ folded }] }: SpaceColumns): FoldedStacks => {
    ok(folded !== undefined);
    return folded;
  };
  const noStrings = { bytes: new Uint8Array(0), offsets: new Uint32Array(1) };
  const broken: Record<string, (space: SpaceColumns) => SpaceColumns | unknown> = {
    'no names': (space) => ({ ...space, names: noStrings }),
    'no texts': (space) => ({ ...space, texts: noStrings }),
    'no functions': (space) => ({ ...space, functions: emptied(space.functions) }),
    'no mappings': (space) => ({ ...space, mappings: emptied(space.mappings) }),
    'no locations': (space) => ({ ...space, locations: { ...space.locations, mapping: new Uint32Array(0) } }),
    'a name row 0 that is not empty': ({ names }) => names.offsets.fill(1, 1, 2),
    'name offsets that do not start at 0': ({ names }) => names.offsets.fill(1, 0, 1),
    'name offsets that fall': ({ names }) => names.offsets.fill(4_000_000_000, 2, 3),
    'name offsets that end elsewhere': ({ names }) => names.offsets.fill(1_000, 5),
    'a text row 0 that is not empty': ({ texts }) => texts.offsets.fill(1, 1, 2),
    'text offsets that fall': ({ texts }) => texts.offsets.fill(4_000_000_000, 2, 3),
    'a function row 0 with a name': ({ functions }) => functions.name.fill(1, 0, 1),
    'a function row 0 with a start line': ({ functions }) => functions.startLine.fill(1n, 0, 1),
    'functions of two lengths': (space) => ({
      ...space,
      functions: { ...space.functions, startLine: new BigInt64Array(3) },
    }),
    'a function name that is no name': ({ functions }) => functions.name.fill(5, 3),
    'a system name that is no name': ({ functions }) => functions.systemName.fill(5, 3),
    'a file name that is no text': ({ functions }) => functions.filename.fill(5, 3),
    'mappings of two lengths': (space) => ({ ...space, mappings: { ...space.mappings, flags: new Uint8Array(2) } }),
    'a mapping file that is no text': ({ mappings }) => mappings.filename.fill(5, 2),
    'a build id that is no text': ({ mappings }) => mappings.buildId.fill(5, 2),
    'a mapping row 0 with flags': ({ mappings }) => mappings.flags.fill(1, 0, 1),
    'locations of two lengths': (space) => ({
      ...space,
      locations: { ...space.locations, address: new BigUint64Array(2) },
    }),
    'line offsets for fewer locations': (space) => ({
      ...space,
      locations: { ...space.locations, lineOffsets: space.locations.lineOffsets.subarray(0, 6) },
    }),
    'lines of two lengths': (space) => ({ ...space, locations: { ...space.locations, line: new BigInt64Array(1) } }),
    'a location in no mapping': ({ locations }) => locations.mapping.fill(3, 5),
    'a location row 0 with an address': ({ locations }) => locations.address.fill(1n, 0, 1),
    'a location row 0 with lines': ({ locations }) => locations.lineOffsets.fill(1, 1, 2),
    'a line of no function': ({ locations }) => locations.lineFunction.fill(4, 0, 1),
    'line offsets that end early': ({ locations }) => locations.lineOffsets.fill(0),
    'too many families': (space) => ({ ...space, families: Array(familiesMax + 2).fill(space.families[0]) }),
    'no root': (space) => withFamily(space, { stacks: { parent: new Int32Array(0), location: new Uint32Array(0) } }),
    'stacks of two lengths': (space) =>
      withFamily(space, { stacks: { ...space.families[0].stacks, location: new Uint32Array(2) } }),
    'a root with a parent': ({ families }) => families[0].stacks.parent.fill(0, 0, 1),
    'a root with a location': ({ families }) => families[0].stacks.location.fill(1, 0, 1),
    'a parent that is its own child': ({ families }) => families[0].stacks.parent.fill(7, 7),
    'a second root': ({ families }) => families[0].stacks.parent.fill(-1, 7),
    'a stack without a location': ({ families }) => families[0].stacks.location.fill(0, 7),
    'a stack of no location': ({ families }) => families[0].stacks.location.fill(6, 7),
    'a sampled stack that is no stack': ({ families }) => families[0].sampledStacks.fill(8, 3),
    'a sampled stack that is there twice': ({ families: [{ sampledStacks }] }) =>
      sampledStacks.fill(sampledStacks[2], 3),
    'a function tree without a root': (space) =>
      withFamily(space, { folded: { ...foldedOf(space), parent: new Int32Array(0) } }),
    'a function tree whose root has a name': (space) => foldedOf(space).name.fill(1, 0, 1),
    'a node whose parent comes later': (space) => foldedOf(space).parent.fill(5, 4, 5),
    'a node whose name is no name': (space) => foldedOf(space).name.fill(5, 5),
    'a stacktrace without a node': (space) =>
      withFamily(space, { folded: { ...foldedOf(space), node: new Uint32Array(3) } }),
    'a stacktrace of no node': (space) => foldedOf(space).node.fill(6, 3),
  };
  for (const [name, breakIt] of Object.entries(broken)) {
    test(`refuses ${name}`, () => {
      const space = randomSpace(new Random(6), small);
      equal(spaceFault(space), undefined);
      const changed = breakIt(space);
      const wrong = isSpace(changed) ? changed : space;
      ok(spaceFault(wrong) !== undefined);
      throws(() => encodeSymbolSpace(wrong), AssertionError);
    });
  }

  test('names the family of a fault, and the row', () => {
    const space = randomSpace(new Random(6), { ...small, families: [family, family] });
    space.families[1].stacks.location.fill(6, 7);
    const { section, row, value, limit, family: of } = spaceFault(space) ?? {};
    deepEqual({ section, row, value, limit, of }, { section: Section.stacks, row: 7, value: 6, limit: 6, of: 1 });
  });
});

function rowsOf(pages: readonly Page[]): [firstRow: number, rowCount: number][] {
  return pages.map(({ firstRow, rowCount }) => [firstRow, rowCount]);
}

function withFamily(space: SpaceColumns, change: Partial<SpaceColumns['families'][number]>): SpaceColumns {
  return { ...space, families: [{ ...space.families[0], ...change }] };
}

function emptied<Columns extends Readonly<Record<string, { subarray(start: number, end: number): unknown }>>>(
  columns: Columns,
): Columns {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.subarray(0, 0)])) as Columns;
}

function isSpace(value: unknown): value is SpaceColumns {
  return typeof value === 'object' && value !== null && 'families' in value;
}
