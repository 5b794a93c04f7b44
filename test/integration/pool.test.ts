import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import { metrics } from '#src/platform/metrics.ts';
import { PoolHeadThreads } from '#src/services/segment-writer/pool-head-threads.ts';
import type { IngestBatch, SealReply } from '#src/workers/ingest-messages.ts';
import { Pool, type PoolOptions, type ThreadMemory } from '#src/workers/pool.ts';
import type { NodeTask } from '#src/workers/query-messages.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../fixtures/ingest.ts';
import { testKernels } from '../fixtures/kernels.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { cpuLabelsOf, type Segment, segmentOf, wholeRead } from '../fixtures/segments.ts';

function poolOfOne(t: TestContext, changed: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool({
    threads: 1,
    queueTasksMax: 10,
    openQueueTasksMax: 10,
    openWaitMsMax: 60_000,
    headBytesMax: 16 << 20,
    taskBytesMax: 16 << 20,
    hashSecrets: () => [1n, 2n, 3n],
    ...changed,
  });
  t.after(() => pool.close());
  return pool;
}

function batchOf(...services: readonly string[]): IngestBatch {
  const items = services.map((service) =>
    ingestItem(pprof({ samples: [{ stack: `main;${service}`, v: [1] }] }), {
      service,
      labels: [
        { name: '__name__', value: 'process_cpu' },
        { name: 'service_name', value: service },
      ],
    }),
  );
  return { items, limits: [openLimits], nowMs: INGEST_NOW_MS };
}

/** What no client can send: it stands for a bug in the middle of a batch. */
function poisoned({ items, ...batch }: IngestBatch): IngestBatch {
  return {
    ...batch,
    items: items.map((item, i) => (i < items.length - 1 ? item : { ...item, labels: null as never })),
  };
}

function servicesOf({ parts }: SealReply): string[] {
  return parts.flatMap(({ datasets }) => datasets.map(({ service }) => service));
}

describe('Pool', () => {
  test('drops the head of a thread with a batch that failed in the middle, and goes on', async (t) => {
    const heads = new PoolHeadThreads(poolOfOne(t));

    const before = await heads.ingest(0, batchOf('before'));
    await rejects(heads.ingest(0, poisoned(batchOf('sibling', 'poison'))), { code: 'unavailable' });
    const after = await heads.ingest(0, batchOf('after'));
    const sealed = await heads.seal(0);

    deepEqual(servicesOf(sealed), ['after']);
    equal(sealed.headId, after.headId);
    notEqual(sealed.headId, before.headId);
  });

  test('tells how much memory a thread takes, up to the bound of its head', async (t) => {
    const headBytesMax = 1 << 20;
    const heads = new PoolHeadThreads(poolOfOne(t, { headBytesMax }));

    let stored = 0;
    let full = false;
    for (; stored < 100 && !full; stored++) full = (await heads.ingest(0, wideBatch(stored, 2000))).headFull;

    ok(full && stored > 1);
    const { head, ingest } = await memoryNow();
    ok(head > headBytesMax / 2 && head <= headBytesMax, `${head} of ${headBytesMax} bytes`);
    ok(ingest > 0);
  });

  test('tells how much memory a thread takes, up to the bound of a task', async (t) => {
    const taskBytesMax = 1 << 20;
    const heads = new PoolHeadThreads(poolOfOne(t, { taskBytesMax }));

    const { outcomes } = await heads.ingest(0, wideBatch(0, 4000));

    const [outcome] = outcomes;
    equal(outcome?.kind, 'refused');
    match(
      outcome?.kind === 'refused' ? outcome.error.message : '',
      /more memory than --pool\.task-bytes-max: limit 1048576 bytes/,
    );
    const { ingest } = await memoryNow();
    ok(ingest > taskBytesMax / 2 && ingest <= taskBytesMax, `${ingest} of ${taskBytesMax} bytes`);
  });

  test('tells what a thread has beside its kernels', async (t) => {
    const taskBytesMax = 256 << 20;
    const heads = new PoolHeadThreads(poolOfOne(t, { taskBytesMax }));

    await heads.ingest(0, wideBatch(0, 1000));

    const text = await metrics.metrics();
    const bytesOf = (part: string): number =>
      Number(new RegExp(`kiln_pool_thread_heap_bytes\\{thread="0",part="${part}"\\} (\\d+)`).exec(text)?.[1]);
    const [total, used, external] = ['total', 'used', 'external'].map(bytesOf);
    ok(used > 4 << 20 && used < total, `${used} of ${total} bytes`);
    // The head of the kernels begins behind what a task may take, but nothing is there before.
    ok(external > 0 && external < taskBytesMax / 4, `${external} bytes`);
  });

  test('tells who asks for too much to ask for less, not to come again', async (t) => {
    const pool = poolOfOne(t, { taskBytesMax: 1 << 18 });
    const samples = Array.from({ length: 20_000 }, (_, i) => ({ stack: `main;f${i}`, v: [1] }));
    const segment = segmentOf(testKernels(), [{ ...cpuLabelsOf('shop'), profile: pprof({ samples }) }]);

    const failure = pool.run('queryNode', treeTask(segment), { lane: 'query' });

    await rejects(failure, (error) => {
      ok(error instanceof StoreError);
      equal(error.code, 'too-large');
      match(
        error.message,
        /^needs more memory than --pool\.task-bytes-max: limit 262144 bytes \(256 KiB\), actual at least \d+ bytes/,
      );
      const { actualBytes, ...details } = error.details;
      deepEqual(details, { arena: 'scratch', limit: 'pool.task-bytes-max', limitBytes: 1 << 18 });
      ok(Number(actualBytes) > 1 << 18);
      return true;
    });
  });
});

