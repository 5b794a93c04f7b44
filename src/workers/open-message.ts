import { gunzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { type EnvelopedProfile, POOL_ENVELOPE, readPushEnvelope } from '#src/domain/pprof/push-envelope.ts';
import { readPushJson } from '#src/domain/pprof/push-json.ts';
import { type RequestLabels, type RequestLimits, withRequestLabels } from '#src/domain/series/request-labels.ts';

export type OpenMessageTask = {
  readonly body: Uint8Array;
  readonly codec: 'proto' | 'json';
  readonly encoding: 'identity' | 'gzip';
  /** Of the message, before and after it is inflated; at least 1. */
  readonly maxBytes: Bytes;
  /** Of the tenant: labels that are over them stay here. */
  readonly limits: RequestLimits;
};

export type OpenedMessage = {
  readonly profiles: readonly (EnvelopedProfile & RequestLabels)[];
  /** Holds all the profiles, to be transferred: they are views of it, one after the other. */
  readonly buffer: ArrayBuffer;
};

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
  return packed(withRequestLabels(profiles, limits));
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
    throw new StoreError('invalid-argument', 'the push message is not gzip', {}, { cause: error });
  }
}

function packed(profiles: OpenedMessage['profiles']): OpenedMessage {
  const totalBytes = profiles.reduce((sum, { profile }) => sum + profile.length, 0);
  const buffer = new ArrayBuffer(totalBytes);
  let offset = 0;
  const views = profiles.map((pushed) => {
    const view = new Uint8Array(buffer, offset, pushed.profile.length);
    view.set(pushed.profile);
    offset += view.length;
    return { ...pushed, profile: view };
  });
  return { profiles: views, buffer };
}
