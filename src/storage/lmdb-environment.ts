import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** An LMDB file with binary keys and values. */
export type Environment = RootDatabase<Uint8Array, Uint8Array>;

/** What one transaction does to one key. */
export type Write = {
  readonly key: Uint8Array;
  /** undefined removes the key. */
  readonly value: Uint8Array | undefined;
  /** The key is above all others: fills pages to the end. The transaction fails if that is not so. */
  readonly append?: boolean;
};

/** Address space for the map. It grows by itself above this; below, nothing has to be mapped anew. */
const MAP_BYTES: Bytes = 1 << 30;

/**
 * Opens the file, or creates it. A new file is there after a crash once this returned and the first transaction
 * resolved.
 *
 * @throws StoreError 'corrupted' when the file is no LMDB file, 'unavailable' when the system refuses it
 */
export function openEnvironment(path: string): Environment {
  const isNew = !existsSync(path);
  try {
    if (!isNew) checkHeader(path);
    const env = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      mapSize: MAP_BYTES,
      // By default a commit is visible before it is on the disk, and after a failed sync it stays visible.
      overlappingSync: false,
      // With it, lmdb makes a promise of its own for each turn. When a write fails nobody awaits that one, and the
      // unhandled rejection ends the process before the failure can be told to those who wait.
      eventTurnBatching: false,
    });
    if (isNew) syncDirectory(dirname(path));
    else padTruncated(path, env);
    return env;
  } catch (error) {
    throw openFailure(path, error);
  }
}

/**
 * Does all writes in one transaction, and resolves when it is on the disk.
 *
 * @throws StoreError 'unavailable' when it is not. What is in the file then shows only when it is opened again: after
 *         a failed sync the system may have dropped pages that it reports as clean. Do not write to `env` any more.
 */
export async function commit(env: Environment, writes: readonly Write[]): Promise<void> {
  const results: Promise<boolean>[] = [];
  try {
    // Each promise is awaited, for each rejects on its own.
    const batch = env.batch(() => {
      for (const { key, value, append } of writes) {
        if (value === undefined) results.push(env.remove(key));
        else if (append) results.push(putLast(env, key, value));
        else results.push(env.put(key, value));
      }
    });
    const [done, ...each] = await Promise.all([batch, ...results]);
    const refused = writes.findIndex((write, i) => write.append && each[i] !== true);
    if (done !== true || refused !== -1) throw new Error(`write ${refused} of ${writes.length} was refused by LMDB`);
  } catch (error) {
    throw new StoreError('unavailable', 'metastore: a write to its disk failed', await failureOf(error), {
      cause: error,
    });
  }
}

/** Makes the names in a directory survive a crash. LMDB syncs its files, never their directory. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Runs reads of a file and turns LMDB's words for damage into ours. @throws StoreError 'corrupted', 'unavailable' */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw openFailure(path, error);
  }
}

/** What an operator can do about a directory that does not hold what it should. */
export const REMEDY =
  'Nothing was changed. Restore the metastore directory from a copy, or move it away to start with an empty one; ' +
  'the objects in the bucket are not touched by either';

/** lmdb's types know `append` for the synchronous call only; it means the same here. */
function putLast(env: Environment, key: Uint8Array, value: Uint8Array): Promise<boolean> {
  const put = env.put as (key: Uint8Array, value: Uint8Array, options: { append: true }) => Promise<boolean>;
  return put.call(env, key, value, { append: true });
}

/**
 * A file begins with two pages that say what it is, in the byte order of the host:
 *
 *     0      18            24          28           48
 *     | .... | u16 flags … | u32 magic | u32 format | … u32 page size
 *
 * lmdb crashes where LMDB itself would return an error for something else, so this looks first.
 */
function checkHeader(path: string): void {
  const file = openSync(path, 'r');
  try {
    if (fstatSync(file).size === 0) return; // A crash right after its creation. LMDB begins it anew.
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(file, header, 0, HEADER_BYTES, 0);
    const pageBytes = header.readUInt32LE(48);
    checkMeta(path, header);
    readSync(file, header.fill(0), 0, HEADER_BYTES, pageBytes);
    checkMeta(path, header);
  } finally {
    closeSync(file);
  }
}

const HEADER_BYTES: Bytes = 52;
const META_PAGE_FLAG = 0x08;
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_FORMAT = 2;

function checkMeta(path: string, header: Buffer): void {
  const pageBytes = header.readUInt32LE(48);
  const isMeta =
    (header.readUInt16LE(18) & META_PAGE_FLAG) !== 0 &&
    header.readUInt32LE(24) === LMDB_MAGIC &&
    (header.readUInt32LE(28) & 0xffff) === LMDB_FORMAT &&
    pageBytes >= 512 &&
    pageBytes <= 65_536;
  if (!isMeta) throw new StoreError('corrupted', `${basename(path)}: is no LMDB file. ${REMEDY}`, { path });
}

/**
 * A file that lost its end is mapped all the same, and touching a page behind the end kills the process with SIGBUS.
 * Zeros in their place are pages that LMDB refuses with an error.
 */
function padTruncated(path: string, env: Environment): void {
  const { lastPageNumber, pageSize } = env.getStats() as { lastPageNumber: number; pageSize: Bytes };
  const wanted = (lastPageNumber + 1) * pageSize;
  const file = openSync(path, 'r+');
  try {
    if (fstatSync(file).size < wanted) ftruncateSync(file, wanted);
  } finally {
    closeSync(file);
  }
}

async function failureOf(error: unknown): Promise<Record<string, string | number>> {
  const { commitError } = error as { commitError?: Promise<never> };
  // The promise is rejected in the same turn, or it was never meant to settle: do not wait for it any longer.
  const reason = commitError === undefined ? error : await Promise.race([commitError.catch((e: unknown) => e), turn()]);
  if (!(reason instanceof Error)) return {};
  const { code } = reason as { code?: unknown };
  return { reason: reason.message, ...(typeof code === 'number' ? { errno: code } : {}) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** LMDB's own numbers: page not found, corrupted, wrong version, not an LMDB file. */
const DAMAGE = new Set<unknown>([-30797, -30796, -30794, -30793]);

function openFailure(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { message, code } = error as { message?: string; code?: unknown };
  const file = basename(path);
  return DAMAGE.has(code)
    ? new StoreError('corrupted', `${file}: LMDB refuses it: ${message}. ${REMEDY}`, { path }, { cause: error })
    : new StoreError('unavailable', `${file}: cannot be opened: ${message}`, { path }, { cause: error });
}
