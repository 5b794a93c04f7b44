import { StoreError } from '#src/domain/errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text of the message. @throws StoreError 'invalid-argument' when it is not UTF-8, which protobuf texts are */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    const head = Buffer.from(bytes.subarray(0, 32)).toString('hex');
    throw new StoreError('invalid-argument', `the OTLP message cannot be decoded: a text is not UTF-8: ${head} (hex)`);
  }
}
