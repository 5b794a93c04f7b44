import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StoreError } from '#src/domain/errors.ts';
import { errnoOf, makeFolders, nodeFileSystem } from './filesystem-access.ts';

/**
 * Makes a folder for what is kept, with those above it, durably, and looks whether it can be used.
 *
 * Neither Node's recursive `mkdir` nor LMDB's, which is the same, can be asked: where a file system takes no folders and
 * says that there is none, as `/proc` does, they try forever.
 *
 * @param flag  what an operator set to get this folder
 * @throws      StoreError 'unavailable' naming flag, folder and reason
 */
export async function makeKeptFolder(path: string, flag: string): Promise<void> {
  try {
    await makeFolders(nodeFileSystem, resolve(path));
    if (!(await stat(path)).isDirectory()) throw unusable(path, flag, 'it is no folder');
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const errno = errnoOf(error);
    if (error instanceof StoreError || errno === undefined) throw error;
    throw unusable(path, flag, REASONS[errno] ?? (error as Error).message, errno, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  ENOENT: 'the file system takes no folders there',
  ENOTDIR: 'a part of its path is no folder',
  EPERM: 'the file system takes no folders there',
  EROFS: 'the file system is read-only',
};

function unusable(path: string, flag: string, reason: string, errno = 'ENOTDIR', cause?: unknown): StoreError {
  const message = `--${flag}: ${path} cannot be used: ${reason} (${errno})`;
  return new StoreError('unavailable', message, { flag, path, errno }, { cause });
}
