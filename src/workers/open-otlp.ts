import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import { convertOtlp, type RejectedProfiles } from '#src/domain/otlp/convert-otlp.ts';
import { otlpMessageTooLarge } from '#src/domain/otlp/otlp-errors.ts';
import { otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import type { ConversionBounds } from '#src/domain/upload/upload.ts';
import { inflateInSteps } from './inflate-steps.ts';
import type { Inflater } from './inflater.ts';
import { type OpenedMessage, packed } from './open-message.ts';

export type OpenOtlpTask = {
  readonly body: Uint8Array;
  readonly codec: 'proto' | 'json';
  readonly encoding: 'identity' | 'gzip';
  readonly rules: readonly AttributeRule[];
  readonly bounds: ConversionBounds;
};

export type OpenedOtlp = {
  readonly opened: OpenedMessage;
  /**
   * Which profile of the message each of the opened ones is of. Those of one profile stand together.
   *
   * @shapes Uint32Array[number of opened profiles]
   */
  readonly sources: Uint32Array<ArrayBuffer>;
  readonly rejected: RejectedProfiles;
};

/**
 * A pool task: opens an OTLP export and converts its profiles to plain pprofs.
 *
 * @throws StoreError 'limit-exceeded' when the message is larger than a request may be; 'invalid-argument' when it cannot
 *         be decoded or converted as a whole, or is over a bound
 */
export function* openOtlp(
  { body, codec, encoding, rules, bounds }: OpenOtlpTask,
  inflater: Inflater | undefined,
): Steps<OpenedOtlp> {
  if (body.length > bounds.maxBytes) throw otlpMessageTooLarge(bounds.maxBytes, body.length);
  const plain = encoding === 'gzip' ? yield* inflated(body, bounds.maxBytes, inflater) : body;
  const message = codec === 'json' ? yield* otlpFromJson(plain) : plain;
  const { profiles, rejected } = yield* convertOtlp(message, { rules, bounds });
  yield;
  return {
    opened: yield* packed(profiles, bounds.limits),
    sources: Uint32Array.from(profiles, ({ source }) => source),
    rejected,
  };
}

function* inflated(body: Uint8Array, maxBytes: number, inflater: Inflater | undefined): Steps<Uint8Array> {
  const message = yield* inflateInSteps(body, maxBytes, inflater);
  if (message === 'too-large') throw otlpMessageTooLarge(maxBytes, undefined);
  if (message === 'not-gzip' || message === 'cut-off')
    throw new StoreError('invalid-argument', 'the OTLP message is not gzip');
  return message;
}
