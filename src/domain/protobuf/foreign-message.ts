import { StoreError } from '#src/domain/errors.ts';
import { type FormatAdvice, looksLike } from '#src/domain/model/byte-format.ts';

/** What is sent in place of a message in JSON. Text may be JSON that is no message. */
const NO_JSON: FormatAdvice = {
  recording: ', which /ingest takes with format=jfr',
  gzip: ', compressed twice or sent without saying so (Content-Encoding, or grpc-encoding with gRPC)',
  zstd: ', where only gzip is known',
  zlib: ', where only gzip is known',
  pprof: ', which /ingest takes with format=pprof',
};

const NO_PROTO: FormatAdvice = {
  ...NO_JSON,
  json: ', which needs a content type that says so, such as application/json',
  text: ', such as folded stacks, which /ingest takes with format=groups',
};

/**
 * What else there is to say of a message, a push or an export of OTLP, that cannot be decoded.
 *
 * @param message  inflated; its beginning is enough
 * @returns        '' when it tells nothing
 */
export function foreignMessageHint(message: Uint8Array, codec: 'proto' | 'json'): string {
  const foreign = looksLike(message, codec === 'json' ? NO_JSON : NO_PROTO);
  return foreign === undefined ? '' : `; it looks like ${foreign}`;
}

/** The failure to read a message in JSON, with the hint. No JSON begins as what there is one for, so it is the reason. */
export function withForeignHint(error: unknown, text: Uint8Array): unknown {
  if (!(error instanceof StoreError)) return error;
  return new StoreError(error.code, error.message + foreignMessageHint(text, 'json'), error.details);
}
