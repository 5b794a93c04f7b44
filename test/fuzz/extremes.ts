import type { Random } from '../fixtures/random.ts';

/** Numbers around every width that somebody may have counted on. */
export const EXTREME_INTS: readonly bigint[] = [
  ...[0n, 1n, 2n, 127n, 128n, 255n, 65_535n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n],
  ...[2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];

/** Numbers as they may stand in a text, and what is not one. */
export const NUMBER_TEXTS: readonly string[] = [
  ...['0', '-0', '-1', '+7', '01', '0.1', '1e3', '1e308', '-1e308', '1e309', '1e-400', 'NaN', 'Infinity', '-Infinity'],
  ...['9007199254740993', '9223372036854775807', '9223372036854775808', '-9223372036854775808', '18446744073709551616'],
  ...['1'.repeat(400), '0x10', '1_000', '', ' 1', '1.', '.5', '1e', '４'],
];

const TEXTS: readonly string[] = [
  ...['', ' ', ';', '\n', '\r\n', '\u0000', 'a\u0000b', '"', '\\', '{', '}', '=', ',', '%', '__name__', 'service_name'],
  ...[
    'größe',
    '日本',
    '👍',
    '\u202e',
    '\ufeff',
    '\uffff',
    'main',
    'runtime.main',
    'f[go.shape.int]',
    'go',
    '__proto__',
  ],
  ...['constructor', 'x'.repeat(300), 'é'.repeat(2100), '__session_id__', 'profile_id', 'span_id', '0102030405060708'],
];

/** Valid text that is seldom sent. Once in a while it is long. */
export function oddText(random: Random): string {
  return random.chance(0.005) ? 'y'.repeat(random.pick([65_535, 65_536, 70_000, 1 << 20])) : random.pick(TEXTS);
}

const BYTES: readonly (readonly number[])[] = [
  ...[[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0x80], [0xf0, 0x9f, 0x98]],
  ...[
    [0x1f, 0x8b],
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
    [0x46, 0x4c, 0x52, 0],
    [0xef, 0xbb, 0xbf],
  ],
];

/** Bytes that are not UTF-8, or the start of something else. */
export function oddBytes(random: Random): Uint8Array {
  if (random.chance(0.2)) return random.bytes(random.int(0, 40));
  const bytes = Buffer.from(random.pick(BYTES));
  return random.chance(0.3) ? Buffer.concat([Buffer.from(oddText(random)), bytes]) : bytes;
}
