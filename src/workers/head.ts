import { columnsMax, familiesMax } from '#src/domain/block/block-format.ts';
import {
  type DatasetColumns,
  type FamilySamples,
  firstRuns,
  type ProfileColumns,
  type PushColumns,
  type SpanColumns,
} from '#src/domain/block/dataset-columns.ts';
import type { SpaceColumns } from '#src/domain/block/space-columns.ts';
import { LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { ProfileRow } from '#src/kernels/ingest.ts';
import { Arena, type KernelInstance, type Pointer } from '#src/kernels/instance.ts';
import { takeSpace } from '#src/kernels/symbol-space.ts';

/** One row of `DatasetColumns.pushes`. */
export type Push = {
  readonly timeNanos: UnixNanos;
  readonly durationNanos: bigint;
  readonly period: bigint;
  /** UUID, 16 bytes. */
  readonly id: Uint8Array;
};

/** One tenant's part of a head, ready to be encoded. */
export type HeadTenant = {
  readonly tenant: string;
  readonly symbols: SpaceColumns;
  readonly datasets: readonly { readonly service: string; readonly columns: DatasetColumns }[];
};

/** Rows that a new symbol space has room for. Small, because a node with a thousand tenants has a thousand of them. */
const SPACE_SCALE = 256;

/** The fields of the samples of a family in the kernels' memory, as in wasm/ingest-samples.ts: u32 each. */
const Family = {
  samples: 0,
  stack: 2,
  columns: 3,
  spans: 4,
  spanSample: 6,
  spanId: 7,
  spanTrace: 8,
  runs: 9,
  runSamples: 11,
  values: 12,
  fields: 12 + columnsMax,
} as const;

/**
 * The data of one service in a window: its series and profile rows here, and its samples in the kernels' memory.
 */
export class HeadDataset {
  readonly pointer: Pointer;
  readonly series: Labels[] = [];
  readonly pushes: Push[] = [];
  /** Columns of `DatasetColumns.profiles`, in order of arrival; runs are counted per family. */
  readonly rows = {
    series: [] as number[],
    push: [] as number[],
    family: [] as number[],
    run: [] as number[],
    column: [] as number[],
    total: [] as bigint[],
  };
  readonly #seriesByKey = new Map<string, number>();

  constructor(kernels: KernelInstance) {
    this.pointer = kernels.exports.datasetNew() >>> 0;
  }

  /** The number of the series with these labels, which is new if nobody asked before. */
  seriesIndex(labels: Labels): number {
    const key = labelsKey(labels);
    let index = this.#seriesByKey.get(key);
    if (index === undefined) {
      index = this.series.length;
      this.series.push(labels);
      this.#seriesByKey.set(key, index);
    }
    return index;
  }

  /** @param labelsOf  the labels of the series that a row belongs to */
  add(push: Push, rows: readonly ProfileRow[], labelsOf: (row: ProfileRow) => Labels): void {
    const index = this.pushes.push(push) - 1;
    for (const row of rows) {
      this.rows.series.push(this.seriesIndex(labelsOf(row)));
      this.rows.push.push(index);
      this.rows.family.push(row.family);
      this.rows.run.push(row.run);
      this.rows.column.push(row.type % columnsMax);
      this.rows.total.push(row.total);
    }
  }
}

/** A tenant's symbols in a head, and which families of profile types they have stack tables for. */
export class HeadSpace {
  readonly pointer: Pointer;
  readonly #families = new Map<string, number>();

  constructor(kernels: KernelInstance) {
    this.pointer = kernels.exports.spaceNew(Arena.head, SPACE_SCALE, 0) >>> 0;
  }

  get familyCount(): number {
    return this.#families.size === 0 ? 0 : Math.max(...this.#families.values()) + 1;
  }

  /**
   * The family of series with these profile types. When there are too many families, all late ones are one.
   *
   * @param series  one per sample type, at most `columnsMax`
   */
  familyOf(series: readonly Labels[]): number {
    let key = '';
    for (const labels of series) {
      const type = valueOf(labels, LabelName.profileType) ?? '';
      key += `${type.length} ${type}`;
    }
    let family = this.#families.get(key);
    if (family === undefined) {
      family = Math.min(this.#families.size, familiesMax);
      // What is one of the late ones needs no place in the list.
      if (family < familiesMax) this.#families.set(key, family);
      else this.#families.set('', family);
    }
    return family;
  }
}

/**
 * What a thread collected in the current window: per tenant a symbol space, per service a dataset. Lives in the head
 * arena of the thread's kernels, which is reset with each window.
 */
export class Head {
  readonly #kernels: KernelInstance;
  readonly #tenants = new Map<string, { readonly space: HeadSpace; readonly datasets: Map<string, HeadDataset> }>();

  constructor(kernels: KernelInstance) {
    this.#kernels = kernels;
    kernels.exports.resetHead();
  }

  /** Whether no profile is in it: a symbol space alone is nothing to store. */
  get empty(): boolean {
    for (const { datasets } of this.#tenants.values()) {
      for (const { pushes } of datasets.values()) if (pushes.length > 0) return false;
    }
    return true;
  }

  get usedBytes(): Bytes {
    return this.#kernels.exports.headUsed() >>> 0;
  }

  /** The tenant's symbol space and the dataset of the service, made when they are new. */
  open(tenant: string, service: string): { space: HeadSpace; dataset: HeadDataset } {
    let entry = this.#tenants.get(tenant);
    if (entry === undefined) {
      entry = { space: new HeadSpace(this.#kernels), datasets: new Map() };
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
    const tenants = [...this.#tenants].sort(([a], [b]) => (a < b ? -1 : 1));
    return tenants.flatMap(([tenant, { space, datasets }]) => {
      const filled = [...datasets].filter(([, { pushes }]) => pushes.length > 0).sort(([a], [b]) => (a < b ? -1 : 1));
      return filled.length === 0 ? [] : [takeTenant(this.#kernels, tenant, space, filled)];
    });
  }
}

function takeTenant(
  kernels: KernelInstance,
  tenant: string,
  { pointer, familyCount }: HeadSpace,
  datasets: readonly (readonly [string, HeadDataset])[],
): HeadTenant {
  const { stacks, ...symbols } = takeSpace(kernels, pointer, familyCount);
  const taken = datasets.map(([service, dataset]) => ({
    service,
    columns: takeDataset(kernels, dataset, familyCount),
  }));
  // Samples refer to rows of the stack tables so far; from here on to their place among those that samples have.
  const families = stacks.map((ofFamily, family) => {
    const place = new Uint32Array(ofFamily.parent.length);
    for (const { columns } of taken) for (const stack of columns.families[family].stack) place[stack] = 1;
    const sampledStacks: number[] = [];
    for (let row = 0; row < place.length; row++) if (place[row] === 1) place[row] = sampledStacks.push(row) - 1;
    for (const { columns } of taken) {
      const { stack } = columns.families[family];
      for (let i = 0; i < stack.length; i++) stack[i] = place[stack[i]];
    }
    return { stacks: ofFamily, sampledStacks: Uint32Array.from(sampledStacks) };
  });
  return { tenant, symbols: { ...symbols, families }, datasets: taken };
}

/** Brings the profile rows into their order: series, then time. */
function takeDataset(kernels: KernelInstance, dataset: HeadDataset, familyCount: number): DatasetColumns {
  const families = Array.from({ length: familyCount }, (_, family) =>
    takeFamily(kernels, kernels.exports.datasetFamily(dataset.pointer, family) >>> 0),
  );
  const pushes = pushColumns(dataset.pushes);
  return { series: dataset.series, pushes, profiles: profileColumns(dataset, pushes.timeNanos, families), families };
}

function profileColumns(
  { rows }: HeadDataset,
  timeNanos: BigInt64Array,
  families: readonly FamilySamples[],
): ProfileColumns {
  const firstRunOf = firstRuns(families);
  const timeOf = (row: number): bigint => timeNanos[rows.push[row]];
  const order = Uint32Array.from(rows.series, (_, i) => i).sort(
    (a, b) => rows.series[a] - rows.series[b] || (timeOf(a) < timeOf(b) ? -1 : timeOf(a) > timeOf(b) ? 1 : a - b),
  );
  return {
    series: order.map((row) => rows.series[row]),
    push: order.map((row) => rows.push[row]),
    run: order.map((row) => firstRunOf[rows.family[row]] + rows.run[row]),
    column: order.map((row) => rows.column[row]),
    total: BigInt64Array.from(order, (row) => rows.total[row]),
  };
}

function pushColumns(pushes: readonly Push[]): PushColumns {
  const id = new Uint8Array(16 * pushes.length);
  for (const [i, push] of pushes.entries()) id.set(push.id, 16 * i);
  return {
    timeNanos: BigInt64Array.from(pushes, (push) => push.timeNanos),
    durationNanos: BigInt64Array.from(pushes, (push) => push.durationNanos),
    period: BigInt64Array.from(pushes, (push) => push.period),
    id,
  };
}

const noSamples = (): FamilySamples => ({
  sampleOffsets: new Uint32Array(1),
  stack: new Uint32Array(0),
  values: [],
  spans: { sample: new Uint32Array(0), spanId: new BigUint64Array(0), traceId: new Uint8Array(0) },
});

function takeFamily(kernels: KernelInstance, pointer: Pointer): FamilySamples {
  if (pointer === 0) return noSamples();
  const fields = kernels.takeU32(pointer, Family.fields);
  const counts = kernels.takeU32(fields[Family.runSamples], fields[Family.runs]);
  const sampleOffsets = new Uint32Array(counts.length + 1);
  for (const [i, count] of counts.entries()) sampleOffsets[i + 1] = sampleOffsets[i] + count;
  const n = fields[Family.samples];
  return {
    sampleOffsets,
    stack: kernels.takeU32(fields[Family.stack], n),
    values: Array.from({ length: fields[Family.columns] }, (_, column) =>
      kernels.takeI64(fields[Family.values + column], n),
    ),
    spans: takeSpans(kernels, fields),
  };
}

function takeSpans(kernels: KernelInstance, fields: Uint32Array): SpanColumns {
  const n = fields[Family.spans];
  return {
    sample: kernels.takeU32(fields[Family.spanSample], n),
    spanId: new BigUint64Array(kernels.takeI64(fields[Family.spanId], n).buffer),
    traceId: kernels.takeU8(fields[Family.spanTrace], 16 * n),
  };
}

/** Lengths, because a text may hold any separator. */
function labelsKey(labels: Labels): string {
  let key = '';
  for (const { name, value } of labels) key += `${name.length} ${value.length} ${name}${value}`;
  return key;
}
