import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { Section, sectionName } from '#src/domain/block/block-format.ts';
import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { rawBytesOf } from '#src/domain/block/chunk-reader.ts';
import { type ChunkTable, type Page, readChunkTable } from '#src/domain/block/chunk-table.ts';
import { ChunkWriter, type Compress, compressOnce } from '#src/domain/block/chunk-writer.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { type FetchedRange, wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { freshPages } from '../../fixtures/block-in-arena.ts';
import { type BlockView, kernelView, plainView } from '../../fixtures/block-views.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { goldenInput } from '../domain/block/golden-object.ts';
import { byteStrings } from '../domain/block/random-columns.ts';
import { repairChecksums } from '../domain/block/repaired-checksums.ts';
import { objectOf, smallInputs } from '../domain/block/small-object.ts';

// What a bug, a broken disk or somebody with access to the bucket may write. Whatever it is, the kernels refuse it or find
// what the plain readers find; they never trap but for a full arena, and touch nothing outside of what they allocated.
//
//     FUZZ_ROUNDS=1000000 SEED=7 node --test test/unit/kernels/hostile-block.test.ts

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 2_000);
const ARENAS_START = 65_536;
const SCRATCH_BYTES = 1 << 20;
const HEAD_BYTES = 1 << 16;
const CANARY = 0xc5;
const seed = runSeed();

type Outcome = { readonly view: BlockView } | { readonly error: StoreError };

function outcomeOf(read: () => BlockView): Outcome {
  try {
    return { view: read() };
  } catch (error) {
    if (error instanceof StoreError) return { error };
    throw error;
  }
}

type Block = { readonly bytes: Uint8Array; readonly datasets: readonly DatasetMeta[] };

function tablesOf({ bytes, datasets: [dataset] }: Block): { symbols: ChunkTable; dataset: ChunkTable } {
  ok(dataset !== undefined);
  const { symbols, range } = dataset;
  return {
    symbols: readChunkTable('symbols', bytes.subarray(symbols.offset, symbols.offset + symbols.sizeBytes), symbols),
    dataset: readChunkTable('dataset', bytes.subarray(range.offset, range.offset + range.sizeBytes), range),
  };
}

function byKernels(kernels: KernelInstance, block: Block): Outcome {
  return outcomeOf(() =>
    kernels.guard(() => kernelView(freshPages(kernels, { fetched: wholeObject(block.bytes) }), tablesOf(block))),
  );
}

function byPlain(block: Block): Outcome {
  return outcomeOf(() => plainView(tablesOf(block), wholeObject(block.bytes)));
}

/** One dataset of a small object, the only one that has its symbols. Compacted: every section is used. */
function smallBlock(random?: Random): Block {
  const { bytes, meta } = objectOf(smallInputs(random).slice(1));
  return { bytes, datasets: meta.datasets };
}

/** The symbols and the dataset, without the footer. */
function contentBytes({ datasets: [dataset] }: Block): number {
  return (dataset?.range.offset ?? 0) + (dataset?.range.sizeBytes ?? 0);
}

// Families that no profile is of are not read, and of some orders and columns kernels look at no more than they follow.
const OF_FAMILIES: readonly string[] = [
  ...['stacks', 'sampledStacks', 'functionTree', 'foldedStacks'],
  ...['sampleStacks', 'spans', 'totals'],
];
const NOT_RELIED_ON =
  /times of a series fall|label names do not rise|columns differ in length|too many value columns|nodes do not rise/;
const NOT_RELIED_ON_IN_TYPES = /family is not a row|no such value column|families and columns do not rise/;

/** Whether the plain reader refuses a block for what the kernels, which found this in it, did not look at. */
function unseen({ message, details }: StoreError, view: BlockView, block: Block): boolean {
  if (NOT_RELIED_ON.test(message)) return true;
  const { section, family, column, offset } = details;
  if (section === 'types' && NOT_RELIED_ON_IN_TYPES.test(message)) return true;
  if (section !== undefined) return !isRead(view, String(section), Number(family), Number(column));
  const { symbols, dataset } = tablesOf(block);
  const ofChunk = [...symbols.pages, ...dataset.pages].filter(({ chunk }) => chunk.range.offset === offset);
  return !ofChunk.some((page) => isRead(view, sectionName(page.section), page.family, page.column));
}

