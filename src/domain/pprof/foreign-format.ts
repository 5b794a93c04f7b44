/** What is looked at. */
export const FOREIGN_HEAD_BYTES = 64;

/** What begins like this is no pprof, though it may have been sent as one. */
const BEGINNINGS: readonly (readonly [hex: string, what: string])[] = [
  ['464c5200', 'a recording of the Java Flight Recorder, which /ingest takes with format=jfr'],
  ['1f8b', 'gzip, compressed twice'],
  ['28b52ffd', 'zstd, where only gzip is known'],
  ['7801', 'zlib, where only gzip is known'],
  ['789c', 'zlib, where only gzip is known'],
  ['78da', 'zlib, where only gzip is known'],
  ['7b', 'JSON'],
];

const PRINTABLE = /^[\t\n\r\x20-\x7e]+$/;

/**
 * Says what bytes look like that could not be decoded as pprof, for whoever sent the wrong file, or to the wrong place.
 *
 * @param head  their beginning, inflated
 * @returns     undefined when it tells nothing
 */
export function foreignFormat(head: Uint8Array): string | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, FOREIGN_HEAD_BYTES));
  const hex = bytes.toString('hex');
  for (const [beginning, what] of BEGINNINGS) if (hex.startsWith(beginning)) return what;
  return PRINTABLE.test(bytes.toString('latin1'))
    ? 'text, such as folded stacks, which /ingest takes with format=groups, and in no form'
    : undefined;
}
