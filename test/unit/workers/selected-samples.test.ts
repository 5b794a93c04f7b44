import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { datasetTable } from '#src/domain/block/chunk-table.ts';
import type { DatasetColumns, SpanColumns } from '#src/domain/block/dataset-columns.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import type { SampleRange } from '#src/kernels/stack-sums.ts';
import type { ProfileSelection } from '#src/workers/query-messages.ts';
import { hasSpans, selectProfiles, takeSamples } from '#src/workers/selected-samples.ts';
import { labelList } from '../../fixtures/labels.ts';
import { CPU_TYPE } from '../../fixtures/segments.ts';

const STACKS = 1000;
const everything: ProfileSelection = {
  ...{ startMs: 0, endMs: 1_000_000, matchers: [] },
  ...{ profileIds: [], spanIds: [], traceIds: [] },
};
const noSpans: SpanColumns = {
  sample: new Uint32Array(0),
  spanId: new BigUint64Array(0),
  traceId: new Uint8Array(0),
};

/** Profiles of two pods: pod, time in nanoseconds, how many samples. Sample i is of stack i % 1000 with value i. */
function datasetOf(
  profiles: readonly (readonly [pod: 0 | 1, timeNanos: bigint, samples: number])[],
  spans: SpanColumns = noSpans,
) {
  const sampleOffsets = new Uint32Array(profiles.length + 1);
  for (const [row, [, , count]] of profiles.entries()) sampleOffsets[row + 1] = (sampleOffsets[row] ?? 0) + count;
  const sampleCount = sampleOffsets[profiles.length] ?? 0;
  const columns: DatasetColumns = {
    series: ['a', 'b'].map((pod) => labelList({ __profile_type__: CPU_TYPE, pod, service_name: 'shop' })),
    profiles: {
      series: Uint32Array.from(profiles, ([pod]) => pod),
      timeNanos: BigInt64Array.from(profiles, ([, timeNanos]) => timeNanos),
      durationNanos: new BigInt64Array(profiles.length),
      period: new BigInt64Array(profiles.length),
      total: new BigInt64Array(profiles.length),
      id: Uint8Array.from({ length: 16 * profiles.length }, (_, i) => Math.floor(i / 16) + 1),
      sampleOffsets,
    },
    samples: {
      stack: Uint32Array.from({ length: sampleCount }, (_, i) => i % STACKS),
      value: BigInt64Array.from({ length: sampleCount }, (_, i) => BigInt(i)),
    },
    spans,
  };
  const { bytes, headBytes } = encodeDataset({ tenant: 't', service: 'shop', columns, stackCount: STACKS });
  const fetched = wholeObject(bytes);
  const range = { offset: 0, sizeBytes: bytes.length };
  const meta = { tenant: 't', service: 'shop', minTimeMs: 0, maxTimeMs: 0, labels: [], headBytes, range };
  return { table: datasetTable({ ...meta, symbols: { offset: 0, sizeBytes: 0 } }, fetched), fetched };
}

type Dataset = ReturnType<typeof datasetOf>;

function rowsOf({ table, fetched }: Dataset, selection: Partial<ProfileSelection>): readonly number[] {
  return selectProfiles(table, fetched, { ...everything, ...selection }).rows;
}

/** The values of the samples that were taken, and how many times some were. */
function valuesOf({ table, fetched }: Dataset, change: Partial<ProfileSelection>): { values: bigint[]; takes: number } {
  const selection = { ...everything, ...change };
  const taken: SampleRange[] = [];
  const found = selectProfiles(table, fetched, selection);
  takeSamples(table, fetched, selection, found, STACKS, (samples) => taken.push(samples));
  for (const { stack, value } of taken) {
    deepEqual(
      [...stack],
      Array.from(value, (v) => Number(v) % STACKS),
    );
  }
  return { values: taken.flatMap(({ value }) => [...value]), takes: taken.length };
}

function range(start: number, end: number): bigint[] {
  return Array.from({ length: end - start }, (_, i) => BigInt(start + i));
}

const MS = 1_000_000n;
const pod = (value: string): Partial<ProfileSelection> => ({ matchers: [{ name: 'pod', operator: '=', value }] });

