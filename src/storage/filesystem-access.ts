import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bytes } from '#src/domain/model/units.ts';

/** The part of a file system that a store needs. Tests pass one that loses what was not synced. */
export interface FileSystem {
  /** `wx` makes a file that must not exist. */
  open(path: string, flags: 'r' | 'wx'): Promise<OpenFile>;
  /** @returns whether the folder is new */
  makeFolder(path: string): Promise<boolean>;
  /** Makes the names in a folder durable: what was made in it, renamed into it, or removed from it. */
  syncFolder(path: string): Promise<void>;
  /** Names, in no order. */
  list(folder: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface OpenFile {
  size(): Promise<Bytes>;
  /** Writes at the end. @returns how many bytes; may be fewer than there are */
  write(parts: readonly Uint8Array[]): Promise<Bytes>;
  /** Fills the buffers, one after the other. @returns how many bytes; may be fewer than fit */
  read(buffers: readonly Uint8Array[], offset: Bytes): Promise<Bytes>;
  /** Makes content and size durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Everything here runs on libuv's threads, so a slow disk never stops the main loop. */
export const nodeFileSystem: FileSystem = {
  open: async (path, flags) => new NodeFile(await open(path, flags)),
  makeFolder: async (path) => {
    try {
      await mkdir(path);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
  },
  syncFolder: async (path) => {
    // Windows neither can nor has to: NTFS journals names.
    if (process.platform === 'win32') return;
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  list: (folder) => readdir(folder),
  rename,
  remove: unlink,
};

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<Bytes> {
    return (await this.#handle.stat()).size;
  }

  async write(parts: readonly Uint8Array[]): Promise<Bytes> {
    return (await this.#handle.writev([...parts])).bytesWritten;
  }

  async read(buffers: readonly Uint8Array[], offset: Bytes): Promise<Bytes> {
    return (await this.#handle.readv([...buffers], offset)).bytesRead;
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Makes a folder and those above it, durably. */
export async function makeFolders(files: FileSystem, path: string): Promise<void> {
  const above = dirname(path);
  let isNew: boolean;
  try {
    isNew = await files.makeFolder(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || above === path) throw error;
    await makeFolders(files, above);
    isNew = await files.makeFolder(path);
  }
  if (isNew) await files.syncFolder(above);
}

/** The code of a failed system call, such as `ENOENT`; undefined for every other error. */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
