/**
 * What a caller may do about a failure. The codes are closed: a new one needs a row in every
 * transport's table, and the compiler says so.
 */
export type ErrorCode =
  | 'invalid-argument' // The request is wrong. Sending it again cannot help.
  | 'unauthenticated' // The request names no tenant, or one that cannot be.
  | 'limit-exceeded' // The tenant is over a limit. Slow down, then send it again.
  | 'too-large' // What was asked for needs more than may ever be used for it. Ask for less.
  | 'not-found' // The named thing does not exist.
  | 'stale' // The caller acts on an old term, lease or plan. Read again, then decide.
  | 'not-leader' // Another replica leads. `details.leader` names it when it is known.
  | 'unavailable' // A dependency is away, or a queue is full. Back off, then send it again.
  | 'deadline-exceeded' // The caller's deadline passed first.
  | 'aborted' // The caller left, or this process is closing.
  | 'unimplemented' // This server does not have what was asked for.
  | 'corrupted'; // Stored bytes do not say what their checksum or format promises.

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** The key in `details` of how long it takes until the same request may succeed, where that is known. */
export const RETRY_AFTER_MS = 'retryAfterMs';

/** The key in `details`, with `true`, where the same request can never succeed though its code says that it may later. */
export const NEVER_FITS = 'neverFits';

/** A failure that is expected to happen in operation, and that some caller must handle. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: ErrorCode;
  /** The facts for a log line. Never sample data, label values or tenant payloads. */
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

export type WireError = { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails };

/**
 * A worker thread sends errors by structured clone, which keeps the message and drops the class,
 * the code and the details. Both ends of the pool therefore go through this pair.
 */
export function toWire(error: StoreError): WireError {
  return { code: error.code, message: error.message, details: error.details };
}

export function fromWire(wire: WireError): StoreError {
  return new StoreError(wire.code, wire.message, wire.details);
}
