import { gunzipSync } from 'node:zlib';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { Inflater } from './inflater.ts';

/** What is inflated in one step, some three milliseconds. */
const STEP_BYTES: Bytes = 1 << 20;

/** Why a body was not inflated. */
export type InflateFault = 'not-gzip' | 'too-large';

/**
 * Inflates a gzip body of any size in steps, all its members.
 *
 * @param inflater  that nobody else uses before this is done; undefined where there is none, and then it is one step
 * @param maxBytes  of what comes out; never more than a step beyond is made
 */
export function* inflateInSteps(
  body: Uint8Array,
  maxBytes: Bytes,
  inflater: Inflater | undefined,
): Steps<Uint8Array | InflateFault> {
  if (inflater === undefined) return inflatedAtOnce(body, maxBytes);
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for (;;) {
    const piece = new Uint8Array(STEP_BYTES);
    const inflated = pieces.length === 0 ? inflater.inflateInto(body, piece) : inflater.continueInto(piece);
    if (inflated.kind === 'cut-off' || inflated.kind === 'corrupt') return 'not-gzip';
    const pieceBytes = inflated.kind === 'done' ? inflated.bytes : STEP_BYTES;
    sizeBytes += pieceBytes;
    if (sizeBytes > maxBytes) return 'too-large';
    pieces.push(piece.subarray(0, pieceBytes));
    if (inflated.kind === 'done') return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
    yield;
  }
}

function inflatedAtOnce(body: Uint8Array, maxBytes: Bytes): Uint8Array | InflateFault {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'not-gzip';
  }
}
