import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Codec, Section } from '#src/domain/block/block-format.ts';
import type { Chunk } from '#src/domain/block/chunk-table.ts';
import { ColumnReader } from '#src/domain/block/column-reader.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { anyInt64 } from './random-columns.ts';

const seed = runSeed();

const chunk: Chunk = {
  section: Section.samples,
  codec: Codec.none,
  range: { offset: 1000, sizeBytes: 0 },
  rawBytes: 0,
  firstRow: 0,
  rowCount: 0,
  crc32: 0,
};

function written(write: (columns: ColumnWriter) => void): Uint8Array {
  const columns = new ColumnWriter();
  write(columns);
  return columns.written().slice();
}

describe('columns', () => {
  for (const n of [0, 1, 2, 255, 256, 257, 5000]) {
    test(`read back ${n} random values (seed ${seed})`, () => {
      const random = new Random(seed + n);
      const u32 = Uint32Array.from({ length: n }, () => random.int(0, 2 ** 32 - 1) >>> random.int(0, 31));
      const i64 = BigInt64Array.from({ length: n }, () => anyInt64(random));
      const u64 = BigUint64Array.from(i64, (value) => BigInt.asUintN(64, value));

      const bytes = written((columns) => {
        columns.u32(u32);
        columns.u32Deltas(u32);
        columns.i64(i64);
        columns.i64Deltas(i64);
        columns.i64(u64);
        columns.i64Deltas(u64);
        columns.number(n);
        columns.raw(Uint8Array.of(7, 8));
      });
      const reader = new ColumnReader(chunk, bytes);
      const u32Read = () => new Uint32Array(n).fill(9);
      const i64Read = () => new BigInt64Array(n).fill(-9n);
      const u64Read = () => new BigUint64Array(n).fill(9n);

      const [a, b, c, d, e, f] = [u32Read(), u32Read(), i64Read(), i64Read(), u64Read(), u64Read()];
      reader.u32(a);
      reader.u32Deltas(b);
      reader.i64(c);
      reader.i64Deltas(d);
      reader.i64(e);
      reader.i64Deltas(f);
      equal(reader.number(), n);
      deepEqual([...reader.raw(2)], [7, 8]);
      reader.end();
      deepEqual(a, u32);
      deepEqual(b, u32);
      deepEqual(c, i64);
      deepEqual(d, i64);
      deepEqual(e, u64);
      deepEqual(f, u64);
    });
  }

  test('take as many planes as the largest value needs, and never none', () => {
    deepEqual([...written((columns) => columns.u32(Uint32Array.of(0, 0)))], [1, 0, 0]);
    deepEqual([...written((columns) => columns.u32(Uint32Array.of(1, 0x0203)))], [2, 1, 3, 0, 2]);
    deepEqual([...written((columns) => columns.i64(BigInt64Array.of(-1n, 1n)))], [1, 1, 2]);
    deepEqual(
      [...written((columns) => columns.i64Deltas(BigInt64Array.of(-(2n ** 40n), -(2n ** 40n))))].slice(0, 1),
      [6],
    );
    deepEqual([...written((columns) => columns.i64(BigInt64Array.of(-(2n ** 63n))))], [8, ...Array(8).fill(255)]);
  });

  test('read 64-bit columns that start in the middle of a buffer', () => {
    const values = BigInt64Array.of(1n, 2n, 3n, 4n);
    const bytes = written((columns) => columns.i64Deltas(values.subarray(2)));
    const target = new BigInt64Array(4);

    new ColumnReader(chunk, bytes).i64Deltas(target.subarray(1, 3));

    deepEqual(target, BigInt64Array.of(0n, 3n, 4n, 0n));
  });

  test('that are cut short, or have an impossible number of planes, are refused with their place', () => {
    const corrupted = { code: 'corrupted', details: { section: 'samples', offset: 1000 } };
    const reading = (bytes: number[], read: (reader: ColumnReader) => void) => {
      const expected = (error: unknown) => {
        const { code, details } = error as { code: string; details: Record<string, unknown> };
        deepEqual({ code, details: { section: details['section'], offset: details['offset'] } }, corrupted);
        return true;
      };
      throws(() => read(new ColumnReader(chunk, Uint8Array.from(bytes))), expected);
    };
    reading([], (reader) => reader.u32(new Uint32Array(0)));
    reading([2, 1, 1, 1], (reader) => reader.u32(new Uint32Array(2)));
    reading([0, 1, 1], (reader) => reader.u32(new Uint32Array(2)));
    reading([5, 1, 1, 1, 1, 1], (reader) => reader.u32(new Uint32Array(1)));
    reading([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], (reader) => reader.i64(new BigInt64Array(1)));
    reading([1, 2, 3], (reader) => reader.number());
    reading([1, 2, 3], (reader) => reader.raw(4));
    reading([1, 2, 3], (reader) => reader.claim(4));
    reading([1, 2, 3], (reader) => reader.end());
  });
});
