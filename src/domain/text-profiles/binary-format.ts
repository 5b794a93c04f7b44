/** What is sent to `/ingest` as text by those who forget to say what it is. No text begins so. */
const BEGINNINGS: readonly (readonly [hex: RegExp, what: string])[] = [
  [/^464c5200/, 'a recording of the Java Flight Recorder, which needs format=jfr'],
  [/^1f8b/, 'gzip: a compressed pprof needs format=pprof, a recording format=jfr, and text must not be compressed'],
  [/^28b52ffd/, 'zstd, and text must not be compressed'],
  // The type of samples or of the period, a message of two numbers; or the first string, which is empty.
  [/^([05]a(0[2-9]|0[a-c])08|3200)/, 'pprof, which needs format=pprof'],
];

const HEAD_BYTES = 8;

/** @returns what a body looks like that should be folded text; undefined when it tells nothing */
export function binaryFormat(body: Uint8Array): string | undefined {
  const hex = Buffer.from(body.subarray(0, HEAD_BYTES)).toString('hex');
  return BEGINNINGS.find(([beginning]) => beginning.test(hex))?.[1];
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
