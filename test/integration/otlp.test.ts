import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { otlpAnswerBytes } from '#src/transports/http/otlp-answer.ts';
import { otlpJson, otlpMessage, otlpProto, otlpProtoOf19 } from '../fixtures/otlp-message.ts';
import { redatedOtlp } from '../fixtures/redated-otlp.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';

// OTLP goes in as clients send it and comes back whole. The totals of what was captured are those that a Pyroscope server
// returned, save those of native frames, which it leaves out: they are the sum of the values that were sent.

const CAPTURED = [
  [
    'java-agent-otlp',
    'unknown_service',
    'itimer:itimer:ns:itimer:ns',
    { total: 5_850_000_000n, levels: 62, nodes: 3137 },
  ],
  [
    'otlp-cpu-spans',
    'example.otlp.go',
    'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
    { total: 30_170_000_000n, levels: 73, nodes: 5083 },
  ],
  ['otlp-cpu-spans', 'example.otlp.go', 'cpu:cpu:nanoseconds:cpu:nanoseconds', { total: 30_170_000_000n }],
  ['otlp-ebpf-unsymbolised', 'example.otlp.ebpf', 'cpu:cpu:nanoseconds:cpu:nanoseconds', { total: 10_140_561_600n }],
] as const;

const NO_VALUE = 'the OTLP profile cannot be converted: a sample has neither values nor timestamps';

const PROTOBUF = { 'content-type': 'application/x-protobuf' };

