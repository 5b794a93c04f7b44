import { Codec, Section } from '#src/domain/block/block-format.ts';
import type { Page } from '#src/domain/block/chunk-table.ts';
import { ColumnReader } from '#src/domain/block/column-reader.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import type { PartInput } from '#src/domain/block/part-writer.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { KernelExports, Pointer } from '#src/kernels/instance.ts';
import { Arena } from '#src/kernels/instance.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { Random } from '../../test/fixtures/random.ts';
import { takenHead } from '../../test/fixtures/taken-head.ts';
import { KINDS } from '../load/variants.ts';
import { measure, type Work } from '../measure.ts';
import { headOf } from './corpus-head.ts';

// Columns as the kernels have them: already in scratch, and left there. A full page of samples, and the function names
// of the corpus.

const ROWS = 65_536;
const STRINGS = 20_000;

const page: Page = {
  section: Section.sampleStacks,
  family: 0,
  column: 0,
  chunk: { codec: Codec.none, range: { offset: 0, sizeBytes: 0 }, rawBytes: 0, crc32: 0 },
  offset: 0,
  rawBytes: 0,
  firstRow: 0,
  rowCount: ROWS,
};

const kernels = testKernels();
const { exports } = kernels;
const [tenant] = takenHead(kernels, headOf(kernels, KINDS));
const families = tenant.datasets.flatMap((dataset) => dataset.columns.families);

const stack = Uint32Array.from(repeated(families.flatMap((samples) => [...samples.stack])));
const value = BigInt64Array.from(repeated(families.flatMap(({ values }) => values.flatMap((column) => [...column]))));
const firstUse = numberedByFirstUse(stack);
const names = functionNames(tenant);

exports.resetHead();
const columns = {
  stack: kept(stack),
  value: kept(value),
  firstUse: kept(firstUse),
  bytes: kept(names.bytes),
  offsets: kept(names.offsets),
};
const output = exports.outputNew(Arena.head, 8 << 20) >>> 0;

type Encode = (writer: ColumnWriter) => void;
type EncodeKernel = (exports: KernelExports) => void;
type Decode = (reader: ColumnReader) => unknown;
type DecodeKernel = (exports: KernelExports, reader: Pointer, target: Pointer) => unknown;

const rows: Work = { count: ROWS, unit: 'row' };
const target32 = new Uint32Array(ROWS);
const target64 = new BigInt64Array(ROWS);

compare(
  'u32 stack',
  rows,
  [(writer) => writer.u32(stack), ({ columnU32 }) => columnU32(output, columns.stack, ROWS)],
  [(reader) => reader.u32(target32), ({ readU32 }, reader, target) => readU32(reader, target, ROWS)],
);
compare(
  'u32Deltas stack',
  rows,
  [(writer) => writer.u32Deltas(stack), ({ columnU32Deltas }) => columnU32Deltas(output, columns.stack, ROWS)],
  [(reader) => reader.u32Deltas(target32), ({ readU32Deltas }, reader, target) => readU32Deltas(reader, target, ROWS)],
);
compare(
  'firstUse stack',
  rows,
  [(writer) => writer.firstUse(firstUse, 1), ({ columnFirstUse }) => columnFirstUse(output, columns.firstUse, ROWS, 1)],
  [
    (reader) => reader.firstUse(target32, 1),
    ({ readFirstUse }, reader, target) => readFirstUse(reader, target, ROWS, 1),
  ],
);
compare(
  'u64 value',
  rows,
  [(writer) => writer.u64(value), ({ columnU64 }) => columnU64(output, columns.value, ROWS)],
  [(reader) => reader.u64(target64), ({ readU64 }, reader, target) => readU64(reader, target, ROWS)],
);
compare(
  'i64 value',
  rows,
  [(writer) => writer.i64(value), ({ columnI64 }) => columnI64(output, columns.value, ROWS)],
  [(reader) => reader.i64(target64), ({ readI64 }, reader, target) => readI64(reader, target, ROWS)],
);
compare(
  'i64Deltas value',
  rows,
  [(writer) => writer.i64Deltas(value), ({ columnI64Deltas }) => columnI64Deltas(output, columns.value, ROWS)],
  [(reader) => reader.i64Deltas(target64), ({ readI64Deltas }, reader, target) => readI64Deltas(reader, target, ROWS)],
);
compare(
  'values value',
  rows,
  [(writer) => writer.values(value), ({ columnValues }) => columnValues(output, columns.value, ROWS)],
  [(reader) => reader.values(target64), ({ readValues }, reader, target) => readValues(reader, target, ROWS)],
);
compare(
  'strings names',
  { count: STRINGS, unit: 'string' },
  [
    (writer) => writer.strings(names, 0, STRINGS),
    ({ columnStrings }) => columnStrings(output, columns.bytes, columns.offsets, 0, STRINGS),
  ],
  [
    (reader) => reader.strings(STRINGS, 2 ** 31),
    ({ readStrings }, reader, target) => readStrings(reader, target, STRINGS, 2 ** 31),
  ],
);

function compare(
  name: string,
  work: Work,
  [encode, encodeKernel]: readonly [Encode, EncodeKernel],
  [decode, decodeKernel]: readonly [Decode, DecodeKernel],
): void {
  const writer = new ColumnWriter();
  encode(writer);
  const written = writer.written().slice();
  measure(`kernels/column-encode ${name} plain`, work, () => encode(new ColumnWriter()));
  measure(`kernels/column-encode ${name} wasm`, work, () => {
    exports.outputReset(output);
    encodeKernel(exports);
  });
  measure(`kernels/column-decode ${name} plain`, work, () => decode(new ColumnReader(page, written)));
  const pointer = kept(written);
  measure(`kernels/column-decode ${name} wasm`, work, () => {
    exports.resetScratch();
    const target = exports.allocScratch((ROWS + 1) * 8);
    return decodeKernel(exports, exports.readerNew(pointer, written.length), target);
  });
}

/** Copied into the head, where the rounds leave it alone. */
function kept(column: Uint32Array | BigInt64Array | Uint8Array): Pointer {
  const pointer = exports.allocHead(column.byteLength) >>> 0;
  kernels.u8().set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), pointer);
  return pointer;
}

/** As often as it takes to fill a page. */
function repeated<Value>(values: readonly Value[]): Value[] {
  return Array.from({ length: ROWS }, (_, i) => values[i % values.length] as Value);
}

function numberedByFirstUse(column: Uint32Array): Uint32Array {
  const numbers = new Map<number, number>();
  return column.map((row) => {
    const known = numbers.get(row);
    if (known !== undefined) return known;
    numbers.set(row, numbers.size + 1);
    return numbers.size;
  });
}

/** Sorted, as they share the most. The corpus has fewer: the others are as those of a second package of that name. */
function functionNames({ symbols }: PartInput): ByteStrings {
  const { names: strings, functions } = symbols;
  const rowsOfNames = [...new Set(functions.name)];
  const texts = rowsOfNames.map((row) =>
    Buffer.from(strings.bytes.subarray(strings.offsets[row], strings.offsets[row + 1])).toString('latin1'),
  );
  const random = new Random(1);
  const more = Array.from({ length: Math.max(0, STRINGS - texts.length) }, () =>
    random.pick(texts).replace(/[^/.]*$/, (last) => `${last}${random.int(0, 999)}`),
  );
  const all = [...texts, ...more].slice(0, STRINGS).toSorted();
  const offsets = new Uint32Array(STRINGS + 1);
  for (const [i, text] of all.entries()) offsets[i + 1] = offsets[i] + text.length;
  return { bytes: Buffer.from(all.join(''), 'latin1'), offsets };
}
