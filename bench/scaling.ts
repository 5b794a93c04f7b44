// How the cost of ingest grows: with threads, with the number of profiles, with the number of distinct stacktraces. No
// HTTP and no storage: pool threads, or one thread's head. See README.md.
//
//     npm run bench:scaling -- [--seconds 3] [--rounds 3] [--profiles 100000] [--stacks 1000000] [--json FILE]

import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { compressOnce } from '#src/domain/block/chunk-writer.ts';
import { KernelInstance } from '#src/kernels/instance.ts';
import { PoolHeadThreads } from '#src/services/segment-writer/pool-head-threads.ts';
import { encodeHead } from '#src/workers/encode-head.ts';
import { Head } from '#src/workers/head.ts';
import type { IngestItem } from '#src/workers/ingest-messages.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { Pool } from '#src/workers/pool.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../test/fixtures/ingest.ts';
import { pprof } from '../test/fixtures/pprof-builder.ts';
import { Random } from '../test/fixtures/random.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants, type Variant } from './load/variants.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    profiles: { type: 'string', default: '100000' },
    stacks: { type: 'string', default: '1000000' },
    json: { type: 'string' },
  },
});

/** Random hash secrets would make runs differ. */
const SECRETS = [0x2d358dccaa6c78a5n, 0x8bb84b93962eacc9n, 0x4b33a62ed433d4a3n] as const;
const HEAD_BYTES = 1 << 30;
const SCRATCH_BYTES = 1 << 30;

/** Profiles per window, about what one thread takes in 500 ms. */
const WINDOW_PROFILES = 60;
const BATCH_PROFILES = 8;

const results = {
  threads: await threadScaling(Number(options.seconds), Number(options.rounds)),
  profiles: profileScaling(Number(options.profiles)),
  stacks: stackScaling(Number(options.stacks)),
};
writeResults('scaling', results, options.json);

/**
 * Two threads against one, and what two threads of gunzip get in the same run. The best of several rounds each, one after
 * the other: a neighbour on the machine takes from all four alike, but not at the same time.
 */
async function threadScaling(seconds: number, rounds: number): Promise<Record<string, number>> {
  const variants = makeVariants(2);
  let [one, two, gunzipOne, gunzipTwo] = [0, 0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    one = Math.max(one, await poolRate(variants, 1, seconds));
    two = Math.max(two, await poolRate(variants, 2, seconds));
    gunzipOne = Math.max(gunzipOne, await gunzipRate(variants, 1, seconds));
    gunzipTwo = Math.max(gunzipTwo, await gunzipRate(variants, 2, seconds));
  }
  const row = {
    ingestMBPerSecond1: rounded(one),
    ingestMBPerSecond2: rounded(two),
    speedUp: rounded(two / one, 3),
    gunzipSpeedUp: rounded(gunzipTwo / gunzipOne, 3),
    share: rounded(two / one / (gunzipTwo / gunzipOne), 3),
  };
  console.log('threads 1 → 2:', row, 'goal: share >= 0.85');
  return row;
}

/** Raw MB per second that the pool ingests and encodes, with no HTTP before and no storage behind it. */
async function poolRate(variants: readonly Variant[], threads: number, seconds: number): Promise<number> {
  const pool = new Pool({
    threads,
    queueTasksMax: 256,
    openQueueTasksMax: 256,
    openWaitMsMax: 60_000,
    headBytesMax: 256 << 20,
    taskBytesMax: 256 << 20,
    hashSecrets: () => SECRETS,
  });
  await pool.warmUp();
  const heads = new PoolHeadThreads(pool);
  const rawBytes = await Promise.all(
    Array.from({ length: threads }, async (_, thread) => {
      await feed(heads, thread, variants, 1);
      return feed(heads, thread, variants, seconds);
    }),
  );
  await pool.close();
  return rawBytes.reduce((sum, bytes) => sum + bytes, 0) / 1e6 / seconds;
}

