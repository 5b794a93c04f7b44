import { folder, integer, type Kind } from './kinds.ts';
import type { Section } from './section.ts';

export type StorageConfig = {
  /** Everything that is kept, unless a part has a folder of its own. */
  readonly dataDir: string;
  readonly backend: 'filesystem';
  /** The bucket. */
  readonly filesystemDir: string;
  /** Reads that run at once. More than libuv has threads only wait inside libuv, where nothing can cancel them. */
  readonly filesystemReadsInFlightMax: number;
  /** Objects that stay open between reads; each costs a file descriptor. */
  readonly filesystemOpenFilesMax: number;
};

/** The object stores that Pyroscope knows by these names. */
const REMOTE_BACKENDS = ['s3', 'gcs', 'azure', 'swift', 'cos', 'bos'];

const backend: Kind<'filesystem'> = {
  placeholder: '<filesystem>',
  read: (text) => {
    if (text === 'filesystem') return { value: 'filesystem' };
    return REMOTE_BACKENDS.includes(text)
      ? { problem: `remote object stores come in a later version: only "filesystem" works now, not "${text}"` }
      : { problem: `${JSON.stringify(text)} is not an object store: want "filesystem"` };
  },
  show: (value) => value,
};

export const storageSection: Section<StorageConfig> = {
  title: 'Storage',
  defaults: {
    dataDir: './data',
    backend: 'filesystem',
    filesystemDir: 'data/bucket',
    filesystemReadsInFlightMax: 16,
    filesystemOpenFilesMax: 256,
  },
  knobs: {
    dataDir: { flag: 'data-dir', kind: folder, meaning: 'Moves everything that is kept at once.' },
    backend: { flag: 'storage.backend', kind: backend, meaning: 'Which object store the bucket is in.' },
    filesystemDir: {
      flag: 'storage.filesystem.dir',
      kind: folder,
      meaning: 'The bucket: segments and blocks.',
      defaultNote: '<data-dir>/bucket',
    },
    filesystemReadsInFlightMax: {
      flag: 'storage.filesystem.reads-in-flight-max',
      kind: integer(1, 1024),
      meaning: 'Reads that run at once.',
    },
    filesystemOpenFilesMax: {
      flag: 'storage.filesystem.open-files-max',
      kind: integer(1, 65_536),
      meaning: 'Objects that stay open between reads.',
    },
  },
};
