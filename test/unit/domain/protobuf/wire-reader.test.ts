import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { StoreError } from '#src/domain/errors.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';

const readerOf = (bytes: Uint8Array): WireReader =>
  new WireReader(bytes, (what) => new StoreError('invalid-argument', `it cannot be decoded: ${what}`));

/** All fields, as the halves of their numbers. */
function numbersOf(bytes: Uint8Array): [field: number, value: bigint][] {
  const reader = readerOf(bytes);
  const numbers: [number, bigint][] = [];
  while (reader.next()) {
    reader.int64();
    numbers.push([reader.field, (BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0)]);
  }
  return numbers;
}

describe('WireReader', () => {
  test('reads numbers of every length', () => {
    const values = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)).flatMap((one) => [one - 1n, one, -one]);
    const writer = new BinaryWriter();
    for (const value of values) writer.tag(7, WireType.Varint).int64(BigInt.asIntN(64, value));

    deepEqual(
      numbersOf(writer.finish()),
      values.map((value) => [7, BigInt.asIntN(64, value)]),
    );
  });

  test('cuts a number of 32 bits as protobuf does', () => {
    const reader = readerOf(new BinaryWriter().tag(1, WireType.Varint).int32(-5).finish());
    equal(reader.next() && reader.int32(), -5);
  });

  test('reads numbers of eight bytes', () => {
    const reader = readerOf(new BinaryWriter().tag(1, WireType.Bit64).fixed64(0x8000_0001_ffff_fffen).finish());
    reader.next();
    reader.fixed64();
    deepEqual([reader.low, reader.high], [-2, -(2 ** 31) + 1]);
  });

  test('tells 64-bit numbers as signed and as unsigned ones', () => {
    const reader = readerOf(new BinaryWriter().tag(1, WireType.Varint).int64(-2n).finish());
    reader.next();
    reader.int64();
    deepEqual([reader.signed(), reader.unsigned()], [-2n, 2n ** 64n - 2n]);
  });

  test('gives the content of a field as a view, and goes on behind it', () => {
    const bytes = Uint8Array.of(0x0a, 2, 7, 8, 0x10, 1);
    const reader = readerOf(bytes);
    reader.next();
    const content = reader.content();
    deepEqual([...content], [7, 8]);
    equal(content.buffer, bytes.buffer);
    equal(reader.next() && reader.int32(), 1);
  });

  test('skips fields of every kind, and leaves messages that were not read to their end', () => {
    const writer = new BinaryWriter();
    writer.tag(1, WireType.Varint).uint64(300);
    writer.tag(2, WireType.LengthDelimited).bytes(new Uint8Array(200));
    writer.tag(3, WireType.Bit64).fixed64(1);
    writer.tag(4, WireType.Bit32).fixed32(1);
    writer.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.Varint).uint64(1).tag(2, WireType.Varint).uint64(2);
    const reader = readerOf(writer.join().tag(6, WireType.Varint).uint64(6).finish());

    const fields: number[] = [];
    while (reader.next()) {
      fields.push(reader.field);
      if (reader.field !== 5) reader.skip();
      else {
        const outer = reader.open();
        reader.next();
        reader.close(outer);
      }
    }

    deepEqual(fields, [1, 2, 3, 4, 5, 6]);
  });

  test('takes a length that is written with more bytes than it needs', () => {
    const reader = readerOf(Uint8Array.of(0x0a, 0x81, 0x80, 0x80, 0x80, 0x00, 9));
    reader.next();
    const outer = reader.open();
    deepEqual([reader.pos, reader.end], [6, 7]);
    reader.close(outer);
    equal(reader.next(), false);
  });

  for (const [name, bytes, message] of [
    ['a number that is cut off', [0x08, 0x80], /ends within a field, at byte/],
    ['a number of eleven bytes', [0x08, ...new Array<number>(10).fill(0x80), 0], /more than ten bytes/],
    ['a length beyond the end', [0x0a, 5, 1], /longer than the 1 bytes that are left/],
    ['a length beyond 32 bits', [0x0a, 0x80, 0x80, 0x80, 0x80, 0x10], /longer than/],
    ['eight bytes that are not there', [0x09, 1, 2], /ends within a field/],
    ['a group', [0x0b], /wire type 3 is not taken/],
    ['field 0', [0x02, 0], /the number 0/],
    ['a field number beyond 32 bits', [0x88, 0x80, 0x80, 0x80, 0x80, 0x01, 0], /cannot have the number/],
  ] as const) {
    test(`refuses ${name}`, () => {
      const read = (): void => {
        const reader = readerOf(Uint8Array.from(bytes));
        while (reader.next()) reader.skip();
      };
      throws(read, { code: 'invalid-argument', message });
    });
  }

  test('refuses a field of another kind than it should have', () => {
    const reader = readerOf(Uint8Array.of(0x0a, 0));
    reader.next();
    throws(() => reader.int32(), { code: 'invalid-argument', message: /field 1 has wire type 2 instead of 0/ });
    throws(() => reader.fixed64(), { code: 'invalid-argument' });
  });

  test('does not look beyond the message that it entered', () => {
    const reader = readerOf(Uint8Array.of(0x0a, 2, 0x08, 0x80, 0x01));
    reader.next();
    reader.open();
    reader.next();
    throws(() => reader.int64(), { code: 'invalid-argument', message: /ends within a field/ });
  });
});
