import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ColumnReader } from '#src/domain/block/column-reader.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { placeOf } from '#src/domain/block/page-place.ts';
import { StoreError } from '#src/domain/errors.ts';
import { ColumnDecoder } from '#src/kernels/column-decoder.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { COLUMN_SIZES, somePage, stringColumns, u32Columns, u64Columns } from './column-cases.ts';

//     FUZZ_ROUNDS=1000000 SEED=7 node --test test/unit/kernels/column-decode.test.ts

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 10_000);
const STRING_BYTES_MAX = 3000;
const SCRATCH_BYTES = 1 << 20;
const CANARY = 0xa5;
const CANARY_BYTES = 512;

const seed = runSeed();

/** A kind of column: how the plain version reads n rows, and how the kernel does. */
type Kind = {
  readonly write: (writer: ColumnWriter, random: Random, n: number) => void;
  readonly plain: (reader: ColumnReader, n: number) => unknown;
  readonly kernel: (decoder: ColumnDecoder, n: number, kernels: KernelInstance) => unknown;
};

function claimed<Column>(reader: ColumnReader, n: number, column: (n: number) => Column, read: (into: Column) => void) {
  reader.claim(n);
  const target = column(n);
  read(target);
  return target;
}

const u32 = (n: number) => new Uint32Array(n).fill(9);
const i64 = (n: number) => new BigInt64Array(n).fill(-9n);

const KINDS: Readonly<Record<string, Kind>> = {
  number: {
    write: (writer, random) => writer.number(random.int(0, 2 ** 32 - 1)),
    plain: (reader) => reader.number(),
    kernel: (decoder) => decoder.number(),
  },
  raw: {
    write: (writer, random, n) => writer.raw(random.bytes(n)),
    plain: (reader, n) => reader.raw(n).slice(),
    kernel: (decoder, n, kernels) => kernels.takeU8(decoder.raw(n), n),
  },
  u32: {
    write: (writer, random, n) => writer.u32(random.pick(u32Columns(random, n))),
    plain: (reader, n) => claimed(reader, n, u32, (target) => reader.u32(target)),
    kernel: (decoder, n, kernels) => kernels.takeU32(decoder.u32(n), n),
  },
  u32Deltas: {
    write: (writer, random, n) => writer.u32Deltas(random.pick(u32Columns(random, n))),
    plain: (reader, n) => claimed(reader, n, u32, (target) => reader.u32Deltas(target)),
    kernel: (decoder, n, kernels) => kernels.takeU32(decoder.u32Deltas(n), n),
  },
  firstUse: {
    write: (writer, random, n) => writer.firstUse(random.pick(u32Columns(random, n)), 1),
    plain: (reader, n) => claimed(reader, n, u32, (target) => reader.firstUse(target, 1)),
    kernel: (decoder, n, kernels) => kernels.takeU32(decoder.firstUse(n, 1), n),
  },
  u64: {
    write: (writer, random, n) => writer.u64(random.pick(u64Columns(random, n))),
    plain: (reader, n) => claimed(reader, n, i64, (target) => reader.u64(target)),
    kernel: (decoder, n, kernels) => kernels.takeI64(decoder.u64(n), n),
  },
  i64: {
    write: (writer, random, n) => writer.i64(random.pick(u64Columns(random, n))),
    plain: (reader, n) => claimed(reader, n, i64, (target) => reader.i64(target)),
    kernel: (decoder, n, kernels) => kernels.takeI64(decoder.i64(n), n),
  },
  i64Deltas: {
    write: (writer, random, n) => writer.i64Deltas(random.pick(u64Columns(random, n))),
    plain: (reader, n) => claimed(reader, n, i64, (target) => reader.i64Deltas(target)),
    kernel: (decoder, n, kernels) => kernels.takeI64(decoder.i64Deltas(n), n),
  },
  values: {
    write: (writer, random, n) => writer.values(random.pick(u64Columns(random, n))),
    plain: (reader, n) => claimed(reader, n, i64, (target) => reader.values(target)),
    kernel: (decoder, n, kernels) => kernels.takeI64(decoder.values(n), n),
  },
  strings: {
    write: (writer, random, n) => writer.strings(random.pick(stringColumns(random, n)), 0, n),
    plain: (reader, n) => reader.strings(n, STRING_BYTES_MAX),
    kernel: (decoder, n, kernels) => {
      const { offsets, bytes } = decoder.strings(n, STRING_BYTES_MAX);
      const taken = kernels.takeU32(offsets, n + 1);
      return { bytes: kernels.takeU8(bytes, taken[n]), offsets: taken };
    },
  },
};

