import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseProfileType } from '#src/domain/model/profile-type.ts';
import {
  encodeNamesJson,
  encodeNamesProto,
  encodeProfileTypesJson,
  encodeProfileTypesProto,
  encodeSeriesLabelsJson,
  encodeSeriesLabelsProto,
} from '#src/domain/query/encode-labels.ts';
import { readMessage } from '../pprof/read-message.ts';

const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString();
const fields = (pieces: readonly Uint8Array[]) => readMessage(Buffer.concat(pieces));
const strings = (bytes: Uint8Array) =>
  readMessage(bytes).map((field) => [field.field, Buffer.from(field.bytes).toString()]);

describe('names', () => {
  test('are field 1', () => {
    deepEqual(strings(Buffer.concat(encodeNamesProto(['a', 'é']))), [
      [1, 'a'],
      [1, 'é'],
    ]);
    equal(text(encodeNamesJson(['a', '"'])), '{"names":["a","\\""]}');
  });

  test('may be none', () => {
    equal(text(encodeNamesProto([])), '');
    equal(text(encodeNamesJson([])), '{}');
  });

  test('may be many, in pieces', () => {
    const names = Array.from({ length: 50_000 }, (_, i) => `name_${i}`);
    const pieces = encodeNamesJson(names);
    equal(pieces.length > 5, true);
    deepEqual(JSON.parse(text(pieces)).names, names);
  });
});

test('series are field 2, and an empty label set is an empty message', () => {
  const sets = [[{ name: 'a', value: 'b' }], [], [{ name: 'c', value: '' }]];
  const written = fields(encodeSeriesLabelsProto(sets));
  deepEqual(
    written.map(({ field }) => field),
    [2, 2, 2],
  );
  deepEqual(strings(readMessage(written[0].bytes)[0].bytes), [
    [1, 'a'],
    [2, 'b'],
  ]);
  equal(
    text(encodeSeriesLabelsJson(sets)),
    '{"labelsSet":[{"labels":[{"name":"a","value":"b"}]},{},{"labels":[{"name":"c"}]}]}',
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
