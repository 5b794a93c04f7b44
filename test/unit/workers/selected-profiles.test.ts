import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type DatasetColumns,
  type FamilySamples,
  noSpans,
  type SpanColumns,
} from '#src/domain/block/dataset-columns.ts';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { SeriesMatcher } from '#src/domain/series/match-series.ts';
import { FamilySums } from '#src/kernels/block-stacks.ts';
import { BlockDataset, type SelectedRows } from '#src/kernels/read-dataset.ts';
import type { ProfileSelection } from '#src/workers/query-messages.ts';
import { profilesOf, spanTestOf } from '#src/workers/selected-profiles.ts';
import { encodedDataset, freshPages } from '../../fixtures/block-in-arena.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { CPU_TYPE } from '../../fixtures/segments.ts';

const kernels = testKernels();
const STACKS = 1000;
const everything: ProfileSelection = {
  ...{ startMs: 0, endMs: 1_000_000, matchers: [] },
  ...{ profileIds: [], spanIds: [], traceIds: [] },
};

/** A profile row, which has a push and a run of its own. */
type Row = readonly [pod: 0 | 1, timeNanos: bigint, samples: number];

/** Two families with these rows each, in the order of their series. Sample i is of stack i % 1000, with value i. */
function datasetOf(rows: readonly Row[], spans: SpanColumns = noSpans, other: readonly Row[] = []): DatasetColumns {
  const all = [...rows, ...other];
  const order = Uint32Array.from(all, (_, i) => i).sort((a, b) => all[a][0] - all[b][0] || timeOrder(all, a, b));
  return {
    series: ['a', 'b'].map((pod) => labelList({ __profile_type__: CPU_TYPE, pod, service_name: 'shop' })),
    pushes: {
      timeNanos: BigInt64Array.from(all, ([, timeNanos]) => timeNanos),
      durationNanos: new BigInt64Array(all.length),
      period: new BigInt64Array(all.length),
      id: Uint8Array.from({ length: 16 * all.length }, (_, i) => Math.floor(i / 16) + 1),
    },
    profiles: {
      series: order.map((i) => all[i][0]),
      push: order,
      run: order,
      // The second family has its values in its second column.
      column: order.map((i) => (i < rows.length ? 0 : 1)),
      total: new BigInt64Array(all.length),
    },
    families: [familyOf(rows, 0, spans), familyOf(other, 1, noSpans)],
  };
}

function timeOrder(rows: readonly Row[], a: number, b: number): number {
  return Number(rows[a][1] - rows[b][1]);
}

function familyOf(rows: readonly Row[], column: number, spans: SpanColumns): FamilySamples {
  const sampleOffsets = new Uint32Array(rows.length + 1);
  for (const [row, [, , count]] of rows.entries()) sampleOffsets[row + 1] = sampleOffsets[row] + count;
  const count = sampleOffsets[rows.length];
  if (count === 0) return { sampleOffsets, stack: new Uint32Array(0), values: [], spans };
  const stack = Uint32Array.from({ length: count }, (_, i) => i % STACKS);
  const value = BigInt64Array.from({ length: count }, (_, i) => BigInt(i));
  const values = column === 0 ? [value] : [new BigInt64Array(count).fill(777n), value];
  return { sampleOffsets, stack, values, spans };
}

/** Encodes the dataset, and selects in what was read of it. */
function selectedOf(columns: DatasetColumns, change: Partial<ProfileSelection>) {
  const space = columns.families.map(() => ({ sampledStackCount: STACKS, nodeCount: 0 }));
  const block = encodedDataset(encodeDataset({ service: 'shop', columns, space }).bytes);
  const pages = freshPages(kernels, block);
  const dataset = new BlockDataset(pages, block.table);
  const selection = { ...everything, ...change };
  const matcher = new SeriesMatcher(selection.matchers);
  const rows: SelectedRows | undefined = runSteps(profilesOf(dataset, matcher, selection));
  return { pages, dataset, rows, selection };
}

function rowsOf(columns: DatasetColumns, change: Partial<ProfileSelection>): number[] | undefined {
  const { rows } = selectedOf(columns, change);
  return rows && [...rows.rows];
}

/** Sums per stack of the samples that are selected of a family. */
function sumsOf(columns: DatasetColumns, change: Partial<ProfileSelection>, family = 0): BigInt64Array {
  const { pages, dataset, rows, selection } = selectedOf(columns, change);
  const sums = new FamilySums(pages, family, STACKS);
  const ranges =
    rows === undefined ? [] : (runSteps(rows.sampleRanges(runSteps(dataset.sampleOffsets()))).get(family) ?? []);
  const spans = spanTestOf(selection);
  if (spans === undefined) runSteps(sums.add(dataset, ranges));
  else runSteps(sums.addSpans(dataset, ranges, spans));
  return kernels.takeI64(sums.sums, STACKS);
}

/** What the samples of these ranges sum to. */
function sumOf(...ranges: readonly (readonly [start: number, end: number])[]): BigInt64Array {
  const sums = new BigInt64Array(STACKS);
  for (const [start, end] of ranges) for (let i = start; i < end; i++) sums[i % STACKS] += BigInt(i);
  return sums;
}

