import type { DatasetColumns, ProfileColumns, SampleColumns, SpanColumns } from '#src/domain/block/dataset-columns.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Arena, type KernelInstance, type Pointer } from '#src/kernels/instance.ts';
import { takeSymbols } from '#src/kernels/symbol-space.ts';
import { LabelSetKeys } from './label-set-keys.ts';

/** One row of `DatasetColumns.profiles`, before its samples are in order. */
export type ProfileRow = {
  readonly series: number;
  readonly timeNanos: UnixNanos;
  readonly durationNanos: bigint;
  readonly period: bigint;
  readonly total: bigint;
  readonly id: Uint8Array;
  readonly firstSample: number;
  readonly sampleCount: number;
};

/** One tenant's part of a head, ready to be encoded. */
export type HeadTenant = {
  readonly tenant: string;
  readonly symbols: SymbolColumns;
  readonly datasets: readonly { readonly service: string; readonly columns: DatasetColumns }[];
};

/** Rows that a new symbol space has room for. Small, because a node with a thousand tenants has a thousand of them. */
const SPACE_SCALE = 256;

/** Samples that a new dataset has room for. */
const DATASET_SCALE = 256;

/** The fields of a dataset in the kernels' memory, as in wasm/ingest-samples.ts: u32 each. */
const Dataset = { samples: 0, stack: 2, value: 3, spans: 4, spanSample: 6, spanId: 7, spanTrace: 8 } as const;

/**
 * The data of one service in a window: its series, its profile rows here, and its samples in the kernels' memory.
 */
export class HeadDataset {
  readonly pointer: Pointer;
  readonly series: Labels[] = [];
  readonly rows: ProfileRow[] = [];
  readonly #numberByLabelText = new Map<string, number>();
  readonly #seriesByKey = new Map<string, number>();

  constructor(kernels: KernelInstance) {
    this.pointer = kernels.exports.datasetNew(DATASET_SCALE) >>> 0;
  }

  /**
   * Finds the series of one profile.
   *
   * @returns the number of the series with certain labels, which is new if nobody asked before
   */
  seriesFinder(): (labels: Labels) => number {
    const keys = new LabelSetKeys(this.#numberByLabelText);
    return (labels) => {
      const key = keys.keyOf(labels);
      let index = this.#seriesByKey.get(key);
      if (index === undefined) {
        index = this.series.push(labels) - 1;
        this.#seriesByKey.set(key, index);
      }
      return index;
    };
  }
}

/**
 * What a thread collected in the current window: per tenant a symbol space, per service a dataset. Lives in the head
 * arena of the thread's kernels, which is reset with each window.
 */
export class Head {
  readonly #kernels: KernelInstance;
  readonly #tenants = new Map<string, { readonly space: Pointer; readonly datasets: Map<string, HeadDataset> }>();

  constructor(kernels: KernelInstance) {
    this.#kernels = kernels;
    kernels.exports.resetHead();
  }

  /** Whether no profile is in it: a symbol space alone is nothing to store. */
  get empty(): boolean {
    for (const { datasets } of this.#tenants.values()) {
      for (const { rows } of datasets.values()) if (rows.length > 0) return false;
    }
    return true;
  }

  get usedBytes(): Bytes {
    return this.#kernels.exports.headUsed() >>> 0;
  }

