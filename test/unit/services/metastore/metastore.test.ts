import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { Metastore } from '#src/services/metastore/metastore.ts';
import { Random } from '../../../fixtures/random.ts';
import { HandClock, quiet, settle } from './hand-clock.ts';
import { type Disk, emptyDisk, type Latency, MemoryCommandLog, MemoryStateStore } from './memory-disk.ts';
import { randomBlock, TENANTS } from './random-blocks.ts';

const signal = new AbortController().signal;
const always = { tenants: TENANTS, matchers: [], startMs: 0, endMs: Number.MAX_SAFE_INTEGER };
const never: Latency = () => new Promise(() => {});

function open(disk: Disk, options: { log?: Latency; state?: Latency; statePendingBytesMax?: number } = {}) {
  const clock = new HandClock();
  const commandLog = new MemoryCommandLog(disk, options.log);
  const state = new MemoryStateStore(disk, options.state);
  const { statePendingBytesMax } = options;
  const bound = statePendingBytesMax === undefined ? {} : { statePendingBytesMax };
  const metastore = Metastore.open({ clock, log: quiet, commandLog, state, ...bound });
  return { clock, commandLog, metastore };
}

describe('Metastore', () => {
  test('answers a push when its block is in the log and every query sees it', async () => {
    const disk = emptyDisk();
    const { metastore } = open(disk);
    const block = randomBlock(new Random(1));

    await metastore.addBlock(block, signal);

    equal(disk.entries.length, 1);
    deepEqual(await metastore.queryMetadata(always, signal), [block]);
  });

  test('hides a block until its command is durable', async () => {
    const { metastore } = open(emptyDisk(), { log: never });
    void metastore.addBlock(randomBlock(new Random(1)), signal);
    await settle();
    deepEqual(await metastore.queryMetadata(always, signal), []);
  });

  test('acknowledges a known block again without another entry in the log', async () => {
    const disk = emptyDisk();
    const { metastore } = open(disk);
    const block = randomBlock(new Random(1));
    await Promise.all([metastore.addBlock(block, signal), metastore.addBlock(block, signal)]);

    const entries = disk.entries.length;
    await metastore.addBlock(block, signal);

    equal(disk.entries.length, entries);
    deepEqual(await metastore.queryMetadata(always, signal), [block]);
  });

  test('refuses a block that makes no sense, before it is in the log', async () => {
    const disk = emptyDisk();
    const { metastore } = open(disk);
    await rejects(metastore.addBlock({ ...randomBlock(new Random(1)), id: 'x' }, signal), { code: 'invalid-argument' });
    equal(disk.entries.length, 0);
  });

  test('finds every block again from the log alone, from the rows alone, and from both', async () => {
    const random = new Random(1);
    const disk = emptyDisk();
    const first = open(disk);
    for (let i = 0; i < 20; i++) await first.metastore.addBlock(randomBlock(random), signal);
    const blocks = await first.metastore.queryMetadata(always, signal);

    const second = open(disk); // Nobody ran the first, so there are no rows.
    equal(disk.rows.size, 0);
    deepEqual(await second.metastore.queryMetadata(always, signal), blocks);
    const running = second.metastore.run();
    await second.clock.turn(1_000);
    deepEqual([disk.rows.size, disk.entries.length, disk.base], [20, 0, 20]);
    await second.metastore.addBlock(randomBlock(random), signal);
    const more = await second.metastore.queryMetadata(always, signal);

    deepEqual(await open(disk).metastore.queryMetadata(always, signal), more);
    second.metastore.close();
    await running;
    equal(disk.entries.length, 0);
    deepEqual(await open(disk).metastore.queryMetadata(always, signal), more);
  });

  test('refuses a log and a state that do not fit each other', () => {
    throws(() => open({ ...emptyDisk(), base: 5 }), { code: 'corrupted', message: /state ends before the log begins/ });
    throws(() => open({ ...emptyDisk(), applied: 5 }), { code: 'corrupted', message: /log has lost entries/ });
  });

  test('a query ends as its signal says: the client left, its deadline passed, or the process closes', async () => {
    const { metastore } = open(emptyDisk());
    for (const [reason, code] of [
      [undefined, 'aborted'],
      [new DOMException('', 'TimeoutError'), 'deadline-exceeded'],
      [new StoreError('deadline-exceeded', 'the deadline of the client passed'), 'deadline-exceeded'],
      [new StoreError('unavailable', 'closing'), 'unavailable'],
    ] as const) {
      const caller = new AbortController();
      caller.abort(reason);
      await rejects(metastore.queryLabels({ ...always, labelNames: [] }, caller.signal), { code });
    }
  });

  test('lets a caller go at its deadline, though the block may land', async () => {
    const disk = emptyDisk();
    let land = (): void => {};
    const { metastore, clock } = open(disk, { log: () => new Promise((resolve) => (land = resolve)) });
    const block = randomBlock(new Random(1));
    const late = metastore.addBlock(block, clock.deadline(2_000));
    const left = new AbortController();
    const gone = metastore.addBlock(randomBlock(new Random(2)), left.signal);
    const outcomes = Promise.allSettled([late, gone]);
    await settle();

    left.abort();
    await clock.turn(2_000);

    const codes = (await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason.code);
    deepEqual(codes, ['unavailable', 'aborted']);
    land();
    await settle();
    deepEqual(await metastore.queryMetadata(always, signal), [block]);
  });

  test('ends when the log fails, with the reason, and accepts nothing more', async () => {
    const { metastore, commandLog } = open(emptyDisk());
    const running = metastore.run();
    commandLog.fail(new StoreError('unavailable', 'the disk is gone'));
    await rejects(running, { code: 'unavailable', message: 'the disk is gone' });
    await rejects(metastore.addBlock(randomBlock(new Random(1)), signal), { code: 'unavailable' });
  });

  test('ends when the rows cannot be written, and the log still has what they lack', async () => {
    const disk = emptyDisk();
    const state: Latency = async () => {
      throw new StoreError('unavailable', 'no space');
    };
    const { metastore, clock } = open(disk, { state });
    const running = metastore.run();
    const failed = rejects(running, { message: 'no space' });
    await metastore.addBlock(randomBlock(new Random(1)), signal);
    await clock.turn(1_000);
    await failed;
    await rejects(metastore.addBlock(randomBlock(new Random(2)), signal), { code: 'unavailable' });
    equal((await open(disk).metastore.queryMetadata(always, signal)).length, 1);
  });

  test('refuses blocks while too much waits for the rows, and takes them again afterwards', async () => {
    let land = (): void => {};
    const state: Latency = () => new Promise((resolve) => (land = resolve));
    const { metastore, clock } = open(emptyDisk(), { state, statePendingBytesMax: 2_000 });
    const running = metastore.run();
    const random = new Random(1);
    const fill = async (): Promise<never> => {
      for (;;) await metastore.addBlock(randomBlock(random), signal);
    };

    await rejects(fill(), { code: 'unavailable', message: /waits for the disk/ });
    await clock.turn(1_000);
    await rejects(fill(), { code: 'unavailable' });
    land();
    await settle();
    await metastore.addBlock(randomBlock(random), signal);

    metastore.close();
    await settle();
    land();
    await running;
  });

  test('writes what is left when it closes, and refuses what comes later', async () => {
    const disk = emptyDisk();
    const { metastore } = open(disk);
    const running = metastore.run();
    const accepted = metastore.addBlock(randomBlock(new Random(1)), signal);
    metastore.close();
    await rejects(metastore.addBlock(randomBlock(new Random(2)), signal), { code: 'aborted' });
    await running;
    await accepted;
    deepEqual([disk.rows.size, disk.applied], [1, 1]);
  });

  test('refuses a query without tenant, with a range that ends before it starts, or with a broken expression', async () => {
    const { metastore } = open(emptyDisk());
    const matchers = [{ name: 'a', operator: '=~', value: '(' }] as const;
    for (const wrong of [{ tenants: [] }, { startMs: 2, endMs: 1 }, { matchers }]) {
      await rejects(metastore.queryMetadata({ ...always, ...wrong }, signal), { code: 'invalid-argument' });
      await rejects(metastore.queryLabels({ ...always, ...wrong, labelNames: [] }, signal), {
        code: 'invalid-argument',
      });
    }
  });

  test('answers with many blocks in several turns, and stops when the caller leaves', async () => {
    const { metastore } = open(emptyDisk());
    const random = new Random(1);
    for (let i = 0; i < 2_500; i++) await metastore.addBlock(randomBlock(random, { datasets: 1 }), signal);
    let turns = 0;
    const ticker = setImmediate(function tick() {
      turns++;
      later = setImmediate(tick);
    });
    let later = ticker;
    equal((await metastore.queryMetadata(always, signal)).length, 2_500);
    clearImmediate(later);
    ok(turns >= 2, `${turns} turns`);

    const left = new AbortController();
    const answer = metastore.queryMetadata(always, left.signal);
    left.abort();
    await rejects(answer, { code: 'aborted' });
  });
});
