import { join } from 'node:path';
import { StoreError } from '#src/domain/errors.ts';
import { openEnvironment } from './lmdb-environment.ts';

/** Held until released, or until the process ends in any way. */
export type DirectoryLock = { release(): Promise<void> };

/**
 * Makes this process the only one that has the directory open.
 *
 * LMDB lets several processes share a file, and each would apply its own log. But it keeps a table of readers, with
 * their process ids, and notices by a lock of the operating system when one of them is gone, `kill -9` included. So
 * the lock is an LMDB file without content, in which we stay a reader; whoever finds another reader leaves. Two that
 * come at once may both leave, never both stay.
 *
 * @throws StoreError 'unavailable' when it is open already, here or in another process
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const env = openEnvironment(join(directory, 'lock.mdb'));
  const reader = env.useReadTransaction();
  const release = async (): Promise<void> => {
    reader.done();
    await env.close();
  };

  const pids = readersOf(env.readerList());
  if (pids.length === 1 && pids[0] === process.pid) return { release };

  await release();
  const others = pids.filter((pid) => pid !== process.pid);
  const owner = others.length > 0 ? `process ${others.join(', ')}` : 'this process';
  throw new StoreError(
    'unavailable',
    `${directory} is in use by ${owner}: stop it, or use another directory (--data-dir)`,
    {
      directory,
      owner,
    },
  );
}

/** @param list a heading, then one line per reader: process, thread, transaction */
function readersOf(list: string): number[] {
  const lines = list.split('\n').slice(1);
  return lines.filter((line) => line.trim() !== '').map((line) => Number(line.trim().split(/\s+/)[0]));
}
