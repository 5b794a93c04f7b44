import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { CommandLog, StateStore } from '#src/services/metastore/ports.ts';
import { type CommandLogOptions, LmdbCommandLog } from './command-log.ts';
import { lockDirectory } from './lmdb-directory-lock.ts';
import { syncDirectory } from './lmdb-environment.ts';
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
  makeDirectory(directory);
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

/** With its parents, so that all of them are there after a crash. */
function makeDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true });
  if (first === undefined) return;
  const end = dirname(resolve(first));
  for (let parent = resolve(directory); parent !== end; ) {
    parent = dirname(parent);
    syncDirectory(parent);
  }
}
