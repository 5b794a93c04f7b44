import { columnsMax, familiesMax } from '#src/domain/block/block-format.ts';
import { firstRuns, type ProfileColumns, type PushColumns } from '#src/domain/block/dataset-columns.ts';
import type { DatasetHeadColumns } from '#src/domain/block/dataset-writer.ts';
import { type Label, LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { ProfileRow } from '#src/kernels/ingest.ts';
import { Arena, arenaFullError, type KernelInstance, type Pointer } from '#src/kernels/instance.ts';
import { LabelSetIndex } from './label-set-index.ts';

/** One row of `DatasetColumns.pushes`. */
export type Push = {
  readonly timeNanos: UnixNanos;
  readonly durationNanos: bigint;
  readonly period: bigint;
  /** UUID, 16 bytes. */
  readonly id: Uint8Array;
};

/** One tenant's part of a head: services in byte order, those alone that have a profile. */
export type HeadTenant = {
  readonly tenant: string;
  readonly space: HeadSpace;
  readonly datasets: readonly { readonly service: string; readonly dataset: HeadDataset }[];
};

/** Rows that a new symbol space has room for. Small, because a node with a thousand tenants has a thousand of them. */
const SPACE_SCALE = 256;

// What the JavaScript heap takes, by measurement: an entry of a map with its key, a list with its elements, a label with
// its two strings.
const PUSH_BYTES: Bytes = 250;
const ROW_BYTES: Bytes = 80;
const SERIES_BYTES: Bytes = 120;
const LABEL_BYTES: Bytes = 16;
const TEXT_BYTES: Bytes = 200;

/** The most that a profile adds to the heap: all its series are new. */
export class HeapEstimate {
  readonly #labels = new LabelBytes();
  #bytes: Bytes = PUSH_BYTES;

  get bytes(): Bytes {
    return this.#bytes;
  }

  /** @param series  the labels of each type */
  add(series: readonly Labels[]): void {
    for (const labels of series) this.#bytes += ROW_BYTES + this.#labels.ofSeries(labels);
  }
}

/** What series of one profile take, which share the objects of their labels. */
class LabelBytes {
  readonly #known = new Set<Label>();

  ofSeries(labels: Labels): Bytes {
    let bytes = SERIES_BYTES + LABEL_BYTES * labels.length;
    for (const label of labels) {
      const before = this.#known.size;
      if (this.#known.add(label).size > before) bytes += TEXT_BYTES + 2 * (label.name.length + label.value.length);
    }
    return bytes;
  }
}

/**
 * What is charged for the frame of an inlined function in a stacktrace. It takes nothing of a head, where its location
 * stands for it, but a node of every flame graph: a window without end of them would be too much for a query.
 */
const INLINED_BYTES: Bytes = 16;

/** What series and profile rows of a head take of the JavaScript heap, about, and what is charged like that. */
type HeapUse = { bytes: Bytes };

/**
 * The data of one service in a window: its series and profile rows here, and its samples in the kernels' memory.
 */
export class HeadDataset {
  readonly pointer: Pointer;
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
  readonly #series = new LabelSetIndex();
  readonly #heap: HeapUse;

  /** @param heap  of the whole head; grows with what is added here */
  constructor(kernels: KernelInstance, heap: HeapUse) {
    this.#heap = heap;
    this.pointer = kernels.exports.datasetNew() >>> 0;
  }

  get series(): readonly Labels[] {
    return this.#series.sets;
  }

  /** @param labelsOf  the labels of the series that a row belongs to */
  add(push: Push, rows: readonly ProfileRow[], labelsOf: (row: ProfileRow) => Labels): void {
    const index = this.pushes.push(push) - 1;
    const labelBytes = new LabelBytes();
    for (const row of rows) {
      const labels = labelsOf(row);
      const seriesBefore = this.series.length;
      this.rows.series.push(this.#series.numberOf(labels));
      if (this.series.length > seriesBefore) this.#heap.bytes += labelBytes.ofSeries(labels);
      this.rows.push.push(index);
      this.rows.family.push(row.family);
      this.rows.run.push(row.run);
      this.rows.column.push(row.type % columnsMax);
      this.rows.total.push(row.total);
    }
    this.#heap.bytes += PUSH_BYTES + ROW_BYTES * rows.length;
  }
}

/** A tenant's symbols in a head, and which families of profile types they have stack tables for. */
export class HeadSpace {
  readonly pointer: Pointer;
  readonly #families = new Map<string, number>();
  readonly #kernels: KernelInstance;
  readonly #heap: HeapUse;
  /** By family: rows of its stack table whose frames are charged. */
  readonly #charged: number[] = [];
  #hasLate = false;

  /** @param heap  of the whole head; grows with what is charged here */
  constructor(kernels: KernelInstance, heap: HeapUse) {
    this.#kernels = kernels;
    this.#heap = heap;
    this.pointer = kernels.exports.spaceNew(Arena.head, SPACE_SCALE, 0) >>> 0;
  }

  get familyCount(): number {
    return this.#families.size + (this.#hasLate ? 1 : 0);
  }

  /** Charges the frames of stacktraces that are new in some families. @cost O(new stacktraces) */
  chargeFrames(families: Iterable<number>): void {
    const { exports } = this.#kernels;
    for (const family of new Set(families)) {
      const tree = exports.spaceFamily(this.pointer, family) >>> 0;
      if (tree === 0) continue;
      const rows = exports.treeRows(tree) >>> 0;
      const from = this.#charged[family] ?? 1;
      this.#heap.bytes += INLINED_BYTES * (exports.inlinedFrames(this.pointer, family, from) >>> 0);
      this.#charged[family] = rows;
    }
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
    const known = this.#families.get(key);
    if (known !== undefined) return known;
    if (this.#families.size === familiesMax) {
      this.#hasLate = true;
      return familiesMax;
    }
    const family = this.#families.size;
    this.#families.set(key, family);
    return family;
  }
}

/**
 * What a thread collected in the current window: per tenant a symbol space, per service a dataset. Lives in the head
 * arena of the thread's kernels, which is reset with each window.
 */
export class Head {
  readonly #kernels: KernelInstance;
  readonly #heap: HeapUse = { bytes: 0 };
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

  /** What it takes: of the kernels' memory, and about what of the JavaScript heap; and what is charged for its frames. */
  get usedBytes(): Bytes {
    return (this.#kernels.exports.headUsed() >>> 0) + this.#heap.bytes;
  }

  /**
   * Adds something that also takes `heapBytes` of the JavaScript heap at most. The kernels leave that much out, so that
   * all together stays within the limit of the head.
   *
   * @throws StoreError 'limit-exceeded' as `KernelInstance.guard`, before `work` runs or from the kernels in it
   */
  within<T>(heapBytes: Bytes, work: () => T): T {
    this.checkRoom(heapBytes);
    const { exports } = this.#kernels;
    exports.reserveHead(this.#heap.bytes + heapBytes);
    try {
      return work();
    } finally {
      exports.reserveHead(0);
    }
  }

  /** @throws StoreError as `within` would, for who finds out bit by bit how much it is */
  checkRoom(heapBytes: Bytes): void {
    const { limits } = this.#kernels;
    const neededBytes = this.usedBytes + heapBytes;
    if (neededBytes > limits.headBytesMax) throw arenaFullError(Arena.head, limits, neededBytes);
  }

  /** The tenant's symbol space and the dataset of the service, made when they are new. */
  open(tenant: string, service: string): { space: HeadSpace; dataset: HeadDataset } {
    let entry = this.#tenants.get(tenant);
    if (entry === undefined) {
      entry = { space: new HeadSpace(this.#kernels, this.#heap), datasets: new Map() };
      this.#tenants.set(tenant, entry);
    }
    let dataset = entry.datasets.get(service);
    if (dataset === undefined) {
      dataset = new HeadDataset(this.#kernels, this.#heap);
      entry.datasets.set(service, dataset);
    }
    return { space: entry.space, dataset };
  }

  /** Everything in it, tenants in byte order, so that equal heads give equal objects. */
  tenants(): HeadTenant[] {
    return [...this.#tenants]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([tenant, { space, datasets }]) => ({
        tenant,
        space,
        datasets: [...datasets]
          .filter(([, { pushes }]) => pushes.length > 0)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([service, dataset]) => ({ service, dataset })),
      }))
      .filter(({ datasets }) => datasets.length > 0);
  }
}

/**
 * The head of a dataset as columns, profiles in their order: series, then time.
 *
 * @param sampleOffsets  by family: where the samples of its runs begin
 * @cost  O(profiles), sorted
 */
export function headColumns(
  { series, pushes, rows }: HeadDataset,
  sampleOffsets: readonly Uint32Array[],
): Omit<DatasetHeadColumns, 'types'> {
  const families = sampleOffsets.map((offsets) => ({ sampleOffsets: offsets }));
  const columns = pushColumns(pushes);
  return { series, pushes: columns, profiles: profileColumns(rows, columns.timeNanos, firstRuns(families)), families };
}

function profileColumns(
  rows: HeadDataset['rows'],
  timeNanos: BigInt64Array,
  firstRunOf: readonly number[],
): ProfileColumns {
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
