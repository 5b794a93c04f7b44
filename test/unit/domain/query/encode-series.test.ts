import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { encodeSelectSeriesJson, encodeSelectSeriesProto } from '#src/domain/query/encode-series.ts';
import type { Series } from '#src/domain/query/series-buckets.ts';
import { readMessage } from '../pprof/read-message.ts';

const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString();

const series: Series = {
  labels: [{ name: 'pod', value: 'a' }],
  timeMs: Float64Array.of(1_000, 2_000),
  value: BigInt64Array.of(400n, 0n),
  exemplars: [],
};
const exemplar = { timeMs: 987, profileId: 'id', value: 300n, labels: [{ name: 'env', value: 'p' }] };

test('a series is its labels and points, without zeros', () => {
  equal(
    text(runSteps(encodeSelectSeriesJson([series]))),
    '{"series":[{"labels":[{"name":"pod","value":"a"}],"points":[{"value":400,"timestamp":"1000"},{"timestamp":"2000"}]}]}',
  );
  const [written] = readMessage(Buffer.concat(runSteps(encodeSelectSeriesProto([series]))));
  equal(written.field, 1);
  const parts = readMessage(written.bytes);
  deepEqual(
    parts.map(({ field }) => field),
    [1, 2, 2],
  );
  const [value, time] = readMessage(parts[1].bytes);
  equal(Buffer.from(value.bytes).readDoubleLE(), 400);
  equal(time.value, 1_000n);
  deepEqual(
    readMessage(parts[2].bytes).map((field) => [field.field, field.value]),
    [[2, 2_000n]],
  );
});

test('an exemplar is on its point', () => {
  const one = { ...series, timeMs: Float64Array.of(1_000), value: BigInt64Array.of(400n), exemplars: [exemplar] };
  equal(
    text(runSteps(encodeSelectSeriesJson([{ ...one, labels: [] }]))),
    '{"series":[{"points":[{"value":400,"timestamp":"1000","exemplars":[' +
      '{"timestamp":"987","profileId":"id","value":"300","labels":[{"name":"env","value":"p"}]}]}]}]}',
  );
  const [written] = readMessage(Buffer.concat(runSteps(encodeSelectSeriesProto([{ ...one, labels: [] }]))));
  const [point] = readMessage(written.bytes);
  const written4 = readMessage(point.bytes).find(({ field }) => field === 4);
  const fields = readMessage(written4?.bytes ?? new Uint8Array(0));
  deepEqual(
    fields.map(({ field }) => field),
    [1, 2, 4, 5],
  );
  equal(fields[2].value, 300n);
});

test('values are doubles, and lose what doubles lose', () => {
  const large = { ...series, timeMs: Float64Array.of(1), value: BigInt64Array.of(4620693217682128897n) };
  equal(
    JSON.parse(text(runSteps(encodeSelectSeriesJson([large])))).series[0].points[0].value,
    Number(4620693217682128897n),
  );
});

test('no series is an empty message', () => {
  equal(text(runSteps(encodeSelectSeriesJson([]))), '{}');
  equal(text(runSteps(encodeSelectSeriesProto([]))), '');
});

test('very many points are written in steps', () => {
  const n = 30_000;
  const points = { timeMs: Float64Array.from({ length: n }, (_, i) => i + 1), value: new BigInt64Array(n).fill(1n) };
  const all = [{ labels: [], ...points, exemplars: [] }];
  for (const steps of [encodeSelectSeriesJson(all), encodeSelectSeriesProto(all)]) {
    let pauses = 0;
    while (!steps.next().done) pauses++;
    ok(pauses >= 7, `${pauses} pauses`);
  }
});
