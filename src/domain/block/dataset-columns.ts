import type { Labels } from '#src/domain/model/labels.ts';

/**
 * The data of one tenant's service in one object, as columns. Rows of `profiles` are ordered by series, then time;
 * the samples of a profile by stack, then span id.
 *
 * @invariant profiles.series rises; profiles.sampleOffsets rises from 0 to the number of samples
 */
export type DatasetColumns = {
  /** All labels of each series, the derived ones included, sorted by `compareUtf8`; series themselves in order of first use. */
  readonly series: readonly Labels[];
  readonly profiles: ProfileColumns;
  readonly samples: SampleColumns;
  readonly spans: SpanColumns;
};

/** @shapes all [n] but sampleOffsets [n + 1] and id [16 n] */
export type ProfileColumns = {
  /** Row of `series`. */
  readonly series: Uint32Array;
  /** Unix nanoseconds. */
  readonly timeNanos: BigInt64Array;
  readonly durationNanos: BigInt64Array;
  readonly period: BigInt64Array;
  /** Sum of the values of the samples. */
  readonly total: BigInt64Array;
  /** UUID, 16 bytes each. Equal for all rows that one pushed profile was split into. */
  readonly id: Uint8Array;
  /** The samples of row i are sampleOffsets[i] .. sampleOffsets[i + 1]. */
  readonly sampleOffsets: Uint32Array;
};

/** @shapes [n]; stack is a row of the symbol space's stacks */
export type SampleColumns = { readonly stack: Uint32Array; readonly value: BigInt64Array };

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
