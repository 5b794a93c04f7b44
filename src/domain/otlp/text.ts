import { notConvertible } from './otlp-errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Of a text that cannot be shown as one. */
const SHOWN_BYTES = 32;

/**
 * A text of the message.
 *
 * @param what  it is, for the error
 * @throws StoreError of stage 'conversion' when it is not UTF-8, which protobuf texts are: whatever would have it has a
 *         fault, and nothing else of the message
 */
export function textOf(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    const head = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
    throw notConvertible(`${what} is not UTF-8: ${head}${bytes.length > SHOWN_BYTES ? '…' : ''} (hex)`);
  }
}
