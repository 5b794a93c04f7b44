import type { Bytes } from '#src/domain/model/units.ts';
import { gzipProblem } from '#src/domain/pprof/gzip-fault.ts';
import { declaredSizeBytes, inflateProfile, isGzip, sizeOver } from '#src/domain/pprof/inflate.ts';
import { profileTooLarge, undecodable } from '#src/domain/pprof/profile-errors.ts';
import type { KernelInstance, Pointer } from '#src/kernels/instance.ts';
import type { Inflater } from './inflater.ts';

/** Profiles inflate to three or four times their size, so that one step mostly does when the trailer told nothing. */
const GROWTH = 4;

/** Where bytes are in the kernels' scratch arena. */
export type ArenaBytes = { readonly pointer: Pointer; readonly length: number };

/**
 * Brings the pprof of a body into the scratch arena, inflated when it is gzip.
 *
 * @param inflater  undefined: by way of a buffer, which costs more
 * @param maxBytes  of what comes out; never more are made, whatever the body says about itself
 * @param limitName what sets it, for the message
 * @throws StoreError 'invalid-argument' as `inflateProfile`, whose fast version this is
 */
export function inflateIntoArena(
  kernels: KernelInstance,
  inflater: Inflater | undefined,
  body: Uint8Array,
  maxBytes: Bytes,
  limitName?: string,
): ArenaBytes {
  if (inflater === undefined || !isGzip(body)) {
    const bytes = inflateProfile(body, maxBytes, limitName);
    return { pointer: kernels.put(bytes), length: bytes.length };
  }
  // The trailer mostly tells the truth. It does not when there are several members: it speaks of the last one.
  let capacity = Math.min(declaredSizeBytes(body), maxBytes);
  let pointer = kernels.exports.allocScratch(capacity + 1) >>> 0;
  let filled = 0;
  let inflated = inflater.inflateInto(body, kernels.u8().subarray(pointer, pointer + capacity + 1));
  while (inflated.kind === 'no-room') {
    if (capacity === maxBytes) throw profileTooLarge(maxBytes, sizeOver(maxBytes, body), limitName);
    filled = capacity + 1;
    capacity = Math.min(capacity * GROWTH, maxBytes);
    const larger = kernels.exports.allocScratch(capacity + 1) >>> 0;
    const memory = kernels.u8();
    memory.copyWithin(larger, pointer, pointer + filled);
    pointer = larger;
    inflated = inflater.continueInto(memory.subarray(pointer + filled, pointer + capacity + 1));
  }
  if (inflated.kind === 'cut-off') throw undecodable(gzipProblem(body, inflated));
  if (inflated.kind === 'corrupt') throw undecodable(gzipProblem(body, { ...inflated, offset: undefined }));
  return { pointer, length: filled + inflated.bytes };
}
