import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Piscina } from 'piscina';
import { StoreError } from '#src/domain/errors.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import { metrics } from '#src/platform/metrics.ts';
import { type Lane, Pool, type PoolOptions, type TaskOptions } from '#src/workers/pool.ts';
import type { NodeTask } from '#src/workers/query-messages.ts';
import { openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { cpuLabelsOf, segmentOf, wholeRead } from '../../fixtures/segments.ts';

/** A pool with real threads, closed when the test ends. */
function startPool(t: TestContext, changed: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool({
    threads: 1,
    queueTasksMax: 100,
    openQueueTasksMax: 100,
    openWaitMsMax: 60_000,
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

/** A query of at least two steps, which end a slice each when slices have no time at all. */
const STEPPED = { kind: 'names', codec: 'json', names: namesOf(['a']), shown: 'all', gzip: false } as const;

function noteStepped(pool: Pool, ended: string[], name: string): Promise<void> {
  return pool.run('writeAnswer', STEPPED, { lane: 'query' }).then(() => void ended.push(name));
}

async function sumOf(metric: string): Promise<number> {
  const all = await metrics.getMetricsAsJSON();
  const values = all.find(({ name }) => name === metric)?.values ?? [];
  return values
    .filter((value) => !('metricName' in value) || value.metricName === `${metric}_sum`)
    .reduce((sum, { value }) => sum + value, 0);
}

async function valueOf(metric: string, lane: Lane): Promise<number> {
  const all = await metrics.getMetricsAsJSON();
  return all.find(({ name }) => name === metric)?.values.find(({ labels }) => labels['lane'] === lane)?.value ?? 0;
}

describe('Pool', () => {
  test('runs a task in a thread and gives back what it made', async (t) => {
    const task = { kind: 'names', codec: 'json', names: namesOf(['a']), shown: 'all', gzip: false } as const;

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
      message: /query lane .* full, --pool.queue-max: limit 2 tasks, actual 2$/,
      details: { limit: 2, actual: 2 },
    });
    tasks.push(pool.run('warmUp', undefined, { lane: 'ingest' }));
    tasks.push(pool.run('warmUp', undefined, { lane: 'query', always: true }));

    await Promise.all(tasks);
    equal(await valueOf('kiln_pool_queue_tasks', 'query'), 0);
    equal(await valueOf('kiln_pool_refused_tasks_total', 'query'), before + 1);
  });

  test('has a bound of its own for messages to open, and refuses neither because of the other', async (t) => {
    const pool = startPool(t, { queueTasksMax: 1, openQueueTasksMax: 3 });
    const refusedBefore = await valueOf('kiln_pool_refused_tasks_total', 'open');
    const tasks = [0, 1, 2, 3].map(() => pool.run('warmUp', undefined, { lane: 'open' }));
    equal(await valueOf('kiln_pool_queue_tasks', 'open'), 3);

    await rejects(pool.run('warmUp', undefined, { lane: 'open' }), {
      code: 'unavailable',
      message: /open lane .* full, --pool.open-queue-max: limit 3 tasks, actual 3$/,
    });
    tasks.push(pool.run('warmUp', undefined, { lane: 'query' }));
    await rejects(pool.run('warmUp', undefined, { lane: 'query' }), { code: 'unavailable', message: /query lane/ });

    await Promise.all(tasks);
    equal(await valueOf('kiln_pool_queue_tasks', 'open'), 0);
    equal(await valueOf('kiln_pool_refused_tasks_total', 'open'), refusedBefore + 1);
  });

  test('refuses a message that waited too long to be opened, and no query', async (t) => {
    let nowMs = 0;
    const pool = startPool(t, { openWaitMsMax: 3000, nowMs: () => nowMs });
    const refusedBefore = await valueOf('kiln_pool_refused_tasks_total', 'open');
    const first = pool.run('warmUp', undefined, { lane: 'ingest' });
    const late = pool.run('warmUp', undefined, { lane: 'open' });
    const query = pool.run('warmUp', undefined, { lane: 'query' });
    nowMs = 1;
    const inTime = pool.run('warmUp', undefined, { lane: 'open' });
    nowMs = 3001;

    await rejects(late, {
      code: 'unavailable',
      message: 'the message waited for a pool thread longer than --pool.open-wait-max: limit 3s, actual 3s1ms',
    });
    await Promise.all([first, query, inTime]);
    equal(await valueOf('kiln_pool_refused_tasks_total', 'open'), refusedBefore + 1);
    equal(await valueOf('kiln_pool_queue_tasks', 'open'), 0);
  });

  test('lets queries and messages to open take turns, however many of either wait', async (t) => {
    const pool = startPool(t);
    const ended: string[] = [];
    const tasks = [note(pool, ended, 'first', { lane: 'ingest' })];
    for (let n = 1; n <= 5; n++) tasks.push(note(pool, ended, `open ${n}`, { lane: 'open' }));
    for (let n = 1; n <= 2; n++) tasks.push(note(pool, ended, `query ${n}`, { lane: 'query' }));

    await Promise.all(tasks);

    deepEqual(ended, ['first', 'query 1', 'open 1', 'query 2', 'open 2', 'open 3', 'open 4', 'open 5']);
  });

  test('lets a message to be opened in after four ingest tasks', async (t) => {
    const pool = startPool(t);
    const ended: string[] = [];
    const tasks = [note(pool, ended, 'ingest 1', { lane: 'ingest' }), note(pool, ended, 'open', { lane: 'open' })];
    for (let n = 2; n <= 6; n++) tasks.push(note(pool, ended, `ingest ${n}`, { lane: 'ingest' }));

    await Promise.all(tasks);

    equal(ended.indexOf('open'), 4);
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

    await rejects(startPool(t).run('openMessage', task, { lane: 'query' }), {
      name: 'StoreError',
      code: 'limit-exceeded',
      details: { limitBytes: 10 },
    });
  });

  test('a task with a bug is unavailable, and the thread goes on', async (t) => {
    const told: unknown[] = [];
    const pool = startPool(t, { onBug: (error, task) => void told.push(task, error) });
    const failedBefore = await sumOf('kiln_pool_failed_tasks_total');
    const broken = { query: { kind: 'label-names', matchers: [] } } as unknown as NodeTask;

    await rejects(pool.run('queryNode', broken, { lane: 'query' }), (error) => {
      match(String(error), /a pool thread failed in queryNode/);
      deepEqual(told, ['queryNode', (error as Error).cause]);
      return error instanceof StoreError && error.code === 'unavailable' && error.cause !== undefined;
    });
    equal((await sumOf('kiln_pool_failed_tasks_total')) - failedBefore, 1);

    await pool.run('warmUp', undefined, { lane: 'query' });
  });

  test('a query with a bug leaves kernels behind that are not used again', async (t) => {
    const pool = startPool(t, { taskBytesMax: 16 << 20 });
    const memory = async (): Promise<number> => {
      const all = await metrics.getMetricsAsJSON();
      const values = all.find(({ name }) => name === 'kiln_pool_thread_memory_bytes')?.values ?? [];
      return values.find(({ labels }) => labels['arena'] === 'query')?.value ?? -1;
    };
    const samples = Array.from({ length: 10_000 }, (_, i) => ({ stack: `main;f${i}`, v: [1] }));
    const read = wholeRead(segmentOf(testKernels(), [{ ...cpuLabelsOf('api'), profile: pprof({ samples }) }]));
    const selection = { startMs: 0, endMs: 4e12, matchers: [], profileIds: [], spanIds: [], traceIds: [] };
    const task = (reads: readonly unknown[]): NodeTask => {
      const query = { kind: 'tree', selection, callSite: [] };
      return { query, reads, reports: [], limits: { resultBytesMax: 1 << 28, roomBytes: 1 << 28 } } as never;
    };
    await pool.run('queryNode', task([read]), { lane: 'query' });
    await pool.run('warmUp', undefined, { lane: 'query' });
    ok((await memory()) > 100_000, `${await memory()} bytes`);

    await rejects(pool.run('queryNode', task([undefined]), { lane: 'query' }), { code: 'unavailable' });

    await pool.run('warmUp', undefined, { lane: 'query' });
    equal(await memory(), 0);
    const { report } = await pool.run('queryNode', task([read]), { lane: 'query' });
    ok(report?.kind === 'tree');
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

  test('lets ingest go before the next slice of a query, and no other query begins before it is done', async (t) => {
    const pool = startPool(t, { sliceMs: 0 });
    const ended: string[] = [];
    const tasks = [noteStepped(pool, ended, 'sliced query'), note(pool, ended, 'query', { lane: 'query' })];
    for (let ingest = 1; ingest <= 4; ingest++) tasks.push(note(pool, ended, `ingest ${ingest}`, { lane: 'ingest' }));

    await Promise.all(tasks);

    deepEqual(ended, ['ingest 1', 'ingest 2', 'ingest 3', 'ingest 4', 'sliced query', 'query']);
  });

  test('goes on with a suspended query after four ingest tasks', async (t) => {
    const pool = startPool(t, { sliceMs: 0 });
    const ended: string[] = [];
    const before = await sumOf('kiln_pool_task_slices');
    const tasks = [noteStepped(pool, ended, 'sliced query')];
    for (let ingest = 1; ingest <= 30; ingest++) tasks.push(note(pool, ended, `ingest ${ingest}`, { lane: 'ingest' }));

    await Promise.all(tasks);

    const sliceCount = (await sumOf('kiln_pool_task_slices')) - before - 30;
    ok(sliceCount >= 2, `${sliceCount} slices`);
    equal(ended.indexOf('sliced query'), 4 * (sliceCount - 1));
  });

  test('a query that is suspended on one thread keeps no other thread from running', async (t) => {
    const pool = startPool(t, { sliceMs: 0, threads: 2 });
    const other = Promise.withResolvers<void>();
    const run = Piscina.prototype.run;
    t.mock.method(Piscina.prototype, 'run', async function (this: Piscina, ...call: Parameters<Piscina['run']>) {
      if (call[1]?.name === 'resume') await other.promise;
      return run.apply(this, call);
    });

    const sliced = noteStepped(pool, [], 'sliced query');
    await pool.run('warmUp', undefined, { lane: 'query' }).then(other.resolve);

    await sliced;
  });

  test('tells how many tasks are suspended', async (t) => {
    const pool = startPool(t, { sliceMs: 0 });
    const suspended: Promise<number>[] = [];
    const tasks = [pool.run('writeAnswer', STEPPED, { lane: 'query' })];
    const ingest = pool.run('warmUp', undefined, { lane: 'ingest' });
    void ingest.then(() => suspended.push(sumOf('kiln_pool_suspended_tasks')));
    const last = pool.run('warmUp', undefined, { lane: 'ingest' });

    await Promise.all([...tasks, ingest, last]);

    deepEqual(await Promise.all(suspended), [1]);
    equal(await sumOf('kiln_pool_suspended_tasks'), 0);
  });

  test('drops a suspended query whose caller left, and says why it left', async (t) => {
    const pool = startPool(t, { sliceMs: 0 });
    const run = t.mock.method(Piscina.prototype, 'run');
    const caller = new AbortController();
    const begun = pool.run('writeAnswer', STEPPED, { lane: 'query', signal: caller.signal });
    caller.abort();

    await rejects(begun, { code: 'aborted', message: /between two slices of writeAnswer/ });

    await pool.run('warmUp', undefined, { lane: 'query' });
    const calls = run.mock.calls.map((call) => call.arguments[1]?.name);
    deepEqual(calls, ['writeAnswer', 'drop', 'warmUp']);
  });

  test('a suspended query is unavailable when its thread dies, and the thread that takes its place goes on', async (t) => {
    const told: string[] = [];
    const pool = startPool(t, { sliceMs: 0, onBug: (error, task) => void told.push(`${task}: ${error}`) });
    const run = Piscina.prototype.run;
    let deaths = 0;
    t.mock.method(Piscina.prototype, 'run', async function (this: Piscina, ...call: Parameters<Piscina['run']>) {
      if (call[1]?.name === 'warmUp' && deaths++ === 0) await this.threads[0]?.terminate();
      return run.apply(this, call);
    });

    const sliced = pool.run('writeAnswer', STEPPED, { lane: 'query' });
    const refused = rejects(sliced, { code: 'unavailable', message: /a pool thread failed in writeAnswer/ });
    await pool.run('warmUp', undefined, { lane: 'ingest' });

    await refused;
    equal(deaths, 1);
    match(told.join('\n'), /^writeAnswer: /);
    await noteStepped(pool, [], 'next');
  });

  test('refuses a query that is suspended while another task runs, when it closes', async (t) => {
    const pool = startPool(t, { sliceMs: 0 });
    const run = Piscina.prototype.run;
    const other = Promise.withResolvers<void>();
    const calls: unknown[] = [];
    t.mock.method(Piscina.prototype, 'run', function (this: Piscina, ...call: Parameters<Piscina['run']>) {
      calls.push(call[1]?.name);
      if (call[1]?.name === 'warmUp') other.resolve();
      return run.apply(this, call);
    });
    const sliced = pool.run('writeAnswer', STEPPED, { lane: 'query' });
    const refused = rejects(sliced, { code: 'unavailable', message: /closed/ });
    const ingest = pool.run('warmUp', undefined, { lane: 'ingest' });
    await other.promise;
    equal(await sumOf('kiln_pool_suspended_tasks'), 1);

    await pool.close();

    await Promise.all([refused, ingest]);
    deepEqual(calls, ['writeAnswer', 'warmUp']);
    equal(await sumOf('kiln_pool_suspended_tasks'), 0);
  });

  test('closes without waiting for a suspended query, which is refused', async (t) => {
    const pool = startPool(t, { sliceMs: 0 });
    const sliced = pool.run('writeAnswer', STEPPED, { lane: 'query' });
    const refused = rejects(sliced, { code: 'unavailable', message: /closed/ });

    await pool.close();

    await refused;
  });
});
