import type { Steps } from '#src/domain/model/steps.ts';
import { ChunkedBytes } from './chunked-bytes.ts';

/** A multiple of 3, so that only the last piece has padding. */
const base64InputBytes = 48 * 1024;

/** A multiple of it. */
const STEP_BYTES = 64 * base64InputBytes;

/** Tree bytes as the only field of their response: number 2. No bytes: an empty message. @cost no copy */
export function encodeTreeProto(tree: Uint8Array): Uint8Array[] {
  if (tree.length === 0) return [];
  const head = new ChunkedBytes();
  head.byte((2 << 3) | 2);
  head.varint(tree.length);
  const pieces = head.take();
  for (let start = 0; start < tree.length; start += pieceBytes) pieces.push(tree.subarray(start, start + pieceBytes));
  return pieces;
}

/** An answer is sent piece by piece, as fast as the client takes it. */
const pieceBytes = 64 * 1024;

/** The same as protobuf's JSON: bytes in base64. */
export function* encodeTreeJson(tree: Uint8Array): Steps<Uint8Array[]> {
  if (tree.length === 0) return [Buffer.from('{}')];
  const out = new ChunkedBytes();
  out.ascii('{"tree":"');
  const source = Buffer.from(tree.buffer, tree.byteOffset, tree.byteLength);
  for (let start = 0; start < source.length; start += base64InputBytes) {
    if (start % STEP_BYTES === 0) yield;
    out.bytes(Buffer.from(source.toString('base64', start, start + base64InputBytes), 'latin1'));
  }
  out.ascii('"}');
  return out.take();
}
