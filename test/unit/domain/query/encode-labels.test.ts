import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseProfileType } from '#src/domain/model/profile-type.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import {
  encodeNamesJson,
  encodeNamesProto,
  encodeProfileTypesJson,
  encodeProfileTypesProto,
  encodeSeriesLabelsJson,
  encodeSeriesLabelsProto,
} from '#src/domain/query/encode-labels.ts';
import { columnsOf } from '../../../fixtures/label-set-columns.ts';
import { readMessage } from '../pprof/read-message.ts';

const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString();
const fields = (pieces: readonly Uint8Array[]) => readMessage(Buffer.concat(pieces));
const strings = (bytes: Uint8Array) =>
  readMessage(bytes).map((field) => [field.field, Buffer.from(field.bytes).toString()]);

describe('names', () => {
  test('are field 1', () => {
    deepEqual(strings(Buffer.concat(runSteps(encodeNamesProto(namesOf(['a', 'é']))))), [
      [1, 'a'],
      [1, 'é'],
    ]);
    equal(text(runSteps(encodeNamesJson(namesOf(['a', '"'])))), '{"names":["a","\\""]}');
  });

  test('may be none', () => {
    equal(text(runSteps(encodeNamesProto(namesOf([])))), '');
    equal(text(runSteps(encodeNamesJson(namesOf([])))), '{}');
  });

  test('may be many, in pieces', () => {
    const names = Array.from({ length: 50_000 }, (_, i) => `name_${i}`);
    const pieces = runSteps(encodeNamesJson(namesOf(names)));
    equal(pieces.length > 5, true);
    deepEqual(JSON.parse(text(pieces)).names, names);
  });
});

test('series are field 2, their labels field 1, and an empty text is left out', () => {
  const sets = columnsOf([[{ name: 'a', value: 'b' }], [{ name: 'c', value: '' }], [{ name: 'é"', value: '\n' }]]);
  const written = fields(runSteps(encodeSeriesLabelsProto(sets)));
  deepEqual(
    written.map(({ field }) => field),
    [2, 2, 2],
  );
  deepEqual(strings(readMessage(written[0].bytes)[0].bytes), [
    [1, 'a'],
    [2, 'b'],
  ]);
  equal(
    text(runSteps(encodeSeriesLabelsJson(sets))),
    '{"labelsSet":[{"labels":[{"name":"a","value":"b"}]},{"labels":[{"name":"c"}]},{"labels":[{"name":"é\\"","value":"\\n"}]}]}',
  );
});

test('many names and label sets are written in steps, of JSON and protobuf alike', () => {
  const values = Array.from({ length: 40_000 }, (_, i) => `value ${i}`);
  const names = namesOf(values);
  const sets = columnsOf(values.map((value) => [{ name: 'pod', value }]));
  const pausesOf = (steps: Steps<unknown>): number => {
    let pauses = 0;
    while (!steps.next().done) pauses++;
    return pauses;
  };

  equal(pausesOf(encodeNamesProto(names)) >= 2, true);
  equal(pausesOf(encodeNamesJson(names)) >= 2, true);
  equal(pausesOf(encodeSeriesLabelsProto(sets)) >= 3, true);
  equal(pausesOf(encodeSeriesLabelsJson(sets)) >= 6, true);
  const written = fields(runSteps(encodeSeriesLabelsProto(sets)));
  deepEqual(
    written.map(({ bytes }) => strings(readMessage(bytes)[0].bytes)),
    values.map((value) => [
      [1, 'pod'],
      [2, value],
    ]),
  );
});

test('profile types skip number 3 and leave empty parts out', () => {
  const type = parseProfileType('memory:alloc:bytes::');
  if (!type) throw new Error('no profile type');
  deepEqual(strings(fields(encodeProfileTypesProto([type]))[0].bytes), [
    [1, 'memory:alloc:bytes::'],
    [2, 'memory'],
    [4, 'alloc'],
    [5, 'bytes'],
  ]);
  equal(
    text(encodeProfileTypesJson([type])),
    '{"profileTypes":[{"ID":"memory:alloc:bytes::","name":"memory","sampleType":"alloc","sampleUnit":"bytes"}]}',
  );
});
