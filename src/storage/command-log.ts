import { join } from 'node:path';
import { Counter, Gauge, Histogram } from 'prom-client';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import type { Clock } from '#src/platform/clock.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { CommandLog, LogIndex } from '#src/services/metastore/ports.ts';
import {
  BASE_KEY,
  type Base,
  COMMAND_KIND,
  corrupted,
  decodeBase,
  decodeEntry,
  decodeMeta,
  ENTRY_OVERHEAD_BYTES,
  type Entry,
  encodeBase,
  encodeEntry,
  encodeMeta,
  entryKey,
  FIRST_ENTRY_KEY,
  META_KEY,
  type Meta,
} from './command-log-record.ts';
import { commit, type Environment, openEnvironment, reading, type Write } from './lmdb-environment.ts';

export type CommandLogOptions = {
  readonly clock: Clock;
  /** 16 random bytes: what this log is called from its creation on, so that nobody takes another for it. */
  readonly newIncarnation: () => Uint8Array;
  /** How much may wait for the disk. Above it appends are refused, so that a stalled disk cannot fill the memory. */
  readonly pendingBytesMax?: Bytes;
};

/** A minute of a thousand blocks per second, or two dozen of the largest commands. */
const PENDING_BYTES_MAX: Bytes = 64 << 20;

/** A segment of 32 MiB has at most some ten thousand datasets, and a dataset's entry is about 100 bytes. */
export const COMMAND_BYTES_MAX: Bytes = 8 << 20;

/** A transaction is copied on its way into the map; more in one would only delay the first of them. */
const TRANSACTION_BYTES_MAX: Bytes = 16 << 20;

/** Removing a thousand entries takes about 1.5 ms of CPU. Appends that wait shall not wait for that. */
const REMOVED_PER_IDLE_WRITE = 1_000;
const REMOVED_PER_APPEND = 256;

/** With a single voter no election was ever needed. */
const TERM = 1;

const appendSeconds = new Histogram({
  name: 'kiln_metastore_log_append_seconds',
  help: 'From append to durable on disk, per append.',
  buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
  registers: [metrics],
});
const pendingBytes = new Gauge({
  name: 'kiln_metastore_log_pending_bytes',
  help: 'Commands that wait for the disk, in flight included.',
  registers: [metrics],
});
const entries = new Gauge({
  name: 'kiln_metastore_log_entries',
  help: 'Entries on disk that compaction has not removed yet.',
  registers: [metrics],
});
const refused = new Counter({
  name: 'kiln_metastore_log_refused_total',
  help: 'Appends refused because too much waits for the disk.',
  registers: [metrics],
});

type Append = {
  readonly commands: readonly Uint8Array[];
  readonly sizeBytes: Bytes;
  readonly sinceMs: UnixMs;
  readonly resolve: (last: LogIndex) => void;
  readonly reject: (error: StoreError) => void;
};

type Compaction = {
  readonly through: LogIndex;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
};

/**
 * The command log in an LMDB file, for one voter.
 *
 * One transaction is on its way at a time. Appends that arrive meanwhile form the next one, so the disk decides how
 * many share a sync. After a failed write nobody can say what the disk holds: everything that waits is told
 * 'unavailable', `failed` resolves, and only opening the file again, from a new process, goes on.
 *
 * @source command-log-record.ts draws the bytes
 */
export class LmdbCommandLog implements CommandLog {
  readonly failed: Promise<StoreError>;
  /** Written when the log was created. */
  readonly meta: Meta;
  readonly #path: string;
  readonly #env: Environment;
  readonly #clock: Clock;
  readonly #pendingBytesMax: Bytes;
  #base: Base;
  #last: Base;
  #waiting: Append[] = [];
  #pendingBytes: Bytes = 0;
  #compactions: Compaction[] = [];
  #writing: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #closed = false;
  #reportFailure: (error: StoreError) => void = () => {};

  /**
   * Opens the log of a directory, or creates it, and checks every entry in it.
   *
   * @order  the caller holds the lock of the directory
   * @throws StoreError 'corrupted' naming what is damaged or missing and what to do, 'unimplemented' when a later
   *         version wrote it, 'unavailable' when the file cannot be opened or written
   */
  static async open(directory: string, options: CommandLogOptions): Promise<LmdbCommandLog> {
    const path = join(directory, 'raft.mdb');
    const env = openEnvironment(path);
    try {
      const meta = reading(path, () => readMeta(env)) ?? (await create(env, options));
      const { base, last } = reading(path, () => verify(env));
      return new LmdbCommandLog(path, env, meta, base, last, options);
    } catch (error) {
      await env.close();
      throw error;
    }
  }

  private constructor(
    path: string,
    env: Environment,
    meta: Meta,
    base: Base,
    last: Base,
    { clock, pendingBytesMax = PENDING_BYTES_MAX }: CommandLogOptions,
  ) {
    this.#path = path;
    this.#env = env;
    this.meta = meta;
    this.#base = base;
    this.#last = last;
    this.#clock = clock;
    this.#pendingBytesMax = pendingBytesMax;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
    entries.set(last.logIndex - base.logIndex);
  }