  /** The tenant's symbol space and the dataset of the service, made when they are new. */
  open(tenant: string, service: string): { space: Pointer; dataset: HeadDataset } {
    let entry = this.#tenants.get(tenant);
    if (entry === undefined) {
      entry = { space: this.#kernels.exports.spaceNew(Arena.head, SPACE_SCALE, 0) >>> 0, datasets: new Map() };
      this.#tenants.set(tenant, entry);
    }
    let dataset = entry.datasets.get(service);
    if (dataset === undefined) {
      dataset = new HeadDataset(this.#kernels);
      entry.datasets.set(service, dataset);
    }
    return { space: entry.space, dataset };
  }

  /**
   * Copies everything out, tenants and services in byte order, so that equal heads give equal objects.
   *
   * @cost O(bytes), plus sorting the profile rows
   */
  take(): HeadTenant[] {
    return [...this.#tenants]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([tenant, { space, datasets }]) => ({
        tenant,
        symbols: takeSymbols(this.#kernels, space),
        datasets: [...datasets]
          .filter(([, dataset]) => dataset.rows.length > 0)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([service, dataset]) => ({ service, columns: takeDataset(this.#kernels, dataset) })),
      }))
      .filter(({ datasets }) => datasets.length > 0);
  }
}

/** Brings the rows into their order, series then time, and the samples with them. */
function takeDataset(kernels: KernelInstance, dataset: HeadDataset): DatasetColumns {
  const fields = kernels.takeU32(dataset.pointer, 9);
  const stack = kernels.takeU32(fields[Dataset.stack], fields[Dataset.samples]);
  const value = kernels.takeI64(fields[Dataset.value], fields[Dataset.samples]);
  const rows = [...dataset.rows].sort(
    (a, b) => a.series - b.series || (a.timeNanos < b.timeNanos ? -1 : a.timeNanos > b.timeNanos ? 1 : 0),
  );
  const profiles = profileColumns(rows);
  const samples: SampleColumns = { stack: new Uint32Array(stack.length), value: new BigInt64Array(value.length) };
  // Where each run of samples went, so that the spans can follow.
  const movedBy = new Int32Array(stack.length);
  for (const [i, row] of rows.entries()) {
    const to = profiles.sampleOffsets[i];
    samples.stack.set(stack.subarray(row.firstSample, row.firstSample + row.sampleCount), to);
    samples.value.set(value.subarray(row.firstSample, row.firstSample + row.sampleCount), to);
    movedBy.fill(to - row.firstSample, row.firstSample, row.firstSample + row.sampleCount);
  }
  return { series: dataset.series, profiles, samples, spans: takeSpans(kernels, fields, movedBy) };
}

function profileColumns(rows: readonly ProfileRow[]): ProfileColumns {
  const n = rows.length;
  const columns = {
    series: new Uint32Array(n),
    timeNanos: new BigInt64Array(n),
    durationNanos: new BigInt64Array(n),
    period: new BigInt64Array(n),
    total: new BigInt64Array(n),
    id: new Uint8Array(16 * n),
    sampleOffsets: new Uint32Array(n + 1),
  };
  for (const [i, row] of rows.entries()) {
    columns.series[i] = row.series;
    columns.timeNanos[i] = row.timeNanos;
    columns.durationNanos[i] = row.durationNanos;
    columns.period[i] = row.period;
    columns.total[i] = row.total;
    columns.id.set(row.id, 16 * i);
    columns.sampleOffsets[i + 1] = columns.sampleOffsets[i] + row.sampleCount;
  }
  return columns;
}

function takeSpans(kernels: KernelInstance, fields: Uint32Array, movedBy: Int32Array): SpanColumns {
  const n = fields[Dataset.spans];
  const sample = kernels.takeU32(fields[Dataset.spanSample], n);
  const id = kernels.takeI64(fields[Dataset.spanId], n);
  const trace = kernels.takeU8(fields[Dataset.spanTrace], 16 * n);
  for (let i = 0; i < n; i++) sample[i] += movedBy[sample[i]];
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => sample[a] - sample[b]);
  const sorted = { sample: new Uint32Array(n), spanId: new BigUint64Array(n), traceId: new Uint8Array(16 * n) };
  for (const [to, from] of order.entries()) {
    sorted.sample[to] = sample[from];
    sorted.spanId[to] = id[from];
    sorted.traceId.set(trace.subarray(16 * from, 16 * from + 16), 16 * to);
  }
  return sorted;
}
