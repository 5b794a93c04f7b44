import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import { convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { otlpMessageTooLarge } from '#src/domain/otlp/otlp-errors.ts';
import { type OtlpFromJson, otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import { OTLP_BOUNDS, type OtlpBounds } from '#src/domain/otlp/parts-budget.ts';
import { type RejectedProfiles, Rejections } from '#src/domain/otlp/rejections.ts';
import type { ConversionBounds } from '#src/domain/upload/upload.ts';
import { type OpenedMessage, packed } from './open-message.ts';
import { inflatedWithin, type Opening, type OpeningErrors, shareOfTask } from './opening.ts';
import { discard } from './transfer.ts';

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

const ERRORS: OpeningErrors = {
  tooLarge: ({ bytes, name }, actual) => otlpMessageTooLarge(bytes, actual, name),
  notInflated: (problem) => new StoreError('invalid-argument', `the OTLP message cannot be inflated: ${problem}`),
};

/**
 * A pool task: opens an OTLP export and converts its profiles to plain pprofs. The message, as it came, inflated and as
 * protobuf, and its profiles may each take a share of the memory of a task; what is read out of it, `partsWithin`.
 *
 * @throws StoreError 'limit-exceeded' when the message is larger than a request may be, or than a task has memory for;
 *         'invalid-argument' when it cannot be decoded or converted as a whole, or is over a bound
 */
export function* openOtlp({ body, codec, encoding, rules, bounds }: OpenOtlpTask, opening: Opening): Steps<OpenedOtlp> {
  const limit = shareOfTask(bounds.maxBytes, opening);
  if (body.length > limit.bytes) throw otlpMessageTooLarge(limit.bytes, body.length, limit.name);
  const plain = encoding === 'gzip' ? yield* inflatedWithin(limit, body, opening.inflater, ERRORS) : body;
  if (plain !== body) discard(body);
  const { message, rejected: unread } = codec === 'json' ? yield* protobufOf(plain, limit) : asItIs(plain);
  const within = { ...bounds, maxBytes: limit.bytes, maxBytesName: limit.name };
  const { profiles, rejected } = yield* convertOtlp(message, { rules, bounds: within, parts: partsWithin(opening) });
  discard(message);
  yield;
  const sources = Uint32Array.from(profiles, ({ source }) => source);
  return {
    opened: yield* packed(profiles, bounds.limits, discard),
    sources,
    rejected: Rejections.sum(rejected, unread),
  };
}

/** Empty columns take some kilobytes. */
const PARTS_BYTES_MIN = 1 << 20;

/** The tables of a message may take half of the memory of a task, its labels an eighth, at two bytes a character. */
export function partsWithin({ taskBytesMax }: Pick<Opening, 'taskBytesMax'>): OtlpBounds {
  const { columnBytesMax, labelCharsMax } = OTLP_BOUNDS;
  return {
    ...OTLP_BOUNDS,
    columnBytesMax: Math.min(columnBytesMax, Math.max(PARTS_BYTES_MIN, Math.floor(taskBytesMax / 2))),
    labelCharsMax: Math.min(labelCharsMax, Math.max(PARTS_BYTES_MIN, Math.floor(taskBytesMax / 8))),
  };
}

function* protobufOf(
  text: Uint8Array,
  { bytes, name }: { bytes: number; name: string | undefined },
): Steps<OtlpFromJson> {
  const read = yield* otlpFromJson(text, { protoBytesMax: bytes, protoBytesName: name });
  discard(text);
  return read;
}

function asItIs(message: Uint8Array): { readonly message: Uint8Array; readonly rejected: RejectedProfiles } {
  return { message, rejected: new Rejections().all() };
}
