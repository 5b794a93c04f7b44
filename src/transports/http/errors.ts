import { type ErrorCode, RETRY_AFTER_MS, StoreError } from '#src/domain/errors.ts';
import { printable } from '#src/domain/model/printable.ts';
import type { DurationMs } from '#src/domain/model/units.ts';

/** The codes of Connect and gRPC. */
export type ConnectCode =
  | 'canceled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'aborted'
  | 'out_of_range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data_loss'
  | 'unauthenticated';

/** @source Connect protocol, "Error codes" */
const CODES: Record<ConnectCode, { readonly grpc: number; readonly http: number }> = {
  canceled: { grpc: 1, http: 499 },
  unknown: { grpc: 2, http: 500 },
  invalid_argument: { grpc: 3, http: 400 },
  deadline_exceeded: { grpc: 4, http: 504 },
  not_found: { grpc: 5, http: 404 },
  already_exists: { grpc: 6, http: 409 },
  permission_denied: { grpc: 7, http: 403 },
  resource_exhausted: { grpc: 8, http: 429 },
  failed_precondition: { grpc: 9, http: 400 },
  aborted: { grpc: 10, http: 409 },
  out_of_range: { grpc: 11, http: 400 },
  unimplemented: { grpc: 12, http: 501 },
  internal: { grpc: 13, http: 500 },
  unavailable: { grpc: 14, http: 503 },
  data_loss: { grpc: 15, http: 500 },
  unauthenticated: { grpc: 16, http: 401 },
};

/** Exhaustive on purpose: a new code does not compile until it has a place here. */
const CODE_OF: Record<ErrorCode, ConnectCode> = {
  'invalid-argument': 'invalid_argument',
  unauthenticated: 'unauthenticated',
  'limit-exceeded': 'resource_exhausted',
  'too-large': 'resource_exhausted',
  'not-found': 'not_found',
  stale: 'aborted',
  'not-leader': 'unavailable',
  unavailable: 'unavailable',
  'deadline-exceeded': 'deadline_exceeded',
  aborted: 'canceled',
  unimplemented: 'unimplemented',
  corrupted: 'data_loss',
};

/** What a client is told. */
export type Failure = {
  readonly status: number;
  readonly code: ConnectCode;
  readonly message: string;
  /** When to come again; undefined where that is not known, or does not help. */
  readonly retryAfterMs?: DurationMs | undefined;
};

/** The failure of an RPC or of a query route. What is not a StoreError is a bug, and its text stays in the log. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof StoreError)) return { status: 500, code: 'internal', message: 'internal error' };
  const code = CODE_OF[error.code];
  // Clients take 429 for "later" and send it again. What is too large now is too large then.
  const status = error.code === 'too-large' ? 422 : CODES[code].http;
  const retryAfterMs = error.details[RETRY_AFTER_MS];
  return {
    ...{ status, code, message: printable(error.message) },
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
  };
}

/** A failure that is known by its HTTP status, on routes that are not RPCs. */
export function failureOfStatus(status: number, message: string): Failure {
  return { status, code: CODE_OF_STATUS.get(status) ?? 'unknown', message };
}

/** Statuses that are not here (408, 409, 422, 500 …) have no code of their own. */
const CODE_OF_STATUS: ReadonlyMap<number, ConnectCode> = new Map([
  [400, 'invalid_argument'],
  [401, 'unauthenticated'],
  [403, 'permission_denied'],
  [404, 'unimplemented'],
  [412, 'failed_precondition'],
  [413, 'invalid_argument'],
  [429, 'resource_exhausted'],
  [431, 'resource_exhausted'],
  [499, 'canceled'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'deadline_exceeded'],
]);

export function grpcStatusOf(code: ConnectCode): number {
  return CODES[code].grpc;
}

/** `{"code","message"}`, the message left out when it is empty. */
export function failureJson({ code, message }: Failure): string {
  return JSON.stringify(message === '' ? { code } : { code, message });
}
