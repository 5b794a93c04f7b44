import type { StoreError } from '#src/domain/errors.ts';

/** A position in the command log, from 1. */
export type LogIndex = number;

/** What the metastore needs from disk: an ordered log of commands that survives a crash. */
export interface CommandLog {
  /** Index of the last entry that is on the disk; of the last one forgotten when the log is empty; 0 at first. */
  readonly lastIndex: LogIndex;
  /** Index of the last entry that `compact` has forgotten, 0 when there is none. Entries start after it. */
  readonly baseIndex: LogIndex;
  /** Resolves with the reason once the log can take no more and the process should start again. Else never. */
  readonly failed: Promise<StoreError>;
  /**
   * Appends in order, next to each other. Resolves with the index of the last of them once every one is on the disk:
   * what resolved survives a crash. Batches on its own. Promises resolve in log order.
   *
   * @throws StoreError 'unavailable' when too much waits for the disk (nothing was appended) or when a write failed
   *         (it may have been), 'invalid-argument' when a command is too large, 'aborted' when the log is closed
   */
  append(commands: readonly Uint8Array[]): Promise<LogIndex>;
  /** Entries first .. last, in order. @throws StoreError 'corrupted' naming the index whose checksum differs */
  read(first: LogIndex, last: LogIndex): Iterable<{ readonly logIndex: LogIndex; readonly command: Uint8Array }>;
  /** Forgets the entries up to and with `through`, a few at a time, and resolves when they are gone. */
  compact(through: LogIndex): Promise<void>;
  /** Resolves when everything on its way has landed. */
  close(): Promise<void>;
}

/** One change of the durable state: a row that is put, or removed when it has no value. */
export type StateChange = { readonly key: Uint8Array; readonly value: Uint8Array | undefined };

/** What the state machine has made of the log, as rows on the disk, so that a start need not replay it all. */
export interface StateStore {
  /** The rows are what the log says up to here. 0 for an empty store. */
  readonly applied: LogIndex;
  /** In the order of their keys. @throws StoreError 'corrupted' naming the row whose checksum differs */
  rows(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  /**
   * Writes the changes and the new applied index, all or nothing. Durable once resolved. Called one at a time.
   *
   * @throws StoreError 'unavailable'; the store then refuses further writes until it is opened again
   */
  write(applied: LogIndex, changes: readonly StateChange[]): Promise<void>;
  close(): Promise<void>;
}
