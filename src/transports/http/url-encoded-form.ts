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
