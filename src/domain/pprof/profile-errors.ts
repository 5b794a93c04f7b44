import { type ErrorCode, type ErrorDetails, StoreError } from '#src/domain/errors.ts';
import {
  type ActualSize,
  actualSizeText,
  durationText,
  roundDurationText,
  sizeText,
} from '#src/domain/model/amount-text.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { DiscardReason } from './ingest-options.ts';

// Why a profile is refused, said once: the plain decoder, the kernels' wrapper and the distributor all take their
// errors from here, so that a client reads the same sentence whoever noticed.

/** A failure that refuses one profile. `details.reason` is what the discard metrics count it under. */
export function refusal(
  reason: DiscardReason,
  message: string,
  details: ErrorDetails = {},
  code: ErrorCode = 'invalid-argument',
): StoreError {
  return new StoreError(code, message, { ...details, reason });
}

/** The `reason` of an error that `refusal` made; 'unknown' for any other. */
export function discardReasonOf(error: { readonly details: ErrorDetails }): DiscardReason {
  // Nobody else writes a text under this key, and what is not from the list would only be a label of a metric.
  return (error.details['reason'] as DiscardReason | undefined) ?? 'unknown';
}

/** @param what  a clause that says what is wrong, such as "location 3 has the id 0" */
export function malformed(what: string, details: ErrorDetails = {}): StoreError {
  return refusal('malformed_profile', `malformed profile: ${what}`, details);
}

/** The bytes are neither pprof nor gzip of it: `isUndecodable`. */
export function undecodable(what: string, details: ErrorDetails = {}): StoreError {
  return refusal('malformed_profile', `the profile cannot be decoded as pprof: ${what}`, {
    ...details,
    undecodable: true,
  });
}

/** What the profile is decoded into has no room in a thread. @param error  of the kernels, which names the limit */
export function needsTooMuchMemory({ message, details }: StoreError): StoreError {
  return refusal('profile_size_limit', `the profile ${message}`, details);
}

export function tooManyFixupMessages(limit: number, actual: number): StoreError {
  return malformed(
    `it has more functions and strings than fixup_messages_max, for an agent whose names are mended: limit ${limit}, ` +
      `actual ${actual}`,
    { limit, actual },
  );
}

/** @param countedBytes  how many there were when counting ended */
export function tooManyFixupNameBytes(limitBytes: Bytes, countedBytes: Bytes): StoreError {
  return malformed(
    `its function names with their files in front take more than fixup_name_bytes_max: limit ${sizeText(limitBytes)}, ` +
      `actual at least ${sizeText(countedBytes)}`,
    { limitBytes, countedBytes },
  );
}

/** @param countedBytes  how many there were when counting ended */
export function tooManyVersionBytes(limitBytes: Bytes, countedBytes: Bytes): StoreError {
  return malformed(
    `the version of the service takes more than build_id_version_bytes_max in the build ids of its mappings: ` +
      `limit ${sizeText(limitBytes)}, actual at least ${sizeText(countedBytes)}`,
    { limitBytes, countedBytes },
  );
}

export function noSampleType(): StoreError {
  return malformed('it has no sample type');
}

export function profileTypesTooLong(limit: number, actual: number): StoreError {
  return malformed(
    `the profile types of its sample types have more characters than profile_type_characters_max: limit ${limit}, ` +
      `actual ${actual}`,
    { limit, actual },
  );
}

export function tooManySampleTypes(limit: number, actual: number): StoreError {
  return malformed(`it has more sample types than sample_types_max: limit ${limit}, actual ${actual}`, {
    limit,
    actual,
  });
}

export function zeroId(kind: 'location' | 'function', row: number): StoreError {
  return malformed(`${kind} ${row} of the table has the id 0`, { row });
}

export function valueCountMismatch(valueCount: number, typeCount: number): StoreError {
  return malformed(`a sample has ${valueCount} values, and there are ${typeCount} sample types`, {
    valueCount,
    typeCount,
  });
}

export function firstStringNotEmpty(): StoreError {
  return malformed('string 0 is missing or not empty');
}

/** @param what  whose index it is, such as "a function name" */
export function stringIndexOutOfRange(what: string, index: bigint, stringCount: number): StoreError {
  return malformed(`${what} is string ${index}, and there are ${stringCount} strings`, {
    index: String(index),
    stringCount,
  });
}

