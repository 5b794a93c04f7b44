import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { Arena, type KernelInstance } from '#src/kernels/instance.ts';
import { ColumnEncoder } from '../../fixtures/column-encoder.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { COLUMN_SIZES, stringColumns, u32Columns, u64Columns } from './column-cases.ts';

/** What both have. */
type Columns = Pick<
  ColumnWriter,
  'number' | 'raw' | 'u32' | 'u32Deltas' | 'firstUse' | 'u64' | 'i64' | 'i64Deltas' | 'values' | 'strings'
>;

const seed = runSeed();
const kernels = testKernels();

function encoded(write: (columns: Columns) => void): Uint8Array {
  kernels.exports.resetScratch();
  const encoder = new ColumnEncoder(kernels);
  write(encoder);
  return encoder.take();
}

function plain(write: (columns: Columns) => void): Uint8Array {
  const writer = new ColumnWriter();
  write(writer);
  return writer.written().slice();
}

/** Compared as buffers, because that is quick for long ones. */
function agree(write: (columns: Columns) => void, what: string): void {
  equal(Buffer.compare(encoded(write), plain(write)), 0, what);
}

describe('column-encode', () => {
  for (const n of COLUMN_SIZES) {
    test(`gives the bytes of the plain version for columns of ${n} rows (seed ${seed})`, () => {
      const random = new Random(seed + n);

      for (const [i, column] of u32Columns(random, n).entries()) {
        agree((columns) => columns.u32(column), `u32 ${i}`);
        agree((columns) => columns.u32Deltas(column), `u32Deltas ${i}`);
        for (const next of [0, 1, 1000, 2 ** 32 - 1])
          agree((columns) => columns.firstUse(column, next), `first use ${i}`);
      }
      for (const [i, column] of u64Columns(random, n).entries()) {
        agree((columns) => columns.u64(column), `u64 ${i}`);
        agree((columns) => columns.i64(column), `i64 ${i}`);
        agree((columns) => columns.i64Deltas(column), `i64Deltas ${i}`);
        agree((columns) => columns.values(column), `values ${i}`);
      }
      for (const [i, strings] of stringColumns(random, n).entries()) {
        const firstRow = random.int(0, n);
        const endRow = random.int(firstRow, n);
        agree((columns) => columns.strings(strings, 0, n), `strings ${i}`);
        agree((columns) => columns.strings(strings, firstRow, endRow), `strings ${i} in part`);
      }
    });
  }

  for (const [arena, id] of Object.entries(Arena)) {
    test(`appends column after column to an output in ${arena}, also when others allocate in between`, () => {
      const random = new Random(seed);
      kernels.exports.resetScratch();
      kernels.exports.resetHead();
      const encoder = new ColumnEncoder(kernels, id);
      const writer = new ColumnWriter();
      const others: number[] = [];
      const other = () => {
        const pointer = (id === Arena.head ? kernels.exports.allocHead : kernels.exports.allocScratch)(16);
        kernels.u8().fill(0xa5, pointer, pointer + 16);
        return pointer;
      };

      for (let round = 0; round < 300; round++) {
        const n = random.pick([0, 1, 3, 17, 400]);
        const [column, wide] = [random.pick(u32Columns(random, n)), random.pick(u64Columns(random, n))];
        const strings = random.pick(stringColumns(random, n));
        const append = random.pick(KINDS);
        for (const columns of [encoder, writer]) append(columns, { column, wide, strings, n });
        if (random.chance(0.3)) others.push(other());
      }

      equal(encoder.lengthBytes, writer.written().length);
      deepEqual(encoder.take(), writer.written().slice());
      for (const pointer of others) deepEqual(kernels.takeU8(pointer, 16), new Uint8Array(16).fill(0xa5));
    });
  }

  test('writes nothing behind its room, however full it is', () => {
    const { exports } = kernels;
    const strings = kernels.put(Uint8Array.of(65));
    const offsets = kernels.putColumn(Uint32Array.of(0, 1));
    for (let fullBytes = 0; fullBytes < 80; fullBytes++) {
      const output = exports.outputNew(Arena.head, 64);
      const behind = exports.allocHead(16);
      kernels.u8().fill(0xa5, behind, behind + 16);
      exports.columnBytes(output, strings, fullBytes);

      exports.columnStrings(output, strings, offsets, 0, 1);

      deepEqual(kernels.takeU8(behind, 16), new Uint8Array(16).fill(0xa5), `${fullBytes} bytes`);
    }
  });

  test('grows in place when the output is the last of its arena, and leaves its room when it moves', () => {
    kernels.exports.resetScratch();
    kernels.exports.resetHead();
    const encoder = new ColumnEncoder(kernels, Arena.head);
    const column = kernels.putColumn(new Uint32Array(100_000).fill(2 ** 32 - 1));
    const append = () => kernels.exports.columnU32(encoder.output, column, 100_000);
    const first = kernels.exports.outputPointer(encoder.output);

    append();
    append();
    equal(kernels.exports.outputPointer(encoder.output), first);
    equal(kernels.exports.headUsed() - encoder.lengthBytes < 5000, true, `${kernels.exports.headUsed()} bytes`);

    kernels.exports.allocHead(1);
    append();
    equal(kernels.exports.outputPointer(encoder.output) > first, true);
    const used = kernels.exports.headUsed();
    append();
    equal(kernels.exports.headUsed() - used < 400_100, true);
    equal(encoder.lengthBytes, 4 * 400_001);
  });

  test('gives back what it needed in between', () => {
    kernels.exports.resetScratch();
    kernels.exports.resetHead();
    const encoder = new ColumnEncoder(kernels, Arena.head);
    const column = kernels.putColumn(BigUint64Array.from({ length: 1000 }, (_, i) => BigInt(i * 6)));
    const offsets = kernels.putColumn(Uint32Array.from({ length: 1001 }, (_, i) => i));
    const used = kernels.exports.scratchUsed();

    const { exports } = kernels;
    exports.columnU32Deltas(encoder.output, column, 1000);
    exports.columnFirstUse(encoder.output, column, 1000, 1);
    exports.columnI64(encoder.output, column, 1000);
    exports.columnI64Deltas(encoder.output, column, 1000);
    exports.columnValues(encoder.output, column, 1000);
    exports.columnStrings(encoder.output, column, offsets, 0, 1000);

    equal(exports.scratchUsed(), used);
  });

  test('begins anew in the same room', () => {
    kernels.exports.resetScratch();
    const encoder = new ColumnEncoder(kernels);
    encoder.u32(Uint32Array.of(1, 2, 3));

    kernels.exports.outputReset(encoder.output);
    encoder.u32(Uint32Array.of(7));

    deepEqual([...encoder.take()], [1, 7]);
  });

  test('refuses what an arena has no room for, and what was appended before is whole', () => {
    const small = testKernels({ scratchBytesMax: 1 << 16, headBytesMax: 1 << 14 });
    const encoder = new ColumnEncoder(small, Arena.head);
    encoder.u32(Uint32Array.of(1, 2, 3));
    const pointer = small.put(new Uint8Array(40_000).fill(255));

    for (const append of [
      () => small.exports.columnU32(encoder.output, pointer, 10_000),
      () => small.exports.columnU32Deltas(encoder.output, pointer, 10_000),
      () => small.exports.columnI64(encoder.output, pointer, 5000),
      () => small.exports.columnI64Deltas(encoder.output, pointer, 5000),
      () => small.exports.columnU64(encoder.output, pointer, 5000),
      () => small.exports.columnValues(encoder.output, pointer, 5000),
      () => small.exports.columnFirstUse(encoder.output, pointer, 10_000, 0),
      () => small.exports.columnBytes(encoder.output, pointer, 2 ** 32 - 1),
    ]) {
      headIsFull(small, append);
      deepEqual([...encoder.take()], [1, 1, 2, 3]);
    }
    encoder.u32(Uint32Array.of(4));
    deepEqual([...encoder.take()], [1, 1, 2, 3, 1, 4]);
  });
});

type Appended = {
  readonly column: Uint32Array;
  readonly wide: BigUint64Array;
  readonly strings: ByteStrings;
  readonly n: number;
};

const KINDS: readonly ((columns: Columns, appended: Appended) => void)[] = [
  (columns, { n }) => columns.number(n),
  (columns, { strings }) => columns.raw(strings.bytes),
  (columns, { column }) => columns.u32(column),
  (columns, { column }) => columns.u32Deltas(column),
  (columns, { column }) => columns.firstUse(column, 1),
  (columns, { wide }) => columns.u64(wide),
  (columns, { wide }) => columns.i64(wide),
  (columns, { wide }) => columns.i64Deltas(wide),
  (columns, { wide }) => columns.values(wide),
  (columns, { strings, n }) => columns.strings(strings, 0, n),
];

function headIsFull(small: KernelInstance, work: () => void): void {
  throws(
    () => small.guard(work),
    (error: unknown) => error instanceof StoreError && error.details['limit'] === 'headBytesMax',
  );
}
