import { StoreError } from '#src/domain/errors.ts';
import type { Body } from '#src/services/query-frontend/ports.ts';
import { listsGzip } from './accept-encoding.ts';
import { partialHeaders, retryHeaders } from './answers.ts';
import { type Failure, failureOf, grpcStatusOf } from './errors.ts';
import type { Answer, Exchange, Header } from './exchange.ts';
import {
  COMPRESSED,
  FRAME_HEADER_BYTES,
  frameHeader,
  grpcEncodingOf,
  grpcMessage,
  grpcTimeoutOf,
  unframe,
} from './grpc-wire.ts';
import { type Codec, callRpc, type RpcHost, type RpcMethod } from './rpc.ts';

// gRPC-Web for unary calls, over HTTP/1.1: messages in the frames of gRPC, and the trailers as the last frame.
//
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['application/grpc-web', 'proto'],
  ['application/grpc-web+proto', 'proto'],
  ['application/grpc-web+json', 'json'],
]);

/** The flag of the frame with the trailers. */
const TRAILERS = 0x80;

export const grpcWebContentTypes: readonly string[] = [...CODECS.keys()];

export function isGrpcWeb(contentType: string): boolean {
  return CODECS.has(contentType);
}

/**
 * Serves one call.
 *
 * @param contentType canonical, and one of `grpcWebContentTypes`
 */
export async function serveGrpcWeb(
  exchange: Exchange,
  method: RpcMethod,
  contentType: string,
  utf8LabelNames: boolean,
  host: RpcHost,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  try {
    const timeoutMs = grpcTimeoutOf(exchange.header('grpc-timeout'));
    const encoding = grpcEncodingOf(exchange.header('grpc-encoding'));
    const gzip = encoding === 'gzip' || listsGzip(exchange.header('grpc-accept-encoding'));
    const codec = CODECS.get(contentType) as Codec;
    const limit = { ...method.limit, framingBytes: FRAME_HEADER_BYTES };
    const reply = await callRpc(
      exchange,
      { ...method, limit },
      { codec, gzip, timeoutMs, utf8LabelNames, unframe: (body) => unframe(body, encoding) },
      host,
    );
    const headers: Header[] = [['Content-Type', contentType], ...partialHeaders(reply)];
    if (gzip) headers.push(['Grpc-Encoding', 'gzip']);
    return { status: 200, headers, body: frame(reply.body, gzip) };
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return grpcWebFailure(contentType, failureOf(error));
  }
}

/** Nothing was written yet, so the trailers can be plain headers. */
export function grpcWebFailure(contentType: string, failure: Failure): Answer {
  const headers: Header[] = [
    ['Content-Type', contentType],
    ['Grpc-Status', String(grpcStatusOf(failure.code))],
    ['Grpc-Message', grpcMessage(failure.message)],
    ...retryHeaders(failure),
  ];
  return { status: 200, headers, body: [] };
}

function frame(message: Body, gzip: boolean): Body {
  const lengthBytes = message.reduce((sum, piece) => sum + piece.length, 0);
  const trailers = Buffer.from('grpc-status: 0\r\n');
  return [
    frameHeader(gzip ? COMPRESSED : 0, lengthBytes),
    ...message,
    frameHeader(TRAILERS, trailers.length),
    trailers,
  ];
}
