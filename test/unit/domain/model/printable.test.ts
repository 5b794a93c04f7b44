import { equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { printable, quoted, quotedBytes } from '#src/domain/model/printable.ts';

/** By code points, so that nothing of it is in this file. */
const text = (...codes: readonly number[]): string => String.fromCodePoint(...codes);

describe('printable', () => {
  test('leaves words of any language as they are', () => {
    for (const plain of ['', 'it is "x"', 'größer als 5 µs', '日本語', text(0x1f525)]) equal(printable(plain), plain);
  });

  test('escapes what a terminal would act upon, and what cannot be seen', () => {
    for (const [code, shown] of [
      [0x00, '\\u{0}'],
      [0x0a, '\\u{a}'],
      [0x1b, '\\u{1b}'],
      [0x9b, '\\u{9b}'],
      [0x202e, '\\u{202e}'],
      [0x2028, '\\u{2028}'],
      [0xd800, '\\u{d800}'],
      [0xe000, '\\u{e000}'],
    ] as const) {
      equal(printable(`a${text(code)}b`), `a${shown}b`);
    }
  });

  test('cuts what is long, and no character in halves', () => {
    equal(printable('abc', 3), 'abc');
    equal(printable('abcd', 3), 'abc…');
    equal(printable(`ab${text(0x1f525)}c`, 3), 'ab…');
    equal(printable('x'.repeat(10_000)).length, 4097);
  });
});

test('quoted writes a text as JSON does, and hides nothing', () => {
  equal(quoted('a"b\n'), '"a\\"b\\n"');
  equal(quoted(text(0x1b, 0x202e, 0x9f)), '"\\u001b\\u{202e}\\u{9f}"');
  equal(quoted('x'.repeat(201)), `"${'x'.repeat(200)}…"`);
});

describe('quotedBytes', () => {
  test('is the text where there is one, though its end is cut off', () => {
    equal(quotedBytes(Buffer.from('é 日')), '"é 日"');
    for (let max = 1; max < 9; max++) equal(quotedBytes(Buffer.from('é'.repeat(9)), max), `"${'é'.repeat(max)}…"`);
    equal(quotedBytes(Buffer.from(text(0x1f525).repeat(9)), 5), `"${text(0x1f525, 0x1f525)}…"`);
  });

  test('is hexadecimal where there is none', () => {
    equal(quotedBytes(Buffer.from('a"\xff\x00\\\x1f', 'latin1')), '"a\\x22\\xff\\x00\\x5c\\x1f"');
    match(quotedBytes(Buffer.alloc(1000, 0xff), 4), /^"(\\xff){4}…"$/);
  });
});
