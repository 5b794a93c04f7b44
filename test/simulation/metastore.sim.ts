// What this simulates: one metastore on a disk that takes its time, in a process that is killed at any moment and a
// log that fails. Pushes, queries, writes that land and crashes come in random order. A crash loses what was on its
// way to the disk, or only the answer to it. Safety first, with faults on: every query sees every block whose push was
// answered, whatever happened since, and no block that nobody pushed. Liveness after, with faults off: every push is
// answered, and in the end the rows hold all and the log is empty. The whole run follows from the seed:
//     SEED=123 node --test test/simulation/metastore.sim.ts
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import { Metastore } from '#src/services/metastore/metastore.ts';
import { Random, runSeed } from '../fixtures/random.ts';
import { HandClock, quiet, settle } from '../unit/services/metastore/hand-clock.ts';
import { emptyDisk, MemoryCommandLog, MemoryStateStore } from '../unit/services/metastore/memory-disk.ts';
import { randomBlock, TENANTS } from '../unit/services/metastore/random-blocks.ts';

const always = { tenants: TENANTS, matchers: [], startMs: 0, endMs: Number.MAX_SAFE_INTEGER };
const seed = runSeed();

test(`metastore keeps what it acknowledged (seed ${seed})`, async (t) => {
  const random = new Random(seed);
  const odds = {
    push: 0.4,
    land: 0.2 + random.next() * 0.5,
    crash: 0.01 + random.next() * 0.03,
    logFails: random.next() * 0.01,
  };
  t.diagnostic(JSON.stringify({ seed, ...odds }));

  const clock = new HandClock();
  const disk = emptyDisk();
  const pushed: BlockMeta[] = [];
  const acknowledged = new Map<string, BlockMeta>();
  const seen = { crashes: 0, failures: 0, lost: 0, landedUnanswered: 0, refused: 0 };

  // What a process is waiting for from its disk. Of a dead process nothing lands any more.
  let process = 0;
  let writes: (() => void)[] = [];
  const start = () => {
    const own = ++process;
    writes = [];
    const latency = () =>
      new Promise<void>((resolve) => {
        if (own === process) writes.push(resolve);
      });
    const commandLog = new MemoryCommandLog(disk, latency);
    const metastore = Metastore.open({ clock, log: quiet, commandLog, state: new MemoryStateStore(disk, latency) });
    const running = metastore.run().then(
      () => 'closed',
      () => 'failed',
    );
    return { metastore, commandLog, running };
  };
  let { metastore, commandLog, running } = start();

  const push = (block: BlockMeta): Promise<void> => {
    const own = process;
    pushed.push(block);
    return metastore.addBlock(block, new AbortController().signal).then(
      () => {
        if (own === process) acknowledged.set(block.id, block);
      },
      () => {
        seen.refused++;
      },
    );
  };

  const check = async () => {
    // The answer comes after some turns, in which others are acknowledged.
    const before = [...acknowledged];
    const found = await metastore.queryMetadata(always, new AbortController().signal);
    const ids = new Map(found.map((block) => [block.id, block]));
    equal(ids.size, found.length, 'a block is there twice');
    for (const [id, block] of before) deepEqual(ids.get(id), block, `block ${id} was acknowledged`);
    for (const block of found) ok(pushed.includes(block) || pushed.some(({ id }) => id === block.id));
    return found.length;
  };

  const crash = async () => {
    seen.crashes++;
    const unanswered = disk.entries.length + disk.base;
    // The oldest write may have reached the disk just before, and its answer nobody.
    if (random.chance(0.5)) writes.shift()?.();
    seen.lost += writes.length;
    process++;
    await settle();
    seen.landedUnanswered += disk.entries.length + disk.base - unanswered;
    ({ metastore, commandLog, running } = start());
    await check();
  };

  for (let step = 0; step < 3_000; step++) {
    if (random.chance(odds.push))
      void push(random.chance(0.1) && pushed.length > 0 ? random.pick(pushed) : randomBlock(random));
    if (random.chance(odds.land)) writes.shift()?.();
    if (random.chance(0.1)) await clock.turn(random.int(100, 1_500));
    if (random.chance(0.05)) await check();
    if (random.chance(odds.crash)) await crash();
    if (random.chance(odds.logFails)) {
      seen.failures++;
      commandLog.fail(new StoreError('unavailable', 'the disk failed'));
      equal(await running, 'failed');
      process++;
      await settle();
      ({ metastore, commandLog, running } = start());
      await check();
    }
    await settle();
  }

  // From here on the disk is quick and nobody dies.
  const landing = { done: false };
  const disks = (async () => {
    while (!landing.done) {
      writes.shift()?.();
      await settle();
    }
  })();
  const refusedBefore = seen.refused;
  for (let i = 0; i < 100; i++) await push(randomBlock(random));
  equal(seen.refused, refusedBefore, 'a push was refused without a fault');
  const blocks = await check();
  metastore.close();
  equal(await running, 'closed');
  landing.done = true;
  await disks;
  deepEqual([disk.entries.length, disk.rows.size], [0, blocks]);

  t.diagnostic(JSON.stringify({ ...seen, pushed: pushed.length, acknowledged: acknowledged.size, blocks }));
  ok(acknowledged.size > 100 && acknowledged.size < pushed.length, 'the faults never bit');
  ok(seen.crashes > 0 && seen.lost > 0, 'nobody crashed with writes on their way');
});
