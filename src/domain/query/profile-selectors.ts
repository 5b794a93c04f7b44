import { StoreError } from '#src/domain/errors.ts';

const profileIdBytes = 16;

/**
 * The number under which the samples of a span are stored: the eight bytes that the text shows, read with the lowest
 * first. The text is a sequence of bytes, not a number written in hexadecimal.
 *
 * @param text 16 hexadecimal digits
 * @throws StoreError 'invalid-argument'
 */
export function parseSpanId(text: string): bigint {
  return hexBytes('span id', text, 8).readBigUInt64LE();
}

/** The text of a stored span id. */
export function spanIdText(spanId: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(spanId);
  return bytes.toString('hex');
}

/** @param text 32 hexadecimal digits @shapes Uint8Array[16] @throws StoreError 'invalid-argument' */
export function parseTraceId(text: string): Uint8Array {
  return new Uint8Array(hexBytes('trace id', text, 16));
}

/** @param text a UUID, in upper or lower case @shapes Uint8Array[16] @throws StoreError 'invalid-argument' */
export function parseProfileId(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw new StoreError('invalid-argument', `profile id ${shown(text)} is not a UUID`);
  }
  return new Uint8Array(Buffer.from(text.replaceAll('-', ''), 'hex'));
}

/** The UUID at row `row` of a column of profile ids. @shapes ids Uint8Array[16 * rows] */
export function profileIdText(ids: Uint8Array, row: number): string {
  const hex = Buffer.from(ids.subarray(row * profileIdBytes, (row + 1) * profileIdBytes)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** A sample is of a span or of a trace: asking for both has no meaning. @throws StoreError 'invalid-argument' */
export function refuseSpansWithTraces(spanIds: readonly string[], traceIds: readonly string[]): void {
  if (spanIds.length > 0 && traceIds.length > 0) {
    throw new StoreError('invalid-argument', 'a span selector and a trace selector cannot be combined');
  }
}

function hexBytes(what: string, text: string, sizeBytes: number): Buffer {
  if (text.length !== sizeBytes * 2 || !/^[0-9a-f]+$/i.test(text)) {
    throw new StoreError('invalid-argument', `${what} ${shown(text)} is not ${sizeBytes * 2} hexadecimal digits`);
  }
  return Buffer.from(text, 'hex');
}

/** At most as much of a wrong id as a message needs. */
function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