function decoderOf(kernels: KernelInstance, bytes: Uint8Array): ColumnDecoder {
  kernels.exports.resetScratch();
  return new ColumnDecoder(kernels, somePage, kernels.put(bytes), bytes.length);
}

function written(write: (writer: ColumnWriter) => void): Uint8Array {
  const writer = new ColumnWriter();
  write(writer);
  return writer.written().slice();
}

/** Compared as buffers, because that is quick for long ones. */
function sameBytes(actual: ArrayBufferView, expected: ArrayBufferView, what: string): void {
  const bytesOf = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  equal(Buffer.compare(bytesOf(actual), bytesOf(expected)), 0, what);
}

describe('column-decode', () => {
  const kernels = testKernels();

  for (const n of COLUMN_SIZES) {
    test(`reads back what the plain version wrote of columns of ${n} rows (seed ${seed})`, () => {
      const random = new Random(seed + n);

      for (const [i, column] of u32Columns(random, n).entries()) {
        const bytes = written((writer) => {
          writer.u32(column);
          writer.u32Deltas(column);
          writer.firstUse(column, 1);
          writer.number(n);
        });
        const decoder = decoderOf(kernels, bytes);
        sameBytes(kernels.takeU32(decoder.u32(n), n), column, `u32 ${i}`);
        sameBytes(kernels.takeU32(decoder.u32Deltas(n), n), column, `u32Deltas ${i}`);
        sameBytes(kernels.takeU32(decoder.firstUse(n, 1), n), column, `firstUse ${i}`);
        equal(decoder.number(), n);
        decoder.end();
      }
      for (const [i, column] of u64Columns(random, n).entries()) {
        const bytes = written((writer) => {
          writer.u64(column);
          writer.i64(column);
          writer.i64Deltas(column);
          writer.values(column);
        });
        const decoder = decoderOf(kernels, bytes);
        sameBytes(kernels.takeI64(decoder.u64(n), n), column, `u64 ${i}`);
        sameBytes(kernels.takeI64(decoder.i64(n), n), column, `i64 ${i}`);
        sameBytes(kernels.takeI64(decoder.i64Deltas(n), n), column, `i64Deltas ${i}`);
        sameBytes(kernels.takeI64(decoder.values(n), n), column, `values ${i}`);
        decoder.end();
      }
      for (const [i, strings] of stringColumns(random, n).entries()) {
        const bytes = written((writer) => {
          writer.strings(strings, 0, n);
          writer.raw(Uint8Array.of(7, 8));
        });
        const decoder = decoderOf(kernels, bytes);
        const read = decoder.strings(n, strings.bytes.length);
        sameBytes(kernels.takeU32(read.offsets, n + 1), strings.offsets, `offsets ${i}`);
        sameBytes(kernels.takeU8(read.bytes, strings.bytes.length), strings.bytes, `strings ${i}`);
        deepEqual([...kernels.takeU8(decoder.raw(2), 2)], [7, 8]);
        decoder.end();
      }
    });
  }

  for (const n of COLUMN_SIZES.filter((size) => size < 100)) {
    test(`writes ${n} rows and nothing beside them`, () => {
      const random = new Random(n);
      const { exports } = kernels;
      const reads = [
        { read: exports.readU32, width: 4, write: KINDS['u32']!.write },
        { read: exports.readU32Deltas, width: 4, write: KINDS['u32Deltas']!.write },
        { read: exports.readU64, width: 8, write: KINDS['u64']!.write },
        { read: exports.readI64, width: 8, write: KINDS['i64']!.write },
        { read: exports.readI64Deltas, width: 8, write: KINDS['i64Deltas']!.write },
        { read: exports.readValues, width: 8, write: KINDS['values']!.write },
      ];
      for (const { read, width, write } of reads) {
        const { reader } = decoderOf(
          kernels,
          written((writer) => write(writer, random, n)),
        );
        const before = exports.allocScratch(32 + n * width);
        kernels.u8().fill(CANARY, before, before + 32 + n * width);

        equal(read(reader, before + 16, n), 1);

        const canary = new Uint8Array(16).fill(CANARY);
        deepEqual(kernels.takeU8(before, 16), canary, read.name);
        deepEqual(kernels.takeU8(before + 16 + n * width, 16), canary, read.name);
      }
    });
  }

  test('an error stays until the next reader, and nothing is read after it', () => {
    const { exports } = kernels;
    const decoder = decoderOf(kernels, Uint8Array.of(9, 1, 2, 3, 4));
    const target = exports.allocScratch(64);

    equal(exports.readU32(decoder.reader, target, 1), 0);
    equal(exports.readNumber(decoder.reader), 0);
    equal(exports.readBytes(decoder.reader, 1), 0);
    equal(exports.readU64(decoder.reader, target, 0), 0);
    equal(exports.readStrings(decoder.reader, target, 0, 100), 0);
    equal(exports.readerClaim(decoder.reader, 0), 0);
    equal(exports.readerEnd(decoder.reader), 0);

    equal(exports.readerOffset(decoder.reader), 1);
    deepEqual(decoder.corrupted().details, {
      ...placeOf(somePage),
      rawOffset: 1,
      rawBytes: 5,
      planes: 9,
      max: 4,
      values: 1,
    });
    equal(decoderOf(kernels, Uint8Array.of(1, 0, 0, 0)).number(), 1);
  });

  test('counts and lengths near 2^32 are refused, not wrapped', () => {
    const cut = (what: string) => (error: unknown) =>
      error instanceof StoreError && error.code === 'corrupted' && error.message.includes(what);
    for (const n of [2 ** 29, 2 ** 30, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = Uint8Array.of(4, 1, 2, 3, 4, 5, 6, 7, 8);
      for (const read of ['u32', 'u32Deltas', 'u64', 'i64', 'i64Deltas', 'values'] as const) {
        throws(() => decoderOf(kernels, bytes)[read](n), cut('more values are claimed'), read);
      }
      throws(() => decoderOf(kernels, bytes).strings(n, 1000), cut('more values are claimed'));
      throws(() => decoderOf(kernels, bytes).raw(n), cut('bytes is cut short'));
      // Without the claim that the wrapper makes.
      const { exports } = kernels;
      for (const read of [exports.readU32, exports.readI64, exports.readFirstUse]) {
        const decoder = decoderOf(kernels, bytes);
        equal(read(decoder.reader, 65_536, n, 1), 0);
        equal(decoder.corrupted().details['wanted'], 4 * n);
      }
    }
  });

  test('a full arena is refused by its name', () => {
    const small = testKernels({ scratchBytesMax: 1 << 16, headBytesMax: 1 << 16 });
    const bytes = written((writer) => writer.u64(new BigUint64Array(20_000)));
    const decoder = decoderOf(small, bytes);

    throws(
      () => small.guard(() => decoder.u64(20_000)),
      (error: unknown) => error instanceof StoreError && error.details['limit'] === 'scratchBytesMax',
    );
  });
});

type Step = { readonly kind: string; readonly n: number };

/** What comes out of the steps, up to the first error and with it. */
function outcome(steps: readonly Step[], read: (step: Step) => unknown, end: () => void): unknown[] {
  const results: unknown[] = [];
  try {
    for (const step of steps) results.push(read(step));
    end();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    results.push({ code: error.code, message: error.message, details: error.details });
  }
  return results;
}

function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  const result = random.chance(0.3) ? bytes.slice(0, random.int(0, bytes.length)) : bytes.slice();
  if (random.chance(0.1)) result.fill(0, 0, 8); // A divisor, if there is one.
  for (let i = random.pick([0, 1, 1, 2, 8]); i > 0 && result.length > 0; i--) {
    // The beginning has most of the counts.
    const at = random.chance(0.5) ? random.int(0, Math.min(12, result.length - 1)) : random.int(0, result.length - 1);
    result[at] = random.pick([0, 1, 2, 3, 4, 5, 8, 9, 127, 128, 255, random.int(0, 255)]);
  }
  return result;
}