describe('selectProfiles', () => {
  const dataset = datasetOf([
    [0, 10n * MS, 2],
    [0, 20n * MS, 3],
    [1, 15n * MS, 4],
  ]);

  test('finds the rows of the series that satisfy the matchers', () => {
    deepEqual(rowsOf(dataset, {}), [0, 1, 2]);
    deepEqual(rowsOf(dataset, pod('a')), [0, 1]);
    deepEqual(rowsOf(dataset, pod('b')), [2]);
    deepEqual(rowsOf(dataset, pod('c')), []);
  });

  test('takes both ends of the range, and nothing a nanosecond outside', () => {
    deepEqual(rowsOf(dataset, { startMs: 10, endMs: 15 }), [0, 2]);
    deepEqual(rowsOf(dataset, { startMs: 11, endMs: 19 }), [2]);
    const late = datasetOf([[0, 20n * MS + 1n, 1]]);
    deepEqual(rowsOf(late, { startMs: 0, endMs: 20 }), []);
    deepEqual(rowsOf(late, { startMs: 20, endMs: 21 }), [0]);
  });

  test('takes only the profiles that are named, if any are', () => {
    const idOf = (row: number): Uint8Array => new Uint8Array(16).fill(row + 1);

    deepEqual(rowsOf(dataset, { profileIds: [idOf(1), idOf(2), idOf(7)] }), [1, 2]);
    deepEqual(rowsOf(dataset, { profileIds: [idOf(7)] }), []);
  });
});

describe('takeSamples', () => {
  test('passes the samples of rows that follow each other at once', () => {
    const dataset = datasetOf([
      [0, 1n, 2],
      [0, 2n, 3],
      [1, 3n, 4],
    ]);

    deepEqual(valuesOf(dataset, pod('a')), { values: range(0, 5), takes: 1 });
    deepEqual(valuesOf(dataset, pod('b')), { values: range(5, 9), takes: 1 });
    deepEqual(valuesOf(dataset, pod('c')), { values: [], takes: 0 });
  });

  test('leaves out rows between those that are selected', () => {
    const rows = [
      [0, 5n * MS, 3],
      [0, 50n * MS, 3],
      [1, 7n * MS, 3],
    ] as const;

    deepEqual(valuesOf(datasetOf(rows), { startMs: 0, endMs: 10 }), {
      values: [...range(0, 3), ...range(6, 9)],
      takes: 2,
    });
  });

  test('passes samples that lie in several chunks, each once', () => {
    const dataset = datasetOf([
      [0, 1n, 100_000],
      [0, 2n * MS, 100_000],
      [1, 3n, 100_000],
    ]);

    // As text: the difference of two long lists is a long time in the making.
    equal(valuesOf(dataset, {}).values.join() === range(0, 300_000).join(), true);
    equal(valuesOf(dataset, pod('b')).values.join() === range(200_000, 300_000).join(), true);
    equal(valuesOf(dataset, { startMs: 2, endMs: 2 }).values.join() === range(100_000, 200_000).join(), true);
  });

  const spans: SpanColumns = {
    sample: Uint32Array.of(1, 3, 4),
    spanId: BigUint64Array.of(7n, 0n, 8n),
    traceId: Uint8Array.from({ length: 48 }, (_, i) => [0, 5, 5][Math.floor(i / 16)] ?? 0),
  };
  const traced = datasetOf(
    [
      [0, 1n, 3],
      [1, 2n, 3],
    ],
    spans,
  );

  test('takes only samples of the spans and traces that are named', () => {
    const trace = new Uint8Array(16).fill(5);

    equal(hasSpans(traced.table), true);
    deepEqual(valuesOf(traced, { spanIds: [7n, 8n] }).values, [1n, 4n]);
    deepEqual(valuesOf(traced, { traceIds: [trace] }).values, [3n, 4n]);
    deepEqual(valuesOf(traced, { spanIds: [8n], traceIds: [trace] }).values, [4n]);
    deepEqual(valuesOf(traced, { ...pod('a'), spanIds: [7n, 8n] }).values, [1n]);
  });

  test('finds the samples of a span in whatever chunk they are', () => {
    const sample = Uint32Array.of(5, 150_000, 299_999);
    const spanId = new BigUint64Array(3).fill(7n);
    const dataset = datasetOf([[0, 1n, 300_000]], { sample, spanId, traceId: new Uint8Array(48) });

    deepEqual(valuesOf(dataset, { spanIds: [7n] }).values, [5n, 150_000n, 299_999n]);
  });

  test('a sample without an id is of no span, whatever is asked for', () => {
    deepEqual(valuesOf(traced, { spanIds: [0n] }).values, []);
  });

  test('a dataset without spans has nothing for a query that names some', () => {
    const dataset = datasetOf([[0, 1n, 3]]);

    equal(hasSpans(dataset.table), false);
    deepEqual(valuesOf(dataset, { spanIds: [7n] }), { values: [], takes: 0 });
  });
});