  get lastIndex(): LogIndex {
    return this.#last.logIndex;
  }

  get baseIndex(): LogIndex {
    return this.#base.logIndex;
  }

  append(commands: readonly Uint8Array[]): Promise<LogIndex> {
    return new Promise((resolve, reject) => {
      assert(commands.length > 0, 'command log: an append has at least one command');
      this.#refuseIfStopped();
      const sizeBytes = sizeOf(commands);
      this.#refuseIfTooMuch(sizeBytes);
      this.#waiting.push({ commands, sizeBytes, sinceMs: this.#clock.now(), resolve, reject });
      this.#setPending(this.#pendingBytes + sizeBytes);
      this.#wake();
    });
  }

  *read(first: LogIndex, last: LogIndex): Generator<{ readonly logIndex: LogIndex; readonly command: Uint8Array }> {
    assert(first > this.baseIndex && last <= this.lastIndex, `command log: no entries ${first} to ${last}`);
    let expected = first;
    for (const entry of scan(this.#env, first, last + 1)) {
      if (entry.logIndex !== expected) throw corrupted(`entry ${expected} is missing`);
      yield { logIndex: entry.logIndex, command: entry.data };
      expected++;
    }
    if (expected <= last) throw corrupted(`entry ${expected} is missing`);
  }

  compact(through: LogIndex): Promise<void> {
    return new Promise((resolve, reject) => {
      assert(through <= this.lastIndex, `command log: compacting to ${through}, the last is ${this.lastIndex}`);
      this.#refuseIfStopped();
      if (through <= this.baseIndex) return resolve();
      this.#compactions.push({ through, resolve, reject });
      this.#wake();
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#env.close();
  }

  #refuseIfStopped(): void {
    if (this.#closed) throw new StoreError('aborted', 'metastore: the command log is closed');
    if (this.#failure) {
      throw new StoreError('unavailable', 'metastore: the command log failed and must be opened again', {
        reason: this.#failure.message,
      });
    }
  }

  #refuseIfTooMuch(sizeBytes: Bytes): void {
    const limitBytes = this.#pendingBytesMax;
    if (sizeBytes > limitBytes) {
      throw new StoreError('invalid-argument', `metastore: an append of ${sizeBytes} bytes exceeds ${limitBytes}`, {
        sizeBytes,
        limitBytes,
      });
    }
    const waitingBytes = this.#pendingBytes;
    if (waitingBytes + sizeBytes <= limitBytes) return;
    refused.inc();
    throw new StoreError('unavailable', 'metastore: too much waits for the disk of the command log', {
      waitingBytes,
      sizeBytes,
      limitBytes,
    });
  }

  #wake(): void {
    this.#writing ??= this.#writeAll();
  }

  /** Runs while there is work. Never rejects: a failure goes to those who wait, and to `failed`. */
  async #writeAll(): Promise<void> {
    // What else arrives in this turn shares the first transaction.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#waiting.length > 0 || this.#compactions.length > 0) await this.#write();
    } catch (error) {
      this.#fail(error);
    } finally {
      // In the turn in which the queues were seen empty: an append that comes later must find nobody at work.
      this.#writing = undefined;
    }
  }

  /** One transaction: the appends that wait, and a slice of compaction. */
  async #write(): Promise<void> {
    const appends = this.#takeAppends();
    try {
      const { writes, last, results } = this.#encode(appends);
      const base = this.#nextBase(appends.length > 0 ? REMOVED_PER_APPEND : REMOVED_PER_IDLE_WRITE);
      for (let i = this.baseIndex + 1; i <= base.logIndex; i++) writes.push({ key: entryKey(i), value: undefined });
      if (base !== this.#base) writes.push({ key: BASE_KEY, value: encodeBase(base) });

      await commit(this.#env, writes);

      this.#last = last;
      this.#base = base;
      entries.set(last.logIndex - base.logIndex);
      this.#settle(appends, results);
    } catch (error) {
      this.#waiting.unshift(...appends);
      throw error;
    }
  }

  #takeAppends(): Append[] {
    let sizeBytes = 0;
    let count = 0;
    while (count < this.#waiting.length && (count === 0 || sizeBytes < TRANSACTION_BYTES_MAX)) {
      sizeBytes += this.#waiting[count].sizeBytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** The entries of these appends, the last of them, and for each append the index of its last. */
  #encode(appends: readonly Append[]): { writes: Write[]; last: Base; results: LogIndex[] } {
    const writes: Write[] = [];
    const results: LogIndex[] = [];
    // A clock that steps back must not make time in the log run backwards.
    const tsMs = Math.max(this.#clock.now(), this.#last.tsMs);
    let last = this.#last;
    for (const { commands } of appends) {
      for (const data of commands) {
        const entry = { kind: COMMAND_KIND, term: TERM, logIndex: last.logIndex + 1, tsMs, data };
        writes.push({ key: entryKey(entry.logIndex), value: encodeEntry(entry), append: true });
        last = entry;
      }
      results.push(last.logIndex);
    }
    return { writes, last: { term: last.term, logIndex: last.logIndex, tsMs: last.tsMs }, results };
  }

  /** Where the log may begin after this transaction, at most `count` entries later than now. */
  #nextBase(count: number): Base {
    const through = Math.min(
      this.baseIndex + count,
      this.#compactions.reduce((most, compaction) => Math.max(most, compaction.through), 0),
    );
    if (through <= this.baseIndex) return this.#base;
    const key = entryKey(through);
    const value = reading(this.#path, () => this.#env.get(key));
    if (value === undefined) throw corrupted(`entry ${through} is missing`);
    const { term, logIndex, tsMs } = decodeEntry(key, value);
    return { term, logIndex, tsMs };
  }

  #settle(appends: readonly Append[], results: readonly LogIndex[]): void {
    const nowMs = this.#clock.now();
    for (const [i, { sizeBytes, sinceMs, resolve }] of appends.entries()) {
      this.#setPending(this.#pendingBytes - sizeBytes);
      appendSeconds.observe(Math.max(0, nowMs - sinceMs) / 1_000);
      resolve(results[i]);
    }
    const done = this.#compactions.filter(({ through }) => through <= this.baseIndex);
    if (done.length === 0) return;
    this.#compactions = this.#compactions.filter(({ through }) => through > this.baseIndex);
    for (const { resolve } of done) resolve();
  }

  #fail(cause: unknown): void {
    const error =
      cause instanceof StoreError
        ? cause
        : new StoreError('unavailable', 'metastore: the command log failed', {}, { cause });
    this.#failure = error;
    const waiting = [...this.#waiting, ...this.#compactions];
    this.#waiting = [];
    this.#compactions = [];
    this.#setPending(0);
    for (const { reject } of waiting) reject(error);
    this.#reportFailure(error);
  }

  #setPending(bytes: Bytes): void {
    this.#pendingBytes = bytes;
    pendingBytes.set(bytes);
  }
}

