import { StoreError } from '#src/domain/errors.ts';
import { type ActualSize, actualSizeText, sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  type EnvelopedProfile,
  envelopeWithin,
  LABEL_TEXT_BYTES_MAX,
  POOL_ENVELOPE,
  readPushEnvelopeInSteps,
} from '#src/domain/pprof/push-envelope.ts';
import { readPushJsonInSteps } from '#src/domain/pprof/push-json.ts';
import { type RequestLabels, type RequestLimits, requestLabelsInSteps } from '#src/domain/series/request-labels.ts';
import { inflatedWithin, type Opening, shareOfTask, TASK_NAME } from './opening.ts';
import { type PackedSeries, packSeries, SeriesReader, StepCount } from './packed-series.ts';
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
 * The profiles of a message. Columns, because there may be a hundred thousand, and the main loop has to take them:
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
  /** Which of `series`, in the same order. */
  readonly seriesOf: Uint32Array<ArrayBuffer>;
  readonly series: PackedSeries;
};

/** What the main loop makes of a message in one step, well below a millisecond: profiles with texts, and their bytes. */
const STEP_TAKEN_PARTS = 1 << 10;
const STEP_TAKEN_BYTES: Bytes = 64 << 10;

/** The profiles one by one, as views of the message. For the main loop: nothing is copied but labels, once per series. */
export function* profilesInSteps(message: OpenedMessage): Steps<(EnvelopedProfile & RequestLabels)[]> {
  const { bytes, ends, seriesOf } = message;
  const reader = new SeriesReader(message.series);
  const step = new StepCount(STEP_TAKEN_PARTS, STEP_TAKEN_BYTES);
  const profiles: (EnvelopedProfile & RequestLabels)[] = [];
  let series: RequestLabels | undefined;
  let start = 0;
  for (let i = 0; i < ends.length; i++) {
    if (series === undefined || seriesOf[i] !== seriesOf[i - 1]) series = yield* reader.next(step);
    profiles.push({ ...series, profile: bytes.subarray(start, ends[i]), ingest: undefined });
    start = ends[i];
    if (step.isOver(1, 0)) yield;
  }
  return profiles;
}

/**
 * A pool task: opens a push message that the main loop must not, because it is compressed, JSON, or has very many parts.
 *
 * @throws StoreError 'limit-exceeded' when the message is larger than `maxBytes`, or than a task has memory for;
 *         'invalid-argument' when it cannot be decoded or has too many parts
 * @cost   one copy of the profiles: what is transferred must not hold on to the whole message
 */
export function* openMessage(task: OpenMessageTask, opening: Opening): Steps<OpenedMessage> {
  const { body, codec, encoding, maxBytes, limits } = task;
  if (body.length > maxBytes) throw messageTooLarge(maxBytes, body.length);
  // The copy of its profiles takes as much.
  if (body.length > opening.taskBytesMax) throw messageTooLarge(opening.taskBytesMax, body.length, TASK_NAME);
  const message = encoding === 'gzip' ? yield* inflated(body, maxBytes, opening) : body;
  yield;
  const read = codec === 'json' ? readPushJsonInSteps : readPushEnvelopeInSteps;
  const profiles = yield* read(message, envelopeWithin(opening.taskBytesMax));
  if (profiles === undefined) throw tooManyParts(opening.taskBytesMax);
  const opened = yield* packed(profiles, limits);
  if (message !== body) discard(message);
  return opened;
}

/** @param limitName  what sets the limit: the limit of the body, if nothing is said */
export function messageTooLarge(
  limitBytes: Bytes,
  actual: ActualSize,
  limitName = `--${LimitFlag.ingestionBody}`,
): StoreError {
  const text = actualSizeText(actual, 'more than that once inflated');
  return new StoreError(
    'limit-exceeded',
    `the push message is larger than ${limitName}: limit ${sizeText(limitBytes)}, actual ${text}`,
    { limitBytes },
  );
}

function tooManyParts(taskBytesMax: Bytes): StoreError {
  const { fieldsMax, labelBytesMax, profilesMax } = envelopeWithin(taskBytesMax);
  // With more memory than that there is no more of them.
  const byFlag =
    fieldsMax < POOL_ENVELOPE.fieldsMax ? `, of a thread with --${LimitFlag.taskBytes} ${sizeText(taskBytesMax)}` : '';
  return new StoreError(
    'invalid-argument',
    `the push message has too many parts: more than ${fieldsMax} fields, or ${profilesMax} profiles, or ${labelBytesMax} ` +
      `bytes of labels, or ${LABEL_TEXT_BYTES_MAX} of one name or value${byFlag}`,
    { limitName: 'parts', fieldsMax, profilesMax, labelBytesMax },
  );
}

function* inflated(body: Uint8Array, maxBytes: Bytes, opening: Opening): Steps<Uint8Array> {
  return yield* inflatedWithin(shareOfTask(maxBytes, opening), body, opening.inflater, {
    tooLarge: ({ bytes, name }, actual) => messageTooLarge(bytes, actual, name),
    notInflated: (problem) => new StoreError('invalid-argument', `the push message cannot be inflated: ${problem}`),
  });
}

/** What is copied in one step: some milliseconds where the memory is new. */
const STEP_COPIED_BYTES: Bytes = 4 << 20;

/** Profiles, series and labels that are packed in one step. */
const STEP_PACKED = 1 << 12;

/**
 * Profiles of one series must stand together, and share the list of its labels.
 *
 * @param onCopied  gets each profile when it is not needed any more
 */
export function* packed(
  profiles: readonly Pick<EnvelopedProfile, 'labels' | 'profile'>[],
  limits: RequestLimits,
  onCopied: (profile: Uint8Array) => void = () => undefined,
): Steps<OpenedMessage> {
  const bytes = new Uint8Array(profiles.reduce((sum, { profile }) => sum + profile.length, 0));
  const ends = new Uint32Array(profiles.length);
  const seriesOf = new Uint32Array(profiles.length);
  const series: RequestLabels[] = [];
  const step = new StepCount(STEP_PACKED, STEP_COPIED_BYTES);
  let end = 0;
  for (const [i, { labels, profile }] of profiles.entries()) {
    if (i === 0 || labels !== profiles[i - 1].labels) {
      series.push(yield* requestLabelsInSteps(labels, limits));
      step.add(labels.length, 0);
    }
    const { length } = profile;
    for (let start = 0; start < length; start += STEP_COPIED_BYTES) {
      if (start > 0) yield;
      bytes.set(profile.subarray(start, start + STEP_COPIED_BYTES), end + start);
    }
    onCopied(profile);
    end += length;
    ends[i] = end;
    seriesOf[i] = series.length - 1;
    if (step.isOver(1, length)) yield;
  }
  return { bytes, ends, seriesOf, series: yield* packSeries(series) };
}
