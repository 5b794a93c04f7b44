import { dirname } from 'node:path';
import type { FileSystem, OpenFile } from '#src/storage/filesystem-access.ts';

type Node = { bytes: Uint8Array; synced: Uint8Array };

/** What a disk remembers after the power failed. Real disks may do any of these, and anything between. */
export type Memory =
  /** Only what was synced. */
  | 'synced'
  /** Every name, but only synced content: names often reach the disk first. */
  | 'names';

/** A disk in memory that writes down what it is asked for, can fail, and forgets when the power fails. */
export class FakeDisk implements FileSystem {
  /** Such as `sync a/b`, in order. */
  readonly calls: string[] = [];
  /** Called before each operation; what it throws, the operation throws. */
  before: (call: string) => void | Promise<void> = () => {};
  /** Most bytes that one write or read takes. */
  stepBytesMax = Number.POSITIVE_INFINITY;
  openCount = 0;
  #nodes = new Map<string, Node>();
  #folders = new Set<string>(['/']);
  #durableNodes = new Map<string, Node>();
  #durableFolders = new Set<string>(['/']);

  async open(path: string, flags: 'r' | 'wx'): Promise<OpenFile> {
    await this.#call(`open ${flags} ${path}`);
    if (flags === 'wx') {
      if (!this.#folders.has(dirname(path))) throw failure('ENOENT');
      if (this.#nodes.has(path)) throw failure('EEXIST');
      this.#nodes.set(path, { bytes: new Uint8Array(0), synced: new Uint8Array(0) });
    }
    const node = this.#nodes.get(path);
    if (node === undefined) throw failure('ENOENT');
    this.openCount++;
    return {
      size: async () => node.bytes.length,
      write: async (parts) => {
        await this.#call(`write ${path}`);
        const added = Buffer.concat(parts).subarray(0, this.stepBytesMax);
        node.bytes = Buffer.concat([node.bytes, added]);
        return added.length;
      },
      read: async (buffers, offset) => {
        await this.#call(`read ${path} ${offset}`);
        let at = offset;
        const end = Math.min(node.bytes.length, offset + this.stepBytesMax);
        for (const buffer of buffers) {
          const piece = node.bytes.subarray(at, Math.min(end, at + buffer.length));
          buffer.set(piece);
          at += piece.length;
        }
        return at - offset;
      },
      sync: async () => {
        await this.#call(`sync ${path}`);
        node.synced = node.bytes;
      },
      close: async () => {
        this.openCount--;
        await this.#call(`close ${path}`);
      },
    };
  }

  async makeFolder(path: string): Promise<boolean> {
    await this.#call(`makeFolder ${path}`);
    if (!this.#folders.has(dirname(path))) throw failure('ENOENT');
    if (this.#folders.has(path)) return false;
    this.#folders.add(path);
    return true;
  }

  async syncFolder(path: string): Promise<void> {
    await this.#call(`syncFolder ${path}`);
    if (!this.#folders.has(path)) throw failure('ENOENT');
    for (const [name] of this.#durableNodes) if (dirname(name) === path) this.#durableNodes.delete(name);
    for (const [name, node] of this.#nodes) if (dirname(name) === path) this.#durableNodes.set(name, node);
    for (const folder of this.#folders) if (dirname(folder) === path) this.#durableFolders.add(folder);
  }

  async list(folder: string): Promise<string[]> {
    return [...this.#nodes.keys()]
      .filter((path) => dirname(path) === folder)
      .map((path) => path.slice(folder.length + 1));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call(`rename ${from} ${to}`);
    const node = this.#nodes.get(from);
    if (node === undefined || !this.#folders.has(dirname(to))) throw failure('ENOENT');
    this.#nodes.delete(from);
    this.#nodes.set(to, node);
  }

  async remove(path: string): Promise<void> {
    await this.#call(`remove ${path}`);
    if (!this.#nodes.delete(path)) throw failure('ENOENT');
  }

  files(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#nodes].map(([path, { bytes }]) => [path, bytes]));
  }

  /** What would be found if the power failed now. */
  afterPowerFailure(memory: Memory): ReadonlyMap<string, Uint8Array> {
    const nodes = memory === 'names' ? this.#nodes : this.#durableNodes;
    const folders = memory === 'names' ? this.#folders : this.#durableFolders;
    const found = new Map<string, Uint8Array>();
    for (const [path, { synced }] of nodes) if (isThere(dirname(path), folders)) found.set(path, synced);
    return found;
  }

  async #call(call: string): Promise<void> {
    this.calls.push(call);
    await this.before(call);
  }
}

export function failure(errno: string): Error {
  return Object.assign(new Error(errno), { code: errno });
}

function isThere(folder: string, folders: ReadonlySet<string>): boolean {
  return folder === '/' || (folders.has(folder) && isThere(dirname(folder), folders));
}
