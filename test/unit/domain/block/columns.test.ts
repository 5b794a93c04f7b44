import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Codec, Section } from '#src/domain/block/block-format.ts';
import type { Page } from '#src/domain/block/chunk-table.ts';
import { ColumnReader } from '#src/domain/block/column-reader.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { anyInt64, byteStrings } from './random-columns.ts';

const seed = runSeed();
const MAX_VALUE = 2n ** 63n - 1n;

const page: Page = {
  section: Section.sampleStacks,
  family: 2,
  column: 0,
  chunk: { codec: Codec.none, range: { offset: 1000, sizeBytes: 0 }, rawBytes: 0, crc32: 0 },
  offset: 0,
  rawBytes: 0,
  firstRow: 0,
  rowCount: 0,
};

function written(write: (columns: ColumnWriter) => void): Uint8Array {
  const columns = new ColumnWriter();
  write(columns);
  return columns.written().slice();
}

/** States that reading these bytes is refused, with the place of the page. */
function refuses(bytes: ArrayLike<number>, read: (reader: ColumnReader) => unknown, message = /./): void {
  throws(
    () => read(new ColumnReader(page, Uint8Array.from(bytes))),
    (error: unknown) => {
      const { code, details, message: actual } = error as Error & { code: string; details: Record<string, unknown> };
      const { section, family, offset } = details;
      deepEqual(
        { code, section, family, offset },
        { code: 'corrupted', section: 'sampleStacks', family: 2, offset: 1000 },
      );
      return message.test(actual);
    },
  );
}

describe('columns', () => {
  for (const n of [0, 1, 2, 255, 256, 257, 5000]) {
    test(`read back ${n} random values (seed ${seed})`, () => {
      const random = new Random(seed + n);
      const u32 = Uint32Array.from({ length: n }, () => random.int(0, 2 ** 32 - 1) >>> random.int(0, 31));
      const i64 = BigInt64Array.from({ length: n }, () => anyInt64(random));
      const u64 = BigUint64Array.from(i64, (value) => BigInt.asUintN(64, value));
      const values = i64.map((value) => BigInt.asUintN(63, value));
      const strings = byteStrings(Array.from({ length: n }, () => random.bytes(random.int(0, 3))));

      const bytes = written((columns) => {
        columns.u32(u32);
        columns.u32Deltas(u32);
        columns.firstUse(u32, 7);
        columns.i64(i64);
        columns.i64Deltas(i64);
        columns.i64(u64);
        columns.i64Deltas(u64);
        columns.u64(u64);
        columns.values(values);
        columns.values(u64);
        columns.strings(strings, 0, n);
        columns.number(n);
        columns.raw(Uint8Array.of(7, 8));
      });
      const reader = new ColumnReader(page, bytes);
      const read = <Column>(column: Column, into: (target: Column) => void): Column => {
        into(column);
        return column;
      };
      const u32s = () => new Uint32Array(n).fill(9);
      const i64s = () => new BigInt64Array(n).fill(-9n);
      const u64s = () => new BigUint64Array(n).fill(9n);

      deepEqual(
        read(u32s(), (target) => reader.u32(target)),
        u32,
      );
      deepEqual(
        read(u32s(), (target) => reader.u32Deltas(target)),
        u32,
      );
      deepEqual(
        read(u32s(), (target) => reader.firstUse(target, 7)),
        u32,
      );
      deepEqual(
        read(i64s(), (target) => reader.i64(target)),
        i64,
      );
      deepEqual(
        read(i64s(), (target) => reader.i64Deltas(target)),
        i64,
      );
      deepEqual(
        read(u64s(), (target) => reader.i64(target)),
        u64,
      );
      deepEqual(
        read(u64s(), (target) => reader.i64Deltas(target)),
        u64,
      );
      deepEqual(
        read(u64s(), (target) => reader.u64(target)),
        u64,
      );
      deepEqual(
        read(i64s(), (target) => reader.values(target)),
        values,
      );
      deepEqual(
        read(u64s(), (target) => reader.values(target)),
        u64,
      );
      deepEqual(reader.strings(n, strings.bytes.length), strings);
      equal(reader.number(), n);
      deepEqual([...reader.raw(2)], [7, 8]);
      reader.end();
    });
  }

  test('take as many planes as the largest value needs, and never none', () => {
    deepEqual([...written((columns) => columns.u32(Uint32Array.of(0, 0)))], [1, 0, 0]);
    deepEqual([...written((columns) => columns.u32(Uint32Array.of(1, 0x0203)))], [2, 1, 3, 0, 2]);
    deepEqual([...written((columns) => columns.i64(BigInt64Array.of(-1n, 1n)))], [1, 1, 2]);
    deepEqual([...written((columns) => columns.u64(BigUint64Array.of(255n, 1n)))], [1, 255, 1]);
    const far = -(2n ** 40n);
    deepEqual([...written((columns) => columns.i64Deltas(BigInt64Array.of(far, far)))].slice(0, 1), [6]);
    deepEqual([...written((columns) => columns.i64(BigInt64Array.of(-(2n ** 63n))))], [8, ...Array(8).fill(255)]);
  });

  test('read 64-bit columns that start in the middle of a buffer', () => {
    const values = BigInt64Array.of(1n, 2n, 3n, 4n);
    const bytes = written((columns) => columns.i64Deltas(values.subarray(2)));
    const target = new BigInt64Array(4);

    new ColumnReader(page, bytes).i64Deltas(target.subarray(1, 3));

    deepEqual(target, BigInt64Array.of(0n, 3n, 4n, 0n));
  });

  test('that are cut short, or have an impossible number of planes, are refused with their place', () => {
    refuses([], (reader) => reader.u32(new Uint32Array(0)));
    refuses([2, 1, 1, 1], (reader) => reader.u32(new Uint32Array(2)));
    refuses([0, 1, 1], (reader) => reader.u32(new Uint32Array(2)));
    refuses([5, 1, 1, 1, 1, 1], (reader) => reader.u32(new Uint32Array(1)));
    refuses([5, 1, 1, 1, 1, 1], (reader) => reader.firstUse(new Uint32Array(1), 0));
    refuses([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], (reader) => reader.i64(new BigInt64Array(1)));
    refuses([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], (reader) => reader.u64(new BigUint64Array(1)));
    refuses([1, 2, 3], (reader) => reader.number());
    refuses([1, 2, 3], (reader) => reader.raw(4));
    refuses([1, 2, 3], (reader) => reader.claim(4));
    refuses([1, 2, 3], (reader) => reader.end());
  });
});

