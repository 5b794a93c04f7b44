import { StoreError } from '#src/domain/errors.ts';
import { assert } from '#src/platform/assert.ts';
import type { CommandLog, LogIndex, StateChange, StateStore } from '#src/services/metastore/ports.ts';

/** What is on a disk that forgets nothing: the log and the rows. Survives the processes that use it. */
export type Disk = {
  base: LogIndex;
  entries: Uint8Array[];
  applied: LogIndex;
  rows: Map<string, Uint8Array>;
};

export function emptyDisk(): Disk {
  return { base: 0, entries: [], applied: 0, rows: new Map() };
}

/** When a write reaches the disk, and whether. Resolving means that it has; the write is done right after. */
export type Latency = () => Promise<void>;

export class MemoryCommandLog implements CommandLog {
  readonly failed: Promise<StoreError>;
  fail!: (error: StoreError) => void;
  #failure: StoreError | undefined;
  readonly #disk: Disk;
  readonly #latency: Latency;
  #lastIndex: LogIndex;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(disk: Disk, latency: Latency = async () => {}) {
    this.#disk = disk;
    this.#latency = latency;
    this.#lastIndex = disk.base + disk.entries.length;
    this.failed = new Promise((resolve) => {
      this.fail = (error) => {
        this.#failure = error;
        resolve(error);
      };
    });
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get baseIndex(): LogIndex {
    return this.#disk.base;
  }

  append(commands: readonly Uint8Array[]): Promise<LogIndex> {
    const written = this.#writing.then(async () => {
      await this.#latency();
      if (this.#failure) throw new StoreError('unavailable', 'the log failed');
      this.#disk.entries.push(...commands);
      this.#lastIndex += commands.length;
      return this.#lastIndex;
    });
    this.#writing = written.catch(() => {});
    return written;
  }

  *read(first: LogIndex, last: LogIndex): Generator<{ logIndex: LogIndex; command: Uint8Array }> {
    assert(first > this.baseIndex && last <= this.lastIndex, `no entries ${first} to ${last}`);
    for (let i = first; i <= last; i++) {
      yield { logIndex: i, command: this.#disk.entries[i - this.#disk.base - 1] as Uint8Array };
    }
  }

  async compact(through: LogIndex): Promise<void> {
    await this.#latency();
    this.#disk.entries.splice(0, through - this.#disk.base);
    this.#disk.base = through;
  }

  async close(): Promise<void> {}
}

export class MemoryStateStore implements StateStore {
  readonly #disk: Disk;
  readonly #latency: Latency;
  applied: LogIndex;

  constructor(disk: Disk, latency: Latency = async () => {}) {
    this.#disk = disk;
    this.#latency = latency;
    this.applied = disk.applied;
  }

  *rows(): Generator<{ key: Uint8Array; value: Uint8Array }> {
    for (const [key, value] of [...this.#disk.rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
      yield { key: Buffer.from(key, 'hex'), value };
    }
  }

  async write(applied: LogIndex, changes: readonly StateChange[]): Promise<void> {
    await this.#latency();
    for (const { key, value } of changes) {
      const name = Buffer.from(key).toString('hex');
      if (value) this.#disk.rows.set(name, value);
      else this.#disk.rows.delete(name);
    }
    this.#disk.applied = applied;
    this.applied = applied;
  }

  async close(): Promise<void> {}
}
