import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import { actualSizeText, sizeText } from '#src/domain/model/amount-text.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import { type GzipFault, gzipProblem } from '#src/domain/pprof/gzip-fault.ts';
import { sizeOver } from '#src/domain/pprof/inflate.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Reply, Wire } from '#src/services/query-frontend/ports.ts';
import { type BodyHost, type BodyLimit, BodyRefusal, type BodySource, readBody } from './body.ts';
import type { Exchange } from './exchange.ts';
import { parseTenants, readTenants, writeTenant } from './tenant.ts';

/** How a message is written, in either direction. */
export type Codec = 'proto' | 'json';

export type Encoding = 'identity' | 'gzip';

/** One message of a client, without the framing of its protocol. */
export type Message = { readonly bytes: Uint8Array; readonly encoding: Encoding };

export type RpcCall = {
  /** Exactly one for methods that write, none for those of no tenant. */
  readonly tenants: readonly string[];
  readonly message: Uint8Array;
  /** `identity` for methods that want their messages opened. */
  readonly encoding: Encoding;
  readonly codec: Codec;
  readonly wire: Wire;
  readonly utf8LabelNames: boolean;
  readonly signal: AbortSignal;
};

/** A method of a service, whatever the protocol. */
export type RpcMethod = {
  readonly limit: BodyLimit;
  /** `none`: whoever asks, the call is of no tenant. */
  readonly tenants: 'read' | 'write' | 'none';
  /** Whether compressed messages are inflated before the call. */
  readonly opened: boolean;
  /** @throws StoreError */
  readonly call: (call: RpcCall) => Promise<Reply>;
};

export type RpcHost = BodyHost & { readonly multitenancyEnabled: boolean };

/** What a call must know and be able to do: an exchange of HTTP/1.1, or a stream of HTTP/2. */
export type RpcSource = BodySource & Pick<Exchange, 'header' | 'cancel'>;

/** What a protocol found out about a request before its body is there. */
export type RpcHead = {
  readonly codec: Codec;
  /** Whether the answer is compressed. */
  readonly gzip: boolean;
  readonly timeoutMs: DurationMs | undefined;
  readonly utf8LabelNames: boolean;
  /** Takes the message out of the body. @throws StoreError 'invalid-argument' */
  readonly unframe: (body: Uint8Array) => Message;
};

/**
 * Calls a method with the body of a request.
 *
 * The tenant is checked before the body: who may not come in should not send megabytes first.
 *
 * @throws StoreError what the method threw, or why it was not called; the reason of the source's signal as soon as
 *         that aborts. The work may go on for a while then; the body is counted until it ends
 */
export async function callRpc(source: RpcSource, method: RpcMethod, head: RpcHead, host: RpcHost): Promise<Reply> {
  const tenants = tenantsOf(source, method, host);
  const finished = limitDuration(source, head.timeoutMs, host.clock);
  try {
    return await untilAborted(callWithBody(source, method, head, tenants, host), source.signal);
  } finally {
    finished.abort(CALL_FINISHED);
  }
}

async function callWithBody(
  source: RpcSource,
  method: RpcMethod,
  head: RpcHead,
  tenants: readonly string[],
  host: RpcHost,
): Promise<Reply> {
  const body = await readBody(source, method.limit, host);
  try {
    const framed = head.unframe(body.bytes);
    const { bytes, encoding } = method.opened ? await openMessage(framed, method.limit, host) : framed;
    return await method.call({
      tenants,
      message: bytes,
      encoding,
      codec: head.codec,
      wire: { codec: head.codec, gzip: head.gzip },
      utf8LabelNames: head.utf8LabelNames,
      signal: source.signal,
    });
  } finally {
    body.release();
  }
}

function tenantsOf(source: RpcSource, method: RpcMethod, host: RpcHost): readonly string[] {
  if (method.tenants === 'none') return [];
  const header = parseTenants(source.header('x-scope-orgid'), host.multitenancyEnabled);
  return method.tenants === 'write' ? [writeTenant(header)] : readTenants(header, 'unauthenticated');
}

/** Inflates off the main loop. @throws BodyRefusal when the message is larger than its limit then */
export async function openMessage(
  message: Message,
  limit: BodyLimit,
  host: Pick<RpcHost, 'metrics'>,
): Promise<Message> {
  if (message.encoding === 'identity' || message.bytes.length === 0) return { ...message, encoding: 'identity' };
  try {
    return { bytes: await promisify(gunzip)(message.bytes, { maxOutputLength: limit.bytesMax }), encoding: 'identity' };
  } catch (error) {
    const { code, message: reason } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_BUFFER_TOO_LARGE') {
      const fault: GzipFault =
        code === 'Z_BUF_ERROR' ? { kind: 'cut-off' } : { kind: 'corrupt', reason, offset: undefined };
      const problem = gzipProblem(message.bytes, fault);
      throw new StoreError('invalid-argument', `the message cannot be inflated: ${problem}`);
    }
    host.metrics.refused(limit.reason);
    const actual = actualSizeText(sizeOver(limit.bytesMax, message.bytes), 'more than that once inflated');
    const text = `the message is larger than ${limit.name}: limit ${sizeText(limit.bytesMax)}, actual ${actual}`;
    throw new BodyRefusal(limit.reason, 'limit-exceeded', text);
  }
}

/** Timers hold 31 bits. Who waits for weeks waits for ever. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Made once, as in body.ts. */
const CALL_FINISHED = new StoreError('aborted', 'the call is finished');

/** @returns to be aborted when the call is over, so that the timer goes */
export function limitDuration(
  source: Pick<RpcSource, 'cancel'>,
  timeoutMs: DurationMs | undefined,
  clock: Clock,
): AbortController {
  const finished = new AbortController();
  if (timeoutMs === undefined || timeoutMs > TIMER_MS_MAX) return finished;
  void clock.sleep(timeoutMs, finished.signal).then(() => {
    if (finished.signal.aborted) return;
    source.cancel(new StoreError('deadline-exceeded', `the deadline of the client passed after ${timeoutMs} ms`));
  });
  return finished;
}

/** Follows the work until the signal aborts, whose reason then is the failure. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    // What the service makes of an abort comes later than this, and is less exact than its reason.
    work.then(resolve, reject);
  });
}
