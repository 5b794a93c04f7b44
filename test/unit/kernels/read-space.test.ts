import { equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { familiesMax, Section } from '#src/domain/block/block-format.ts';
import { symbolTable } from '#src/domain/block/chunk-table.ts';
import { type SpaceColumns, symbolsOfFamily } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { encodeSymbolSpace } from '#src/domain/block/symbol-space-writer.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { readFamily, readSource, readTree } from '#src/kernels/read-space.ts';
import { type Encoded, encodedSpace, freshPages, takenNames, takenTables } from '../../fixtures/block-in-arena.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { segmentOf, wholeRead } from '../../fixtures/segments.ts';
import { type FamilySize, randomSpace, type SpaceSizes } from '../domain/block/random-columns.ts';

type Tables = ReturnType<typeof takenTables>;

const seed = runSeed();
const family: FamilySize = { stacks: 40, sampled: 20 };

/** Every location has a line. */
function named(space: SpaceColumns): SpaceColumns {
  const { locations } = space;
  const rows = locations.mapping.length;
  const lineOffsets = Uint32Array.from({ length: rows + 1 }, (_, i) => Math.max(0, i - 1));
  const lineFunction = Uint32Array.from({ length: rows - 1 }, (_, i) => i % space.functions.name.length);
  return { ...space, locations: { ...locations, lineOffsets, lineFunction, line: new BigInt64Array(rows - 1) } };
}

/** Reads all of a space with the kernels, which must find what the plain reader finds. */
function sameAsPlain(kernels: KernelInstance, { table, fetched }: Encoded): void {
  const plain = decodeSymbolSpace(table, fetched);
  const { strings, functions, mappings, locations } = symbolsOfFamily(plain, 0);
  const pages = freshPages(kernels, { fetched });
  const whole = runSteps(readSource(pages, table, true));
  sameStrings(takenNames(kernels, whole).strings, strings);
  sameTables(takenTables(kernels, whole), { functions, mappings, locations });

  const block = runSteps(readSource(pages, table, false));
  const taken = takenNames(kernels, block);
  const { lineOffsets, lineFunction } = locations;
  const unnamed = lineOffsets.some((offset, i) => i > 1 && offset === lineOffsets[i - 1]);
  equal(block.hasUnnamed, unnamed);
  sameStrings(taken.strings, unnamed ? strings : plain.names);
  sameColumn(taken.name, functions.name);
  sameColumn(taken.lineOffsets, lineOffsets);
  sameColumn(taken.lineFunction, lineFunction);

  for (const [i, { stacks, sampledStacks, folded }] of plain.families.entries()) {
    const read = runSteps(readFamily(pages, table, i, block.locationCount));
    sameColumn(kernels.takeU32(read.parent, read.stackCount), stacks.parent);
    sameColumn(kernels.takeU32(read.location, read.stackCount), stacks.location);
    sameColumn(kernels.takeU32(read.sampled, read.sampledCount), sampledStacks);
    if (folded === undefined) continue;
    const tree = runSteps(readTree(pages, table, Section.functionTree, i, plain.names.offsets.length - 1));
    sameColumn(kernels.takeU32(tree.parent, tree.rows), folded.parent);
    sameColumn(kernels.takeU32(tree.key, tree.rows), folded.name);
  }
}

function sameTables(actual: Tables, expected: Tables): void {
  for (const name of ['functions', 'mappings', 'locations'] as const) {
    const columns: Readonly<Record<string, NodeJS.TypedArray>> = actual[name];
    for (const [column, values] of Object.entries(expected[name])) sameColumn(columns[column], values);
  }
}

function sameStrings(actual: readonly string[], { bytes, offsets }: ByteStrings): void {
  equal(actual.length, offsets.length - 1);
  equal(actual.join(''), Buffer.from(bytes).toString('latin1'));
  ok(actual.every((text, i) => text.length === offsets[i + 1] - offsets[i]));
}

/** Quicker than `deepEqual`, which looks at each value. */
function sameColumn(actual: NodeJS.TypedArray | undefined, expected: NodeJS.TypedArray): void {
  ok(actual !== undefined && Buffer.from(bytesOf(actual)).equals(bytesOf(expected)));
}

function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

describe('a symbol space in the arena', () => {
  const kernels = testKernels();
  const least = { names: 1, texts: 1, functions: 1, mappings: 1, locations: 2 };
  const cases: Record<string, SpaceSizes> = {
    'of nothing but empty rows': { ...least, families: [{ stacks: 1, sampled: 0 }] },
    'of one stacktrace': { ...least, families: [{ stacks: 2, sampled: 1 }] },
    'with function trees': {
      ...{ names: 30, texts: 9, functions: 20, mappings: 4, locations: 50 },
      families: [{ ...family, nodes: 33 }, family, { ...family, nodes: 1 }],
    },
    'with all families': {
      ...{ names: 30, texts: 9, functions: 20, mappings: 4, locations: 50 },
      families: Array(familiesMax + 1).fill(family),
    },
    'of sections of a page': {
      ...{ names: 65_536, texts: 65_536, functions: 65_536, mappings: 300, locations: 65_536 },
      families: [{ stacks: 65_536, sampled: 65_536, nodes: 65_536 }],
    },
    'of sections of a page and a row': {
      ...{ names: 65_537, texts: 65_537, functions: 65_537, mappings: 65_537, locations: 65_537 },
      families: [{ stacks: 65_537, sampled: 65_537, nodes: 65_537 }],
    },
    'of sections of several pages': {
      ...{ names: 150_000, texts: 10, functions: 140_000, mappings: 3, locations: 200_000 },
      families: [{ stacks: 200_000, sampled: 150_000 }],
    },
  };
  for (const [name, sizes] of Object.entries(cases)) {
    test(`${name} is what the plain reader finds (seed ${seed})`, () => {
      const space = randomSpace(new Random(seed), sizes);
      sameAsPlain(kernels, encodedSpace(encodeSymbolSpace(space)));
      if (sizes.names < 1000) sameAsPlain(kernels, encodedSpace(encodeSymbolSpace(named(space))));
    });
  }

  test(`of any small sizes is what the plain reader finds (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 100; round++) {
      const families = Array.from({ length: random.int(1, 4) }, () => {
        const stacks = random.int(1, 50);
        return { stacks, sampled: random.int(0, stacks), nodes: random.pick([0, 1, 40]) };
      });
      const rows = () => random.int(2, 70);
      const sizes = { names: rows(), texts: rows(), functions: rows(), mappings: rows(), locations: rows(), families };
      sameAsPlain(kernels, encodedSpace(encodeSymbolSpace(randomSpace(random, sizes))));
    }
  });

  test('of real profiles is what the plain reader finds', () => {
    const corpus = new URL('../../data/corpus/', import.meta.url);
    const files = readdirSync(corpus).filter((name) => name.endsWith('.pb.gz'));
    const pushed = files.map((name) => ({ profile: inflated(readFileSync(new URL(name, corpus))) }));
    const segment = segmentOf(testKernels(), pushed);

    const { datasets, fetched } = wholeRead(segment);

    ok(datasets.length > 0);
    for (const dataset of datasets) sameAsPlain(kernels, { table: runSteps(symbolTable(dataset, fetched)), fetched });
  });

  test('names alone are read without the chunks of the details', () => {
    const bytes = encodeSymbolSpace(named(randomSpace(new Random(1), cases['with function trees'] as SpaceSizes)));
    const { table } = encodedSpace(bytes);
    const details = table.pages.find(({ section }) => section === Section.texts)?.chunk.range.offset ?? 0;
    const fetched = [{ range: { offset: 0, sizeBytes: details }, bytes: bytes.subarray(0, details) }];

    const block = runSteps(readSource(freshPages(kernels, { fetched }), table, false));

    equal(block.hasUnnamed, false);
  });
});

function inflated(body: Uint8Array): Uint8Array {
  const once = gunzipSync(body);
  return once[0] === 0x1f ? gunzipSync(once) : once;
}
