import type { HttpRequest } from 'uWebSockets.js';
import { quoted } from '#src/domain/model/printable.ts';

/**
 * What is wrong with the headers that say where a request ends, or undefined. The library takes the first length and
 * any transfer coding; a proxy in front may take others, and then what one of the two reads as a body is a request to
 * the other.
 *
 * @source RFC 9112, sections 6.1 and 6.3
 */
export function framingFault(request: HttpRequest): string | undefined {
  const length = request.getHeader('content-length');
  const coding = request.getHeader('transfer-encoding');
  if (length === '' && coding === '') return undefined;
  let codings = 0;
  let lengthsDiffer = false;
  request.forEach((name, value) => {
    if (name === 'content-length' && value !== length) lengthsDiffer = true;
    if (name === 'transfer-encoding') codings++;
  });
  if (lengthsDiffer) return 'Content-Length is there twice, with different values';
  if (codings > 1) return 'Transfer-Encoding is there twice';
  if (codings === 1 && coding.toLowerCase() !== 'chunked') {
    return `Transfer-Encoding must be "chunked", not ${quoted(coding)}`;
  }
  return undefined;
}