/** @throws StoreError 'invalid-argument' when one of them is too large for the log */
function sizeOf(commands: readonly Uint8Array[]): Bytes {
  let sizeBytes = 0;
  for (const { length } of commands) {
    if (length > COMMAND_BYTES_MAX) {
      throw new StoreError('invalid-argument', `metastore: a command of ${length} bytes exceeds ${COMMAND_BYTES_MAX}`, {
        sizeBytes: length,
        limitBytes: COMMAND_BYTES_MAX,
      });
    }
    sizeBytes += length + ENTRY_OVERHEAD_BYTES;
  }
  return sizeBytes;
}

/** undefined for a file in which nothing was written yet. */
function readMeta(env: Environment): Meta | undefined {
  const value = env.get(META_KEY);
  if (value !== undefined) return decodeMeta('raft.mdb', value);
  if (env.getKeysCount({ limit: 1 }) > 0) throw corrupted('meta is missing');
  return undefined;
}

async function create(env: Environment, { clock, newIncarnation }: CommandLogOptions): Promise<Meta> {
  const meta = { incarnation: newIncarnation(), createdMs: clock.now() };
  const base = { term: 0, logIndex: 0, tsMs: 0 };
  await commit(env, [
    { key: META_KEY, value: encodeMeta(meta) },
    { key: BASE_KEY, value: encodeBase(base) },
  ]);
  return meta;
}

/**
 * Reads every entry. An entry that is damaged or missing is never cut off: it may have been acknowledged.
 *
 * @throws StoreError 'corrupted'
 */
function verify(env: Environment): { base: Base; last: Base } {
  const value = env.get(BASE_KEY);
  if (value === undefined) throw corrupted('base is missing');
  const base = decodeBase(value);
  let last = base;
  for (const { term, logIndex, tsMs } of scan(env, 0, Number.MAX_SAFE_INTEGER)) {
    if (logIndex !== last.logIndex + 1) throw corrupted(`after entry ${last.logIndex} comes ${logIndex}`);
    if (term < last.term) throw corrupted(`entry ${logIndex} has term ${term}, the one before ${last.term}`);
    if (tsMs < last.tsMs) throw corrupted(`entry ${logIndex} is older than the one before it`);
    last = { term, logIndex, tsMs };
  }
  return { base, last };
}

function* scan(env: Environment, start: LogIndex, end: LogIndex): Generator<Entry> {
  const from = start === 0 ? FIRST_ENTRY_KEY : entryKey(start);
  for (const { key, value } of env.getRange({ start: from, end: entryKey(end) })) yield decodeEntry(key, value);
}
