import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import type { Encoding, Message } from './rpc.ts';

// What gRPC and gRPC-Web have in common: how messages are framed, and how headers are written.
//
//   | flags u8 | length u32 BE | payload |     flags: 1 compressed
//
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

export const FRAME_HEADER_BYTES = 5;
export const COMPRESSED = 0x01;

/** @throws StoreError 'invalid-argument' unless the body is exactly one message */
export function unframe(body: Uint8Array, encoding: Encoding): Message {
  if (body.length < FRAME_HEADER_BYTES) {
    throw new StoreError('invalid-argument', `the body has ${body.length} bytes, which is no frame`);
  }
  const flags = body[0] as number;
  const lengthBytes = frameLengthOf(body);
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

/**
 * What the header of a frame promises, without the header.
 *
 * @param bytes at least FRAME_HEADER_BYTES
 */
export function frameLengthOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1);
}

export function frameHeader(flags: number, lengthBytes: number): Uint8Array {
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

/** Reads `Grpc-Timeout`. @throws StoreError 'invalid-argument' */
export function grpcTimeoutOf(text: string): DurationMs | undefined {
  if (text === '') return undefined;
  const [, digits = '', unit = ''] = /^([0-9]{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = UNIT_MS.get(unit);
  if (unitMs !== undefined) return Math.ceil(Number(digits) * unitMs);
  throw new StoreError(
    'invalid-argument',
    `Grpc-Timeout must be at most 8 digits and one of H, M, S, m, u, n, not ${quoted(text)}`,
  );
}

/** Reads `Grpc-Encoding`. @throws StoreError 'unimplemented' */
export function grpcEncodingOf(text: string): Encoding {
  if (text === '' || text === 'identity') return 'identity';
  if (text === 'gzip') return 'gzip';
  throw new StoreError('unimplemented', `unknown compression ${quoted(text)}: supported encodings are gzip`);
}

/** Encoded. Clients take 8 KiB of headers in all, and would refuse the whole answer for a longer message. */
const MESSAGE_BYTES_MAX = 4096;

/**
 * A message as it stands in `Grpc-Message`; the end of a very long one is left out.
 *
 * @source gRPC over HTTP/2, "Percent-Encoded": printable ASCII but for the percent sign stays
 */
export function grpcMessage(text: string): string {
  let encoded = '';
  for (const character of text) {
    const next = percentEncoded(character);
    if (encoded.length + next.length > MESSAGE_BYTES_MAX) return encoded;
    encoded += next;
  }
  return encoded;
}

function percentEncoded(character: string): string {
  let encoded = '';
  for (const byte of Buffer.from(character)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
