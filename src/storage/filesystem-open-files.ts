import type { Bytes } from '#src/domain/model/units.ts';
import type { FileSystem, OpenFile } from './filesystem-access.ts';

/** A file that is open for reading. */
export type Reader = { readonly file: OpenFile; readonly sizeBytes: Bytes };

type Entry = { readonly path: string; readonly opening: Promise<Reader>; userCount: number };

/**
 * Keeps the files that were read last open, because opening costs as much as a read. Objects never change, so an open
 * one cannot go stale; one that was removed keeps its space until it is closed here.
 *
 * @invariant not more than `idleMax` files are open without a user
 */
export class OpenFiles {
  readonly #files: FileSystem;
  #idleMax: number;
  readonly #used = new Map<string, Entry>();
  /** The one that was used longest ago comes first. */
  readonly #idle = new Map<string, Entry>();

  constructor(files: FileSystem, idleMax: number) {
    this.#files = files;
    this.#idleMax = idleMax;
  }

  get count(): number {
    return this.#used.size + this.#idle.size;
  }

  /** Opens the file, or takes the open one, and keeps it open while `use` runs. */
  async with<T>(path: string, use: (reader: Reader) => Promise<T>): Promise<T> {
    const entry = this.#take(path);
    try {
      return await use(await entry.opening);
    } finally {
      this.#giveBack(entry);
    }
  }

  /** Closes what nobody uses now, and the rest when its last user is done. */
  close(): void {
    this.#idleMax = 0;
    this.#closeOverdue();
  }

  #take(path: string): Entry {
    const entry = this.#used.get(path) ?? this.#idle.get(path) ?? { path, opening: this.#open(path), userCount: 0 };
    entry.userCount++;
    this.#idle.delete(path);
    this.#used.set(path, entry);
    return entry;
  }

  #giveBack(entry: Entry): void {
    if (--entry.userCount > 0) return;
    this.#used.delete(entry.path);
    this.#idle.set(entry.path, entry);
    // Who waited for a file that cannot be opened has the failure by now. The next one tries again.
    entry.opening.catch(() => {
      if (this.#idle.get(entry.path) === entry) this.#idle.delete(entry.path);
    });
    this.#closeOverdue();
  }

  #closeOverdue(): void {
    for (const [path, { opening }] of this.#idle) {
      if (this.#idle.size <= this.#idleMax) return;
      this.#idle.delete(path);
      // A file that was only read has nothing to lose when closing it fails, and one that never opened needs no close.
      opening.then(({ file }) => file.close()).catch(() => {});
    }
  }

  async #open(path: string): Promise<Reader> {
    const file = await this.#files.open(path, 'r');
    try {
      return { file, sizeBytes: await file.size() };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}
