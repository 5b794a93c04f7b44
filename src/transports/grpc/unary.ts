import type { OutgoingHttpHeaders } from 'node:http2';
import { StoreError } from '#src/domain/errors.ts';
import type { Body } from '#src/services/query-frontend/ports.ts';
import { listsGzip } from '#src/transports/http/accept-encoding.ts';
import { partialHeaders } from '#src/transports/http/answers.ts';
import { failureOf } from '#src/transports/http/errors.ts';
import {
  COMPRESSED,
  FRAME_HEADER_BYTES,
  frameHeader,
  grpcEncodingOf,
  grpcTimeoutOf,
  unframe,
} from '#src/transports/http/grpc-wire.ts';
import { type Codec, callRpc, type RpcHost, type RpcMethod } from '#src/transports/http/rpc.ts';
import type { GrpcCall } from './call.ts';
import { failureTrailers, headersOf, OK_TRAILERS } from './status.ts';

/** Serves a call of one message, with an answer of one message or a failure. */
export async function serveUnary(
  call: GrpcCall,
  method: RpcMethod,
  request: { readonly contentType: string; readonly codec: Codec; readonly utf8LabelNames: boolean },
  host: RpcHost & { readonly onBug: (error: unknown) => void },
): Promise<void> {
  const { contentType, codec, utf8LabelNames } = request;
  try {
    const timeoutMs = grpcTimeoutOf(call.header('grpc-timeout'));
    const encoding = grpcEncodingOf(call.header('grpc-encoding'));
    const gzip = encoding === 'gzip' || listsGzip(call.header('grpc-accept-encoding'));
    const reply = await callRpc(
      call,
      { ...method, limit: { ...method.limit, framingBytes: FRAME_HEADER_BYTES } },
      { codec, gzip, timeoutMs, utf8LabelNames, unframe: (body) => unframe(body, encoding) },
      host,
    );
    const headers: OutgoingHttpHeaders = headersOf(contentType);
    for (const [name, value] of partialHeaders(reply)) headers[name.toLowerCase()] = value;
    if (gzip) headers['grpc-encoding'] = 'gzip';
    call.answer(headers, framed(reply.body, gzip), OK_TRAILERS);
  } catch (error) {
    if (!(error instanceof StoreError)) host.onBug(error);
    failCall(call, contentType, error);
  }
}

/** Nothing was written yet, so the trailers can be the headers. */
export function failCall(call: GrpcCall, contentType: string, error: unknown): void {
  const failure = failureOf(error);
  call.answerHeaders(failure.code, { ...headersOf(contentType), ...failureTrailers(failure) });
}

function framed(message: Body, gzip: boolean): Body {
  const lengthBytes = message.reduce((sum, piece) => sum + piece.length, 0);
  return [frameHeader(gzip ? COMPRESSED : 0, lengthBytes), ...message];
}
