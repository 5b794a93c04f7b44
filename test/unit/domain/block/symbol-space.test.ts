import { AssertionError, deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Section } from '#src/domain/block/block-format.ts';
import { chunksOf, readChunkTable } from '#src/domain/block/chunk-table.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { symbolFault } from '#src/domain/block/symbol-faults.ts';
import { decodeSymbols } from '#src/domain/block/symbol-space-reader.ts';
import { encodeSymbolSpace } from '#src/domain/block/symbol-space-writer.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { byteStrings, randomSymbols } from './random-columns.ts';

const seed = runSeed();
const small = { strings: 5, functions: 4, mappings: 3, locations: 6, stacks: 8 };

function tableOf(bytes: Uint8Array) {
  return readChunkTable('symbols', bytes, { offset: 0, sizeBytes: bytes.length });
}

function roundTrip(symbols: SymbolColumns): SymbolColumns {
  const bytes = encodeSymbolSpace(symbols);
  return decodeSymbols(tableOf(bytes), wholeObject(bytes));
}

describe('a symbol space', () => {
  const sizes = [
    { strings: 1, functions: 1, mappings: 1, locations: 1, stacks: 1 },
    { strings: 1, functions: 1, mappings: 1, locations: 2, stacks: 2 },
    small,
    { strings: 65_535, functions: 65_536, mappings: 2, locations: 65_537, stacks: 65_536 },
    { strings: 65_537, functions: 2, mappings: 65_537, locations: 2, stacks: 131_073 },
  ];
  for (const size of sizes) {
    test(`reads back what was written: ${JSON.stringify(size)} (seed ${seed})`, () => {
      const symbols = randomSymbols(new Random(seed), size);
      deepEqual(roundTrip(symbols), symbols);
    });
  }

  test('keeps empty, equal and very long strings, and bytes that are not UTF-8', () => {
    const long = new Uint8Array(70_000).fill(0x61);
    const strings = byteStrings(['', '', 'main', 'main', long, Uint8Array.of(0xff, 0xfe, 0), 'größe']);
    const symbols = { ...randomSymbols(new Random(1), { ...small, strings: 7 }), strings };
    deepEqual(roundTrip(symbols).strings, strings);
  });

  test('keeps a location with 255 inlined lines', () => {
    const symbols = randomSymbols(new Random(2), { ...small, locations: 3 });
    const locations = {
      ...symbols.locations,
      lineOffsets: Uint32Array.of(0, 0, 255, 256),
      lineFunction: Uint32Array.from({ length: 256 }, (_, i) => i % 4),
      line: BigInt64Array.from({ length: 256 }, (_, i) => BigInt(i) - 3n),
    };
    deepEqual(roundTrip({ ...symbols, locations }).locations, locations);
  });

  test('closes a chunk of strings before it is too large, and splits at rows', () => {
    const strings = byteStrings(['', ...Array.from({ length: 10 }, (_, i) => new Uint8Array(1 << 20).fill(i))]);
    const symbols = { ...randomSymbols(new Random(3), { ...small, strings: 11 }), strings };
    const bytes = encodeSymbolSpace(symbols);

    const chunks = chunksOf(tableOf(bytes), Section.strings);

    deepEqual(
      chunks.map(({ firstRow, rowCount }) => [firstRow, rowCount]),
      [
        [0, 5],
        [5, 4],
        [9, 2],
      ],
    );
    deepEqual(decodeSymbols(tableOf(bytes), wholeObject(bytes)), symbols);
  });

  test('gives the same bytes for the same columns, in a buffer of its own', () => {
    const symbols = randomSymbols(new Random(4), small);
    const bytes = encodeSymbolSpace(symbols);
    deepEqual(encodeSymbolSpace(symbols), bytes);
    equal(bytes.buffer.byteLength, bytes.length);
  });

  // Each breaks one promise of SymbolColumns. A writer must not store it, and a reader that meets it finds it with the
  // same function.
  const broken: Record<string, (symbols: SymbolColumns) => void> = {
    'a string row 0 that is not empty': ({ strings }) => strings.offsets.fill(1, 1, 2),
    'string offsets that fall': ({ strings }) => strings.offsets.fill(4_000_000_000, 2, 3),
    'a function row 0 with a start line': ({ functions }) => functions.startLine.fill(1n, 0, 1),
    'a function name that is no string': ({ functions }) => functions.name.fill(5, 3),
    'a system name that is no string': ({ functions }) => functions.systemName.fill(5, 3),
    'a file name that is no string': ({ functions }) => functions.filename.fill(5, 3),
    'a mapping file that is no string': ({ mappings }) => mappings.filename.fill(5, 2),
    'a build id that is no string': ({ mappings }) => mappings.buildId.fill(5, 2),
    'a mapping row 0 with flags': ({ mappings }) => mappings.flags.fill(1, 0, 1),
    'a location in no mapping': ({ locations }) => locations.mapping.fill(3, 5),
    'a location row 0 with an address': ({ locations }) => locations.address.fill(1n, 0, 1),
    'a line of no function': ({ locations }) => locations.lineFunction.fill(4, 0, 1),
    'line offsets that end early': ({ locations }) => locations.lineOffsets.fill(0),
    'a root with a parent': ({ stacks }) => stacks.parent.fill(0, 0, 1),
    'a parent that is its own child': ({ stacks }) => stacks.parent.fill(7, 7),
    'a second root': ({ stacks }) => stacks.parent.fill(-1, 7),
    'a stack without a location': ({ stacks }) => stacks.location.fill(0, 7),
    'a stack of no location': ({ stacks }) => stacks.location.fill(6, 7),
  };
  for (const [name, breakIt] of Object.entries(broken)) {
    test(`refuses ${name}`, () => {
      const symbols = randomSymbols(new Random(6), small);
      equal(symbolFault(symbols), undefined);
      breakIt(symbols);
      throws(() => encodeSymbolSpace(symbols), AssertionError);
    });
  }
});