function isRead({ families, types }: BlockView, section: string, family: number, column: number): boolean {
  // A value column that no profile is of is not read.
  if (section === 'sampleValues') return false;
  if (section === 'totals') {
    const isTyped = types.family.some((of, row) => of === family && types.column[row] === column);
    return isTyped && families.get(family)?.folded !== undefined;
  }
  return !OF_FAMILIES.includes(section) || families.has(family);
}

describe('the kernels', () => {
  const kernels = testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });
  kernels.exports.allocScratch(SCRATCH_BYTES - 64);
  kernels.exports.allocHead(HEAD_BYTES - 64);
  kernels.exports.resetHead();
  kernels.u8().fill(CANARY, ARENAS_START);

  /** Reads, and looks for writes outside of what was allocated. */
  function readWithCanaries(block: Block): Outcome {
    const outcome = byKernels(kernels, block);
    const end = ARENAS_START + kernels.exports.scratchUsed();
    const behind = Buffer.from(kernels.u8().buffer, end);
    ok(behind.equals(untouched.subarray(0, behind.length)), 'bytes behind what was allocated have changed');
    kernels.u8().fill(CANARY, ARENAS_START, end);
    return outcome;
  }
  const untouched = Buffer.alloc(kernels.u8().length - ARENAS_START, CANARY);

  test('refuse every flipped bit of what they read', () => {
    const block = smallBlock();
    const good = readWithCanaries(block);
    deepEqual(good, byPlain(block));
    for (let bit = 0; bit < contentBytes(block) * 8; bit++) {
      const bytes = block.bytes.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);

      const outcome = readWithCanaries({ ...block, bytes });

      ok('error' in outcome, `bit ${bit & 7} of byte ${bit >> 3} did not matter`);
      equal(outcome.error.code, 'corrupted', outcome.error.message);
    }
  });

  test(`find what the plain readers find in any bytes with right checksums, or refuse them (seed ${seed})`, (t) => {
    const random = new Random(seed);
    const counts = { fine: 0, refused: 0, unseen: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const block = smallBlock(round % 50 === 0 ? new Random(round) : undefined);
      for (let i = random.int(1, 3); i > 0; i--) {
        block.bytes[random.int(0, contentBytes(block) - 1)] = random.pick([0, 1, 2, 127, 255]);
      }
      for (const { symbols, range } of block.datasets) {
        for (const { offset, sizeBytes } of [symbols, range]) {
          repairChecksums(block.bytes.subarray(offset, offset + sizeBytes));
        }
      }
      const plain = byPlain(block);

      const actual = readWithCanaries(block);

      if ('view' in actual) {
        if ('view' in plain) deepEqual(actual.view, plain.view, `round ${round}`);
        else
          ok(
            unseen(plain.error, actual.view, block),
            `round ${round}: ${plain.error.message} ${JSON.stringify(plain.error.details)}`,
          );
        counts['view' in plain ? 'fine' : 'unseen']++;
      } else {
        const { code, message } = actual.error;
        ok('error' in plain, `round ${round}: refused by the kernels alone: ${message}`);
        ok(code === 'corrupted' || code === 'unimplemented' || code === 'limit-exceeded', message);
        counts.refused++;
      }
    }
    t.diagnostic(JSON.stringify(counts));
    ok(counts.fine > ROUNDS / 20 && counts.refused > ROUNDS / 4);
  });
});

/** Another content for the first page of a section, family and column 0. */
type Damage = {
  readonly section: Section;
  readonly write: (columns: ColumnWriter) => void;
  /** What the page table says; as before, if nothing. */
  readonly rows?: number;
  readonly compress?: Compress;
};

/** The golden object with a page that says something else. Every checksum is right. */
function damaged(damage: Damage): Block {
  const { bytes, meta } = objectOf([goldenInput]);
  const block = { bytes, datasets: meta.datasets };
  const { symbols, dataset } = tablesOf(block);
  const fetched = wholeObject(bytes);
  const parts = [rewritten('symbols', symbols, fetched, damage), rewritten('dataset', dataset, fetched, damage)];
  const [first, second] = parts.map(({ length }) => length);
  const ranges = { symbols: { offset: 0, sizeBytes: first }, range: { offset: first, sizeBytes: second } };
  return {
    bytes: Uint8Array.from(Buffer.concat(parts)),
    datasets: meta.datasets.map((of) => ({ ...of, ...ranges })),
  };
}

