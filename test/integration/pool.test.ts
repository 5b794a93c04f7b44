import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { PoolHeadThreads } from '#src/services/segment-writer/pool-head-threads.ts';
import type { IngestBatch, SealReply } from '#src/workers/ingest-messages.ts';
import { Pool, type PoolOptions } from '#src/workers/pool.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../fixtures/ingest.ts';
import { pprof } from '../fixtures/pprof-builder.ts';

function poolOfOne(t: TestContext, changed: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool({
    threads: 1,
    queueTasksMax: 10,
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
});
