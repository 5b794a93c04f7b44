import { gunzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { type EnvelopedProfile, POOL_ENVELOPE, readPushEnvelope } from '#src/domain/pprof/push-envelope.ts';
import { readPushJson } from '#src/domain/pprof/push-json.ts';
import { type RequestLabels, type RequestLimits, requestLabels } from '#src/domain/series/request-labels.ts';

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

/**
 * A pool task: opens a push message that the main loop must not, because it is compressed, JSON, or has very many parts.
 *
 * @throws StoreError 'limit-exceeded' when the message is larger than `maxBytes`; 'invalid-argument' when it cannot be
 *         decoded or has too many parts
 * @cost   one copy of the profiles: what is transferred must not hold on to the whole message
 */
export function openMessage({ body, codec, encoding, maxBytes, limits }: OpenMessageTask): OpenedMessage {
  if (body.length > maxBytes) throw messageTooLarge(maxBytes, body.length);
  const message = encoding === 'gzip' ? inflated(body, maxBytes) : body;
  const profiles = codec === 'json' ? readPushJson(message, POOL_ENVELOPE) : readPushEnvelope(message, POOL_ENVELOPE);
  if (profiles === undefined) throw tooManyParts();
  return packed(profiles, limits);
}

export function messageTooLarge(limitBytes: Bytes, actualBytes: Bytes | undefined): StoreError {
  const actual = actualBytes === undefined ? 'more than that once inflated' : `${actualBytes} bytes`;
  return new StoreError(
    'limit-exceeded',
    `the push message is larger than the configured maximum: limit ${limitBytes} bytes, actual ${actual}`,
    { limitBytes },
  );
}

function tooManyParts(): StoreError {
  const { fieldsMax, labelBytesMax } = POOL_ENVELOPE;
  return new StoreError(
    'invalid-argument',
    `the push message has too many parts: more than ${fieldsMax} fields, or more than ${labelBytesMax} bytes of labels`,
    { limitName: 'parts', fieldsMax, labelBytesMax },
  );
}

function inflated(body: Uint8Array, maxBytes: Bytes): Uint8Array {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw messageTooLarge(maxBytes, undefined);
    const cut = (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
    const problem = cut ? 'is gzip that is cut off' : 'is not gzip';
    throw new StoreError('invalid-argument', `the push message ${problem}`, {}, { cause: error });
  }
}

/** Profiles of one series must stand together, and share the list of its labels. */
export function packed(
  profiles: readonly Pick<EnvelopedProfile, 'labels' | 'profile'>[],
  limits: RequestLimits,
): OpenedMessage {
  const bytes = new Uint8Array(profiles.reduce((sum, { profile }) => sum + profile.length, 0));
  const ends = new Uint32Array(profiles.length);
  const seriesOf = new Uint32Array(profiles.length);
  const series: RequestLabels[] = [];
  let end = 0;
  for (const [i, { labels, profile }] of profiles.entries()) {
    if (i === 0 || labels !== profiles[i - 1].labels) series.push(requestLabels(labels, limits));
    bytes.set(profile, end);
    end += profile.length;
    ends[i] = end;
    seriesOf[i] = series.length - 1;
  }
  return { bytes, ends, seriesOf, series };
}