function rewritten(
  kind: 'symbols' | 'dataset',
  table: ChunkTable,
  fetched: readonly FetchedRange[],
  { section, write, rows, compress = compressOnce }: Damage,
): Uint8Array {
  const writer = new ChunkWriter(kind, 1, compress);
  let before: Page | undefined;
  for (const page of table.pages) {
    if (before !== undefined && before.chunk !== page.chunk) writer.closeChunk();
    before = page;
    const raw = rawBytesOf(page.chunk, fetched).subarray(page.offset, page.offset + page.rawBytes);
    const hit = page.section === section && page.family === 0 && page.column === 0;
    const columns = new ColumnWriter();
    if (hit) write(columns);
    writer.page(page, hit ? (rows ?? page.rowCount) : page.rowCount, hit ? columns.written() : raw);
  }
  return writer.finish().bytes;
}

const u32 = (...values: number[]): Uint32Array => Uint32Array.from(values);
const i64 = (...values: number[]): BigInt64Array => BigInt64Array.from(values, BigInt);
const many = (n: number, value: number): Uint32Array => new Uint32Array(n).fill(value);

/** @param rest  own lengths of strings, whose own bytes follow */
function strings(columns: ColumnWriter, shared: Uint32Array, rest: Uint32Array, ownBytes: number): void {
  columns.u32(shared);
  columns.u32(rest);
  columns.raw(new Uint8Array(ownBytes).fill(0x61));
}

function firstUses(columns: ColumnWriter, values: Uint32Array): void {
  columns.number(values[0] ?? 0);
  columns.firstUse(values, values[0] ?? 0);
}

