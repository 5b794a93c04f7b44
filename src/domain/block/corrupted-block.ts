import { type ErrorDetails, StoreError } from '#src/domain/errors.ts';
import { BLOCK_VERSION } from './block-format.ts';

/** Bytes of an object that are not what the format promises. `details.offset` counts from the start of the object. */
export function corruptedBlock(message: string, details: ErrorDetails & { readonly offset: number }): StoreError {
  return new StoreError('corrupted', `block ${message}`, details);
}

/**
 * A version that this program does not know: a later one, or 0, which no release wrote. Not `corrupted`: the checksum
 * was right, so the object is whole, and another program reads it.
 */
export function unknownBlockVersion(what: string, version: number, offset: number): StoreError {
  return new StoreError(
    'unimplemented',
    `block ${what}: version ${version} is unknown, this program reads version ${BLOCK_VERSION} only`,
    { version, versionKnown: BLOCK_VERSION, offset },
  );
}
