import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readBytesMax } from '#src/domain/block/read-plan.ts';
import { StoreError } from '#src/domain/errors.ts';
import { metrics } from '#src/platform/metrics.ts';
import { QueryBackend, type QueryBackendOptions } from '#src/services/query-backend/query-backend.ts';
import type { NodeQuery, NodeReport } from '#src/workers/query-messages.ts';
import { settle } from '../../../fixtures/fake-clock.ts';
import { INGEST_NOW_MS } from '../../../fixtures/ingest.ts';
import { InlinePool } from '../../../fixtures/inline-pool.ts';
import { testKernels } from '../../../fixtures/kernels.ts';
import { textsOf } from '../../../fixtures/label-set-columns.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';
import {
  CPU_TYPE,
  cpuLabelsOf,
  FakeObjectReader,
  type ReadRequest,
  type Segment,
  segmentOf,
} from '../../../fixtures/segments.ts';
import { gate } from '../../platform/gate.ts';

const kernels = testKernels();
const stays = new AbortController().signal;
const selection = {
  startMs: INGEST_NOW_MS - 3_600_000,
  endMs: INGEST_NOW_MS + 3_600_000,
  matchers: [{ name: '__profile_type__', operator: '=' as const, value: CPU_TYPE }],
  profileIds: [],
  spanIds: [],
  traceIds: [],
};
const trees: NodeQuery = { kind: 'tree', selection, callSite: [] };
const pods: NodeQuery = { kind: 'label-values', matchers: [], name: 'pod' };

/** A segment with one profile of 40 stacktraces and 42 in total. */
function segmentNumber(number: number): Segment {
  const leaves = Array.from({ length: 39 }, (_, i) => ({ stack: `main;work;leaf${number}.${i}`, v: [1] }));
  const profile = pprof({ samples: [{ stack: 'main', v: [3] }, ...leaves] });
  return segmentOf(kernels, [{ ...cpuLabelsOf('shop', { pod: `pod-${number}` }), profile }], number);
}

const segments = [1, 2, 3, 4].map(segmentNumber);

function setUp(changed: Partial<QueryBackendOptions> = {}, before?: (request: ReadRequest) => Promise<void>) {
  const options = { readNodesMax: 2, memoryBytesMax: 64 << 20, resultBytesMax: 16 << 20, cacheBytesMax: 0, ...changed };
  const objects = new FakeObjectReader(segments, before);
  const pool = new InlinePool(kernels);
  const backend = new QueryBackend(options, { objects, pool: pool.asPool() });
  /** One read for each segment. */
  const plan = segments.map(({ meta }) => ({ blocks: [meta] }));
  return { objects, pool, backend, plan };
}

function totalOf(report: NodeReport | undefined): bigint {
  ok(report?.kind === 'tree');
  return report.tree.self.reduce((sum, value) => sum + value, 0n);
}

async function refusalsAt(limit: string): Promise<number> {
  const all = await metrics.getMetricsAsJSON();
  const refusals = all.find(({ name }) => name === 'kiln_query_backend_refused_queries_total');
  return refusals?.values.find(({ labels }) => labels['limit'] === limit)?.value ?? 0;
}

