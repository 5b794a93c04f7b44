import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Registry } from 'prom-client';
import type { ByteRange } from '#src/domain/block/block-meta.ts';
import { type ErrorDetails, StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { abortErrorOf } from '#src/platform/abort-error.ts';
import { metrics } from '#src/platform/metrics.ts';
import { Slots } from '#src/platform/slots.ts';
import type { ObjectReader } from '#src/services/query-backend/ports.ts';
import type { ObjectWriter } from '#src/services/segment-writer/ports.ts';
import { coalesceRanges, type RangeRun } from './coalesce-ranges.ts';
import { type FileSystem, makeFolders, nodeFileSystem } from './filesystem-access.ts';
import { putErrorOf, storeErrorOf } from './filesystem-errors.ts';
import { type FilesystemMetrics, filesystemMetrics } from './filesystem-metrics.ts';
import { OpenFiles, type Reader } from './filesystem-open-files.ts';

export type FilesystemStoreConfig = {
  /** The bucket. Made when it does not exist. */
  readonly dir: string;
  /** Reads that run at once. */
  readonly readsInFlightMax: number;
  /** Objects that stay open between reads. */
  readonly openFilesMax: number;
};

export type FilesystemStoreDeps = { readonly files?: FileSystem; readonly registry?: Registry };

/** Objects on their way. Not below `dir/segments` and the like, so that a start need not search a million folders. */
const UPLOADS = '.uploads';

/**
 * Puts that run at once. A put holds a thread of libuv while it syncs; a disk that stalls must leave some of the
 * sixteen (`start.mjs`) to reads and to LMDB. One more than a writer ever has: a flush, its predecessor, a checkpoint.
 */
const PUTS_IN_FLIGHT_MAX = 4;

/** Waiting puts hold their segment's memory; the segment-writer has its own, tighter bound. */
const PUTS_WAITING_MAX = 64;

/** A waiting read is a closure. A query over a day of segments waits with a few for each. */
const READS_WAITING_MAX = 65_536;

/** A read costs as much as copying 64 KiB, about. */
const GAP_BYTES_MAX = 64 << 10;

/** Folders known to be durable. Forgetting them costs a sync each. */
const FOLDERS_KNOWN_MAX = 1024;

/** Where the bytes between ranges go. Nobody looks, so all reads may write it at once. */
const gapBuffer = new Uint8Array(GAP_BYTES_MAX);

/**
 * Objects as files in a folder.
 *
 * A crash at any moment leaves an object whole or absent, and one whose put resolved is there: it is written to a
 * temporary file, which is synced, then gets its name, and then the folder with the name is synced.
 *
 * A caller whose signal aborts leaves at once. What the disk was asked to do goes on, in its slot, until the disk
 * answers: a system call cannot be called back.
 */
export class FilesystemStore implements ObjectWriter, ObjectReader {
  readonly #dir: string;
  readonly #files: FileSystem;
  readonly #openFiles: OpenFiles;
  readonly #puts = new Slots('puts in flight', { runningMax: PUTS_IN_FLIGHT_MAX, waitingMax: PUTS_WAITING_MAX });
  readonly #reads: Slots;
  readonly #metrics: FilesystemMetrics;
  /** Names in their parents that are known to survive a crash. */
  readonly #durableFolders = new Set<string>();
  #uploadCount = 0;

  /** Use `open`. */
  constructor(config: FilesystemStoreConfig, { files = nodeFileSystem, registry = metrics }: FilesystemStoreDeps) {
    this.#dir = resolve(config.dir);
    this.#files = files;
    this.#openFiles = new OpenFiles(files, config.openFilesMax);
    this.#reads = new Slots('reads in flight', { runningMax: config.readsInFlightMax, waitingMax: READS_WAITING_MAX });
    this.#metrics = filesystemMetrics(registry, () => ({
      openFiles: this.#openFiles.count,
      running: { put: this.#puts.running, read: this.#reads.running },
      waiting: { put: this.#puts.waiting, read: this.#reads.waiting },
    }));
  }

  /**
   * Makes the folder if need be, and removes what an earlier process left half written.
   *
   * @order no other process may have the folder open
   * @throws StoreError 'unavailable' when the folder cannot be made or written to
   */
  static async open(config: FilesystemStoreConfig, deps: FilesystemStoreDeps = {}): Promise<FilesystemStore> {
    const files = deps.files ?? nodeFileSystem;
    const uploads = join(resolve(config.dir), UPLOADS);
    try {
      await makeFolders(files, uploads);
      for (const name of await files.list(uploads)) await files.remove(join(uploads, name));
    } catch (error) {
      throw putErrorOf(error, { dir: config.dir });
    }
    return new FilesystemStore(config, deps);
  }

  /**
   * The parts must not change until the answer, and not be reused at all after an abort: the disk may still read them.
   *
   * @throws StoreError 'unavailable' when the disk is full, fails or does not answer in time, 'aborted' when the caller
   *         leaves, 'invalid-argument' when the path leaves the bucket
   */
  put(path: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return this.#observed(
      'put',
      async () => {
        const target = this.#pathOf(path);
        const stored = this.#puts.run(() => this.#store(target, parts, signal), signal);
        await unlessAborted(stored, signal, { path });
        this.#metrics.bytes.inc({ operation: 'put' }, bytesOf(parts));
      },
      { path },
    );
  }

  /**
   * The buffers are the caller's: no two share memory, so each can be transferred to another thread.
   *
   * @throws StoreError 'not-found', 'corrupted' when a range ends after the object, 'unavailable', 'deadline-exceeded',
   *         'aborted', 'invalid-argument' when the path leaves the bucket
   */
  readRanges(path: string, ranges: readonly ByteRange[], signal: AbortSignal): Promise<Uint8Array[]> {
    return this.#observed(
      'read',
      async () => {
        const target = this.#pathOf(path);
        const buffers = ranges.map(() => new Uint8Array(0));
        const runs = coalesceRanges(ranges.map(checkedRange), GAP_BYTES_MAX);
        const reads = runs.map((run) => this.#reads.run(() => this.#readRun(target, ranges, run, buffers), signal));
        await unlessAborted(allSettled(reads), signal, { path });
        this.#metrics.bytes.inc({ operation: 'read' }, bytesOf(buffers));
        return buffers;
      },
      { path },
    );
  }

  /** Closes the files that are open for reading. What is under way ends by itself. */
  close(): void {
    this.#openFiles.close();
  }

  async #store(target: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const temporary = join(this.#dir, UPLOADS, `${process.pid}-${++this.#uploadCount}.tmp`);
    try {
      // Content and folders are different parts of the disk's journal: one wait for both.
      await allSettled([this.#write(temporary, parts, signal), this.#makeFolders(dirname(target))]);
      signal.throwIfAborted();
      // Content before name, name before answer. A name without its content would be a corrupted object after a crash.
      await this.#files.rename(temporary, target);
      await this.#files.syncFolder(dirname(target));
    } catch (error) {
      // Somebody may have removed a folder that was known here.
      this.#durableFolders.clear();
      // After the rename there is nothing to remove, and what cannot be removed now goes at the next start.
      await this.#files.remove(temporary).catch(() => {});
      throw error;
    }
  }

  async #write(path: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const file = await this.#files.open(path, 'wx');
    try {
      for (let rest = withoutFirst(parts, 0); rest.length > 0; ) {
        signal.throwIfAborted();
        const writtenBytes = await file.write(rest);
        if (writtenBytes === 0) throw new StoreError('unavailable', 'the disk took no bytes and gave no reason');
        rest = withoutFirst(rest, writtenBytes);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Makes the folders between the bucket and an object, durably. Others may make the same ones meanwhile. */
  async #makeFolders(folder: string): Promise<void> {
    let above = this.#dir;
    for (const name of relative(this.#dir, folder).split(sep)) {
      const child = join(above, name);
      if (name !== '' && !this.#durableFolders.has(child)) {
        // The folder may be there because of another put that has not synced it yet, so sync it either way.
        await this.#files.makeFolder(child);
        await this.#files.syncFolder(above);
        // The last one has the name of a single object, as a rule. Nobody asks for it again.
        if (child !== folder) this.#remember(child);
      }
      above = child;
    }
  }

  #remember(folder: string): void {
    if (this.#durableFolders.size >= FOLDERS_KNOWN_MAX) this.#durableFolders.clear();
    this.#durableFolders.add(folder);
  }

  #readRun(path: string, ranges: readonly ByteRange[], run: RangeRun, buffers: Uint8Array[]): Promise<void> {
    return this.#openFiles.with(path, async ({ file, sizeBytes }: Reader) => {
      // Before memory is taken for it: the range may come from damaged metadata.
      if (run.offset + run.sizeBytes > sizeBytes) throw pastTheEnd(run, sizeBytes);

      const targets: Uint8Array[] = [];
      let end = run.offset;
      for (const member of run.members) {
        const range = ranges[member] as ByteRange; // Members are positions in `ranges`.
        if (range.offset > end) targets.push(gapBuffer.subarray(0, range.offset - end));
        const buffer = new Uint8Array(range.sizeBytes);
        buffers[member] = buffer;
        targets.push(buffer);
        end = range.offset + range.sizeBytes;
      }

      let readBytes = 0;
      for (let rest: readonly Uint8Array[] = targets; rest.length > 0; ) {
        const step = await file.read(rest, run.offset + readBytes);
        if (step === 0) throw pastTheEnd(run, run.offset + readBytes);
        readBytes += step;
        rest = withoutFirst(rest, step);
      }
      this.#metrics.reads.inc();
      this.#metrics.gapBytes.inc(run.sizeBytes - run.members.reduce((sum, member) => sum + sizeAt(buffers, member), 0));
    });
  }

  /** The file of an object. The parts of a path come from tenants: nothing that they say may lead out of the bucket. */
  #pathOf(path: string): string {
    const parts = path.split('/');
    const strange = parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part));
    if (strange || parts[0] === UPLOADS) {
      throw new StoreError('invalid-argument', 'the path of the object leads out of the bucket', { path });
    }
    return join(this.#dir, ...parts);
  }

  async #observed<T>(operation: 'put' | 'read', run: () => Promise<T>, facts: ErrorDetails): Promise<T> {
    const observe = this.#metrics.seconds.startTimer({ operation });
    try {
      const result = await run();
      observe({ outcome: 'ok' });
      return result;
    } catch (cause) {
      const error = (operation === 'put' ? putErrorOf : storeErrorOf)(cause, { operation, ...facts });
      observe({ outcome: error instanceof StoreError ? error.code : 'bug' });
      throw error;
    }
  }
}

