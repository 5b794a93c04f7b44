import { constants, crc32, deflateRawSync } from 'node:zlib';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** What is compressed in one step, which takes about ten milliseconds. The window of deflate, 32 KiB, is forgotten between two. */
const STEP_BYTES: Bytes = 512 << 10;

/** Method deflate, no name, no time; made by an unknown system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/**
 * Compresses an answer as one member of gzip, for clients that read no more than one.
 *
 * Every step is a stream of its own that ends on a byte and does not say that it is the last: put side by side they are
 * one stream.
 *
 * @source RFC 1952; the manual of zlib, Z_SYNC_FLUSH
 */
export function* gzipped(pieces: readonly Uint8Array[]): Steps<Uint8Array[]> {
  // Level 1: whoever asks for gzip wants the answer now, and its names shrink to a fifth with any level.
  const level = constants.Z_BEST_SPEED;
  const out: Uint8Array[] = [HEADER.slice()];
  let checksum = 0;
  let sizeBytes = 0;
  let open: Uint8Array[] = [];
  let openBytes = 0;
  for (const piece of pieces) {
    checksum = crc32(piece, checksum);
    sizeBytes += piece.length;
    open.push(piece);
    openBytes += piece.length;
    if (openBytes < STEP_BYTES) continue;
    out.push(deflateRawSync(Buffer.concat(open), { level, finishFlush: constants.Z_SYNC_FLUSH }));
    open = [];
    openBytes = 0;
    yield;
  }
  out.push(deflateRawSync(Buffer.concat(open), { level }));
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, checksum, true);
  trailer.setUint32(4, sizeBytes % 2 ** 32, true);
  out.push(new Uint8Array(trailer.buffer));
  return out;
}
