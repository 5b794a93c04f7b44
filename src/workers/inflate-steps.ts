import { gunzipSync } from 'node:zlib';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { GzipFault } from '#src/domain/pprof/gzip-fault.ts';
import type { Inflater } from './inflater.ts';
import { discard } from './transfer.ts';

/** What is inflated in one step, some three milliseconds; and of the body, where nothing comes out of it, some ten. */
const STEP_BYTES: Bytes = 1 << 20;

/** What is copied in one step: some milliseconds where the memory is new. */
const STEP_PIECES = 4;

/**
 * Inflates a gzip body of any size in steps, all its members.
 *
 * @param inflater  that nobody else uses before this is done; undefined where there is none, and then it is one step
 * @param maxBytes  of what comes out; never more than a step beyond is made
 * @cost  one pass and a copy; of a corrupt body up to two more, which find where it is corrupt
 */
export function* inflateInSteps(
  body: Uint8Array,
  maxBytes: Bytes,
  inflater: Inflater | undefined,
): Steps<Uint8Array | 'too-large' | GzipFault> {
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
    if (inflated.kind === 'cut-off') return inflated;
    if (inflated.kind === 'corrupt') return { ...inflated, offset: yield* faultIn(body, piece, inflater) };
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

/**
 * Behind which byte a corrupt body shows that it is. zlib does not say, so the body is inflated again and again, each time
 * by smaller parts behind those that are good.
 *
 * @param scratch  whose content is not needed any more
 * @param inflater that just failed on the body
 */
function* faultIn(body: Uint8Array, scratch: Uint8Array, inflater: Inflater): Steps<Bytes> {
  for (const partBytes of [FINE_PART_BYTES, 1]) {
    const good = inflater.takenBytes;
    let inflated = inflater.inflateInto(body, scratch, good === 0 ? partBytes : Math.min(good, STEP_BYTES));
    while (inflated.kind === 'paused' || inflated.kind === 'no-room') {
      const left = good - inflater.takenBytes;
      if (inflated.kind === 'no-room' || left > 0) yield;
      inflated = inflater.continueInto(scratch, left > 0 ? Math.min(left, STEP_BYTES) : partBytes);
    }
  }
  return inflater.takenBytes + 1;
}

/** So few bytes are tried one by one. */
const FINE_PART_BYTES: Bytes = 1 << 10;

function inflatedAtOnce(body: Uint8Array, maxBytes: Bytes): Uint8Array | 'too-large' | GzipFault {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') return 'too-large';
    return code === 'Z_BUF_ERROR' ? { kind: 'cut-off' } : { kind: 'corrupt', reason: message, offset: undefined };
  }
}
