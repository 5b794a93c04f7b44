import { type ErrorCode, type ErrorDetails, StoreError } from '#src/domain/errors.ts';
import { errnoOf } from './filesystem-access.ts';

/** What a failed system call means to the caller. What is not listed may work again later: 'unavailable'. */
const CODE_OF_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  ENAMETOOLONG: 'invalid-argument',
};

const MESSAGE_OF_ERRNO: Readonly<Record<string, string>> = {
  EACCES: 'the object store may not be touched: permission denied',
  EDQUOT: 'the object store is full: quota exceeded',
  EIO: 'the disk of the object store fails',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name of the object is too long',
  ENFILE: 'too many files are open on this machine',
  ENOENT: 'the object does not exist',
  ENOSPC: 'the object store is full: no space left on the device',
  ENOTDIR: 'the object does not exist',
  EROFS: 'the object store is read-only',
};

/** The failure of a system call as one that a caller can handle. Everything else is a bug, and stays what it is. */
export function storeErrorOf(error: unknown, facts: ErrorDetails): unknown {
  const errno = errnoOf(error);
  if (error instanceof StoreError || errno === undefined) return error;
  const message = MESSAGE_OF_ERRNO[errno] ?? 'the object store failed';
  return new StoreError(CODE_OF_ERRNO[errno] ?? 'unavailable', message, { ...facts, errno }, { cause: error });
}

/**
 * The same for a put: it looks for nothing, so what it does not find is a bucket that somebody takes away, and its
 * deadline is the store's, not a client's.
 */
export function putErrorOf(error: unknown, facts: ErrorDetails): unknown {
  const known = storeErrorOf(error, facts);
  if (!(known instanceof StoreError)) return known;
  if (known.code !== 'not-found' && known.code !== 'deadline-exceeded') return known;
  const message =
    known.code === 'not-found'
      ? 'the folder of the object store is not there, or is none'
      : 'the object store did not answer in time';
  return new StoreError('unavailable', message, known.details, { cause: error });
}