const MS = 1_000_000n;
const pod = (value: string): Partial<ProfileSelection> => ({ matchers: [{ name: 'pod', operator: '=', value }] });

describe('the profiles of a query', () => {
  const dataset = datasetOf([
    [0, 10n * MS, 2],
    [0, 20n * MS, 3],
    [1, 15n * MS, 4],
  ]);

  test('are the rows of the series that satisfy the matchers', () => {
    deepEqual(rowsOf(dataset, {}), [0, 1, 2]);
    deepEqual(rowsOf(dataset, pod('a')), [0, 1]);
    deepEqual(rowsOf(dataset, pod('b')), [2]);
    equal(rowsOf(dataset, pod('c')), undefined);
  });

  test('are those at both ends of the range too, and none a nanosecond outside', () => {
    deepEqual(rowsOf(dataset, { startMs: 10, endMs: 15 }), [0, 2]);
    deepEqual(rowsOf(dataset, { startMs: 11, endMs: 19 }), [2]);
    deepEqual(rowsOf(dataset, { startMs: 10.5, endMs: 19.5 }), [2]);
    const late = datasetOf([[0, 20n * MS + 1n, 1]]);
    deepEqual(rowsOf(late, { startMs: 0, endMs: 20 }), []);
    deepEqual(rowsOf(late, { startMs: 20, endMs: 21 }), [0]);
  });

  test('are only those that are named, if any are', () => {
    const idOf = (row: number): Uint8Array => new Uint8Array(16).fill(row + 1);

    deepEqual(rowsOf(dataset, { profileIds: [idOf(1), idOf(2), idOf(7)] }), [1, 2]);
    deepEqual(rowsOf(dataset, { profileIds: [idOf(7)] }), []);
    deepEqual(rowsOf(dataset, { ...pod('a'), profileIds: [idOf(1), idOf(2)] }), [1]);
  });
});

describe('the samples of a query', () => {
  test('are those of the runs of the selected rows, and no others', () => {
    const dataset = datasetOf([
      [0, 1n, 2],
      [1, 3n, 4],
      [0, 2n, 3],
    ]);

    deepEqual(sumsOf(dataset, pod('a')), sumOf([0, 2], [6, 9]));
    deepEqual(sumsOf(dataset, pod('b')), sumOf([2, 6]));
    deepEqual(sumsOf(dataset, pod('c')), sumOf());
    deepEqual(sumsOf(dataset, {}), sumOf([0, 9]));
  });

  test('are not those of rows outside of the time', () => {
    const dataset = datasetOf([
      [0, 5n * MS, 3],
      [0, 50n * MS, 3],
      [1, 7n * MS, 3],
    ]);

    deepEqual(sumsOf(dataset, { startMs: 0, endMs: 10 }), sumOf([0, 3], [6, 9]));
  });

  test('are of the family of their run, and of the value column of their row', () => {
    const first: Row[] = [
      [0, 1n, 2],
      [1, 2n, 2],
    ];
    const dataset = datasetOf(first, noSpans, [
      [1, 3n, 4],
      [0, 4n, 5],
    ]);

    deepEqual(sumsOf(dataset, {}), sumOf([0, 4]));
    deepEqual(sumsOf(dataset, {}, 1), sumOf([0, 9]));
    deepEqual(sumsOf(dataset, pod('a'), 1), sumOf([4, 9]));
    const { dataset: alone, rows } = selectedOf(datasetOf(first), {});
    ok(rows !== undefined);
    equal(runSteps(rows.sampleRanges(runSteps(alone.sampleOffsets()))).has(1), false);
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

  test('are only those of the spans and traces that are named', () => {
    const trace = new Uint8Array(16).fill(5);

    deepEqual(sumsOf(traced, { spanIds: [7n, 8n] }), sumOf([1, 2], [4, 5]));
    deepEqual(sumsOf(traced, { traceIds: [trace] }), sumOf([3, 5]));
    deepEqual(sumsOf(traced, { spanIds: [8n], traceIds: [trace] }), sumOf([4, 5]));
    deepEqual(sumsOf(traced, { ...pod('a'), spanIds: [7n, 8n] }), sumOf([1, 2]));
    deepEqual(sumsOf(traced, { ...pod('a'), traceIds: [trace] }), sumOf());
    deepEqual(sumsOf(traced, { ...pod('b'), traceIds: [trace] }), sumOf([3, 5]));
  });

  test('are found by their span wherever they are', () => {
    const sample = Uint32Array.of(5, 65_535, 65_536, 150_000, 299_999);
    const spanId = BigUint64Array.of(7n, 7n, 6n, 7n, 7n);
    const dataset = datasetOf([[0, 1n, 300_000]], { sample, spanId, traceId: new Uint8Array(80) });

    const expected = sumOf([5, 6], [65_535, 65_536], [150_000, 150_001], [299_999, 300_000]);
    deepEqual(sumsOf(dataset, { spanIds: [7n] }), expected);
  });

  test('are of no span when they have no id, whatever is asked for', () => {
    deepEqual(sumsOf(traced, { spanIds: [0n] }), sumOf());
  });

  test('are none for a query that names spans where a family has none', () => {
    deepEqual(sumsOf(datasetOf([[0, 1n, 3]]), { spanIds: [7n] }), sumOf());
  });
});