/** Ranges come from metadata, which may be damaged. */
function checkedRange({ offset, sizeBytes }: ByteRange): ByteRange {
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(sizeBytes) && offset >= 0 && sizeBytes >= 0;
  if (!sound || !Number.isSafeInteger(offset + sizeBytes)) {
    throw new StoreError('corrupted', 'a range of an object cannot be', { offset, sizeBytes });
  }
  return { offset, sizeBytes };
}

function pastTheEnd(range: ByteRange, objectBytes: Bytes): StoreError {
  const { offset, sizeBytes } = range;
  return new StoreError('corrupted', 'a range ends after its object', { offset, sizeBytes, objectBytes });
}

/** What is left of the buffers after so many bytes. Empty buffers go. */
function withoutFirst(buffers: readonly Uint8Array[], countBytes: Bytes): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skipBytes = countBytes;
  for (const buffer of buffers) {
    if (skipBytes < buffer.length) rest.push(skipBytes > 0 ? buffer.subarray(skipBytes) : buffer);
    skipBytes = Math.max(0, skipBytes - buffer.length);
  }
  return rest;
}

function bytesOf(parts: readonly Uint8Array[]): Bytes {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function sizeAt(buffers: readonly Uint8Array[], position: number): Bytes {
  return (buffers[position] as Uint8Array).length; // Positions are members of a run over as many ranges.
}

/** Waits for all, then fails with the first failure: nothing is still under way when the caller cleans up. */
async function allSettled(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}

/** The result, or the failure of the signal as soon as it aborts. What goes on then has nobody to tell. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal, facts: ErrorDetails): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(abortErrorOf(signal, 'waiting for the object store', facts));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
