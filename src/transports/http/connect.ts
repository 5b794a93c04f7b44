import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import { listsGzip } from './accept-encoding.ts';
import { codedFailure, partialHeaders } from './answers.ts';
import { type Failure, failureOf } from './errors.ts';
import type { Answer, Exchange, Header } from './exchange.ts';
import { type Codec, callRpc, type Encoding, type RpcHost, type RpcMethod } from './rpc.ts';

// The Connect protocol for unary calls: a POST whose body is one message, and whose answer is one message.
// https://connectrpc.com/docs/protocol

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['application/proto', 'proto'],
  ['application/json', 'json'],
  ['application/json; charset=utf-8', 'json'],
]);

/** What the server can read; sent with every answer. */
const ACCEPT_ENCODING: Header = ['Accept-Encoding', 'gzip'];

export const connectContentTypes: readonly string[] = [...CODECS.keys()];

export function isConnect(contentType: string): boolean {
  return CODECS.has(contentType);
}

/**
 * Serves one call.
 *
 * @param contentType canonical, and one of `connectContentTypes`
 */
export async function serveConnect(
  exchange: Exchange,
  method: RpcMethod,
  contentType: string,
  utf8LabelNames: boolean,
  host: RpcHost,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  try {
    checkVersion(exchange.header('connect-protocol-version'));
    const timeoutMs = timeoutOf(exchange.header('connect-timeout-ms'));
    const encoding = encodingOf(exchange.header('content-encoding'));
    const gzip = encoding === 'gzip' || listsGzip(exchange.header('accept-encoding'));
    const codec = CODECS.get(contentType) as Codec;
    const reply = await callRpc(
      exchange,
      method,
      { codec, gzip, timeoutMs, utf8LabelNames, unframe: (bytes) => ({ bytes, encoding }) },
      host,
    );
    const headers: Header[] = [['Content-Type', contentType], ACCEPT_ENCODING, ...partialHeaders(reply)];
    if (gzip) headers.push(['Content-Encoding', 'gzip']);
    return { status: 200, headers, body: reply.body };
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return connectFailure(failureOf(error));
  }
}

export function connectFailure(failure: Failure): Answer {
  const answer = codedFailure(failure);
  return { ...answer, headers: [...answer.headers, ACCEPT_ENCODING] };
}

function checkVersion(version: string): void {
  if (version === '' || version === '1') return;
  throw new StoreError('invalid-argument', `Connect-Protocol-Version must be "1", not ${quoted(version)}`);
}

function timeoutOf(text: string): DurationMs | undefined {
  if (text === '') return undefined;
  if (/^[0-9]{1,10}$/.test(text)) return Number(text);
  throw new StoreError('invalid-argument', `Connect-Timeout-Ms must be at most 10 digits, not ${quoted(text)}`);
}

function encodingOf(text: string): Encoding {
  if (text === '' || text === 'identity') return 'identity';
  if (text === 'gzip') return 'gzip';
  throw new StoreError('unimplemented', `unknown compression ${quoted(text)}: supported encodings are gzip`);
}