// The golden object has 4 names, 3 texts, 4 functions, 2 mappings, 3 locations with 3 lines, 4 stacks, of which 2 are
// sampled, and a function tree of 6 nodes; 2 series with a type each, 2 pushes, 3 profiles, 2 runs, 71 samples in two value columns.
const cases: Record<string, Damage & { readonly says: RegExp }> = {
  'names that are cut short': {
    section: Section.names,
    write: (columns) => strings(columns, many(4, 0), u32(0, 4, 3, 6), 12),
    says: /text of strings is cut short/,
  },
  'names with bytes behind them': {
    section: Section.names,
    write: (columns) => strings(columns, many(4, 0), u32(0, 4, 3, 6), 14),
    says: /bytes are left/,
  },
  'a page that claims more names than it has': {
    section: Section.names,
    rows: 20,
    write: (columns) => strings(columns, many(4, 0), u32(0, 4, 3, 6), 13),
    says: /column is cut short|planes is wrong/,
  },
  'a first name that is not empty': {
    section: Section.names,
    write: (columns) => strings(columns, many(4, 0), u32(1, 4, 3, 6), 14),
    says: /row 0 is not empty/,
  },
  'a name that shares more than there is': {
    section: Section.names,
    write: (columns) => strings(columns, u32(0, 0, 5, 0), u32(0, 4, 3, 6), 13),
    says: /shares more than the one before has/,
  },
  'names of 4 GiB': {
    section: Section.names,
    write: (columns) => strings(columns, many(4, 0), u32(0, 2 ** 32 - 1, 2, 1), 13),
    says: /more bytes than they may have/,
  },
  'a function of no name': {
    section: Section.functions,
    write: (columns) => firstUses(columns, u32(0, 1, 2, 4)),
    says: /name is not a row/,
  },
  'a function of the last name there could be': {
    section: Section.functions,
    write: (columns) => firstUses(columns, u32(0, 1, 2 ** 32 - 1, 3)),
    says: /name is not a row/,
  },
  'an empty function that has a name': {
    section: Section.functions,
    write: (columns) => firstUses(columns, u32(1, 1, 2, 3)),
    says: /row 0 is not empty/,
  },
  'fewer rows of details than functions': {
    section: Section.functionDetails,
    rows: 3,
    write: (columns) => {
      columns.u32(many(3, 0));
      firstUses(columns, many(3, 0));
      columns.i64(i64(0, 0, 0));
    },
    says: /another number of rows/,
  },
  'a system name that is no name': {
    section: Section.functionDetails,
    write: (columns) => {
      columns.u32(u32(0, 0, 0, 1));
      firstUses(columns, u32(0, 1, 1, 1));
      columns.i64(i64(0, 10, 40, 60));
    },
    says: /systemName is not a row/,
  },
  'a file that is no text': {
    section: Section.functionDetails,
    write: (columns) => {
      columns.u32(many(4, 0));
      firstUses(columns, u32(0, 1, 1, 3));
      columns.i64(i64(0, 10, 40, 60));
    },
    says: /filename is not a row/,
  },
  'an empty function that begins somewhere': {
    section: Section.functionDetails,
    write: (columns) => {
      columns.u32(many(4, 0));
      firstUses(columns, u32(0, 1, 1, 1));
      columns.i64(i64(1, 10, 40, 60));
    },
    says: /row 0 is not empty/,
  },
  'a mapping of no file': {
    section: Section.mappings,
    write: (columns) => {
      for (let i = 0; i < 3; i++) columns.i64Deltas(i64(0, 0));
      columns.u32Deltas(u32(0, 3));
      columns.u32Deltas(u32(0, 0));
      columns.raw(Uint8Array.of(0, 0));
    },
    says: /filename is not a row/,
  },
  'an empty mapping with flags': {
    section: Section.mappings,
    write: (columns) => {
      for (let i = 0; i < 3; i++) columns.i64Deltas(i64(0, 0));
      columns.u32Deltas(u32(0, 2));
      columns.u32Deltas(u32(0, 0));
      columns.raw(Uint8Array.of(1, 0));
    },
    says: /row 0 is not empty/,
  },
  'more lines than there are bytes': {
    section: Section.locations,
    write: (columns) => {
      columns.u32(u32(0, 1, 2_000_000));
      firstUses(columns, u32(1, 2, 3));
    },
    says: /more values are claimed/,
  },
  'more lines than 32 bits count': {
    section: Section.locations,
    write: (columns) => {
      columns.u32(u32(0, 2 ** 32 - 1, 4));
      firstUses(columns, u32(1, 2, 3));
    },
    says: /too many lines|more values are claimed/,
  },
  'an empty location that has lines': {
    section: Section.locations,
    write: (columns) => {
      columns.u32(u32(1, 1, 1));
      firstUses(columns, u32(1, 2, 3));
    },
    says: /row 0 is not empty/,
  },
  'a line of no function': {
    section: Section.locations,
    write: (columns) => {
      columns.u32(u32(0, 1, 2));
      firstUses(columns, u32(1, 2, 4));
    },
    says: /lineFunction is not a row/,
  },
  'details of other lines': {
    section: Section.locationDetails,
    write: (columns) => {
      columns.u32Deltas(u32(0, 1, 1));
      columns.i64Deltas(i64(0, 1, 1));
      columns.raw(Uint8Array.of(0, 0, 1));
      columns.number(4);
      columns.i64(i64(1, 1, 1, 1));
    },
    says: /another number of lines|columns differ in length/,
  },
  'a location in no mapping': {
    section: Section.locationDetails,
    write: (columns) => {
      columns.u32Deltas(u32(0, 1, 2));
      columns.i64Deltas(i64(0, 1, 1));
      columns.raw(Uint8Array.of(0, 0, 1));
      columns.number(3);
      columns.i64(i64(1, 1, 1));
    },
    says: /mapping is not a row/,
  },
  'an empty location that has an address': {
    section: Section.locationDetails,
    write: (columns) => {
      columns.u32Deltas(u32(0, 1, 1));
      columns.i64Deltas(i64(7, 1, 1));
      columns.raw(Uint8Array.of(0, 0, 1));
      columns.number(3);
      columns.i64(i64(1, 1, 1));
    },
    says: /row 0 is not empty/,
  },
  'a root with a parent': {
    section: Section.stacks,
    write: (columns) => {
      columns.u32(u32(2, 1, 1, 3));
      firstUses(columns, u32(0, 1, 2, 2));
    },
    says: /parent is not a row before|root has a parent/,
  },
  'a stack that is its own parent': {
    section: Section.stacks,
    write: (columns) => {
      columns.u32(u32(1, 1, 0, 3));
      firstUses(columns, u32(0, 1, 2, 2));
    },
    says: /parent is not a row before/,
  },
  'a stack whose parent is before the first': {
    section: Section.stacks,
    write: (columns) => {
      columns.u32(u32(1, 1, 1, 4));
      firstUses(columns, u32(0, 1, 2, 2));
    },
    says: /parent is not a row before/,
  },
  'a stack of no location': {
    section: Section.stacks,
    write: (columns) => {
      columns.u32(u32(1, 1, 1, 3));
      firstUses(columns, u32(0, 1, 2, 3));
    },
    says: /key is not a row/,
  },
  'a stack without a location': {
    section: Section.stacks,
    write: (columns) => {
      columns.u32(u32(1, 1, 1, 3));
      firstUses(columns, u32(0, 1, 0, 2));
    },
    says: /a stack has no location/,
  },
  'a sampled stack that is none': {
    section: Section.sampledStacks,
    write: (columns) => columns.u32Deltas(u32(2, 4)),
    says: /stack is not a row/,
  },
  'a sampled stack that is there twice': {
    section: Section.sampledStacks,
    write: (columns) => columns.u32Deltas(u32(2, 2)),
    says: /stacks do not rise/,
  },
  'more strings of labels than bytes': {
    section: Section.series,
    write: (columns) => {
      columns.number(2 ** 32 - 1);
      columns.u32(many(50, 0));
    },
    says: /more values are claimed/,
  },
  'more labels than bytes': {
    section: Section.series,
    write: (columns) => {
      columns.number(2);
      columns.strings(byteStrings(['a', 'b']), 0, 2);
      columns.u32(u32(1, 5_000_000));
      columns.u32(u32(0));
      columns.u32(u32(1));
    },
    says: /more values are claimed/,
  },
  'a label that is no string': {
    section: Section.series,
    write: (columns) => {
      columns.number(2);
      columns.strings(byteStrings(['a', 'b']), 0, 2);
      columns.u32(u32(1, 1));
      columns.u32(u32(0, 0));
      columns.u32(u32(1, 2));
    },
    says: /label is not a row/,
  },
  'a label that is not UTF-8': {
    section: Section.series,
    write: (columns) => {
      columns.number(2);
      columns.strings(byteStrings(['a', Uint8Array.of(0xff)]), 0, 2);
      columns.u32(u32(1, 1));
      columns.u32(u32(0, 0));
      columns.u32(u32(1, 1));
    },
    says: /not UTF-8/,
  },
  'pushes without all of their ids': {
    section: Section.pushes,
    write: (columns) => {
      for (let i = 0; i < 3; i++) columns.i64Deltas(i64(1, 2));
      columns.raw(new Uint8Array(31));
    },
    says: /bytes is cut short/,
  },
  'a profile of no series': {
    section: Section.profiles,
    write: (columns) => profiles(columns, { series: u32(0, 0, 2) }),
    says: /series is not a row/,
  },
  'profiles whose series fall': {
    section: Section.profiles,
    write: (columns) => profiles(columns, { series: u32(1, 0, 1) }),
    says: /series fall/,
  },
  'a profile of no push': {
    section: Section.profiles,
    write: (columns) => profiles(columns, { push: u32(0, 1, 2) }),
    says: /push is not a row/,
  },
  'a profile of no run': {
    section: Section.profiles,
    write: (columns) => profiles(columns, { run: u32(0, 1, 2) }),
    says: /run is not a row/,
  },
  'a profile of no value column': {
    section: Section.profiles,
    write: (columns) => profiles(columns, { column: u32(0, 0, 2 ** 32 - 1) }),
    says: /no such value column|values do not stand beside/,
  },
  'runs with more samples than there are': {
    section: Section.runs,
    write: (columns) => columns.u32(u32(1, 71)),
    says: /another number of samples/,
  },
  'runs with more samples than 32 bits count': {
    section: Section.runs,
    write: (columns) => columns.u32(u32(2 ** 32 - 1, 72)),
    says: /another number of samples/,
  },
  'a sample of no stack': {
    section: Section.sampleStacks,
    write: (columns) => columns.u32Deltas(many(71, 2)),
    says: /stack is not a row/,
  },
  'fewer values than samples': {
    section: Section.sampleValues,
    rows: 70,
    write: (columns) => columns.values(new BigInt64Array(70)),
    says: /values do not stand beside|columns differ in length/,
  },
  'a value column that is cut short': {
    section: Section.sampleValues,
    write: (columns) => columns.values(new BigInt64Array(70)),
    says: /column is cut short/,
  },
  'a value column with bytes behind it': {
    section: Section.sampleValues,
    write: (columns) => {
      columns.values(new BigInt64Array(71));
      columns.raw(new Uint8Array(1));
    },
    says: /bytes are left/,
  },
  'samples with bytes behind them': {
    section: Section.sampleStacks,
    write: (columns) => {
      columns.u32Deltas(many(71, 1));
      columns.raw(new Uint8Array(1));
    },
    says: /bytes are left/,
  },
  'a divisor of 0': {
    section: Section.sampleValues,
    write: (columns) => {
      columns.raw(new Uint8Array(8));
      columns.u32(many(71, 1));
    },
    says: /divisor is 0/,
  },
  'a value of more than 64 bits': {
    section: Section.sampleValues,
    write: (columns) => {
      columns.raw(new Uint8Array(8).fill(255));
      columns.u32(many(71, 2));
    },
    says: /more than 64 bits/,
  },
  'a negative value': {
    section: Section.sampleValues,
    write: (columns) => columns.values(new BigInt64Array(71).fill(-1n)),
    says: /value is negative/,
  },
  'a span of no sample': {
    section: Section.spans,
    write: (columns) => spans(columns, u32(71)),
    says: /sample is not a row/,
  },
  'a sample with two spans': {
    section: Section.spans,
    rows: 2,
    write: (columns) => spans(columns, u32(5, 5)),
    says: /samples do not rise/,
  },
  'a function tree whose root has a name': {
    section: Section.functionTree,
    write: (columns) => {
      columns.u32(u32(1, 1, 1, 1, 4, 1));
      firstUses(columns, u32(1, 1, 3, 2, 3, 2));
    },
    says: /row 0 is not empty/,
  },
  'a node of a function tree that is its own parent': {
    section: Section.functionTree,
    write: (columns) => {
      columns.u32(u32(1, 1, 0, 1, 4, 1));
      firstUses(columns, u32(0, 1, 3, 2, 3, 2));
    },
    says: /parent is not a row before/,
  },
  'a node of a function tree that has no name': {
    section: Section.functionTree,
    write: (columns) => {
      columns.u32(u32(1, 1, 1, 1, 4, 1));
      firstUses(columns, u32(0, 1, 3, 2, 3, 4));
    },
    says: /key is not a row/,
  },
  'a stack that is folded to no node': {
    section: Section.foldedStacks,
    write: (columns) => columns.u32Deltas(u32(3, 6)),
    says: /node is not a row/,
  },
  'a stack that is folded to the last node there could be': {
    section: Section.foldedStacks,
    write: (columns) => columns.u32Deltas(u32(3, 2 ** 32 - 1)),
    says: /node is not a row/,
  },
  'a stack that is not folded': {
    section: Section.foldedStacks,
    rows: 1,
    write: (columns) => columns.u32Deltas(u32(3)),
    says: /not every sampled stack is folded|columns differ in length/,
  },
  'totals of no node': {
    section: Section.totals,
    write: (columns) => totals(columns, u32(3, 6)),
    says: /node is not a row/,
  },
  'totals of the last node there could be': {
    section: Section.totals,
    write: (columns) => totals(columns, u32(3, 2 ** 32 - 1)),
    says: /node is not a row/,
  },
  'negative totals': {
    section: Section.totals,
    write: (columns) => totals(columns, u32(3, 5), i64(72, -1)),
    says: /value is negative/,
  },
  'totals with bytes behind them': {
    section: Section.totals,
    write: (columns) => {
      totals(columns, u32(3, 5));
      columns.raw(new Uint8Array(1));
    },
    says: /bytes are left/,
  },
  'a type of no family': {
    section: Section.types,
    write: (columns) => types(columns, { family: u32(0, 2 ** 32 - 1) }),
    says: /(family|type) is not a row/,
  },
  'a type of no value column': {
    section: Section.types,
    write: (columns) => types(columns, { column: u32(0, 2 ** 32 - 1) }),
    says: /no such value column|type is not a row/,
  },
  'a type of no series': {
    section: Section.types,
    write: (columns) => types(columns, { series: u32(0, 2) }),
    says: /(series|type) is not a row/,
  },
  'a chunk that decompresses to more than it says': {
    section: Section.sampleStacks,
    write: (columns) => columns.u32Deltas(many(71, 1)),
    compress: (raw, _level) =>
      raw.length < 200 ? raw : zstdCompressSync(Buffer.alloc(raw.length + 1), { params: {} }),
    says: /decompresses to another length|does not decompress/,
  },
  'a chunk that is no zstd': {
    section: Section.sampleStacks,
    write: (columns) => columns.u32Deltas(many(71, 1)),
    compress: () => Uint8Array.of(1, 2, 3),
    says: /does not decompress/,
  },
  'a chunk that is a bomb': {
    section: Section.sampleStacks,
    write: (columns) => columns.u32Deltas(many(71, 1)),
    compress: () => zstdCompressSync(Buffer.alloc(512 << 10)),
    says: /decompresses to another length|does not decompress/,
  },
};

