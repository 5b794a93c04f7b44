import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { varintBytes } from '#src/domain/protobuf/varint.ts';
import { ChunkedBytes } from '#src/domain/query/chunked-bytes.ts';

function written(write: (out: ChunkedBytes) => void): Buffer {
  const out = new ChunkedBytes();
  write(out);
  const { sizeBytes } = out;
  const bytes = Buffer.concat(out.take());
  equal(bytes.length, sizeBytes);
  equal(out.sizeBytes, 0);
  return bytes;
}

const halves = (value: bigint) => [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))] as const;

const numbers: bigint[] = [0n, 1n, 9n, 10n, 99n, 127n, 128n, 300n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 10n ** 15n];
for (let bits = 7n; bits <= 63n; bits += 7n) numbers.push(2n ** bits - 1n, 2n ** bits);
numbers.push(2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -1n, -(2n ** 53n), -(2n ** 63n));

describe('ChunkedBytes', () => {
  for (const number of numbers.map((value) => BigInt.asIntN(64, value))) {
    test(`writes ${number} as a varint and in decimal`, () => {
      let rest = BigInt.asUintN(64, number);
      const varint: number[] = [];
      for (; rest > 127n; rest >>= 7n) varint.push(Number(rest & 127n) | 128);
      varint.push(Number(rest));
      deepEqual([...written((out) => out.varint64(...halves(number)))], varint);
      equal(varintBytes(...halves(number)), varint.length);
      equal(written((out) => out.decimal64(...halves(number))).toString(), String(number));
      if (number >= 0n && number < 2n ** 53n) deepEqual([...written((out) => out.varint(Number(number)))], varint);
    });
  }

  test('writes lists of numbers as one by one, across pieces', () => {
    for (const count of [0, 1, 2, 1023, 1024, 1025, 30_000, 100_000]) {
      const list = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 2 ** 31 - 1 - i : i));
      const [together, apart] = [new ChunkedBytes(), new ChunkedBytes()];
      for (const out of [together, apart]) out.bytes(Buffer.alloc(60_000));

      together.varints(list);
      for (const number of list) apart.varint(number);

      equal(together.sizeBytes, apart.sizeBytes);
      deepEqual(Buffer.concat(together.take()), Buffer.concat(apart.take()), `${count}`);
    }
  });

  test('writes JSON strings as JSON reads them', () => {
    const text = `a"b\\c/\n\r\t\b\f\u0000\u001f\u007fé😀<>&\u2028`;
    equal(JSON.parse(written((out) => out.jsonString(Buffer.from(text))).toString()), text);
    equal(written((out) => out.jsonString(Buffer.from('\n\u0001"'))).toString(), '"\\n\\u0001\\""');
    equal(written((out) => out.jsonString(Uint8Array.of(0x61, 0xff, 0x62))).toString(), '"a\ufffdb"');
  });

  test('writes parts of bytes of any length, across pieces', () => {
    const source = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i * 7));
    for (const length of [0, 1, 63, 64, 65, 1000, 65_536, 65_537, 150_000]) {
      const out = new ChunkedBytes();
      for (const round of ['new', 'used']) {
        for (let i = 0; i < 3; i++) out.bytes(source, 5 + i, 5 + i + length);
        const parts = [0, 1, 2].map((i) => source.subarray(5 + i, 5 + i + length));
        ok(Buffer.concat(out.take()).equals(Buffer.concat(parts)), `${length}, ${round}`);
      }
    }
  });

  test('takes little memory for what is small, and no more than twice what is written', () => {
    for (const length of [1, 1000, 5000, 40_000]) {
      const out = new ChunkedBytes();
      for (let i = 0; i < length; i++) out.byte(i & 0xff);

      const taken = out.take().reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

      ok(taken <= 2 * length + 1024, `${taken} for ${length}`);
    }
  });

  test('cuts pieces of 64 KiB, whatever the writes', () => {
    const out = new ChunkedBytes();
    const expected: string[] = [];
    for (let i = 0; i < 40_000; i++) {
      out.ascii(`${i},`);
      expected.push(`${i},`);
    }
    out.bytes(Buffer.alloc(200_000, 'x'));
    expected.push('x'.repeat(200_000));
    const pieces = out.take();
    ok(pieces.every((piece) => piece.length <= 65_536));
    equal(Buffer.concat(pieces).toString(), expected.join(''));
  });

  test('moves a body into a field and leaves it empty', () => {
    const body = new ChunkedBytes();
    const out = new ChunkedBytes();
    for (const size of [0, 3, 70_000]) {
      body.bytes(Buffer.alloc(size, 'y'));
      out.message(2, body);
      equal(body.sizeBytes, 0);
    }
    const bytes = Buffer.concat(out.take());
    deepEqual([...bytes.subarray(0, 7)], [18, 0, 18, 3, 0x79, 0x79, 0x79]);
    deepEqual([...bytes.subarray(7, 11)], [18, 0xf0, 0xa2, 0x04]);
    equal(bytes.length, 11 + 70_000);
  });
});
