import type { StoreError } from '#src/domain/errors.ts';
import type { ActualSize } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { gzipProblem } from '#src/domain/pprof/gzip-fault.ts';
import { sizeOver } from '#src/domain/pprof/inflate.ts';
import { inflateInSteps } from './inflate-steps.ts';
import type { Inflater } from './inflater.ts';

/** What a thread has for opening what was sent. */
export type Opening = {
  /** Memory of one task. */
  readonly taskBytesMax: Bytes;
  /** That nobody else uses between two steps. */
  readonly inflater: Inflater | undefined;
};

/** A limit, and what sets it where that is not the limit of the body. */
export type OpeningLimit = { readonly bytes: Bytes; readonly name: string | undefined };

/**
 * The part of `pool.task-bytes-max` that an opened body may come to, and once more what is made of it. Inflated, it is
 * there twice for a moment, in pieces and as a whole; the rest is for what is read out of it.
 */
const SHARE = 4;
const SHARE_NAME = `a thread has room for (1/${SHARE} of --${LimitFlag.taskBytes})`;

/** What a body that came plain may be. */
export const TASK_NAME = `a thread has room for (--${LimitFlag.taskBytes})`;

/** What a thread can open, whatever a request may be, and how it is called in messages. */
export function openableShare(taskBytesMax: Bytes): { readonly bytes: Bytes; readonly name: string } {
  return { bytes: Math.floor(taskBytesMax / SHARE), name: SHARE_NAME };
}

/** @param maxBytes  of the request; named where it is the smaller one */
export function shareOfTask(maxBytes: Bytes, { taskBytesMax }: Pick<Opening, 'taskBytesMax'>): OpeningLimit {
  const share = openableShare(taskBytesMax);
  return share.bytes < maxBytes ? share : { bytes: maxBytes, name: undefined };
}

/** How the caller says that a body cannot be opened. */
export type OpeningErrors = {
  tooLarge(limit: OpeningLimit, actual: ActualSize): StoreError;
  /** @param problem  a clause such as "it is not gzip" */
  notInflated(problem: string): StoreError;
};

/** Inflates a gzip body. @throws StoreError that `errors` makes */
export function* inflatedWithin(
  limit: OpeningLimit,
  body: Uint8Array,
  inflater: Inflater | undefined,
  errors: OpeningErrors,
): Steps<Uint8Array> {
  const inflated = yield* inflateInSteps(body, limit.bytes, inflater);
  if (inflated instanceof Uint8Array) return inflated;
  if (inflated === 'too-large') throw errors.tooLarge(limit, sizeOver(limit.bytes, body));
  throw errors.notInflated(gzipProblem(body, inflated));
}