function profiles(
  columns: ColumnWriter,
  change: Partial<Record<'series' | 'push' | 'run' | 'column', Uint32Array>>,
): void {
  columns.u32Deltas(change.series ?? u32(0, 0, 1));
  columns.u32Deltas(change.push ?? u32(0, 1, 1));
  columns.u32Deltas(change.run ?? u32(0, 1, 1));
  columns.u32(change.column ?? u32(0, 0, 1));
  columns.i64(i64(1, 1, 1));
}

function types(columns: ColumnWriter, change: Partial<Record<'family' | 'column' | 'series', Uint32Array>>): void {
  columns.u32(change.family ?? u32(0, 0));
  columns.u32(change.column ?? u32(0, 1));
  columns.u32(change.series ?? u32(0, 1));
}

function totals(columns: ColumnWriter, node: Uint32Array, value: BigInt64Array = i64(72, 70)): void {
  columns.u32Deltas(node);
  columns.values(value);
}

function spans(columns: ColumnWriter, sample: Uint32Array): void {
  columns.u32Deltas(sample);
  columns.raw(new Uint8Array(24 * sample.length).fill(7));
}

describe('a block is refused by kernels and by the plain readers for', () => {
  const kernels = testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });
  for (const [name, { says, ...damage }] of Object.entries(cases)) {
    test(name, () => {
      const block = damaged(damage);

      for (const outcome of [byPlain(block), byKernels(kernels, block)]) {
        ok('error' in outcome, 'it was read');
        equal(outcome.error.code, 'corrupted');
        match(outcome.error.message, says);
        // A page is in a chunk, which is behind a header.
        const { message, details } = outcome.error;
        if (/\bpage: /.test(message)) ok(Number(details['offset']) > 0, `${message} at ${details['offset']}`);
      }
    });
  }
});

