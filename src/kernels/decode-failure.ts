import type { StoreError } from '#src/domain/errors.ts';
import { type FormatAdvice, looksLike } from '#src/domain/model/byte-format.ts';
import { locationLinesMax, profileFramesMax, stackFramesMax } from '#src/domain/pprof/frame-limits.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import {
  firstStringNotEmpty,
  invalidUtf8,
  noSampleType,
  stackTooLong,
  stringIndexOutOfRange,
  stringTooLong,
  tooManyFrames,
  tooManyLines,
  tooManySampleLabels,
  tooManySamples,
  undecodable,
  valueCountMismatch,
  zeroId,
} from '#src/domain/pprof/profile-errors.ts';
import { stringBytesMax } from '#src/domain/pprof/string-limit.ts';
import type { DecodeFailure } from './pprof-decode.ts';

/**
 * The error that a client reads about a profile which the kernel could not decode.
 *
 * @param beginning  of its bytes
 */
export function decodeFailure(
  { kind, detail, detail2, what, head }: DecodeFailure,
  limits: ProfileLimits,
  beginning: Uint8Array,
): StoreError {
  switch (kind) {
    case 'truncated':
      return noPprof(`a field reaches beyond the end of its message at byte ${detail}`, detail, beginning);
    case 'wire-type':
      return noPprof(`a field has a wrong wire type at byte ${detail}`, detail, beginning);
    case 'varint':
      return noPprof(`a number has more than ten bytes at byte ${detail}`, detail, beginning);
    case 'no-sample-type':
      return noSampleType();
    case 'samples':
      return tooManySamples(limits.maxProfileStacktraceSamples, detail);
    case 'sample-labels':
      return tooManySampleLabels(limits.maxProfileStacktraceSampleLabels, detail);
    case 'location-id-0':
      return zeroId('location', detail);
    case 'function-id-0':
      return zeroId('function', detail);
    case 'value-count':
      return valueCountMismatch(detail, detail2);
    case 'string-0':
      return firstStringNotEmpty();
    case 'string-index':
      return stringIndexOutOfRange(what, BigInt(detail), detail2);
    case 'utf8':
      return invalidUtf8(detail, head ?? new Uint8Array(0), detail2);
    case 'location-lines':
      return tooManyLines(detail, locationLinesMax, detail2);
    case 'stack-frames':
      return stackTooLong(detail, stackFramesMax, detail2);
    case 'profile-frames':
      return tooManyFrames(profileFramesMax, detail);
    case 'string-bytes':
      return stringTooLong(detail, stringBytesMax, detail2);
    default:
      return undecodable(kind);
  }
}

/** What is sent in place of a pprof, or inflated from it. */
const NO_PPROF: FormatAdvice = {
  recording: ', which /ingest takes with format=jfr',
  gzip: ', compressed twice',
  zstd: ', where only gzip is known',
  zlib: ', where only gzip is known',
  json: '',
  text: ', such as folded stacks, which /ingest takes with format=groups, and not as a form',
};

function noPprof(what: string, offset: number, beginning: Uint8Array): StoreError {
  const foreign = looksLike(beginning, NO_PPROF);
  return undecodable(foreign === undefined ? what : `${what}; it looks like ${foreign}`, { offset });
}