export function dashInSampleType(name: string): StoreError {
  return malformed(`the name of sample type ${quoted(name)} has a "-"`);
}

const DIVIDES = 'has a ":", which divides the parts of a profile type: nobody could ask for it';

/** @param what  has the colon, such as "the period type" with the text in quotes */
export function colonInValueType(what: string): StoreError {
  return malformed(`${what} ${DIVIDES}`);
}

export function colonInProfileName(name: string): StoreError {
  return refusal('invalid_labels', `the label "${LabelName.name}" is ${quoted(name)}, and ${DIVIDES}`);
}

/**
 * @param bytes      the string or its beginning; the message shows 32 bytes in hex, because nothing else can be shown
 * @param sizeBytes  of all of it
 */
export function invalidUtf8(stringIndex: number, bytes: Uint8Array, sizeBytes: Bytes = bytes.length): StoreError {
  const head = Buffer.from(bytes.subarray(0, 32)).toString('hex');
  return malformed(`string ${stringIndex} is not valid UTF-8: ${head}${sizeBytes > 32 ? '…' : ''} (hex)`, {
    stringIndex,
    sizeBytes,
  });
}

export function stringTooLong(stringIndex: number, limitBytes: Bytes, actualBytes: Bytes): StoreError {
  return malformed(
    `string ${stringIndex} is longer than string_bytes_max: limit ${sizeText(limitBytes)}, actual ${sizeText(actualBytes)}`,
    { stringIndex, limitBytes, actualBytes },
  );
}

/** @param row  of the table of locations */
export function tooManyLines(row: number, limit: number, actual: number): StoreError {
  return malformed(
    `location ${row} of the table has more lines than location_lines_max: limit ${limit}, actual ${actual}`,
    { row, limit, actual },
  );
}

export function stackTooLong(sample: number, limit: number, actual: number): StoreError {
  return malformed(
    `the stacktrace of sample ${sample} has more frames, with inlined functions, than stack_frames_max: ` +
      `limit ${limit}, actual ${actual}`,
    { sample, limit, actual },
  );
}

/** @param counted  how many there were when counting ended */
export function tooManyFrames(limit: number, counted: number): StoreError {
  return malformed(
    `its different stacktraces have more frames, with inlined functions, than profile_frames_max: ` +
      `limit ${limit}, actual at least ${counted}`,
    { limit, counted },
  );
}

/** @param limitName  what sets the limit */
export function profileTooLarge(
  limitBytes: Bytes,
  actual: ActualSize,
  limitName = `--${LimitFlag.profileSize}`,
): StoreError {
  return refusal(
    'profile_size_limit',
    `the uncompressed profile is larger than ${limitName}: limit ${sizeText(limitBytes)}, actual ${actualSizeText(actual)}`,
    typeof actual === 'number' ? { limitBytes, actualBytes: actual } : { limitBytes },
  );
}

export function tooManySamples(limit: number, actual: number): StoreError {
  return refusal(
    'samples_limit',
    `the profile has more samples than --${LimitFlag.samples}: limit ${limit}, actual ${actual}`,
    { limit, actual },
  );
}

export function tooManySampleLabels(limit: number, actual: number): StoreError {
  return refusal(
    'sample_labels_limit',
    `a sample has more labels than --${LimitFlag.sampleLabels}: limit ${limit}, actual ${actual}`,
    { limit, actual },
  );
}

/** @param window  that the time is outside of; 0 for a length: that side is open */
export function outsideWindow(
  timeMs: UnixMs,
  window: { readonly nowMs: UnixMs; readonly olderThanMs: DurationMs; readonly newerThanMs: DurationMs },
): StoreError {
  const { nowMs, olderThanMs, newerThanMs } = window;
  const old = timeMs < nowMs;
  const [flag, limitMs] = old ? [LimitFlag.olderThan, olderThanMs] : [LimitFlag.newerThan, newerThanMs];
  const side = old ? 'older' : 'newer';
  return refusal(
    'not_in_ingestion_window',
    `the profile of ${isoTime(timeMs)} is outside of the ingestion window: it is ${side} than --${flag}: ` +
      `limit ${durationText(limitMs)}, actual ${roundDurationText(Math.abs(nowMs - timeMs))}`,
    { timeMs, nowMs, olderThanMs, newerThanMs },
  );
}

/** A client's clock may be anywhere; what a Date cannot hold is shown as the number. */
function isoTime(ms: UnixMs): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}
