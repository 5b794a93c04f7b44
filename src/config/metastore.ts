import { folder } from './kinds.ts';
import type { Section } from './section.ts';

export type MetastoreConfig = {
  /** The command log and the state. Put it on the disk that syncs fastest: every push waits for one sync of it. */
  readonly dataDir: string;
};

export const metastoreSection: Section<MetastoreConfig> = {
  title: 'Metastore',
  defaults: { dataDir: 'data/metastore' },
  knobs: {
    dataDir: {
      flag: 'metastore.data-dir',
      kind: folder,
      meaning: 'Where the command log and the state are.',
      defaultNote: '<data-dir>/metastore',
    },
  },
};
