import { deepEqual, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { jfrChunk } from '../fixtures/jfr-builder.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';

// Recordings go in as agents send them and come back whole: nodes and levels are those that a Pyroscope server returned,
// totals are what `jfr print` shows (docs/differences.md says where Pyroscope's are larger).

const corpus = new URL('../data/corpus/', import.meta.url);
const file = (name: string): Buffer => readFileSync(new URL(name, corpus));

type Expected = Record<string, { total: bigint; nodes: number; levels: number }>;

const MULTI: Expected = {
  'block:contentions:count:block:count': { total: 27n, nodes: 68, levels: 26 },
  'block:delay:nanoseconds:block:count': { total: 332_616_876n, nodes: 68, levels: 26 },
  'memory:alloc_in_new_tlab_bytes:bytes:space:bytes': { total: 6_176_117_152n, nodes: 8420, levels: 65 },
  'memory:alloc_in_new_tlab_objects:count:space:bytes': { total: 23_560n, nodes: 8420, levels: 65 },
  'mutex:contentions:count:mutex:count': { total: 250n, nodes: 279, levels: 41 },
  'mutex:delay:nanoseconds:mutex:count': { total: 5_994_250_080n, nodes: 279, levels: 41 },
  'process_cpu:cpu:nanoseconds:cpu:nanoseconds': { total: 15_850_000_000n, nodes: 6311, levels: 93 },
  'wall:wall:nanoseconds:wall:nanoseconds': { total: 76_310_000_000n, nodes: 6919, levels: 92 },
};
const CPU: Expected = {
  'process_cpu:cpu:nanoseconds:cpu:nanoseconds': { total: 42_310_000_000n, nodes: 11_876, levels: 110 },
};
const JDK: Expected = {
  'process_cpu:cpu:nanoseconds:cpu:nanoseconds': { total: 3_610_000_000n, nodes: 1721, levels: 62 },
};
const WALL: Expected = {
  'process_cpu:cpu:nanoseconds:cpu:nanoseconds': { total: 26_050_000_000n, nodes: 8962, levels: 109 },
  'wall:wall:nanoseconds:wall:nanoseconds': { total: 148_500_000_000n, nodes: 10_439, levels: 109 },
};

describe('JFR on /ingest', () => {
  const kiln = kilnOfSuite();

  const post = (name: string, body: Uint8Array, contentType = 'application/octet-stream', sampleRate = 100) =>
    kiln.client.post(
      `/ingest?format=jfr&spyName=javaspy&sampleRate=${sampleRate}&name=${encodeURIComponent(name)}`,
      body,
      { 'content-type': contentType },
    );

  async function comesBack(service: string, expected: Expected): Promise<void> {
    deepEqual(await kiln.client.profileTypes(service), Object.keys(expected));
    for (const [profileType, reference] of Object.entries(expected)) {
      const { total, nodes, levels } = await kiln.client.flamegraph(service, profileType);
      deepEqual({ total, nodes, levels }, reference, profileType);
    }
  }

  for (const [name, expected] of Object.entries({ 'java-cpu': CPU, 'java-multi': MULTI, 'java-jdk': JDK })) {
    test(`${name} comes back from a bare body`, async () => {
      const { status } = await post(`raw-${name}`, gunzipSync(file(`${name}.jfr.gz`)));

      equal(status, 200);
      await comesBack(`raw-${name}`, expected);
    });
  }

  test('the recording of an agent comes back from a form, with its labels', async () => {
    const files = { jfr: file('java-agent-wall.jfr.gz'), labels: file('java-agent-wall.labels.gz') };
    const { body, contentType } = formOf(files);

    const { status } = await post('shop.java{region=eu}', body, contentType);

    equal(status, 200);
    await comesBack('shop.java', WALL);
    type Answer = { names: string[] };
    const { names } = await kiln.client.query<Answer>('LabelValues', {
      name: 'endpoint',
      matchers: ['{service_name="shop.java", region="eu", jfr_event="wall"}'],
    });
    deepEqual(names, ['/contend', '/index', '/search', '/sql']);
  });

  test('events without frames count in time series, and stacktraces with a negative sum nowhere', async () => {
    const recording = jfrChunk({
      events: [
        { event: 'jdk.ExecutionSample', stack: 'A.a' },
        { event: 'jdk.ExecutionSample', stack: '' },
        { event: 'jdk.ExecutionSample', stack: '' },
        { event: 'jdk.ObjectAllocationSample', stack: 'A.a', weight: 100 },
        { event: 'jdk.ObjectAllocationSample', stack: 'A.a', weight: -1 },
        { event: 'jdk.ObjectAllocationSample', stack: '', weight: 1000 },
        { event: 'jdk.ObjectAllocationSample', stack: 'C.c', weight: -5 },
      ],
    });

    equal((await post('frameless', recording)).status, 200);

    const totals = await Promise.all(
      [
        'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
        'memory:alloc_sample_objects:count:space:bytes',
        'memory:alloc_sample_bytes:bytes:space:bytes',
      ].map(async (type) => [
        await kiln.client.total('frameless', type),
        await kiln.client.seriesTotal('frameless', type),
      ]),
    );
    deepEqual(totals, [
      [10_000_000n, 30_000_000],
      [2n, 3],
      [99n, 1099],
    ]);
  });

  test('a malformed recording is 422, with what is wrong and where', async () => {
    const recording = gunzipSync(file('java-jdk.jfr.gz'));
    const cases: [Uint8Array, RegExp][] = [
      [Buffer.from('no recording'), /a chunk begins with 68 bytes, and there are 12, at offset 0/],
      [recording.subarray(0, 100_000), /the size of a chunk is 317411, which is not from 68 to 100000, at offset 8/],
      [Buffer.concat([recording, Buffer.alloc(80)]), /begins with 0x00000000, not with 0x464c5200 .*at offset 317411/],
      [file('java-jdk.jfr.gz'), /it is gzip, which only a file of a form may be/],
    ];
    for (const [body, message] of cases) {
      const reply = await post('broken', body);
      equal(reply.status, 422);
      match((JSON.parse(reply.body.toString()) as { message: string }).message, message);
    }
    deepEqual(await kiln.client.profileTypes('broken'), []);
  });

  test('a sample rate over a billion is 422 where there are samples of time, and nothing to allocations', async () => {
    const allocation = { event: 'jdk.ObjectAllocationInNewTLAB', stack: 'A.a', tlabSize: 7 } as const;
    const sample = { event: 'profiler.WallClockSample', stack: 'A.a', samples: 1 } as const;
    const postAt = (events: Parameters<typeof jfrChunk>[0]['events']) =>
      post('fast', jfrChunk({ events }), undefined, 2_000_000_000);

    const refused = await postAt([allocation, sample]);

    equal(refused.status, 422);
    match(refused.body.toString(), /sampleRate: at most 1000000000, .*actual 2000000000/);
    deepEqual(await kiln.client.profileTypes('fast'), []);
    equal((await postAt([allocation])).status, 200);
    equal(await kiln.client.total('fast', 'memory:alloc_in_new_tlab_bytes:bytes:space:bytes'), 7n);
  });

  test('an empty body is nothing to store', async () => {
    equal((await post('empty', new Uint8Array(0))).status, 200);
  });
});

function formOf(files: Readonly<Record<string, Uint8Array>>): { body: Uint8Array; contentType: string } {
  const boundary = 'b0undary';
  const parts = Object.entries(files).flatMap(([name, data]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}"\r\n\r\n`),
    data,
    Buffer.from('\r\n'),
  ]);
  const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
  return { body, contentType: `multipart/form-data; boundary=${boundary}` };
}
