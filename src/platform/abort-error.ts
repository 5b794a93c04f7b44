import { type ErrorDetails, StoreError } from '#src/domain/errors.ts';

/**
 * Why a signal aborted, as a failure that a caller can handle: the reason itself where somebody gave a StoreError,
 * 'deadline-exceeded' where its time ran out, 'aborted' otherwise.
 *
 * @param during  what was under way, for the message
 */
export function abortErrorOf(signal: AbortSignal, during: string, details: ErrorDetails = {}): StoreError {
  const reason: unknown = signal.reason;
  if (reason instanceof StoreError) return reason;
  return reason instanceof DOMException && reason.name === 'TimeoutError'
    ? new StoreError('deadline-exceeded', `the deadline passed: ${during}`, details)
    : new StoreError('aborted', `the caller left: ${during}`, details);
}
