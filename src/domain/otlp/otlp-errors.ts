import { type ErrorDetails, StoreError } from '#src/domain/errors.ts';
import { type ActualSize, actualSizeText, sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { refusal } from '#src/domain/pprof/profile-errors.ts';

// What is wrong with one profile of a message that could be read. Its siblings are stored all the same.

/** Where a profile failed, in `details.stage`: its siblings have nothing to do with it. */
export type OtlpStage =
  /** References and values. */
  | 'conversion'
  /** The attributes of its samples: Pyroscope forgets the profile and says nothing. */
  | 'sample-attributes';

/** @param what  a clause that says what is wrong with a profile, such as "it has no sample type" */
export function notConvertible(what: string, details: ErrorDetails = {}, stage: OtlpStage = 'conversion'): StoreError {
  return refusal('malformed_profile', `the OTLP profile cannot be converted: ${what}`, { ...details, stage });
}

/** A message that cannot be read at all. @param what  a clause, as `WireReader` tells it */
export function undecodableOtlp(what: string): StoreError {
  return new StoreError('invalid-argument', `the OTLP message cannot be decoded: ${what}`);
}

/** A message that can be read, but has not even what every message has. */
export function incomplete(what: string): StoreError {
  return new StoreError('invalid-argument', `the OTLP message cannot be converted: ${what}`, { stage: 'conversion' });
}

/**
 * @param what  whose index it is, such as "a sample"
 * @param hint  what the sender may have meant, as an end of the sentence
 */
export function indexOutOfRange(
  what: string,
  table: string,
  index: number,
  count: number,
  stage?: OtlpStage,
  hint = '',
): StoreError {
  return notConvertible(`${what} names ${table} ${index}, and there are ${count}${hint}`, { index, count }, stage);
}

/** The `stage` of an error that `notConvertible` made; undefined for any other. */
export function stageOf(error: { readonly details: ErrorDetails }): OtlpStage | undefined {
  const stage = error.details['stage'];
  return stage === 'conversion' || stage === 'sample-attributes' ? stage : undefined;
}

/** Whether Pyroscope forgets the profile, and takes the message all the same. */
export function isPassedOver(error: { readonly details: ErrorDetails }): boolean {
  return stageOf(error) === 'sample-attributes';
}

/**
 * The message, as it came, inflated or as protobuf, is larger than a request may be.
 *
 * @param limitName  what sets the limit
 */
export function otlpMessageTooLarge(limitBytes: Bytes, actual: ActualSize, limitName = BODY_LIMIT): StoreError {
  const text = actualSizeText(actual, 'more than that once opened');
  return new StoreError(
    'limit-exceeded',
    `the OTLP message is larger than ${limitName}: limit ${sizeText(limitBytes)}, actual ${text}`,
    { limitName: MESSAGE_BYTES, limitBytes },
  );
}

/** Whether the error says that the message is too large, which HTTP has a status of its own for. */
export function isMessageTooLarge({ details }: { readonly details: ErrorDetails }): boolean {
  return details['limitName'] === MESSAGE_BYTES;
}

const BODY_LIMIT = `--${LimitFlag.ingestionBody}`;

/** In details, and what metrics count such a message under. */
const MESSAGE_BYTES = 'otlp_message_bytes';
