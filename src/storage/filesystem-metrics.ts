import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From a cached read to a disk that stalls. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What is true at the moment of a scrape. */
export type StoreState = {
  readonly openFiles: number;
  readonly running: { readonly put: number; readonly read: number };
  readonly waiting: { readonly put: number; readonly read: number };
};

export type FilesystemMetrics = ReturnType<typeof filesystemMetrics>;

/** The metrics of one store on the local file system. `operation` is `put` or `read`. */
export function filesystemMetrics(registry: Registry, state: () => StoreState) {
  const registers = [registry];
  new Gauge({
    name: 'kiln_object_store_open_files',
    help: 'Objects that are open for reading.',
    registers,
    collect() {
      this.set(state().openFiles);
    },
  });
  for (const [name, which] of [
    ['kiln_object_store_operations_running', 'running'],
    ['kiln_object_store_operations_waiting', 'waiting'],
  ] as const) {
    new Gauge({
      name,
      help: `Operations on objects that are ${which}.`,
      labelNames: ['operation'],
      registers,
      collect() {
        const { put, read } = state()[which];
        this.set({ operation: 'put' }, put);
        this.set({ operation: 'read' }, read);
      },
    });
  }
  return {
    seconds: new Histogram({
      name: 'kiln_object_store_operation_seconds',
      help: 'How long operations on objects took, with the wait for their turn. outcome is ok or the code of the error.',
      labelNames: ['operation', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    bytes: new Counter({
      name: 'kiln_object_store_bytes_total',
      help: 'Bytes of objects that were stored, and of ranges that were asked for and read.',
      labelNames: ['operation'],
      registers,
    }),
    reads: new Counter({
      name: 'kiln_object_store_coalesced_reads_total',
      help: 'Reads that were made for ranges, after joining those that lie near each other.',
      registers,
    }),
    gapBytes: new Counter({
      name: 'kiln_object_store_gap_bytes_total',
      help: 'Bytes between joined ranges that were read and thrown away.',
      registers,
    }),
  };
}