describe('a column of values', () => {
  const roundTrip = (values: BigInt64Array): BigInt64Array => {
    const target = new BigInt64Array(values.length);
    new ColumnReader(
      page,
      written((columns) => columns.values(values)),
    ).values(target);
    return target;
  };
  const bytesOf = (divisor: bigint, ...planes: number[]): number[] => [
    ...new Uint8Array(BigUint64Array.of(divisor).buffer),
    ...planes,
  ];

  test('is divided by what divides all of it', () => {
    const bytes = written((columns) => columns.values(BigInt64Array.of(20_000_000n, 0n, 30_000_000n)));
    deepEqual([...bytes], bytesOf(10_000_000n, 1, 2, 0, 3));
  });

  test('has the divisor 1 where it has no other, and where nothing is in it', () => {
    deepEqual([...written((columns) => columns.values(BigInt64Array.of(0n, 0n)))], bytesOf(1n, 1, 0, 0));
    deepEqual([...written((columns) => columns.values(new BigInt64Array(0)))], bytesOf(1n, 1));
    deepEqual([...written((columns) => columns.values(BigInt64Array.of(3n, 5n)))], bytesOf(1n, 1, 3, 5));
  });

  for (const values of [[MAX_VALUE], [MAX_VALUE, MAX_VALUE], [MAX_VALUE, 1n], [MAX_VALUE - 1n, 2n], [2n ** 62n, 0n]]) {
    test(`keeps ${values.join(' and ')}`, () => {
      deepEqual(roundTrip(BigInt64Array.from(values)), BigInt64Array.from(values));
    });
  }

  test('holds any 64 bits', () => {
    const largest = BigUint64Array.of(2n ** 64n - 1n);
    const bytes = written((columns) => columns.values(largest));
    const target = new BigUint64Array(1);
    new ColumnReader(page, bytes).values(target);
    deepEqual(target, largest);
  });

  test('is refused when its divisor is 0, or a value is beyond 64 bits', () => {
    const read = (reader: ColumnReader) => reader.values(new BigInt64Array(1));
    refuses([1, 2, 3], read, /a divisor is cut short/);
    refuses(bytesOf(0n, 1, 1), read, /a divisor is 0/);
    refuses(bytesOf(2n ** 63n, 1, 2), read, /more than 64 bits/);
    refuses(bytesOf(2n ** 64n - 1n, 8, ...Array(8).fill(255)), read, /more than 64 bits/);
  });
});

