import { gunzipSync } from 'node:zlib';
import { type ActualSize, sizeText } from '#src/domain/model/amount-text.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { gzipProblem } from './gzip-fault.ts';
import { profileTooLarge, undecodable } from './profile-errors.ts';

/** Shorter bodies cannot even be told apart: a gzip header alone has ten bytes. */
const SMALLEST_BODY_BYTES = 10;
const GZIP_TRAILER_BYTES = 8;
/** @source zlib's technical details: "the maximum compression factor is 1032:1" */
const DEFLATE_RATIO_MAX = 1032;

/** By its first three bytes: magic and the only method there is. Everything else is taken for plain pprof. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= SMALLEST_BODY_BYTES && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/**
 * How large a body says that it is without compression. Only a hint: the trailer of gzip holds 32 bits of the size of
 * its *last* member and may lie, and a body that was cut off ends in anything. Never less than the body itself, so that
 * a lie cannot make a profile cost nothing; and what deflate cannot reach is no hint at all.
 */
export function declaredSizeBytes(body: Uint8Array): Bytes {
  if (!isGzip(body) || body.length < SMALLEST_BODY_BYTES + GZIP_TRAILER_BYTES) return body.length;
  const size = new DataView(body.buffer, body.byteOffset + body.length - 4, 4).getUint32(0, true);
  return size > body.length * DEFLATE_RATIO_MAX ? body.length : Math.max(size, body.length);
}

/**
 * What is known of the size of a body that is over a limit, without inflating it: what it says of itself, if that is over
 * the limit too, and who says so.
 */
export function sizeOver(limitBytes: Bytes, body: Uint8Array): ActualSize {
  if (!isGzip(body)) return body.length;
  const declaredBytes = declaredSizeBytes(body);
  // As much as the body itself: its trailer says less, or what cannot be.
  if (declaredBytes <= limitBytes || declaredBytes === body.length) return undefined;
  return `${sizeText(declaredBytes)}, as its gzip trailer says`;
}

/**
 * The pprof in a body: inflated when it is gzip, of one member or several, as it is otherwise.
 *
 * @param maxBytes   of what comes out; at least 1
 * @param limitName  what sets it, for the message
 * @throws StoreError 'invalid-argument' when it is too short, cut off, corrupt or inflates beyond `maxBytes`; never
 *         more than `maxBytes` are made
 */
export function inflateProfile(body: Uint8Array, maxBytes: Bytes, limitName?: string): Uint8Array {
  if (body.length < SMALLEST_BODY_BYTES) {
    throw undecodable(`${body.length} bytes are too few for gzip or pprof`, { sizeBytes: body.length });
  }
  if (!isGzip(body)) {
    if (body.length > maxBytes) throw profileTooLarge(maxBytes, body.length, limitName);
    return body;
  }
  try {
    // One chunk that takes all of it saves zlib's joining of 16 KiB pieces: a fifth of the cost of inflating.
    const chunkSize = Math.max(64, Math.min(declaredSizeBytes(body), maxBytes) + 64);
    return gunzipSync(body, { maxOutputLength: maxBytes, chunkSize });
  } catch (error) {
    throw inflateFailure(error, body, maxBytes, limitName);
  }
}

function inflateFailure(error: unknown, body: Uint8Array, maxBytes: Bytes, limitName: string | undefined): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return profileTooLarge(maxBytes, sizeOver(maxBytes, body), limitName);
  if (code === 'Z_BUF_ERROR') return undecodable(gzipProblem(body, { kind: 'cut-off' }));
  if (code === 'Z_DATA_ERROR' || code === 'Z_NEED_DICT') {
    return undecodable(gzipProblem(body, { kind: 'corrupt', reason: message, offset: undefined }));
  }
  return error;
}