/** Two batches are on their way at a time, so that a thread never waits for the main loop. @returns raw bytes */
async function feed(
  heads: PoolHeadThreads,
  thread: number,
  variants: readonly Variant[],
  seconds: number,
): Promise<number> {
  const random = new Random(thread + 1);
  const untilMs = performance.now() + seconds * 1000;
  let rawBytes = 0;
  let waiting = 0;
  const running = new Set<Promise<unknown>>();
  const start = (work: Promise<unknown>): void => {
    const done = work.finally(() => running.delete(done));
    running.add(done);
  };
  while (performance.now() < untilMs) {
    const chosen = Array.from({ length: BATCH_PROFILES }, () => random.pick(variants));
    const items = chosen.map(({ kind, body }) =>
      ingestItem(new Uint8Array(body), { service: `svc-${thread}-${kind}`, tenant: 'anonymous' }),
    );
    start(
      heads.ingest(thread, { items, limits: [openLimits], nowMs: INGEST_NOW_MS }).then(() => {
        rawBytes += chosen.reduce((sum, variant) => sum + variant.rawBytes, 0);
      }),
    );
    waiting += BATCH_PROFILES;
    if (waiting >= WINDOW_PROFILES) {
      start(heads.seal(thread));
      waiting = 0;
    }
    while (running.size > 2) await Promise.race(running);
  }
  await Promise.all(running);
  return rawBytes;
}

async function gunzipRate(variants: readonly Variant[], threads: number, seconds: number): Promise<number> {
  const bodies = variants.map(({ body }) => body);
  const source = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { gunzipSync } = require('node:zlib');
    let bytes = 0;
    for (const until = performance.now() + workerData.seconds * 1000; performance.now() < until; )
      for (const body of workerData.bodies) bytes += gunzipSync(body).length;
    parentPort.postMessage(bytes);`;
  const runs = Array.from(
    { length: threads },
    () =>
      new Promise<number>((resolve, reject) => {
        const worker = new Worker(source, { eval: true, workerData: { bodies, seconds } });
        worker.once('message', resolve).once('error', reject);
      }),
  );
  return (await Promise.all(runs)).reduce((sum, bytes) => sum + bytes, 0) / 1e6 / seconds;
}

/** CPU per profile of 10 KB, window after window, as their number grows. */
function profileScaling(most: number): Record<string, number> {
  const random = new Random(1);
  const profiles = Array.from({ length: 200 }, () => syntheticProfile(random, 80));
  const kernels = newKernels();
  const costs: Record<string, number> = {};
  let done = 0;
  let head = new Head(kernels);
  const before = process.cpuUsage();
  for (let goal = 1000; goal <= most; goal *= 10) {
    for (; done < goal; done++) {
      add(kernels, head, ingestItem(profiles[done % profiles.length], { service: `svc-${done % 20}` }));
      if ((done + 1) % 200 === 0) {
        encodeHead(kernels, head, compressOnce);
        head = new Head(kernels);
      }
    }
    costs[goal] = rounded(cpuMicros(before) / done, 1);
    console.log(`profiles of 10 KB, ${goal}: ${costs[goal]} µs of CPU each; goal: flat`);
  }
  return costs;
}

/** CPU per distinct stacktrace in one head, as their number grows. */
function stackScaling(most: number): Record<string, number> {
  const costs: Record<string, number> = {};
  for (let stacks = 1000; stacks <= most; stacks *= 10) {
    const kernels = newKernels();
    const head = new Head(kernels);
    const random = new Random(2);
    const profiles = Array.from({ length: stacks / 1000 }, () => syntheticProfile(random, 1000));
    const before = process.cpuUsage();
    for (const profile of profiles) add(kernels, head, ingestItem(profile));
    costs[stacks] = rounded(cpuMicros(before) / stacks, 3);
    const scale = costs[stacks] / costs[1000] / (Math.log(stacks) / Math.log(1000));
    console.log(`${stacks} stacktraces: ${costs[stacks]} µs of CPU each, ${rounded(scale, 2)} of n log n; goal: <= 1`);
  }
  return costs;
}

function newKernels(): KernelInstance {
  return new KernelInstance({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES }, SECRETS);
}

function add(kernels: KernelInstance, head: Head, item: IngestItem): void {
  const outcome = ingestProfile(kernels, head, item, openLimits, INGEST_NOW_MS);
  if (outcome.kind !== 'stored') throw new Error(`a profile was not stored: ${JSON.stringify(outcome)}`);
}

/** Stacktraces of eight frames that nobody had before, over a program of ten thousand functions. */
function syntheticProfile(random: Random, stacks: number): Uint8Array {
  const samples = Array.from({ length: stacks }, () => ({
    stack: Array.from({ length: 8 }, () => `pkg.fn${random.int(0, 9999)}`),
    v: [random.int(1, 1000)],
  }));
  return pprof({ samples });
}

function cpuMicros(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
