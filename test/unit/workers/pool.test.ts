import { deepEqual, equal, match, notEqual, rejects } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { metrics } from '#src/platform/metrics.ts';
import { type Lane, Pool, type PoolOptions, type TaskOptions } from '#src/workers/pool.ts';
import type { NodeTask } from '#src/workers/query-messages.ts';
import { openLimits } from '../../fixtures/ingest.ts';

/** A pool with real threads, closed when the test ends. */
function startPool(t: TestContext, changed: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool({
    threads: 1,
    queueTasksMax: 100,
    headBytesMax: 1 << 20,
    taskBytesMax: 1 << 20,
    hashSecrets: () => [1n, 2n, 3n],
    ...changed,
  });
  t.after(() => pool.close());
  return pool;
}

/** A task that does nothing, and its name in the order in which tasks ended. */
function note(pool: Pool, ended: string[], name: string, options: TaskOptions): Promise<void> {
  return pool.run('warmUp', undefined, options).then(() => void ended.push(name));
}

async function valueOf(metric: string, lane: Lane): Promise<number> {
  const all = await metrics.getMetricsAsJSON();
  return all.find(({ name }) => name === metric)?.values.find(({ labels }) => labels['lane'] === lane)?.value ?? 0;
}

describe('Pool', () => {
  test('runs a task in a thread and gives back what it made', async (t) => {
    const task = { kind: 'names', codec: 'json', names: ['a'], gzip: false } as const;

    const { pieces } = await startPool(t).run('writeAnswer', task, { lane: 'query' });

    equal(Buffer.concat(pieces).toString(), '{"names":["a"]}');
  });

  test('runs ingest before queries, but lets a waiting query in after four', async (t) => {
    const pool = startPool(t);
    const ended: string[] = [];
    const tasks = [note(pool, ended, 'ingest 1', { lane: 'ingest' })];
    for (const query of [1, 2]) tasks.push(note(pool, ended, `query ${query}`, { lane: 'query' }));
    for (let ingest = 2; ingest <= 6; ingest++) tasks.push(note(pool, ended, `ingest ${ingest}`, { lane: 'ingest' }));

    await Promise.all(tasks);

    const ingest = (n: number): string => `ingest ${n}`;
    deepEqual(ended, [...[1, 2, 3, 4].map(ingest), 'query 1', ingest(5), ingest(6), 'query 2']);
  });

  test('runs tasks that name a thread there, in their order, and others where there is room', async (t) => {
    const pool = startPool(t, { threads: 2 });
    const idOf = async (thread: number): Promise<string> => {
      const { headId } = await pool.run('sealHead', undefined, { lane: 'ingest', thread });
      return headId.split('.')[0]; // Of the thread; the rest counts its heads.
    };

    const [first, second, again] = await Promise.all([idOf(0), idOf(1), idOf(0)]);

    notEqual(first, second);
    equal(again, first);
  });

  test('refuses a task when its lane is full, naming limit and value, and no other lane', async (t) => {
    const pool = startPool(t, { queueTasksMax: 2 });
    const before = await valueOf('kiln_pool_refused_tasks_total', 'query');
    const tasks = [0, 1, 2].map(() => pool.run('warmUp', undefined, { lane: 'query' }));
    equal(await valueOf('kiln_pool_queue_tasks', 'query'), 2);

    await rejects(pool.run('warmUp', undefined, { lane: 'query' }), {
      code: 'unavailable',
      message: /query lane .* full \(pool.queue-max\)/,
      details: { limit: 2, actual: 2 },
    });
    tasks.push(pool.run('warmUp', undefined, { lane: 'ingest' }));
    tasks.push(pool.run('warmUp', undefined, { lane: 'query', always: true }));

    await Promise.all(tasks);
    equal(await valueOf('kiln_pool_queue_tasks', 'query'), 0);
    equal(await valueOf('kiln_pool_refused_tasks_total', 'query'), before + 1);
  });

  test('does not begin a task whose caller left, and says why it left', async (t) => {
    const pool = startPool(t);
    const running = pool.run('warmUp', undefined, { lane: 'query' });
    const outcomes = [
      undefined,
      new DOMException('', 'TimeoutError'),
      new StoreError('deadline-exceeded', 'the deadline of the client passed'),
    ].map(async (reason) => {
      const caller = new AbortController();
      const waiting = pool.run('warmUp', undefined, { lane: 'query', signal: caller.signal });
      caller.abort(reason);
      return waiting.catch((error: unknown) => (error instanceof StoreError ? error.code : error));
    });

    deepEqual(await Promise.all(outcomes), ['aborted', 'deadline-exceeded', 'deadline-exceeded']);
    await running;
  });

  test('gives back the failure of a task with its code and details', async (t) => {
    const task = {
      body: new Uint8Array(100),
      codec: 'json',
      encoding: 'identity',
      maxBytes: 10,
      limits: openLimits,
    } as const;

    await rejects(startPool(t).run('openMessage', task, { lane: 'ingest' }), {
      name: 'StoreError',
      code: 'limit-exceeded',
      details: { limitBytes: 10 },
    });
  });

  test('a task with a bug is unavailable, and the thread goes on', async (t) => {
    const pool = startPool(t);
    const broken = { query: { kind: 'label-names', matchers: [] } } as unknown as NodeTask;

    await rejects(pool.run('queryNode', broken, { lane: 'query' }), (error) => {
      match(String(error), /a pool thread failed in queryNode/);
      return error instanceof StoreError && error.code === 'unavailable' && error.cause !== undefined;
    });

    await pool.run('warmUp', undefined, { lane: 'query' });
  });

  test('closes when the running task has ended, and refuses those that wait or come later', async (t) => {
    const pool = startPool(t);
    const ended: string[] = [];
    const running = note(pool, ended, 'running', { lane: 'ingest' });
    const waiting = ['ingest', 'query'].map((lane) => pool.run('warmUp', undefined, { lane: lane as Lane }));
    const refused = Promise.all(waiting.map((task) => rejects(task, { code: 'unavailable', message: /closed/ })));

    await pool.close();

    deepEqual(ended, ['running']);
    await Promise.all([running, refused]);
    await rejects(pool.run('warmUp', undefined, { lane: 'query' }), { code: 'unavailable', message: /closed/ });
  });
});