describe('a block that is small, and large once it is read,', () => {
  /** Each string is one byte longer than nothing, and shares all that it can. */
  const bomb =
    (n: number) =>
    (columns: ColumnWriter): void => {
      const shared = many(n, 255);
      shared[0] = 0;
      shared[1] = 0;
      const rest = many(n, 0);
      rest[1] = 255;
      strings(columns, shared, rest, 255);
    };

  test('is refused with the limit of the arena, whatever its names would take', () => {
    const small = testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });
    const outcome = byKernels(small, damaged({ section: Section.names, rows: 65_536, write: bomb(65_536) }));

    ok('error' in outcome);
    equal(outcome.error.code, 'limit-exceeded');
    match(outcome.error.message, /scratchBytesMax/);
    ok(small.memory.scratchBytes <= SCRATCH_BYTES);
  });

  test('is refused before there is room for its labels, if they have more than 64 MiB', () => {
    const large = testKernels({ scratchBytesMax: 32 << 20, headBytesMax: HEAD_BYTES });
    const write = (columns: ColumnWriter): void => {
      columns.number(300_000);
      bomb(300_000)(columns);
    };
    const block = damaged({ section: Section.series, write });

    for (const outcome of [byPlain(block), byKernels(large, block)]) {
      ok('error' in outcome);
      equal(outcome.error.code, 'corrupted');
      match(outcome.error.message, /strings have more bytes than they may have/);
    }
    ok(large.memory.scratchBytes < 4 << 20);
  });

  test('is refused with the limit of the arena, whatever a chunk decompresses to', () => {
    const small = testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });
    const block = damaged({ section: Section.names, write: (columns) => columns.raw(new Uint8Array(8 << 20)) });
    ok(block.bytes.length < 10_000);

    const outcome = byKernels(small, block);

    ok('error' in outcome);
    equal(outcome.error.code, 'limit-exceeded');
    ok(small.memory.scratchBytes <= SCRATCH_BYTES);
  });

  test('leaves kernels that read the next block as if nothing had been', () => {
    const kernels = testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });
    byKernels(kernels, damaged({ section: Section.names, rows: 65_536, write: bomb(65_536) }));
    const block = smallBlock();

    deepEqual(byKernels(kernels, block), byPlain(block));
  });
});
