import type { Labels } from '#src/domain/model/labels.ts';

/**
 * The data of one tenant's service in one object, as columns.
 *
 * A pushed profile is one row of `pushes`. Its samples with equal labels are a run. For each of its sample types a run
 * gives a row of `profiles`, which belongs to the series of that type; those rows share the stacktraces of the run
 * and have a value column each.
 *
 *     push ─┬─ run {pod=a} ─┬─ profile, series alloc_space {pod=a}, column 0
 *           │               └─ profile, series inuse_space {pod=a}, column 1
 *           └─ run {pod=b} ─── …
 */
export type DatasetColumns = {
  /** All labels of each series, the derived ones included, sorted by `compareUtf8`; series themselves in order of first use. */
  readonly series: readonly Labels[];
  readonly pushes: PushColumns;
  readonly profiles: ProfileColumns;
  /** By family of the symbol space. Runs are numbered through, family after family. */
  readonly families: readonly FamilySamples[];
};

/** @shapes all [n] but id [16 n] */
export type PushColumns = {
  /** Unix nanoseconds. */
  readonly timeNanos: BigInt64Array;
  readonly durationNanos: BigInt64Array;
  readonly period: BigInt64Array;
  /** UUID, 16 bytes each. */
  readonly id: Uint8Array;
};

/**
 * @shapes    all [n]
 * @invariant series rises, and within a series the time of the push
 */
export type ProfileColumns = {
  /** Row of `series`. */
  readonly series: Uint32Array;
  /** Row of `pushes`. */
  readonly push: Uint32Array;
  /** Number of the run. */
  readonly run: Uint32Array;
  /** Which of the value columns of the run's family. */
  readonly column: Uint32Array;
  /** Sum of the values of the samples, in the unit of the profile type. */
  readonly total: BigInt64Array;
};

/**
 * The samples of one family, run after run, each sorted by stacktrace, then span id.
 *
 * @shapes    sampleOffsets [runs + 1]; stack [n]; values: columns of [n]
 * @invariant sampleOffsets rises strictly from 0 to n: a run has a sample; stack is below the number of sampled stacks
 *            of the family
 */
export type FamilySamples = {
  /** The samples of run i of this family are rows sampleOffsets[i] .. sampleOffsets[i + 1]. */
  readonly sampleOffsets: Uint32Array;
  /** Place in the list of the sampled stacks of the family. */
  readonly stack: Uint32Array;
  /** One column per sample type; 0 where a sample has nothing of that type. Never negative. */
  readonly values: readonly BigInt64Array[];
  readonly spans: SpanColumns;
  /** Only in compacted blocks: per value column the sums of all samples of the dataset on the family's tree. */
  readonly totals?: readonly TotalColumns[];
};

/**
 * The samples that carry a span id or a trace id, sparse: row i belongs to the sample in row `sample[i]`.
 *
 * @shapes    sample, spanId [n], traceId [16 n]
 * @invariant sample rises strictly
 * @units     spanId: the 8 bytes of the id read as little endian; 0 means none. traceId: 16 raw bytes; all zero means none
 */
export type SpanColumns = {
  readonly sample: Uint32Array;
  readonly spanId: BigUint64Array;
  readonly traceId: Uint8Array;
};

/** Values of nodes of a function tree; nodes without one are left out. @shapes [n] @invariant node rises strictly */
export type TotalColumns = { readonly node: Uint32Array; readonly value: BigInt64Array };

export const noSpans: SpanColumns = {
  sample: new Uint32Array(0),
  spanId: new BigUint64Array(0),
  traceId: new Uint8Array(0),
};

/** The number of the first run of each family, and behind the last one the number of runs. @shapes [families + 1] */
export function firstRuns(families: readonly { readonly sampleOffsets: Uint32Array }[]): number[] {
  const first = [0];
  for (const { sampleOffsets } of families) first.push(first[first.length - 1] + sampleOffsets.length - 1);
  return first;
}

/** @param firstRunOf  from `firstRuns` */
export function familyOfRun(firstRunOf: readonly number[], run: number): number {
  return firstRunOf.findLastIndex((first) => first <= run);
}
