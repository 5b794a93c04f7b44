import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  DiffRequestSchema,
  SelectMergeProfileRequestSchema,
  SelectMergeStacktracesRequestSchema,
  SelectSeriesRequestSchema,
} from '#src/transports/gen/querier/v1/querier_pb.ts';
import {
  decodeDiff,
  decodeLabelNames,
  decodeLabelValues,
  decodeProfileTypes,
  decodeSelectMergeProfile,
  decodeSelectMergeSpanProfile,
  decodeSelectMergeStacktraces,
  decodeSelectSeries,
  decodeSeries,
} from '#src/transports/http/querier-codec.ts';

const json = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const proto = <Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Uint8Array =>
  toBinary(schema, create(schema, init));

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';

describe('requests of labels', () => {
  test('are read from JSON, with numbers as texts or numbers', () => {
    deepEqual(decodeProfileTypes(json({ start: '1', end: 2 }), 'json'), { startMs: 1, endMs: 2 });
    deepEqual(decodeLabelNames(json({ matchers: ['{a="b"}'], start: 1, end: 2 }), 'json'), {
      startMs: 1,
      endMs: 2,
      matchers: ['{a="b"}'],
    });
    deepEqual(decodeLabelValues(json({ name: 'x' }), 'json'), { startMs: 0, endMs: 0, name: 'x', matchers: [] });
    deepEqual(decodeSeries(json({ labelNames: ['a'] }), 'json'), {
      startMs: 0,
      endMs: 0,
      matchers: [],
      labelNames: ['a'],
    });
  });

  test('quote a number of any size as it was sent', () => {
    for (const digits of ['9223372036854775808', '123456789012345678901234567890']) {
      throws(() => decodeProfileTypes(json(`{"start":${digits},"end":2}`), 'json'), {
        code: 'invalid-argument',
        message: new RegExp(`: ${digits} out of range`),
      });
    }
  });

  test('may be empty in binary form', () => {
    deepEqual(decodeProfileTypes(new Uint8Array(0), 'proto'), { startMs: 0, endMs: 0 });
  });
});

describe('decodeSelectMergeStacktraces', () => {
  const minimal = { startMs: 1, endMs: 2, profileTypeId: CPU, labelSelector: '{}', maxNodes: undefined };

  test('reads what is there, and leaves out what is not', () => {
    const message = proto(SelectMergeStacktracesRequestSchema, {
      profileTypeID: CPU,
      labelSelector: '{}',
      start: 1n,
      end: 2n,
    });

    deepEqual(decodeSelectMergeStacktraces(message, 'proto'), { ...minimal, format: 'flamegraph' });
  });

  test('reads every selector', () => {
    const request = {
      profileTypeID: CPU,
      labelSelector: '{}',
      start: 1,
      end: 2,
      maxNodes: '7',
      format: 'PROFILE_FORMAT_TREE',
      stackTraceSelector: { callSite: [{ name: 'main' }, { name: 'work' }] },
      profileIdSelector: ['p'],
      spanSelector: ['s'],
      traceIdSelector: ['t'],
    };

    deepEqual(decodeSelectMergeStacktraces(json(request), 'json'), {
      ...minimal,
      maxNodes: 7,
      format: 'tree',
      stackTraceSelector: { callSite: ['main', 'work'] },
      profileIds: ['p'],
      spanIds: ['s'],
      traceIds: ['t'],
    });
  });

  test('ignores what asks for an asynchronous query, as a server without them does', () => {
    const request = {
      start: 1,
      end: 2,
      profileTypeID: CPU,
      labelSelector: '{}',
      async: { type: 'ASYNC_QUERY_TYPE_FORCE' },
    };

    deepEqual(decodeSelectMergeStacktraces(json(request), 'json'), { ...minimal, format: 'flamegraph' });
  });

  for (const [format, expected] of [
    [0, 'flamegraph'],
    [1, 'flamegraph'],
    [2, 'tree'],
    [4, 'pprof'],
    [99, 'flamegraph'],
    ['PROFILE_FORMAT_PPROF', 'pprof'],
    ['TREE', 'flamegraph'],
    [null, 'flamegraph'],
  ] as const) {
    test(`takes format ${format} for ${expected}`, () => {
      equal(decodeSelectMergeStacktraces(json({ format }), 'json').format, expected);
    });
  }

  test('says that DOT and Go PGO are not implemented', () => {
    throws(() => decodeSelectMergeStacktraces(json({ format: 3 }), 'json'), { code: 'unimplemented', message: /DOT/ });
    const pgo = { stackTraceSelector: { goPgo: { keepLocations: 5 } } };
    const refused = { code: 'unimplemented', message: /PGO/ } as const;
    throws(() => decodeSelectMergeStacktraces(json({ ...pgo, format: 4 }), 'json'), refused);
    throws(() => decodeSelectMergeProfile(json(pgo), 'json'), refused);
    equal(decodeSelectMergeStacktraces(json(pgo), 'json').format, 'flamegraph'); // Trees never looked at it.
  });

  test('reads the older form of a query for spans', () => {
    const message = json({ spanSelector: ['0102030405060708'], format: 2, start: '1', end: '2' });

    const { spanIds, format, startMs } = decodeSelectMergeSpanProfile(message, 'json');

    deepEqual({ spanIds, format, startMs }, { spanIds: ['0102030405060708'], format: 'tree', startMs: 1 });
    equal(decodeSelectMergeSpanProfile(json({ format: 4 }), 'json').format, 'flamegraph');
  });

  for (const text of [
    '{"profile_typeID":"x","label_selector":"{}","start":"1","end":"2"}',
    '{"foo":[1],"profileTypeID":"x","labelSelector":"{}","start":1,"end":2,"maxNodes":null}',
    '{"profileTypeID":"x","labelSelector":"{}","start":1e0,"end":2}',
  ]) {
    test(`reads ${text}`, () => {
      const { startMs, endMs, profileTypeId, maxNodes } = decodeSelectMergeStacktraces(json(text), 'json');

      deepEqual(
        { startMs, endMs, profileTypeId, maxNodes },
        { startMs: 1, endMs: 2, profileTypeId: 'x', maxNodes: undefined },
      );
    });
  }

  for (const text of [
    '',
    '[]',
    'null',
    '5',
    '{"start":1.5}',
    '{"start":"abc"}',
    '{"start":true}',
    '{"labelSelector":5}',
    '{"profileIdSelector":"p"}',
    '{"labelSelector":"{}","labelSelector":"{}"}',
    '{"start":1} x',
    `{"x":${'['.repeat(200)}${']'.repeat(200)}}`,
  ]) {
    test(`refuses ${text.slice(0, 60)}`, () => {
      throws(() => decodeSelectMergeStacktraces(json(text), 'json'), { code: 'invalid-argument' });
    });
  }

  test('refuses bytes that are no message, UTF-8 or JSON', () => {
    const refused = { code: 'invalid-argument' };
    throws(() => decodeSelectMergeStacktraces(Buffer.from('/////w==', 'base64'), 'proto'), refused);
    throws(() => decodeSelectMergeStacktraces(Uint8Array.of(0x22, 0xff, 0x22), 'json'), refused);
    // A quarter of a million groups, each in the other.
    throws(() => decodeSelectMergeStacktraces(new Uint8Array(256 << 10).fill(0x63), 'proto'), refused);
  });
});

