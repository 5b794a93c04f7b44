import { isUndecodable } from '#src/domain/upload/upload.ts';
import { statusFailure } from './answers.ts';
import { BodyRefusal } from './body.ts';
import { failureOf, failureOfStatus } from './errors.ts';
import type { Answer } from './exchange.ts';
import type { IngestFormat } from './ingest-format.ts';

/** Formats whose profiles are refused with 400. Bodies that cannot be read are 422 in every format. */
const TEXT_FORMATS: ReadonlySet<IngestFormat> = new Set(['groups', 'lines', 'trie', 'tree']);

/**
 * The answer of `/ingest` when its body was not taken, which depends on the format.
 *
 * Unlike the reference, which answers 422 for those too, what may succeed later is 503 or 504, so that agents try again.
 *
 * @source reference of the public API, "POST /ingest", responses
 */
export function ingestFailure(error: unknown, format: IngestFormat): Answer {
  if (error instanceof BodyRefusal) {
    return statusFailure(failureOfStatus(error.status, error.message));
  }
  const failure = failureOf(error);
  const rejected = failure.status === 400 || failure.status === 404 || failure.code === 'data_loss';
  const unprocessable = TEXT_FORMATS.has(format) ? isUndecodable(error) : rejected;
  const { message, retryAfterMs } = failure;
  return statusFailure({ ...failureOfStatus(unprocessable ? 422 : failure.status, message), retryAfterMs });
}
