import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { metrics } from '#src/platform/metrics.ts';
import { MEMORY_LIMIT, type MemoryHolder, QueryMemory, type Share } from '#src/services/query-backend/query-memory.ts';
import { settle } from '../../../fixtures/fake-clock.ts';

const stays = new AbortController().signal;
const nothingToFold: MemoryHolder = { fold: () => false };

function setUp(options: Partial<ConstructorParameters<typeof QueryMemory>[0]> = {}) {
  const memory = new QueryMemory({ memoryBytesMax: 100, readNodesMax: 10, waitingMax: 10, ...options });
  return { memory, query: memory.open(nothingToFold) };
}

async function gaugeOf(name: string): Promise<number | undefined> {
  const gauges = await metrics.getMetricsAsJSON();
  return gauges.find((metric) => metric.name === name)?.values[0]?.value;
}

describe('QueryMemory', () => {
  test('gives shares while there is memory, then first come, first served', async () => {
    const { memory, query } = setUp();
    const first = await query.take(60, 'last', stays);
    const begun: string[] = [];
    void query.take(50, 'last', stays).then(() => begun.push('large'));
    void query.take(1, 'last', stays).then(() => begun.push('small'));
    await settle();
    deepEqual([begun, memory.heldBytes, memory.waiting], [[], 60, 2]);
    equal(await gaugeOf('kiln_query_backend_waiting_read_nodes'), 2);
    equal(await gaugeOf('kiln_query_backend_memory_bytes'), 60);

    first.release();
    await settle();

    deepEqual([begun, memory.heldBytes, memory.waiting], [['large', 'small'], 51, 0]);
  });

  test('lets only so many nodes read at once, and the next when one has its report', async () => {
    const { memory, query } = setUp({ readNodesMax: 1 });
    const first = await query.take(10, 'last', stays);
    const second = query.take(10, 'last', stays);
    await settle();
    deepEqual([memory.reading, memory.waiting], [1, 1]);

    first.keep(4);
    await second;

    deepEqual([memory.reading, memory.waiting, memory.heldBytes], [1, 0, 14]);
  });

  test('a node that found that it needs more goes before all that wait', async () => {
    const { query } = setUp();
    const first = await query.take(100, 'last', stays);
    const begun: string[] = [];
    const take = (name: string, turn: 'next' | 'last'): void =>
      void query.take(60, turn, stays).then((share) => {
        begun.push(name);
        share.release();
      });
    take('waited', 'last');
    take('again', 'next');

    first.release();
    await settle();

    deepEqual(begun, ['again', 'waited']);
  });

  test('refuses at once what can never be, naming limit, value and need', async () => {
    const { query } = setUp();

    await rejects(query.take(101, 'last', stays), {
      code: 'too-large',
      message:
        'a read of the query needs more memory than --query-backend.memory-bytes-max: limit 100 bytes, actual 101 bytes',
      details: { limit: 'query-backend.memory-bytes-max', value: 100, actual: 101 },
    });
  });

  test('refuses when as many wait as may', async () => {
    const { query } = setUp({ waitingMax: 2 });
    await query.take(100, 'last', stays);
    for (let i = 0; i < 2; i++) void query.take(1, 'last', stays);

    await rejects(query.take(1, 'last', stays), {
      code: 'unavailable',
      details: { limit: 'readNodesWaitingMax', value: 2, actual: 2 },
    });
  });

  test('who leaves while waiting frees the place for those behind', async () => {
    const { memory, query } = setUp();
    const first = await query.take(60, 'last', stays);
    const leaver = new AbortController();
    const left = rejects(query.take(90, 'last', leaver.signal), { code: 'aborted' });
    const behind = query.take(40, 'last', stays);

    leaver.abort();

    await left;
    equal((await behind).bytes, 40);
    first.release();
    equal(memory.heldBytes, 40);
    await rejects(query.take(1, 'last', leaver.signal), { code: 'aborted' });
  });

  test('merged reports take one share, which is never more than theirs', async () => {
    const { memory, query } = setUp();
    const shares: Share[] = [];
    for (const bytes of [10, 20, 30]) shares.push(await query.take(bytes, 'last', stays));
    for (const share of shares) share.keep(share.bytes);

    const joined = query.join(shares);
    deepEqual([joined.bytes, memory.heldBytes], [60, 60]);
    joined.keep(25);
    for (const share of shares) share.release();

    equal(memory.heldBytes, 25);
    throws(() => joined.keep(26), /a report of 26 bytes in a share of 25/);
    joined.release();
    joined.release();
    equal(memory.heldBytes, 0);
  });

  test('has a query merge what it holds when nothing else moves, and goes on with what that frees', async () => {
    const { memory } = setUp();
    const held: Share[] = [];
    let folds = 0;
    const query = memory.open({
      fold: () => {
        folds++;
        const joined = query.join(held.splice(0));
        void settle().then(() => joined.keep(10));
        return true;
      },
    });
    for (const bytes of [40, 50]) held.push(await query.take(bytes, 'last', stays));
    const next = query.take(30, 'last', stays);
    await settle();
    equal(folds, 0, 'merged although a node was still reading');

    for (const share of held) share.keep(share.bytes);

    equal((await next).bytes, 30);
    deepEqual([folds, memory.heldBytes], [1, 40]);
  });

  test('refuses a query that holds too much to go on, naming limit and need', async () => {
    const { query } = setUp();
    const first = await query.take(70, 'last', stays);
    const second = query.take(40, 'last', stays);

    first.keep(70);

    await rejects(second, { code: 'too-large', details: { limit: MEMORY_LIMIT, value: 100, actual: 110 } });
  });

  test('waits for an answer that is being written, which ends by itself', async () => {
    const { memory, query } = setUp();
    const answer = await query.take(70, 'last', stays);
    answer.keep(70);
    answer.use();
    const waiting = memory.open(nothingToFold).take(40, 'last', stays);
    for (let turn = 0; turn < 3; turn++) await settle();
    equal(memory.waiting, 1);

    answer.release();

    equal((await waiting).bytes, 40);
  });

  test('sends a query away, to come again, when only others hold what it needs and do not move', async () => {
    const { memory, query } = setUp();
    const first = await query.take(70, 'last', stays);
    first.keep(70);

    const refused = memory.open(nothingToFold).take(40, 'last', stays);

    await rejects(refused, (error) => error instanceof StoreError && error.code === 'unavailable');
    equal(memory.heldBytes, 70);
  });
});