describe('Pool, queries', () => {
  /** A stack of so many functions, as a report that is merged with nothing. */
  function deepTree(length: number): NodeTask {
    const tree = {
      parent: Int32Array.from({ length }, (_, i) => i - 1),
      name: new Uint32Array(length),
      self: new BigInt64Array(length).fill(1n),
      names: namesOf(['f']),
    };
    const selection = { startMs: 0, endMs: 1, matchers: [], profileIds: [], spanIds: [], traceIds: [] };
    return {
      query: { kind: 'tree', selection, callSite: [] },
      reads: [],
      reports: [{ kind: 'tree', tree }],
      limits: { resultBytesMax: 2 ** 30, roomBytes: 2 ** 30 },
    };
  }

  test('kernels that met an outlier are replaced, and the next query finds small ones', async (t) => {
    const pool = poolOfOne(t, { taskBytesMax: 512 << 20 });
    const nodesOf = async (task: NodeTask): Promise<number> => {
      const { report } = await pool.run('queryNode', task, { lane: 'query' });
      return report?.kind === 'tree' ? report.tree.parent.length : 0;
    };

    equal(await nodesOf(deepTree(100_000)), 100_000);
    const usual = await memoryNow();
    equal(await nodesOf(deepTree(3_000_000)), 3_000_000);
    const behind = await memoryNow();

    ok(usual.query > 0 && usual.answer > 0, JSON.stringify(usual));
    deepEqual([behind.query, behind.answer], [0, 0]);
    equal(await nodesOf(deepTree(1000)), 1000);
  });

  test('a query whose answer is dropped half-way leaves kernels that the next one can use', async (t) => {
    const pool = poolOfOne(t, { taskBytesMax: 512 << 20, sliceMs: 0 });
    const caller = new AbortController();
    const dropped = pool.run('queryNode', deepTree(300_000), { lane: 'query', signal: caller.signal });
    caller.abort();
    await rejects(dropped, { code: 'aborted' });

    const { report } = await pool.run('queryNode', deepTree(1000), { lane: 'query' });

    ok(report?.kind === 'tree');
    deepEqual(report.tree.self, new BigInt64Array(1000).fill(1n));
  });
});

/** A profile of so many stacktraces that no other one has. */
function wideBatch(number: number, stackCount: number): IngestBatch {
  const samples = Array.from({ length: stackCount }, (_, i) => ({ stack: `main;f${number}_${i}`, v: [1] }));
  return { items: [ingestItem(pprof({ samples }))], limits: [openLimits], nowMs: INGEST_NOW_MS };
}

/** The whole flame graph of a segment. */
function treeTask(segment: Segment): NodeTask {
  const selection = { startMs: 0, endMs: 1e15, matchers: [], profileIds: [], spanIds: [], traceIds: [] };
  const query = { kind: 'tree', selection, callSite: [] } as const;
  return { query, reads: [wholeRead(segment)], reports: [], limits: { resultBytesMax: 1 << 30, roomBytes: 1 << 30 } };
}

async function memoryNow(): Promise<ThreadMemory> {
  const text = await metrics.metrics();
  const bytesOf = (arena: string): number =>
    Number(new RegExp(`kiln_pool_thread_memory_bytes\\{thread="0",arena="${arena}"\\} (\\d+)`).exec(text)?.[1]);
  return { head: bytesOf('head'), ingest: bytesOf('ingest'), query: bytesOf('query'), answer: bytesOf('answer') };
}
