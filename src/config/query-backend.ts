import type { Bytes } from '#src/domain/model/units.ts';
import { bytes } from './kinds.ts';
import type { Section } from './section.ts';

export type QueryBackendConfig = {
  /**
   * Memory of all queries together for what was fetched and not yet reported, and for reports not yet answered. Read
   * nodes wait for their share of it; a query that needs more on its own is answered 422. More of it lets more threads
   * read at once: one that works on 4 MiB has 16 MiB of it.
   */
  readonly memoryBytesMax: Bytes;
  /**
   * Memory of one result: a tree, a profile, all series. A query whose result is larger is answered 422. A tree of a
   * million functions takes about 20 MiB.
   */
  readonly resultBytesMax: Bytes;
  /** Memory for heads of datasets and small symbol spaces that queries read again and again. 0: no cache. */
  readonly cacheBytesMax: Bytes;
};

export const queryBackendSection: Section<QueryBackendConfig> = {
  title: 'Memory of queries',
  defaults: { memoryBytesMax: 256 << 20, resultBytesMax: 64 << 20, cacheBytesMax: 32 << 20 },
  knobs: {
    memoryBytesMax: {
      flag: 'query-backend.memory-bytes-max',
      kind: bytes(1 << 20, 2 ** 36),
      meaning: 'Memory of all queries for what is fetched and reported; above it reads wait.',
    },
    resultBytesMax: {
      flag: 'query-backend.result-bytes-max',
      kind: bytes(1 << 20, 2 ** 32),
      meaning: 'Memory of the result of one query.',
    },
    cacheBytesMax: {
      flag: 'query-backend.cache-bytes-max',
      kind: bytes(0, 2 ** 36),
      meaning: 'Memory for small ranges of objects that are read again and again; 0: no cache.',
    },
  },
  check(config, refuse) {
    const { memoryBytesMax, resultBytesMax } = config;
    if (resultBytesMax > memoryBytesMax) {
      refuse('resultBytesMax', `${resultBytesMax} is more than --query-backend.memory-bytes-max=${memoryBytesMax}`);
    }
  },
};
