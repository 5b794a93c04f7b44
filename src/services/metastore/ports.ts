/** A position in the command log, from 1. */
export type LogIndex = number;

/** What the metastore needs from disk: an ordered log of commands that survives a crash. */
export interface CommandLog {
  /** Index of the last entry, 0 when there is none. */
  readonly lastIndex: LogIndex;
  /** Appends in order. Resolves once every entry is on the disk: what resolved survives a crash. Batches on its own. */
  append(commands: readonly Uint8Array[]): Promise<LogIndex>;
  /** Entries first .. last, in order. @throws StoreError 'corrupted' naming the index whose checksum differs */
  read(first: LogIndex, last: LogIndex): Iterable<{ readonly logIndex: LogIndex; readonly command: Uint8Array }>;
  close(): Promise<void>;
}
