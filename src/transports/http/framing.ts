import { quoted } from '#src/domain/model/printable.ts';
import type { RequestHeaders } from './request-headers.ts';

/**
 * What is wrong with the headers that say where a request ends, or undefined. The library takes the first length and
 * any transfer coding; a proxy in front may take others, and then what one of the two reads as a body is a request to
 * the other.
 *
 * @source RFC 9112, sections 6.1 and 6.3
 */
export function framingFault(headers: RequestHeaders): string | undefined {
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  if (length === '' && coding === '') return undefined;
  if (headers.repeated('content-length').some((other) => other !== length)) {
    return 'Content-Length is there twice, with different values';
  }
  if (headers.repeated('transfer-encoding').length > 0) return 'Transfer-Encoding is there twice';
  if (headers.has('transfer-encoding') && coding.toLowerCase() !== 'chunked') {
    return `Transfer-Encoding must be "chunked", not ${quoted(coding)}`;
  }
  return undefined;
}
