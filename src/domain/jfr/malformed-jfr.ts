import type { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/**
 * The recording is refused.
 *
 * @param what    a clause that says what is wrong, with the actual value and the limit where there is one
 * @param offset  in the recording, once it is inflated
 */
export function malformedJfr(what: string, offset: Bytes): StoreError {
  return undecodableUpload('jfr', `${what}, at offset ${offset}`);
}
