import { type FormatAdvice, looksLike } from '#src/domain/model/byte-format.ts';

/** What is sent to `/ingest` as text by those who forget to say what it is. No text begins so. */
const NO_TEXT: FormatAdvice = {
  recording: ', which needs format=jfr',
  gzip: ': a compressed pprof needs format=pprof, a recording format=jfr, and text must not be compressed',
  zstd: ', and text must not be compressed',
  pprof: ', which needs format=pprof',
};

/** @returns what a body looks like that should be folded text; undefined when it tells nothing */
export function binaryFormat(body: Uint8Array): string | undefined {
  return looksLike(body, NO_TEXT);
}

const TEXT_HEAD_BYTES = 256;

/** Whether a body that could not be read as text begins with bytes that are in no text. */
export function isBinary(body: Uint8Array): boolean {
  const head = body.subarray(0, TEXT_HEAD_BYTES);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: head.length < body.length });
    return /(?![\t\n\r])\p{Cc}/u.test(text);
  } catch {
    return true;
  }
}
