// Says what it costs to hand work to a pool thread, and how late the main loop runs under full load. See README.md.
//
//     npm run bench:hops -- [--seconds 10] [--clients 64] [--flag --pool.threads=1]… [--json FILE]

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Pool } from '../src/workers/pool.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../test/fixtures/ingest.ts';
import { pprof } from '../test/fixtures/pprof-builder.ts';
import { pushProto } from '../test/fixtures/push-message.ts';
import { startKiln } from './load/kiln-under-load.ts';
import { loopDelayIn, slicesIn } from './load/loop-delay.ts';
import { percentile } from './load/percentile.ts';
import { Pusher } from './load/pusher.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants } from './load/variants.ts';
import { gunzipMegabytesPerSecond } from './load/yardstick.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    clients: { type: 'string', default: '64' },
    flag: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});

/** Long enough for code to be compiled, and for a few hundred hops. */
const HOP_SECONDS = 1.5;

const variants = makeVariants(2);
const yardstick = { gunzipMBPerSecond: rounded(gunzipMegabytesPerSecond(variants)) };
console.log(yardstick);
const hops = [];
for (const profiles of [0, 1, 4, 16]) {
  hops.push(await hopCost(profiles));
  console.log(hops.at(-1));
}
const loop = await loopDelay(Number(options.seconds));
console.log(JSON.stringify(loop, null, 1));
writeResults('hops', { yardstick, hops, loop }, options.json);

/** One hop after the other with batches of so many small profiles; 0: a task that does nothing. */
async function hopCost(profiles: number): Promise<Record<string, number>> {
  const pool = new Pool({
    threads: 1,
    queueTasksMax: 4,
    openQueueTasksMax: 4,
    openWaitMsMax: 60_000,
    headBytesMax: 64 << 20,
    taskBytesMax: 64 << 20,
    hashSecrets: () => [1n, 2n, 3n],
  });
  const body = pprof({
    samples: Array.from({ length: 40 }, (_, i) => ({ stack: `main;work${i % 7};f${i}`, v: [i + 1] })),
  });
  const hop = async (): Promise<void> => {
    if (profiles === 0) return void (await pool.run('warmUp', undefined, { lane: 'ingest' }));
    const items = Array.from({ length: profiles }, () => ingestItem(new Uint8Array(body)));
    const batch = { items, limits: [openLimits], nowMs: INGEST_NOW_MS };
    const transfer = items.map(({ profile }) => profile.buffer as ArrayBuffer);
    await pool.run('ingestBatch', batch, { lane: 'ingest', thread: 0, transfer });
  };
  const hopFor = async (seconds: number): Promise<number> => {
    const untilMs = performance.now() + seconds * 1000;
    let count = 0;
    for (; performance.now() < untilMs; count++) {
      await hop();
      // A head holds a window.
      if (count % 64 === 63) await pool.run('sealHead', undefined, { lane: 'ingest', thread: 0 });
    }
    return count;
  };
  await hopFor(HOP_SECONDS);
  const startMs = performance.now();
  const before = { main: mainThreadMicros(), all: process.cpuUsage() };
  const count = await hopFor(HOP_SECONDS);
  const mainMicros = mainThreadMicros() - before.main;
  const { user, system } = process.cpuUsage(before.all);
  const wallMicros = (performance.now() - startMs) * 1000;
  await pool.close();
  return {
    profiles,
    hops: count,
    wallMicrosPerHop: rounded(wallMicros / count),
    mainMicrosPerHop: rounded(mainMicros / count),
    threadMicrosPerHop: rounded((user + system - mainMicros) / count),
  };
}

/** CPU time of the main thread so far. Linux only. */
function mainThreadMicros(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
}

/** The delay of an idle server, then under full ingest and flame graphs of a million nodes, one after the other. */
async function loopDelay(seconds: number): Promise<Record<string, unknown>> {
  const kiln = await startKiln(options.flag);
  const pusher = new Pusher(kiln.url, variants, { services: 20, pods: 10, kindsPerService: 0 });
  try {
    const startMs = Date.now();
    const nodes = await pushMillionNodes(kiln.url);
    const ask = (): Promise<number> => flamegraph(kiln.url, { start: startMs - 60_000, end: Date.now() + 60_000 });
    await ask();
    await scrape(kiln.url);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const idle = loopDelayIn(await scrape(kiln.url));
    await pusher.closedLoop(Number(options.clients), 2);
    const before = slicesIn(await scrape(kiln.url));

    const load = pusher.closedLoop(Number(options.clients), seconds);
    const queriesMs: number[] = [];
    const untilMs = performance.now() + seconds * 1000;
    while (performance.now() < untilMs) queriesMs.push(await ask());
    const after = await scrape(kiln.url);
    const { latenciesMs, rawBytes } = await load;
    return {
      nodes,
      idle,
      busy: loopDelayIn(after),
      pushes: latenciesMs.length,
      rawMBPerSecond: rounded(rawBytes / 1e6 / seconds),
      pushP50Ms: rounded(percentile(latenciesMs, 0.5)),
      pushP99Ms: rounded(percentile(latenciesMs, 0.99)),
      queries: queriesMs.length,
      queryP50Ms: rounded(percentile(queriesMs, 0.5)),
      querySlicesAtMostSeconds: difference(slicesIn(after), before),
      peakRssMB: rounded(kiln.peakRssBytes() / 1e6, 0),
    };
  } finally {
    pusher.close();
    await kiln.stop();
  }
}

/** A hundred profiles of ten thousand stacks that no other one has. */
async function pushMillionNodes(url: string): Promise<number> {
  const stacks = 10_000;
  for (let profile = 0; profile < 100; profile++) {
    const samples = Array.from({ length: stacks }, (_, i) => ({
      stack: `main;work${profile};step${i % 100};f${profile * stacks + i}`,
      v: [i + 1],
    }));
    const labels = Object.entries({ __name__: 'process_cpu', service_name: 'million' }).map(([name, value]) => ({
      name,
      value,
    }));
    const body = pushProto([{ labels, profiles: [pprof({ samples, timeNanos: BigInt(Date.now()) * 1_000_000n })] }]);
    const reply = await fetch(`${url}/push.v1.PusherService/Push`, {
      method: 'POST',
      headers: { 'content-type': 'application/proto' },
      body,
    });
    if (reply.status !== 200) throw new Error(`profile ${profile} was refused: ${await reply.text()}`);
  }
  return 100 * stacks;
}

async function flamegraph(url: string, range: { readonly start: number; readonly end: number }): Promise<number> {
  const startMs = performance.now();
  const reply = await fetch(`${url}/querier.v1.QuerierService/SelectMergeStacktraces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' },
    body: JSON.stringify({
      ...range,
      profileTypeID: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
      labelSelector: '{service_name="million"}',
      maxNodes: 1_048_576,
    }),
  });
  const { length } = Buffer.from(await reply.arrayBuffer());
  if (reply.status !== 200 || length < 1_000_000) throw new Error(`no flame graph: ${reply.status}, ${length} bytes`);
  return performance.now() - startMs;
}

async function scrape(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

function difference(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([bound, count]) => [bound, count - (before[bound] ?? 0)]));
}
