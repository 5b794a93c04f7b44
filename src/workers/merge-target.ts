import type { PushColumns } from '#src/domain/block/dataset-columns.ts';
import { TypeFamilies } from '#src/domain/block/type-families.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { Arena, arenaFullError, type KernelInstance, type Pointer } from '#src/kernels/instance.ts';

/** Rows that the tables of a merge have room for at first. */
const TABLE_SCALE = 1024;
const SERIES_SCALE = 64;

// What the JavaScript heap takes of a row, a push with its id in a set, and a run; columns are there twice as they grow.
const ROW_BYTES: Bytes = 42;
const PUSH_BYTES: Bytes = 160;
const RUN_BYTES: Bytes = 48;

/** Rows of profiles, in order of arrival. @shapes all [n] */
export type MergedRows = {
  readonly series: Uint32Array;
  readonly push: Uint32Array;
  readonly family: Uint32Array;
  /** Of the family. */
  readonly run: Uint32Array;
  readonly column: Uint32Array;
  readonly total: BigInt64Array;
};

/** The data of one service, of all sources so far: rows here, series and samples in the kernels' memory. */
export class MergedDataset {
  /** As of a head. */
  readonly pointer: Pointer;
  /** Intern table, records of wasm/merge-series.ts. Series i is its row i + 1. */
  readonly series: Pointer;
  /** By series: its profile type, a row of the strings of the target. */
  readonly types: number[] = [];
  /** By family. */
  readonly runCounts: number[] = [];
  pushCount = 0;
  rowCount = 0;
  #pushes = pushRoom(16);
  #rows = rowRoom(64);

  constructor(kernels: KernelInstance) {
    this.pointer = kernels.exports.datasetNew() >>> 0;
    this.series = kernels.exports.tableNew(Arena.head, SERIES_SCALE, SERIES_SCALE * 64) >>> 0;
  }

  /** What it takes of the JavaScript heap, about. */
  get heapBytes(): Bytes {
    const runs = this.runCounts.reduce((sum, count) => sum + count, 0);
    return PUSH_BYTES * this.#pushes.timeNanos.length + ROW_BYTES * this.#rows.series.length + RUN_BYTES * runs;
  }

  get pushes(): PushColumns {
    const n = this.pushCount;
    const { timeNanos, durationNanos, period, id } = this.#pushes;
    return {
      timeNanos: timeNanos.subarray(0, n),
      durationNanos: durationNanos.subarray(0, n),
      period: period.subarray(0, n),
      id: id.subarray(0, 16 * n),
    };
  }

  get rows(): MergedRows {
    const n = this.rowCount;
    const { series, push, family, run, column, total } = this.#rows;
    return {
      series: series.subarray(0, n),
      push: push.subarray(0, n),
      family: family.subarray(0, n),
      run: run.subarray(0, n),
      column: column.subarray(0, n),
      total: total.subarray(0, n),
    };
  }

  /** Columns with room for so many more pushes, to be written from `pushCount` on. */
  pushesWithRoom(n: number): PushColumns {
    const count = this.pushCount;
    if (count + n > this.#pushes.timeNanos.length) {
      const { timeNanos, durationNanos, period, id } = this.pushes;
      this.#pushes = pushRoom(Math.max(2 * count, count + n));
      this.#pushes.timeNanos.set(timeNanos);
      this.#pushes.durationNanos.set(durationNanos);
      this.#pushes.period.set(period);
      this.#pushes.id.set(id);
    }
    return this.#pushes;
  }

  /** Columns with room for so many more rows, to be written from `rowCount` on. */
  rowsWithRoom(n: number): MergedRows {
    const count = this.rowCount;
    if (count + n > this.#rows.series.length) {
      const { series, push, family, run, column, total } = this.rows;
      this.#rows = rowRoom(Math.max(2 * count, count + n));
      this.#rows.series.set(series);
      this.#rows.push.set(push);
      this.#rows.family.set(family);
      this.#rows.run.set(run);
      this.#rows.column.set(column);
      this.#rows.total.set(total);
    }
    return this.#rows;
  }
}

function pushRoom(n: number): PushColumns {
  const i64 = (): BigInt64Array => new BigInt64Array(n);
  return { timeNanos: i64(), durationNanos: i64(), period: i64(), id: new Uint8Array(16 * n) };
}

function rowRoom(n: number): MergedRows {
  const u32 = (): Uint32Array => new Uint32Array(n);
  return { series: u32(), push: u32(), family: u32(), run: u32(), column: u32(), total: new BigInt64Array(n) };
}

/**
 * What blocks are merged into: a head whose source is blocks. One symbol space for all services; whether they share one
 * in the object as well is decided when it is encoded.
 *
 * @order one at a time per instance: making one resets the head arena
 */
export class MergeTarget {
  readonly kernels: KernelInstance;
  readonly space: Pointer;
  /** Intern table of the names and values of labels. */
  readonly strings: Pointer;
  /** The row of the name of the label that has the profile type. */
  readonly typeName: number;
  readonly families = new TypeFamilies();
  readonly #datasets = new Map<string, MergedDataset>();

  constructor(kernels: KernelInstance) {
    const { exports } = kernels;
    exports.resetHead();
    exports.resetScratch();
    exports.reserveHead(0);
    this.kernels = kernels;
    this.space = exports.spaceNew(Arena.head, TABLE_SCALE, 0) >>> 0;
    this.strings = exports.tableNew(Arena.head, TABLE_SCALE, TABLE_SCALE * 32) >>> 0;
    const name = Buffer.from(LabelName.profileType);
    this.typeName = exports.intern(this.strings, kernels.put(name), name.length) >>> 0;
  }

  /** The dataset of a service, made when it is new. */
  open(service: string): MergedDataset {
    let dataset = this.#datasets.get(service);
    if (dataset === undefined) {
      dataset = new MergedDataset(this.kernels);
      this.#datasets.set(service, dataset);
    }
    return dataset;
  }

  /**
   * Leaves out of the head arena what the datasets take of the JavaScript heap, so that the limit is for both together.
   *
   * @throws StoreError as a full arena does inside of `guard`
   */
  chargeHeap(): void {
    const { exports, limits } = this.kernels;
    let heapBytes = 0;
    for (const { heapBytes: bytes } of this.#datasets.values()) heapBytes += bytes;
    const neededBytes = (exports.headUsed() >>> 0) + heapBytes;
    if (neededBytes > limits.headBytesMax) throw arenaFullError(Arena.head, limits, neededBytes);
    exports.reserveHead(heapBytes);
  }

  /** Those that have a profile, in order of the service. */
  datasets(): { readonly service: string; readonly dataset: MergedDataset }[] {
    return [...this.#datasets]
      .filter(([, { rowCount }]) => rowCount > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([service, dataset]) => ({ service, dataset }));
  }
}