describe('OTLP', () => {
  const kiln = kilnOfSuite(['--otlp.attribute-labels=app.name=service_name,k8s.*=k8s_*,process.*=']);

  before(async () => {
    for (const file of new Set(CAPTURED.map(([name]) => name))) {
      const captured = gunzipSync(readFileSync(new URL(`../data/requests/${file}.pb.gz`, import.meta.url)));
      const body = gzipSync(redatedOtlp(captured, Date.now() - 60_000));
      const headers = { ...PROTOBUF, 'content-encoding': 'gzip' };
      const reply = await kiln.client.post('/v1development/profiles', body, headers);
      equal(reply.status, 200, reply.body.toString());
      equal(reply.body.length, 0);
    }
  });

  for (const [file, service, profileType, expected] of CAPTURED) {
    test(`${file} comes back as ${profileType}`, async () => {
      const { total, levels, nodes } = await kiln.client.flamegraph(service, profileType);
      deepEqual({ total, levels, nodes }, { levels, nodes, ...expected });
      ok(nodes > 1000);
    });
  }

  test('spans are found by the ids of links', async () => {
    type Answer = { flamegraph: { total?: string } };
    const totalOf = async (span: string): Promise<string | undefined> => {
      const request = {
        ...{ profileTypeID: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', spanSelector: [span] },
        labelSelector: '{service_name="example.otlp.go"}',
      };
      return (await kiln.client.query<Answer>('SelectMergeStacktraces', request)).flamegraph.total;
    };
    ok(Number(await totalOf('cea0e71a9ce669a0')) > 0);
    equal(Number((await totalOf('0123456789abcdef')) ?? 0), 0);
  });

  test('attributes become the labels of the rules', async () => {
    const message = otlpMessage([{ samples: [{ stack: 'main;work', values: [3] }] }], {
      ...{ 'app.name': 'ruled', 'service.name': 's', 'k8s.pod.name': 'p', 'process.pid': 7 },
    });

    const reply = await kiln.client.post('/v1development/profiles', otlpJson(message), {
      'content-type': 'application/json',
    });

    equal(reply.status, 200, reply.body.toString());
    type Series = { labelsSet: { labels: { name: string; value: string }[] }[] };
    const path = '/querier.v1.QuerierService/Series';
    const request = {
      start: Date.now() - 3_600_000,
      end: Date.now() + 3_600_000,
      matchers: ['{service_name="ruled"}'],
    };
    const headers = { 'content-type': 'application/json', accept: '*/*;allow-utf8-labelnames=true' };
    const answer = JSON.parse(
      (await kiln.client.post(path, JSON.stringify(request), headers)).body.toString(),
    ) as Series;
    deepEqual(
      answer.labelsSet[0]?.labels
        .filter(({ name }) => !name.startsWith('__'))
        .map(({ name, value }) => `${name}=${value}`),
      ['k8s_pod.name=p', 'service.name=s', 'service_name=ruled'],
    );
  });

  test('frames are called by their function, its system name, or module and offset', async () => {
    const { resourceProfiles, dictionary } = otlpMessage([{ samples: [{ stack: 'c;b;a', values: [1] }] }], {
      'service.name': 'frames',
    });
    const strings = [...dictionary.stringTable, '_Zmangled', '/lib/libx.so'];
    const frame = (functionIndex: number) => ({ mappingIndex: 1, address: 0x1034, lines: [{ functionIndex }] });
    const message = {
      resourceProfiles,
      dictionary: {
        ...dictionary,
        stringTable: strings,
        mappingTable: [{}, { memoryStart: 0x1000, filenameStrindex: strings.length - 1 }],
        functionTable: [...dictionary.functionTable, { systemNameStrindex: strings.length - 2 }, { startLine: 3 }],
        locationTable: [{}, frame(1), frame(4), frame(5)],
      },
    };

    const reply = await kiln.client.post('/v1development/profiles', otlpProto(message), PROTOBUF);

    equal(reply.status, 200, reply.body.toString());
    const { totalByName } = await kiln.client.flamegraph('frames', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds');
    deepEqual([...totalByName.keys()].sort(), ['_Zmangled', 'a', 'libx.so+0x34', 'total']);
  });

  test('what is wrong with samples of one service is told, and those of the others are stored', async () => {
    const of = (service: string) => ({
      ...{ stack: 'a', values: [1] },
      attributes: { 'service.name': { stringValue: service } },
    });
    const message = otlpMessage([{ samples: [of('good1'), of('x'.repeat(3000))] }]);

    const { status, body } = await kiln.client.post('/v1development/profiles', otlpProto(message), PROTOBUF);

    equal(status, 200);
    match(
      body.toString(),
      /the value of label "service_name" has more bytes than --validation\.max-length-label-value: limit 2048, actual 3000/,
    );
    equal(await kiln.client.total('good1', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds'), 10n);
  });

  test('a resource with a broken name costs its own profiles, and those of the others are stored', async () => {
    const of = (service: string) =>
      otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], { 'service.name': service });
    const resourceProfiles = [...of('MARK').resourceProfiles, ...of('beside').resourceProfiles];
    const message = Buffer.from(otlpProto({ ...of(''), resourceProfiles }));
    message[message.indexOf('MARK')] = 0xff;

    const { status, body } = await kiln.client.post('/v1development/profiles', message, PROTOBUF);

    equal(status, 200);
    match(body.toString(), /the value of an attribute that becomes a label is not UTF-8: ff41524b \(hex\)/);
    equal(await kiln.client.total('beside', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds'), 10n);
  });

  test('messages of older releases, and JSON whose lists nobody knows, are refused by name', async () => {
    const attributes = { thread: { stringValue: 'main' } };
    const older = otlpMessage([{ samples: [{ stack: 'a', values: [1], attributes }] }], { 'service.name': 'older' });

    const proto = await kiln.client.post('/v1development/profiles', otlpProtoOf19(older), PROTOBUF);
    deepEqual([proto.status, /OTLP 1\.9 and older/.test(proto.body.toString())], [400, true]);

    const json = Buffer.from(otlpJson(older)).toString().replace('"samples":', '"sample":');
    const { status, body } = await kiln.client.post('/v1development/profiles', json, {
      'content-type': 'application/json',
    });
    equal(status, 400);
    match(body.toString(), /an element of profiles has no samples, but "sample", which is no field of OTLP/);
  });

  test('a profile of JSON whose list nobody knows costs none of the others', async () => {
    const profile = { samples: [{ stack: 'a', values: [1] }] };
    const message = otlpMessage([profile, profile], { 'service.name': 'known' });
    const json = Buffer.from(otlpJson(message)).toString().replace('"samples":', '"newList":');

    const { status, body } = await kiln.client.post('/v1development/profiles', json, {
      'content-type': 'application/json',
    });

    equal(status, 200);
    const { partialSuccess } = JSON.parse(body.toString());
    equal(partialSuccess.rejectedProfiles, '1');
    match(
      partialSuccess.errorMessage,
      /an element of profiles has no samples, but "newList", which is no field of OTLP/,
    );
    equal(await kiln.client.total('known', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds'), 10n);
  });

  test('what is wrong with some profiles is told, and the others are stored', async () => {
    const sample = { stack: 'a', values: [1] };
    const message = otlpMessage(
      [{ samples: [{ stack: 'a' }] }, { samples: [sample] }, { timeNanos: 1_000_000_000n, samples: [sample] }],
      { 'service.name': 'partial' },
    );

    const { status, body } = await kiln.client.post('/v1development/profiles', otlpProto(message), PROTOBUF);

    equal(status, 200);
    const rejected = { rejectedProfiles: 2, message: NO_VALUE };
    deepEqual(body, Buffer.from(otlpAnswerBytes(rejected, 'proto')));
    equal(await kiln.client.total('partial', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds'), 10n);
  });

  test('where nothing is stored, the answer does not hang on the order of the profiles', async () => {
    const sample = { stack: 'a', values: [1] };
    const statusOf = async (types: readonly string[]): Promise<number> => {
      const message = otlpMessage(types.map((type) => ({ type, samples: [sample] })));
      for (const { samples } of message.resourceProfiles[0].scopeProfiles[0].profiles)
        samples[0].attributeIndices = [9];
      return (await kiln.client.post('/v1development/profiles', otlpProto(message), PROTOBUF)).status;
    };

    equal(await statusOf(['x/count', 'y/count']), 200);
    equal(await statusOf(['x/count', 'y:z/count']), 400);
    equal(await statusOf(['y:z/count', 'x/count']), 400);
  });
});
