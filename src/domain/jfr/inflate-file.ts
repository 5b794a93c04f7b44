import type { Steps } from '#src/domain/model/steps.ts';
import { gzipProblem, type InflateSteps } from '#src/domain/pprof/gzip-fault.ts';
import { sizeOver } from '#src/domain/pprof/inflate.ts';
import { profileTooLarge } from '#src/domain/pprof/profile-errors.ts';
import { type ConversionBounds, maxBytesNameOf, undecodableUpload } from '#src/domain/upload/upload.ts';

/**
 * The file of a form: inflated when it is gzip, by its first two bytes, as it is otherwise. Only what is inflated is
 * held against the limit for profiles, because a plain file has the size that it has.
 *
 * @param name  of the part
 * @throws StoreError 'invalid-argument' when it is too short, cut off, corrupt, or inflates beyond the limit
 */
export function* inflateFile(
  name: string,
  file: Uint8Array,
  bounds: ConversionBounds,
  inflate: InflateSteps,
): Steps<Uint8Array> {
  const { maxBytes, limits } = bounds;
  if (file.length < 2) throw undecodableUpload('jfr', `the part "${name}" has ${file.length} bytes`);
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  const limited = limits.maxProfileSizeBytes > 0 && limits.maxProfileSizeBytes < maxBytes;
  const limitBytes = limited ? limits.maxProfileSizeBytes : maxBytes;
  const inflated = yield* inflate(file, limitBytes);
  if (inflated instanceof Uint8Array) return inflated;
  if (inflated === 'too-large') {
    throw profileTooLarge(limitBytes, sizeOver(limitBytes, file), limited ? undefined : maxBytesNameOf(bounds));
  }
  throw undecodableUpload('jfr', `in the part "${name}", ${gzipProblem(file, inflated)}`);
}
