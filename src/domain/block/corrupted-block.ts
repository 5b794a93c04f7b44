import { type ErrorDetails, StoreError } from '#src/domain/errors.ts';
import { BLOCK_VERSION } from './block-format.ts';

/** Bytes of an object that are not what the format promises. `details.offset` counts from the start of the object. */
export function corruptedBlock(message: string, details: ErrorDetails & { readonly offset: number }): StoreError {
  return new StoreError('corrupted', `block ${message}`, details);
}

/**
 * A version that this program does not know. Not `corrupted`: the checksum was right, so the object is whole, and a
 * newer program reads it.
 */
export function unknownBlockVersion(what: string, version: number, offset: number): StoreError {
  return new StoreError(
    'unimplemented',
    `block ${what}: version ${version} is unknown, this program reads versions up to ${BLOCK_VERSION}`,
    { version, versionMax: BLOCK_VERSION, offset },
  );
}