describe('a column of first uses', () => {
  test('has 0 for what is new, and otherwise how far back it is', () => {
    const bytes = written((columns) => columns.firstUse(Uint32Array.of(5, 6, 5, 7, 0, 8), 5));
    deepEqual([...bytes], [1, 0, 0, 4, 0, 16, 0]);
  });

  test('keeps numbers that skip some, and any others', () => {
    for (const [next, column] of [
      [0, [9, 3, 10, 12, 11]],
      [5, [2 ** 32 - 1, 0, 2 ** 32 - 1, 7]],
      [2 ** 32 - 1, [2 ** 32 - 1, 2 ** 32 - 1, 0]],
    ] as const) {
      const target = new Uint32Array(column.length);
      const bytes = written((columns) => columns.firstUse(Uint32Array.from(column), next));
      new ColumnReader(page, bytes).firstUse(target, next);
      deepEqual([...target], column);
    }
  });
});

describe('a column of strings', () => {
  const encoded = (list: readonly string[], start = 0, end = list.length) =>
    written((columns) => columns.strings(byteStrings(list), start, end));
  const planes = (...values: number[]): number[] => [1, ...values];

  test('has what a string shares with the one before, what follows, and that', () => {
    const list = ['main', 'main', 'maintain', 'ma', '', 'x'];
    deepEqual(
      [...encoded(list)],
      [...planes(0, 4, 4, 2, 0, 0), ...planes(4, 0, 4, 0, 0, 1), ...Buffer.from('maintainx')],
    );
  });

  test('begins anew with each page', () => {
    const bytes = encoded(['main', 'mainly'], 1, 2);
    deepEqual([...bytes], [...planes(0), ...planes(6), ...Buffer.from('mainly')]);
  });

  test('shares at most 255 bytes, so that the lengths of prefixes take one plane', () => {
    const long = 'a'.repeat(300);
    const strings = byteStrings([long, long, `${long}b`]);
    const bytes = written((columns) => columns.strings(strings, 0, 3));
    deepEqual([...bytes.subarray(0, 4)], planes(0, 255, 255));
    deepEqual(new ColumnReader(page, bytes).strings(3, 1000), strings);
  });

  test('is refused when a string shares more than the one before has', () => {
    refuses([...planes(1), ...planes(0)], (reader) => reader.strings(1, 100), /shares more/);
    refuses([...planes(0, 2), ...planes(1, 0), 97], (reader) => reader.strings(2, 100), /shares more/);
  });

  test('is refused when its bytes are not there', () => {
    refuses([...planes(0), ...planes(3), 97, 98], (reader) => reader.strings(1, 100), /cut short/);
    refuses([1, 0, 0], (reader) => reader.strings(4, 100), /more values are claimed/);
  });

  test('is refused when it shares more than one plane holds', () => {
    refuses([2, 0, 0, ...planes(0)], (reader) => reader.strings(1, 100), /number of planes/);
  });

  // A few bytes could stand for a great many: a long string, and then rows that share it.
  test('is refused before there is room made for more than the limit', () => {
    const rows = 65_536;
    const bomb = written((columns) => {
      columns.u32(Uint32Array.from({ length: rows }, (_, row) => (row === 0 ? 0 : 255)));
      columns.u32(Uint32Array.from({ length: rows }, (_, row) => (row === 0 ? 255 : 0)));
      columns.raw(new Uint8Array(255));
    });
    refuses(bomb, (reader) => reader.strings(rows, 1 << 20), /more bytes than they may have/);
    refuses([1, 0, 4, 255, 255, 255, 255], (reader) => reader.strings(1, 64 << 20), /more bytes than they may have/);
  });
});
