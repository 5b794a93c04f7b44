import { StoreError } from '#src/domain/errors.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import type { Body } from '#src/services/query-frontend/ports.ts';
import { listsGzip } from './accept-encoding.ts';
import { partialHeaders, retryHeaders } from './answers.ts';
import { type Failure, failureOf, grpcStatusOf } from './errors.ts';
import type { Answer, Exchange, Header } from './exchange.ts';
import { type Codec, callRpc, type Encoding, type Message, type RpcHost, type RpcMethod } from './rpc.ts';

// gRPC-Web for unary calls, over HTTP/1.1: messages in frames, and the trailers as the last frame.
//
//   | flags u8 | length u32 BE | payload |     flags: 1 compressed, 0x80 trailers
//
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['application/grpc-web', 'proto'],
  ['application/grpc-web+proto', 'proto'],
  ['application/grpc-web+json', 'json'],
]);

const FRAME_HEADER_BYTES = 5;
const COMPRESSED = 0x01;
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
    const timeoutMs = timeoutOf(exchange.header('grpc-timeout'));
    const encoding = encodingOf(exchange.header('grpc-encoding'));
    const gzip = encoding === 'gzip' || listsGzip(exchange.header('grpc-accept-encoding'));
    const codec = CODECS.get(contentType) as Codec;
    const limit = { ...method.limit, bytesMax: method.limit.bytesMax && method.limit.bytesMax + FRAME_HEADER_BYTES };
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
    ['Grpc-Message', percentEncoded(failure.message)],
    ...retryHeaders(failure),
  ];
  return { status: 200, headers, body: [] };
}

/** @throws StoreError 'invalid-argument' unless the body is exactly one message */
export function unframe(body: Uint8Array, encoding: Encoding): Message {
  if (body.length < FRAME_HEADER_BYTES) {
    throw new StoreError('invalid-argument', `the body has ${body.length} bytes, which is no frame`);
  }
  const flags = body[0] as number;
  const lengthBytes = new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(1);
  if ((flags & ~COMPRESSED) !== 0) throw new StoreError('invalid-argument', `the frame has unknown flags ${flags}`);
  if (FRAME_HEADER_BYTES + lengthBytes !== body.length) {
    const restBytes = body.length - FRAME_HEADER_BYTES;
    throw new StoreError('invalid-argument', `the frame promises ${lengthBytes} bytes, ${restBytes} follow`);
  }
  const compressed = (flags & COMPRESSED) !== 0;
  if (compressed && encoding !== 'gzip') {
    throw new StoreError('invalid-argument', 'the message is compressed, but Grpc-Encoding does not say how');
  }
  return { bytes: body.subarray(FRAME_HEADER_BYTES), encoding: compressed ? 'gzip' : 'identity' };
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

function frameHeader(flags: number, lengthBytes: number): Uint8Array {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(lengthBytes, 1);
  return header;
}

/** Hours, minutes, seconds, milli-, micro- and nanoseconds. */
const UNIT_MS: ReadonlyMap<string, DurationMs> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

function timeoutOf(text: string): DurationMs | undefined {
  if (text === '') return undefined;
  const [, digits = '', unit = ''] = /^([0-9]{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = UNIT_MS.get(unit);
  if (unitMs !== undefined) return Math.ceil(Number(digits) * unitMs);
  throw new StoreError('invalid-argument', 'Grpc-Timeout must be at most 8 digits and a unit');
}

function encodingOf(text: string): Encoding {
  if (text === '' || text === 'identity') return 'identity';
  if (text === 'gzip') return 'gzip';
  throw new StoreError('unimplemented', `unknown compression ${JSON.stringify(text)}: supported encodings are gzip`);
}

/** @source gRPC over HTTP/2, "Percent-Encoded": printable ASCII but for the percent sign stays */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
