import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JfrCursor } from '#src/domain/jfr/jfr-cursor.ts';
import { JfrBytes } from '../../../fixtures/jfr-builder.ts';

const NUMBERS = [
  ...[0n, 1n, 127n, 128n, 16_383n, 16_384n, 2n ** 21n - 1n, 2n ** 21n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 31n],
  ...[2n ** 32n - 1n, 2n ** 32n, 2n ** 35n, 2n ** 42n, 2n ** 49n, 2n ** 53n, 2n ** 56n - 1n, 2n ** 56n, 2n ** 62n],
  ...[2n ** 63n - 1n, -1n, -128n, -(2n ** 63n)],
];

function cursorOf(bytes: JfrBytes | Uint8Array): JfrCursor {
  const array = bytes instanceof JfrBytes ? bytes.done() : bytes;
  return new JfrCursor(array, 0, array.length);
}

describe('JfrCursor', () => {
  for (const number of NUMBERS) {
    test(`reads ${number}, and steps over it`, () => {
      const cursor = cursorOf(new JfrBytes().int(number).int(number).int(number).raw([9]));

      cursor.long();
      equal(cursor.signed(), number);
      equal(BigInt.asIntN(32, number), BigInt(cursor.low));
      cursor.skipInteger();
      cursor.skipIntegers(1);

      equal(cursor.byte(), 9);
      equal(cursor.position, cursor.end);
    });
  }

  test('reads records of integers into columns', () => {
    const bytes = new JfrBytes();
    for (const number of NUMBERS) bytes.int(number).int(-1).int(7).int(-number);
    const [low, high] = [new Int32Array(2 * 30), new Int32Array(2 * 30)];
    const cursor = cursorOf(bytes.raw([9]));

    cursor.records(NUMBERS.length, Int32Array.of(1, -1, -1, 0), { low, high, stride: 30 });

    equal(cursor.byte(), 9);
    for (const [i, number] of NUMBERS.entries()) {
      const whole = (row: number) => (BigInt(high[row] ?? 0) << 32n) | BigInt((low[row] ?? 0) >>> 0);
      deepEqual([whole(30 + i), whole(i)], [number, BigInt.asIntN(64, -number)]);
    }
  });

  test('never reads beyond the end', () => {
    for (const bytes of [[], [0x80], [0xff, 0xff, 0xff, 0xff, 0xff], Array(8).fill(0x80)]) {
      const at = (run: (cursor: JfrCursor) => void) => {
        // What lies behind the end is no part of it.
        const whole = Uint8Array.from([...bytes, 1, 1, 1, 1]);
        throws(() => run(new JfrCursor(whole, 0, bytes.length)), { message: new RegExp(`at offset ${bytes.length}$`) });
        throws(() => run(cursorOf(Uint8Array.from(bytes))), { code: 'invalid-argument' });
      };
      at((cursor) => cursor.long());
      at((cursor) => cursor.skipInteger());
      at((cursor) => cursor.skipIntegers(1));
      const columns = { low: new Int32Array(1), high: new Int32Array(1), stride: 1 };
      at((cursor) => cursor.records(1, Int32Array.of(0), columns));
      at((cursor) => cursor.records(1, Int32Array.of(-1), columns));
    }
    throws(() => cursorOf(new Uint8Array(0)).byte(), { message: /ends within a byte/ });
    throws(() => cursorOf(Uint8Array.of(1, 2)).skipBytes(3), { message: /ends within 3 bytes/ });
  });

  test('reads the beginning of a long text, and steps over all of it', () => {
    const cut = (bytes: JfrBytes, lengthMax?: number) => {
      const cursor = cursorOf(bytes.raw([9]));
      const text = cursor.text(lengthMax);
      equal(cursor.byte(), 9);
      return [text, cursor.decoded];
    };
    const utf8 = () => new JfrBytes().text('aé😀b');

    deepEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((length) => cut(utf8(), length)),
      [
        ...[
          ['', 0],
          ['a', 1],
          ['a', 1],
          ['aé', 3],
          ['aé', 3],
          ['aé', 3],
          ['aé', 3],
        ],
        ...[
          ['aé😀', 7],
          ['aé😀b', 8],
          ['aé😀b', 8],
        ],
      ],
    );
    deepEqual(cut(new JfrBytes().raw([5]).int(3).raw([0xe9, 0x80, 0x62]), 2), ['é\u0080', 2]);
    // The end of single characters is found by going through all of them, which take one and two bytes here.
    deepEqual(cut(new JfrBytes().raw([4]).int(3).int(0x61).int(0x20ac).int(0x62), 2), ['a€', 4]);
    // What is no UTF-8 has no beginnings of characters.
    deepEqual(cut(new JfrBytes().raw([3]).int(6).raw(new Uint8Array(6).fill(0x80)), 5), ['\ufffd\ufffd', 2]);
    deepEqual(cut(new JfrBytes().text('x'.repeat(70_000))), ['x'.repeat(65_535), 65_535]);
  });

  test('goes no further than the beginning of a text, when nothing behind it is wanted', () => {
    const chars = cursorOf(new JfrBytes().raw([4]).int(100_000).raw(new Uint8Array(100_000).fill(0x61)));
    equal(chars.textBeginning(32), 'a'.repeat(32));
    deepEqual([chars.decoded, chars.position], [32, 4 + 32]);
    const utf8 = cursorOf(new JfrBytes().text('é'.repeat(1000)));
    deepEqual([utf8.textBeginning(3), utf8.decoded], ['é', 2]);
    equal(cursorOf(new JfrBytes().raw([2]).int(7)).textBeginning(3), undefined);
  });

  test('refuses what cannot be there, naming it', () => {
    const messages: [JfrBytes, (cursor: JfrCursor) => void, RegExp][] = [
      [new JfrBytes().int(5).raw([0, 0]), (cursor) => cursor.count('things', 1), /5 things in 2 bytes, at offset 0$/],
      [new JfrBytes().int(-1), (cursor) => cursor.count('things', 1), /18446744073709552000 things in 0 bytes/],
      [new JfrBytes().int(-5), (cursor) => cursor.number('a size'), /a size is -5, which is not from 0 to 2\^53/],
      [new JfrBytes().int(2n ** 53n), (cursor) => cursor.number('a size'), /a size is 9007199254740992/],
      [new JfrBytes().raw([6]), (cursor) => cursor.text(), /a string begins with 6, which is no encoding/],
      [new JfrBytes().raw([7]), (cursor) => cursor.skipText(), /a string begins with 7/],
      [new JfrBytes().raw([3]).int(9), (cursor) => cursor.text(), /9 bytes of a string in 0 bytes/],
      [new JfrBytes().raw([4]).int(3).int(1), (cursor) => cursor.text(), /3 characters of a string in 1 bytes/],
    ];
    for (const [bytes, run, message] of messages) throws(() => run(cursorOf(bytes)), { message });
    const chars = new Uint8Array(5 + (1 << 20)).fill(0x61);
    chars.set(
      new JfrBytes()
        .raw([4])
        .int((1 << 20) + 1)
        .done(),
    );
    throws(() => cursorOf(chars).skipText(), { message: /1048577 single characters, the limit is 1048576/ });
  });

  test('reads strings of every encoding, and steps over them', () => {
    const long = 'x'.repeat(10_000);
    const strings: [JfrBytes, string | undefined][] = [
      [new JfrBytes().raw([0]), ''],
      [new JfrBytes().raw([1]), ''],
      [new JfrBytes().raw([2]).int(2n ** 40n + 3n), undefined],
      [new JfrBytes().text('größe €'), 'größe €'],
      [new JfrBytes().raw([3, 2, 0xff, 0x61]), '\ufffda'],
      [new JfrBytes().raw([5, 2, 0xe9, 0x61]), 'éa'],
      [new JfrBytes().raw([4, 2]).int(0xd83d).int(0xde00), '😀'],
      [new JfrBytes().raw([4]).int(10_000).raw(Buffer.from(long)), long],
    ];
    for (const [bytes, text] of strings) {
      bytes.raw([9]);
      const [read, skipped] = [cursorOf(bytes), cursorOf(bytes)];
      equal(read.text(), text);
      skipped.skipText();
      equal(read.byte(), 9);
      equal(skipped.byte(), 9);
    }
    const constant = cursorOf(new JfrBytes().raw([2]).int(2n ** 40n + 3n));
    constant.text();
    equal(constant.signed(), 2n ** 40n + 3n);
  });
});
