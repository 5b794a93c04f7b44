import { columnsMax } from '#src/domain/block/block-format.ts';
import type { KernelInstance, Pointer } from './instance.ts';

/** The samples of one family of a dataset in a head, where they lie in the kernels' memory. */
export type HeadSamples = {
  readonly count: number;
  /** u32[count], rows of the stack table. */
  readonly stack: Pointer;
  /** i64[count] per value column. */
  readonly values: readonly Pointer[];
  /** Samples of each run. */
  readonly runSamples: Uint32Array;
  readonly spanCount: number;
  /** u32[spanCount], samples; u64[spanCount]; u8[16 spanCount] */
  readonly spanSample: Pointer;
  readonly spanId: Pointer;
  readonly spanTrace: Pointer;
};

/** Fields of wasm/ingest-samples.ts, "family": u32 each. */
const Field = {
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
  count: 12 + columnsMax,
} as const;

/** @returns undefined when no sample of the dataset is of the family */
export function headSamplesOf(kernels: KernelInstance, dataset: Pointer, family: number): HeadSamples | undefined {
  const pointer = kernels.exports.datasetFamily(dataset, family) >>> 0;
  if (pointer === 0) return undefined;
  const fields = kernels.takeU32(pointer, Field.count);
  return {
    count: fields[Field.samples],
    stack: fields[Field.stack],
    values: Array.from(fields.subarray(Field.values, Field.values + fields[Field.columns])),
    runSamples: kernels.takeU32(fields[Field.runSamples], fields[Field.runs]),
    spanCount: fields[Field.spans],
    spanSample: fields[Field.spanSample],
    spanId: fields[Field.spanId],
    spanTrace: fields[Field.spanTrace],
  };
}
