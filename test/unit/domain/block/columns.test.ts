import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Codec, Section } from '#src/domain/block/block-format.ts';
import type { Chunk } from '#src/domain/block/chunk-table.ts';
import { ColumnReader } from '#src/domain/block/column-reader.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { anyInt64, byteStrings } from './random-columns.ts';

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
      const strings = byteStrings(Array.from({ length: n }, () => random.bytes(random.int(0, 9))));

      const bytes = written((columns) => {
        columns.u32(u32);
        columns.u32Deltas(u32);
        columns.i64(i64);
        columns.i64Deltas(i64);
        columns.i64(u64);
        columns.i64Deltas(u64);
        columns.u64(u64);
        columns.values(u64);
        columns.firstUse(u32, 1);
        columns.strings(strings, 0, n);
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
      const [g, h, i] = [u64Read(), u64Read(), u32Read()];
      reader.u64(g);
      reader.values(h);
      reader.firstUse(i, 1);
      deepEqual(reader.strings(n, strings.bytes.length), strings);
      equal(reader.number(), n);
      deepEqual([...reader.raw(2)], [7, 8]);
      reader.end();
      deepEqual(a, u32);
      deepEqual(b, u32);
      deepEqual(c, i64);
      deepEqual(d, i64);
      deepEqual(e, u64);
      deepEqual(f, u64);
      deepEqual(g, u64);
      deepEqual(h, u64);
      deepEqual(i, u32);
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

  test('of unsigned values take no plane for a sign, and are divided by what they have in common', () => {
    deepEqual([...written((columns) => columns.u64(BigUint64Array.of(255n, 0n)))], [1, 255, 0]);
    deepEqual([...written((columns) => columns.u64(BigInt64Array.of(-1n)))], [8, ...Array(8).fill(255)]);
    const values = (...column: bigint[]) => [...written((columns) => columns.values(BigUint64Array.from(column)))];
    deepEqual(values(20_000_000n, 0n, 50_000_000n), [128, 150, 152, 0, 0, 0, 0, 0, 1, 2, 0, 5]);
    deepEqual(values(6n, 10n, 15n), [1, 0, 0, 0, 0, 0, 0, 0, 1, 6, 10, 15]);
    deepEqual(values(0n, 0n), [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    deepEqual(values(), [1, 0, 0, 0, 0, 0, 0, 0, 1]);
    deepEqual(values(2n ** 64n - 1n), [...Array(8).fill(255), 1, 1]);
  });

  test('of references by first use are 0 exactly where a row is new', () => {
    const firstUse = (...column: number[]) => [...written((columns) => columns.firstUse(Uint32Array.from(column), 1))];
    deepEqual(firstUse(1, 2, 1, 3, 3, 2), [1, 0, 0, 2, 0, 1, 2]);
    deepEqual(firstUse(3, 4, 0), [4, 254, 0, 5, 255, 0, 0, 255, 0, 0, 255, 0, 0]);
    deepEqual(firstUse(2 ** 32 - 1, 1), [1, 2, 0]);
  });

  test('of strings leave out what a string shares with the one before, from the row where they begin', () => {
    const strings = byteStrings(['main', 'main.go', 'main.goexit', '', 'x']);
    const text = (list: string) => [...Buffer.from(list)];

    deepEqual(
      [...written((columns) => columns.strings(strings, 0, 5))],
      [1, 0, 4, 7, 0, 0, 1, 4, 3, 4, 0, 1, ...text('main.goexitx')],
    );
    deepEqual([...written((columns) => columns.strings(strings, 1, 3))], [1, 0, 7, 1, 7, 4, ...text('main.goexit')]);
    const long = byteStrings(['a'.repeat(300), 'a'.repeat(301)]);
    deepEqual([...written((columns) => columns.strings(long, 0, 2))].slice(0, 8), [1, 0, 255, 2, 44, 46, 1, 0]);
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
    reading([1, 0, 0, 0, 0, 0, 0], (reader) => reader.values(new BigUint64Array(0)));
    reading([0, 0, 0, 0, 0, 0, 0, 0, 1, 1], (reader) => reader.values(new BigUint64Array(1)));
    reading([0, 0, 0, 0, 0, 0, 0, 128, 1, 2], (reader) => reader.values(new BigUint64Array(1)));
    reading([1, 0, 0], (reader) => reader.strings(4, 100));
    reading([2, 0, 0, 1, 0], (reader) => reader.strings(1, 100));
    reading([1, 1, 1, 0], (reader) => reader.strings(1, 100));
    reading([1, 0, 2, 1, 1, 0, 65], (reader) => reader.strings(2, 100));
    reading([1, 0, 1, 3, 65, 66], (reader) => reader.strings(1, 100));
    reading([1, 0, 1, 3, 65, 66, 67], (reader) => reader.strings(1, 2));
    reading([1, 2, 3], (reader) => reader.number());
    reading([1, 2, 3], (reader) => reader.raw(4));
    reading([1, 2, 3], (reader) => reader.claim(4));
    reading([1, 2, 3], (reader) => reader.end());
  });
});
