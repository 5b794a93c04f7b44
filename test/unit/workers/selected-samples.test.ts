import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type DatasetColumns,
  type FamilySamples,
  noSpans,
  type SpanColumns,
} from '#src/domain/block/dataset-columns.ts';
import type { SampleRange } from '#src/kernels/stack-sums.ts';
import type { ProfileSelection } from '#src/workers/query-messages.ts';
import { selectedRuns, selectProfiles, takeSamples } from '#src/workers/selected-samples.ts';
import { labelList } from '../../fixtures/labels.ts';
import { CPU_TYPE } from '../../fixtures/segments.ts';

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
  const order = Uint32Array.from(all, (_, i) => i).sort((a, b) => all[a][0] - all[b][0] || a - b);
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

function familyOf(rows: readonly Row[], column: number, spans: SpanColumns): FamilySamples {
  const sampleOffsets = new Uint32Array(rows.length + 1);
  for (const [row, [, , count]] of rows.entries()) sampleOffsets[row + 1] = sampleOffsets[row] + count;
  const count = sampleOffsets[rows.length];
  const stack = Uint32Array.from({ length: count }, (_, i) => i % STACKS);
  const value = BigInt64Array.from({ length: count }, (_, i) => BigInt(i));
  const values = column === 0 ? [value] : [new BigInt64Array(count).fill(-1n), value];
  return { sampleOffsets, stack, values, spans };
}

function rowsOf(dataset: DatasetColumns, selection: Partial<ProfileSelection>): readonly number[] {
  return selectProfiles(dataset, { ...everything, ...selection }).rows;
}

/** The values of the samples that were taken of a family. */
function valuesOf(dataset: DatasetColumns, change: Partial<ProfileSelection>, family = 0): bigint[] {
  const selection = { ...everything, ...change };
  const taken: SampleRange[] = [];
  const runs = selectedRuns(selectProfiles(dataset, selection)).get(family) ?? [];
  takeSamples(dataset.families[family], runs, selection, (samples) => taken.push(samples));
  for (const { stack, value } of taken) {
    deepEqual(
      [...stack],
      Array.from(value, (v) => Number(v) % STACKS),
    );
  }
  return taken.flatMap(({ value }) => [...value]);
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
  test('passes the samples of the runs of the selected rows, and no others', () => {
    const dataset = datasetOf([
      [0, 1n, 2],
      [1, 3n, 4],
      [0, 2n, 3],
    ]);

    deepEqual(valuesOf(dataset, pod('a')), [...range(0, 2), ...range(6, 9)]);
    deepEqual(valuesOf(dataset, pod('b')), range(2, 6));
    deepEqual(valuesOf(dataset, pod('c')), []);
  });

  test('leaves out the runs of rows that are outside of the time', () => {
    const dataset = datasetOf([
      [0, 5n * MS, 3],
      [0, 50n * MS, 3],
      [1, 7n * MS, 3],
    ]);

    deepEqual(valuesOf(dataset, { startMs: 0, endMs: 10 }), [...range(0, 3), ...range(6, 9)]);
  });

  test('finds runs in the family that they are of, and the value column of the row', () => {
    const first: Row[] = [
      [0, 1n, 2],
      [1, 2n, 2],
    ];
    const dataset = datasetOf(first, noSpans, [
      [1, 3n, 4],
      [0, 4n, 5],
    ]);

    deepEqual(valuesOf(dataset, {}), range(0, 4));
    deepEqual(valuesOf(dataset, {}, 1), [...range(4, 9), ...range(0, 4)]);
    deepEqual(valuesOf(dataset, pod('a'), 1), range(4, 9));
    equal(selectedRuns(selectProfiles(datasetOf(first), everything)).has(1), false);
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

    deepEqual(valuesOf(traced, { spanIds: [7n, 8n] }), [1n, 4n]);
    deepEqual(valuesOf(traced, { traceIds: [trace] }), [3n, 4n]);
    deepEqual(valuesOf(traced, { spanIds: [8n], traceIds: [trace] }), [4n]);
    deepEqual(valuesOf(traced, { ...pod('a'), spanIds: [7n, 8n] }), [1n]);
  });

  test('finds the samples of a span wherever they are', () => {
    const sample = Uint32Array.of(5, 150_000, 299_999);
    const spanId = new BigUint64Array(3).fill(7n);
    const dataset = datasetOf([[0, 1n, 300_000]], { sample, spanId, traceId: new Uint8Array(48) });

    deepEqual(valuesOf(dataset, { spanIds: [7n] }), [5n, 150_000n, 299_999n]);
  });

  test('a sample without an id is of no span, whatever is asked for', () => {
    deepEqual(valuesOf(traced, { spanIds: [0n] }), []);
  });

  test('a family without spans has nothing for a query that names some', () => {
    deepEqual(valuesOf(datasetOf([[0, 1n, 3]]), { spanIds: [7n] }), []);
  });
});
