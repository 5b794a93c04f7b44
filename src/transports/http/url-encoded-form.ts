import { quotedBytes } from '#src/domain/model/printable.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { parseMediaType } from './media-type.ts';

// The content type that curl gives to what it sends from a file, where nothing else is said. With `-d` the file is not what
// arrives: curl takes it for the fields of a form. https://curl.se/docs/manpage.html#-d

/** For messages. */
export const CURL_DATA = "curl's -d takes line breaks and zero bytes out of a file, --data-binary does not";

export function isUrlEncodedForm(contentType: string): boolean {
  return parseMediaType(contentType)?.type === 'application/x-www-form-urlencoded';
}

/** What is looked at. A profile that is whole has one of those bytes long before. */
const HEAD_BYTES: Bytes = 64 << 10;

const TAKEN_OUT = [...Buffer.from('\n\r\0')];

/**
 * What else there is to say when a body cannot be read that curl seems to have sent as a form; '' where it did not, or where
 * the body has what would be missing then.
 */
export function formHint(contentType: string, body: Uint8Array): string {
  if (!isUrlEncodedForm(contentType)) return '';
  const head = body.subarray(0, HEAD_BYTES);
  if (TAKEN_OUT.some((byte) => head.includes(byte))) return '';
  return `; it came as a form (application/x-www-form-urlencoded): ${CURL_DATA}`;
}

/**
 * The lines of folded text that curl ran together can be read: as one stack, which nobody had. It shows where the root of the
 * first line begins the next one, as most of a file have the same: `main;work 3main;idle 2`.
 *
 * @param body  without line breaks
 * @returns     a clause that says so; undefined where it does not show
 * @cost        O(bytes), of which there are few: no line may be longer
 */
export function linesRunTogether(body: Uint8Array): string | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, HEAD_BYTES));
  const rootEnd = text.indexOf(SEMICOLON);
  if (rootEnd <= 0) return undefined;
  const root = text.subarray(0, rootEnd + 1);
  let looks = 0;
  for (let at = text.indexOf(root, rootEnd); at !== -1; at = text.indexOf(root, at + 1)) {
    if (!isDigit(text[at - 1])) continue;
    if (++looks > LOOKS_MAX) break;
    const before = text.subarray(Math.max(0, at - COUNT_BYTES_MAX), at).toString('latin1');
    const count = / ([0-9]+)$/.exec(before)?.[1];
    if (count === undefined) continue;
    return `its lines run together: behind the count ${count} its root ${quotedBytes(root.subarray(0, -1), 40)} begins again`;
  }
  return undefined;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

const [SEMICOLON, ZERO, NINE] = Buffer.from(';09');

/** Places at which the root begins again that are looked at: of an honest file nearly the first one shows it. */
const LOOKS_MAX = 64;

/** With the blank before it. */
const COUNT_BYTES_MAX: Bytes = 21;