describe('decodeSelectMergeProfile', () => {
  test('has no spans', () => {
    const message = proto(SelectMergeProfileRequestSchema, {
      profileTypeID: CPU,
      traceIdSelector: ['t'],
      maxNodes: 0n,
    });

    deepEqual(decodeSelectMergeProfile(message, 'proto'), {
      startMs: 0,
      endMs: 0,
      profileTypeId: CPU,
      labelSelector: '',
      maxNodes: 0,
      traceIds: ['t'],
    });
  });
});

describe('decodeSelectSeries', () => {
  test('reads every field that counts', () => {
    const message = proto(SelectSeriesRequestSchema, {
      profileTypeID: CPU,
      labelSelector: '{}',
      start: 1n,
      end: 2n,
      groupBy: ['a'],
      step: 0.5,
      limit: -3n,
      exemplarType: 2,
    });

    deepEqual(decodeSelectSeries(message, 'proto'), {
      startMs: 1,
      endMs: 2,
      profileTypeId: CPU,
      labelSelector: '{}',
      groupBy: ['a'],
      stepSeconds: 0.5,
      limit: -3,
      exemplars: 'individual',
    });
  });

  test('reads steps that are no numbers, which the querier knows what to make of', () => {
    equal(decodeSelectSeries(json({ step: 'Infinity' }), 'json').stepSeconds, Number.POSITIVE_INFINITY);
    equal(decodeSelectSeries(json('{"step":9007199254740993}'), 'json').stepSeconds, 2 ** 53);
    equal(Number.isNaN(decodeSelectSeries(json({ step: 'NaN' }), 'json').stepSeconds), true);
  });

  test('refuses an exemplar type without a name', () => {
    equal(decodeSelectSeries(json({ exemplarType: 3 }), 'json').exemplars, 'span');
    throws(() => decodeSelectSeries(json({ exemplarType: 9 }), 'json'), { code: 'invalid-argument' });
  });
});

describe('decodeDiff', () => {
  test('takes an absent side for an empty one', () => {
    const empty = { startMs: 0, endMs: 0, profileTypeId: '', labelSelector: '', maxNodes: undefined };
    const left = { profileTypeID: CPU, start: 1n };

    deepEqual(decodeDiff(proto(DiffRequestSchema, { left }), 'proto'), {
      left: { ...empty, profileTypeId: CPU, startMs: 1 },
      right: empty,
    });
  });
});
