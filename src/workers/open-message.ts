import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  type EnvelopedProfile,
  LABEL_TEXT_BYTES_MAX,
  POOL_ENVELOPE,
  readPushEnvelopeInSteps,
} from '#src/domain/pprof/push-envelope.ts';
import { readPushJsonInSteps } from '#src/domain/pprof/push-json.ts';
import { type RequestLabels, type RequestLimits, requestLabelsInSteps } from '#src/domain/series/request-labels.ts';
import { inflateInSteps } from './inflate-steps.ts';
import type { Inflater } from './inflater.ts';
import { discard } from './transfer.ts';

export type OpenMessageTask = {
  readonly body: Uint8Array;
  readonly codec: 'proto' | 'json';
  readonly encoding: 'identity' | 'gzip';
  /** Of the message, before and after it is inflated; at least 1. */
  readonly maxBytes: Bytes;
  /** Of the tenant: labels that are over them stay here. */
  readonly limits: RequestLimits;
};

/**
 * The profiles of a message. Columns, because there may be hundreds of thousands, and the main loop has to take them:
 *
 *     bytes      p p p p q q r r r r r     one after the other
 *     ends             4   6         11
 *     seriesOf         0   0         1
 *
 * @shapes ends Uint32Array[n], seriesOf Uint32Array[n]
 */
export type OpenedMessage = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  /** Index into `series`. */
  readonly seriesOf: Uint32Array<ArrayBuffer>;
  readonly series: readonly RequestLabels[];
};

/** The profiles one by one, as views of the message. */
export function* profilesOf({
  bytes,
  ends,
  seriesOf,
  series,
}: OpenedMessage): Generator<EnvelopedProfile & RequestLabels> {
  let start = 0;
  for (const [i, end] of ends.entries()) {
    yield { ...series[seriesOf[i]], profile: bytes.subarray(start, end), ingest: undefined };
    start = end;
  }
}

/** What a thread has for opening messages. */
export type MessageOpening = {
  /** Memory of one task. */
  readonly taskBytesMax: Bytes;
  /** That nobody else uses between two steps. */
  readonly inflater: Inflater | undefined;
};

/**
 * The part of `pool.task-bytes-max` that a compressed message may come to. While it is inflated it is there twice, in
 * pieces and as a whole, and later beside its profiles; the rest is for what is read out of it.
 */
const INFLATED_SHARE = 4;

/**
 * A pool task: opens a push message that the main loop must not, because it is compressed, JSON, or has very many parts.
 *
 * @throws StoreError 'limit-exceeded' when the message is larger than `maxBytes`, or than a task has memory for;
 *         'invalid-argument' when it cannot be decoded or has too many parts
 * @cost   one copy of the profiles: what is transferred must not hold on to the whole message
 */
export function* openMessage(task: OpenMessageTask, opening: MessageOpening): Steps<OpenedMessage> {
  const { body, codec, encoding, maxBytes, limits } = task;
  if (body.length > maxBytes) throw messageTooLarge(maxBytes, body.length);
  // The copy of its profiles takes as much.
  if (body.length > opening.taskBytesMax) throw messageTooLarge(opening.taskBytesMax, body.length, TASK_LIMIT);
  const message = encoding === 'gzip' ? yield* inflated(body, maxBytes, opening) : body;
  yield;
  const read = codec === 'json' ? readPushJsonInSteps : readPushEnvelopeInSteps;
  const profiles = yield* read(message, POOL_ENVELOPE);
  if (profiles === undefined) throw tooManyParts();
  const opened = yield* packed(profiles, limits);
  if (message !== body) discard(message);
  return opened;
}

const TASK_LIMIT = 'a thread has room for (pool.task-bytes-max)';
const INFLATED_LIMIT = `a thread has room for (1/${INFLATED_SHARE} of pool.task-bytes-max, 64 MiB by default)`;

/** @param limitName  what sets the limit: the limit of the body, if nothing is said */
export function messageTooLarge(
  limitBytes: Bytes,
  actualBytes: Bytes | undefined,
  limitName = 'the configured maximum',
): StoreError {
  const actual = actualBytes === undefined ? 'more than that once inflated' : `${actualBytes} bytes`;
  return new StoreError(
    'limit-exceeded',
    `the push message is larger than ${limitName}: limit ${limitBytes} bytes, actual ${actual}`,
    { limitBytes },
  );
}

function tooManyParts(): StoreError {
  const { fieldsMax, labelBytesMax } = POOL_ENVELOPE;
  return new StoreError(
    'invalid-argument',
    `the push message has too many parts: more than ${fieldsMax} fields, or more than ${labelBytesMax} bytes of labels, ` +
      `or ${LABEL_TEXT_BYTES_MAX} of one name or value`,
    { limitName: 'parts', fieldsMax, labelBytesMax },
  );
}

function* inflated(body: Uint8Array, maxBytes: Bytes, { taskBytesMax, inflater }: MessageOpening): Steps<Uint8Array> {
  const taskBytes = Math.floor(taskBytesMax / INFLATED_SHARE);
  const limitBytes = Math.min(maxBytes, taskBytes);
  const message = yield* inflateInSteps(body, limitBytes, inflater);
  if (message === 'too-large') {
    throw messageTooLarge(limitBytes, undefined, taskBytes < maxBytes ? INFLATED_LIMIT : undefined);
  }
  if (message === 'cut-off') throw notOpened('is gzip that is cut off');
  if (message === 'not-gzip') throw notOpened('is not gzip');
  return message;
}

function notOpened(problem: string): StoreError {
  return new StoreError('invalid-argument', `the push message ${problem}`);
}

/** What is copied in one step: some milliseconds where the memory is new. */
const STEP_COPIED_BYTES: Bytes = 4 << 20;

/** Profiles, series and labels that are packed in one step. */
const STEP_PACKED = 1 << 12;

/** Profiles of one series must stand together, and share the list of its labels. */
export function* packed(
  profiles: readonly Pick<EnvelopedProfile, 'labels' | 'profile'>[],
  limits: RequestLimits,
): Steps<OpenedMessage> {
  const bytes = new Uint8Array(profiles.reduce((sum, { profile }) => sum + profile.length, 0));
  const ends = new Uint32Array(profiles.length);
  const seriesOf = new Uint32Array(profiles.length);
  const series: RequestLabels[] = [];
  let end = 0;
  let stepParts = 0;
  let stepBytes = 0;
  for (const [i, { labels, profile }] of profiles.entries()) {
    if (i === 0 || labels !== profiles[i - 1].labels) {
      series.push(yield* requestLabelsInSteps(labels, limits));
      stepParts += labels.length;
    }
    for (let start = 0; start < profile.length; start += STEP_COPIED_BYTES) {
      if (start > 0) yield;
      bytes.set(profile.subarray(start, start + STEP_COPIED_BYTES), end + start);
    }
    end += profile.length;
    ends[i] = end;
    seriesOf[i] = series.length - 1;
    stepParts++;
    stepBytes += profile.length;
    if (stepParts < STEP_PACKED && stepBytes < STEP_COPIED_BYTES) continue;
    stepParts = 0;
    stepBytes = 0;
    yield;
  }
  return { bytes, ends, seriesOf, series };
}
