import type { CommandLog, StateStore } from '#src/services/metastore/ports.ts';
import { type CommandLogOptions, LmdbCommandLog } from './command-log.ts';
import { makeFolders, nodeFileSystem } from './filesystem-access.ts';
import { lockDirectory } from './lmdb-directory-lock.ts';
import { LmdbStateStore } from './lmdb-state-store.ts';

/** What the metastore keeps on disk. */
export type MetastoreDirectory = {
  readonly log: CommandLog;
  readonly state: StateStore;
  /** Waits for what is on its way, then lets another process in. @order the metastore is closed before */
  close(): Promise<void>;
};

/**
 * Opens the directory of a metastore, or creates it:
 *
 *     lock.mdb    who has it open
 *     raft.mdb    the command log
 *     state.mdb   what the state machine has made of it
 *
 * @throws StoreError 'unavailable' when another process has it open or the disk refuses it, 'corrupted' and
 *         'unimplemented' when it cannot be used as it is, with what to do about it
 */
export async function openMetastoreDirectory(
  directory: string,
  options: CommandLogOptions,
): Promise<MetastoreDirectory> {
  await makeFolders(nodeFileSystem, directory);
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of opened.reverse()) await part.close();
    opened.length = 0;
  };

  const lock = await lockDirectory(directory);
  opened.push({ close: lock.release });
  try {
    const log = await LmdbCommandLog.open(directory, options);
    opened.push(log);
    const state = await LmdbStateStore.open(directory, log.meta);
    opened.push(state);
    return { log, state, close };
  } catch (error) {
    await close();
    throw error;
  }
}
