import { ok } from 'node:assert/strict';

/** What a payload was answered, over whatever protocol. */
export type PayloadAnswer = {
  /** Of HTTP. */
  readonly status: number;
  /** Of gRPC and gRPC-Web. */
  readonly grpcStatus: number | undefined;
  /** Of a failure: its text. */
  readonly message: string;
};

/** Refused by name: it is the client's fault. */
export type Verdict = 'accepted' | 'refused';

const OK = 0;
/** invalid_argument, resource_exhausted, unimplemented. */
const CLIENT_FAULTS: ReadonlySet<number> = new Set([3, 8, 12]);

const MESSAGE_LENGTH_MAX = 8192;

/**
 * Whatever was sent, it is accepted, or refused as the client's fault with a message that names what is wrong.
 *
 * @throws AssertionError
 */
export function checkAnswer({ status, grpcStatus, message }: PayloadAnswer): Verdict {
  if (grpcStatus !== undefined && status === 200) {
    if (grpcStatus === OK) return 'accepted';
    ok(CLIENT_FAULTS.has(grpcStatus), `it is answered with the gRPC status ${grpcStatus}: ${message}`);
  } else {
    if (status === 200) return 'accepted';
    ok(status >= 400 && status < 500, `it is answered with ${status}: ${message}`);
  }
  ok(message.length > 0 && message.length <= MESSAGE_LENGTH_MAX, `the message has ${message.length} characters`);
  ok(!/internal error|undefined|\[object/.test(message), `the message names nothing: ${message}`);
  return 'refused';
}

/** The text of a failure: of the JSON form of an error, or of a plain answer. */
export function failureText(body: Uint8Array): string {
  const text = Buffer.from(body).toString();
  if (!text.startsWith('{')) return text;
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}