describe('QueryBackend', () => {
  test('answers with the sum of all blocks, and holds its memory until the answer is written', async () => {
    const { backend, plan } = setUp();

    const { reports, missingBlocks, release } = await backend.run([{ plan, query: trees }], stays);

    equal(totalOf(reports[0]), 4n * 42n);
    deepEqual(missingBlocks, []);
    ok(backend.memoryBytes > 1000);
    release();
    equal(backend.memoryBytes, 0);
  });

  test('runs the queries of one request together, each with its own report', async () => {
    const { backend, plan } = setUp();
    const first = plan.slice(0, 1);

    const { reports } = await backend.run(
      [
        { plan, query: pods },
        { plan: first, query: trees },
      ],
      stays,
    );

    ok(reports[0].kind === 'names');
    deepEqual(textsOf(reports[0].names).sort(), ['pod-1', 'pod-2', 'pod-3', 'pod-4']);
    equal(totalOf(reports[1]), 42n);
  });

  test('answers the same whichever block comes first', async () => {
    const profile: NodeQuery = { kind: 'profile', selection, callSite: [] };
    const answers: NodeReport[] = [];
    for (const late of [0, 3]) {
      const { backend, plan } = setUp({ readNodesMax: 4 }, async ({ path }) => {
        if (path.includes(segments[late]?.meta.id ?? '')) for (let turn = 0; turn < 20; turn++) await settle();
      });
      const { reports } = await backend.run([{ plan, query: profile }], stays);
      answers.push(...reports);
    }

    deepEqual(answers[0], answers[1]);
  });

  test('reads heads only for labels', async () => {
    const { backend, objects, plan } = setUp();

    await backend.run([{ plan, query: pods }], stays);

    equal(objects.requests.length, 4);
    equal(
      objects.bytesRead,
      segments.reduce((sum, { meta }) => sum + (meta.datasets[0]?.headBytes ?? 0), 0),
    );
  });

  for (const cacheBytesMax of [0, 1 << 20]) {
    test(`reads again what came damaged once, with a cache of ${cacheBytesMax} bytes`, async () => {
      const { backend, objects, plan } = setUp({ cacheBytesMax });
      objects.damage(1);

      const { reports } = await backend.run([{ plan, query: trees }], stays);

      equal(totalOf(reports[0]), 4n * 42n);
      objects.damage(0);
      equal(totalOf((await backend.run([{ plan, query: trees }], stays)).reports[0]), 4n * 42n);
    });

    test(`fails when it comes damaged again, and keeps nothing of it, with a cache of ${cacheBytesMax} bytes`, async () => {
      const { backend, objects, plan } = setUp({ cacheBytesMax });
      const one = plan.slice(0, 1);
      objects.damage(2);

      await rejects(backend.run([{ plan: one, query: trees }], stays), { code: 'corrupted' });

      equal(totalOf((await backend.run([{ plan: one, query: trees }], stays)).reports[0]), 42n);
    });
  }

  test('reads as many nodes at once as it may', async () => {
    const { backend, objects, plan } = setUp({ readNodesMax: 3 }, () => settle());

    await backend.run([{ plan, query: trees }], stays);

    equal(objects.runningMax, 3);
  });

  test('has as much fetched at once as there is memory for, and no more', async () => {
    const shareBytes = shareOf(segments[0] as Segment);
    const memoryBytesMax = Math.floor(2.5 * shareBytes);
    const { backend, objects, plan } = setUp(
      { readNodesMax: 4, memoryBytesMax, resultBytesMax: 1 << 20, cacheBytesMax: 0 },
      async () => {
        ok(backend.memoryBytes <= memoryBytesMax);
        await settle();
      },
    );

    const { reports } = await backend.run([{ plan, query: trees }], stays);

    equal(objects.runningMax, 2);
    equal(totalOf(reports[0]), 4n * 42n);
  });

  test('refuses a read that alone needs more than there is before it fetches anything', async () => {
    const [segment] = segments as [Segment];
    const fetchBytes = readBytesMax(segment.meta.datasets, 'trees');
    const { backend, objects } = setUp({ memoryBytesMax: fetchBytes - 1 });
    const limit = 'query-backend.memory-bytes-max';
    const before = await refusalsAt(limit);

    await rejects(backend.run([{ plan: [{ blocks: [segment.meta] }], query: trees }], stays), {
      code: 'too-large',
      message: new RegExp(
        `more memory than --.*memory-bytes-max: limit ${fetchBytes - 1} bytes.*, actual ${fetchBytes} bytes`,
      ),
      details: { limit, value: fetchBytes - 1, actual: fetchBytes },
    });

    equal(objects.requests.length, 0);
    equal(await refusalsAt(limit), before + 1);
  });

  test('refuses a result that is larger than it may be, naming limit and value', async () => {
    const limit = 'query-backend.result-bytes-max';
    const before = await refusalsAt(limit);
    const { backend, plan } = setUp({ resultBytesMax: 1000, cacheBytesMax: 0 });

    await rejects(
      backend.run([{ plan, query: { ...trees, kind: 'profile' } }], stays),
      (error) => error instanceof StoreError && error.code === 'too-large' && error.details['limit'] === limit,
    );

    deepEqual([backend.memoryBytes, (await refusalsAt(limit)) - before], [0, 1]);
  });

  test('cuts a tree that is larger than a result may be, and counts it', async () => {
    const cut = async () =>
      (await metrics.getSingleMetric('kiln_query_backend_cut_trees_total')?.get())?.values[0]?.value ?? 0;
    const before = await cut();
    const { backend, plan } = setUp({ resultBytesMax: 1500, cacheBytesMax: 0 });

    const { reports, release } = await backend.run([{ plan, query: trees }], stays);
    release();

    equal(totalOf(reports[0]), 42n * BigInt(plan.length));
    ok((await cut()) > before);
  });

  test('reads a node again with more room when its report is larger than expected', async () => {
    // So little memory that a node gets less room than its report takes, until it is alone.
    const [segment] = segments as [Segment];
    const fetchBytes = readBytesMax(segment.meta.datasets, 'trees');
    const { backend, objects, pool } = setUp();
    const run = (memoryBytesMax: number): ReturnType<QueryBackend['run']> => {
      const options = { readNodesMax: 2, memoryBytesMax, resultBytesMax: 1 << 20, cacheBytesMax: 0 };
      const small = new QueryBackend(options, { objects, pool: pool.asPool() });
      return small.run([{ plan: [{ blocks: [segment.meta] }], query: trees }], stays);
    };
    await backend.run([{ plan: [{ blocks: [segment.meta] }], query: trees }], stays);
    const reportBytes = backend.memoryBytes;

    // No room at all: the second try needs what the report takes.
    await rejects(run(fetchBytes), {
      code: 'too-large',
      details: { actual: fetchBytes + reportBytes, value: fetchBytes, limit: 'query-backend.memory-bytes-max' },
    });
    equal(totalOf((await run(fetchBytes + reportBytes)).reports[0]), 42n);
  });

  test('leaves out an object that is gone, and says which', async () => {
    const { backend, objects, plan } = setUp();
    objects.lose(segments[2] as Segment);

    const { reports, missingBlocks } = await backend.run([{ plan, query: trees }], stays);

    equal(totalOf(reports[0]), 3n * 42n);
    deepEqual(missingBlocks, [segments[2]?.meta.id]);
  });

  test('the first failure stops all reads and is thrown when they have stopped', async () => {
    const door = gate();
    const stopped: boolean[] = [];
    const { backend, objects, plan } = setUp({ readNodesMax: 4 }, async ({ path, signal }) => {
      if (path.includes(segments[1]?.meta.id ?? '')) throw new StoreError('corrupted', 'an object is damaged');
      await door.promise;
      stopped.push(signal.aborted);
    });
    const running = rejects(backend.run([{ plan, query: trees }], stays), { code: 'corrupted' });
    await settle();
    equal(objects.running, 3);

    door.resolve();

    await running;
    deepEqual(stopped, [true, true, true]);
    deepEqual([objects.running, backend.memoryBytes], [0, 0]);
  });

  test('a client that leaves takes along what waits and what is held', async () => {
    const client = new AbortController();
    const { backend, plan } = setUp({ readNodesMax: 1 }, async ({ path }) => {
      if (path.includes(segments[2]?.meta.id ?? '')) client.abort();
    });

    await rejects(backend.run([{ plan, query: trees }], client.signal), { name: 'StoreError', code: 'aborted' });

    equal(backend.memoryBytes, 0);
    await rejects(backend.run([{ plan, query: trees }], client.signal), { name: 'StoreError', code: 'aborted' });
  });

  test('a deadline that passes while reads wait is told as such', async () => {
    const door = gate();
    const client = new AbortController();
    const { backend, plan } = setUp({ readNodesMax: 1 }, () => door.promise);
    const running = backend.run([{ plan, query: trees }], client.signal);
    await settle();

    client.abort(new StoreError('deadline-exceeded', 'the deadline of the client passed'));
    door.resolve();

    await rejects(running, { code: 'deadline-exceeded' });
  });
});

/** Memory of the read of one block: its bytes, and the least room for a report. */
function shareOf({ meta }: Segment): number {
  return readBytesMax(meta.datasets, 'trees') + (64 << 10);
}
