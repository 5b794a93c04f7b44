import { gunzipSync } from 'node:zlib';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { Inflater } from './inflater.ts';
import { discard } from './transfer.ts';

/** What is inflated in one step, some three milliseconds; and of the body, where nothing comes out of it, some ten. */
const STEP_BYTES: Bytes = 1 << 20;

/** What is copied in one step: some milliseconds where the memory is new. */
const STEP_PIECES = 4;

/** Why a body was not inflated. */
export type InflateFault = 'not-gzip' | 'cut-off' | 'too-large';

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
    let filled = 0;
    let inflated = pieces.length === 0 ? inflater.inflateInto(body, piece, STEP_BYTES) : inflater.continueInto(piece);
    while (inflated.kind === 'paused') {
      yield;
      filled += inflated.bytes;
      inflated = inflater.continueInto(piece.subarray(filled));
    }
    if (inflated.kind === 'cut-off') return 'cut-off';
    if (inflated.kind === 'corrupt') return 'not-gzip';
    const pieceBytes = inflated.kind === 'done' ? filled + inflated.bytes : STEP_BYTES;
    sizeBytes += pieceBytes;
    if (sizeBytes > maxBytes) return 'too-large';
    pieces.push(piece.subarray(0, pieceBytes));
    if (inflated.kind === 'done') break;
    yield;
  }
  return pieces.length === 1 ? pieces[0] : yield* joined(pieces, sizeBytes);
}

/** The pieces are given back one by one, so that the memory is once the result and what was touched of it. */
function* joined(pieces: readonly Uint8Array[], sizeBytes: Bytes): Steps<Uint8Array> {
  const whole = new Uint8Array(sizeBytes);
  let end = 0;
  for (const [i, piece] of pieces.entries()) {
    if (i > 0 && i % STEP_PIECES === 0) yield;
    whole.set(piece, end);
    end += piece.length;
    discard(piece);
  }
  return whole;
}

function inflatedAtOnce(body: Uint8Array, maxBytes: Bytes): Uint8Array | InflateFault {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') return 'too-large';
    return code === 'Z_BUF_ERROR' ? 'cut-off' : 'not-gzip';
  }
}
