import type { Bytes } from './units.ts';

/** What bytes can be told to be by how they begin. */
export type ByteFormat = 'recording' | 'gzip' | 'zstd' | 'zlib' | 'pprof' | 'json' | 'text';

/** What is looked at. */
export const FORMAT_HEAD_BYTES: Bytes = 64;

const BEGINNINGS: readonly (readonly [hex: RegExp, format: ByteFormat])[] = [
  [/^464c5200/, 'recording'],
  [/^1f8b/, 'gzip'],
  [/^28b52ffd/, 'zstd'],
  [/^78(01|9c|da)/, 'zlib'],
  // The type of samples or of the period, a message of two numbers; or the first string, which is empty. Profiles of the CPU
  // that Go writes have their time before that, in nanoseconds: nine bytes.
  [/^(48([89a-f].){8}[0-7].)?([05]a(0[2-9]|0[a-c])08|3200)/, 'pprof'],
  // A line break and a brace are a field of 123 bytes as well, so what follows counts: the end of the object, or a key, of
  // which no byte is a control character.
  [/^(09|0a|0d|20)*7b(09|0a|0d|20)*(7d|22([2-9a-f].|$)|$)/, 'json'],
];

const PRINTABLE = /^[\t\n\r\x20-\x7e]+$/;

const NAMES: Readonly<Record<ByteFormat, string>> = {
  recording: 'a recording of the Java Flight Recorder',
  gzip: 'gzip',
  zstd: 'zstd',
  zlib: 'zlib',
  pprof: 'pprof',
  json: 'JSON',
  text: 'text',
};

/** @returns undefined when their beginning tells nothing */
function byteFormat(bytes: Uint8Array): ByteFormat | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, FORMAT_HEAD_BYTES));
  const hex = head.toString('hex');
  const found = BEGINNINGS.find(([beginning]) => beginning.test(hex));
  if (found !== undefined) return found[1];
  return PRINTABLE.test(head.toString('latin1')) ? 'text' : undefined;
}

/** What a format is called in messages. @returns undefined when the beginning of the bytes tells nothing */
export function formatName(bytes: Uint8Array): string | undefined {
  const format = byteFormat(bytes);
  return format && NAMES[format];
}

/** What to do with bytes of a format that were sent for something else, as the name of the format goes on. */
export type FormatAdvice = Readonly<Partial<Record<ByteFormat, string>>>;

/**
 * Says what bytes look like that are not what they were sent as, for whoever sent the wrong file, or to the wrong place.
 *
 * @param bytes   their beginning is enough
 * @param advice  a format that is not in it tells nothing here
 * @returns       what stands behind "it looks like"; undefined when they tell nothing
 */
export function looksLike(bytes: Uint8Array, advice: FormatAdvice): string | undefined {
  const format = byteFormat(bytes);
  const goesOn = format && advice[format];
  return format && goesOn !== undefined ? NAMES[format] + goesOn : undefined;
}