test(`column-decode takes whatever comes as the plain version does (seed ${seed}, ${ROUNDS} rounds)`, (t) => {
  const random = new Random(seed);
  const kernels = testKernels({ scratchBytesMax: SCRATCH_BYTES });
  const counts = new Map<string, number>();
  kernels.exports.allocScratch(SCRATCH_BYTES - 16); // So that there is memory behind all that the rounds use.

  for (let round = 0; round < ROUNDS; round++) {
    const steps = Array.from({ length: random.int(1, 4) }, () => ({
      kind: random.pick(Object.keys(KINDS)),
      n: random.pick([0, 1, 2, 3, 15, 16, 17, 40]),
    }));
    const good = written((writer) => {
      for (const { kind, n } of steps) KINDS[kind]!.write(writer, random, n);
    });
    const bytes = random.chance(0.1) ? random.bytes(random.int(0, 100)) : mutated(random, good);
    const asked = steps.map(({ kind, n }) => ({ kind, n: random.chance(0.1) ? n + random.int(0, 300) : n }));

    const reader = new ColumnReader(somePage, bytes);
    const expected = outcome(
      asked,
      ({ kind, n }) => KINDS[kind]!.plain(reader, n),
      () => reader.end(),
    );
    kernels.exports.resetScratch();
    kernels.u8().fill(CANARY, 65_536, 65_536 + 200_000);
    const canary = kernels.exports.allocScratch(CANARY_BYTES) >>> 0;
    const pointer = kernels.put(bytes);
    const decoder = new ColumnDecoder(kernels, somePage, pointer, bytes.length);
    const actual = outcome(
      asked,
      ({ kind, n }) => KINDS[kind]!.kernel(decoder, n, kernels),
      () => decoder.end(),
    );

    deepEqual(actual, expected, `round ${round}: ${JSON.stringify(asked)}`);
    const used = kernels.exports.scratchUsed();
    const allowed = CANARY_BYTES + bytes.length * 9 + asked.length * (STRING_BYTES_MAX + 200) + 200;
    ok(used <= allowed, `round ${round}: ${used} of ${allowed} bytes`);
    const untouched = new Uint8Array(CANARY_BYTES).fill(CANARY);
    sameBytes(kernels.takeU8(canary, CANARY_BYTES), untouched, `round ${round}: in front`);
    sameBytes(kernels.takeU8(pointer, bytes.length), bytes, `round ${round}: the input`);
    sameBytes(kernels.takeU8(65_536 + used, CANARY_BYTES), untouched, `round ${round}: behind`);
    count(counts, expected.at(-1));
  }

  t.diagnostic(JSON.stringify([...counts]));
  equal(counts.size, 14, `a kind of error was never met: ${[...counts.keys()].join(', ')}`);
  ok((counts.get('fine') ?? 0) > ROUNDS / 20);
});

function count(counts: Map<string, number>, last: unknown): void {
  const message = last instanceof Object && 'message' in last ? String(last.message) : 'fine';
  counts.set(message, (counts.get(message) ?? 0) + 1);
}
