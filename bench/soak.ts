// Works a real Kiln for a long time and says whether its memory grows. See README.md.
//
//     npm run bench:soak -- [--pushes 100000] [--queries 0] [--clients 32] [--flag --pool.threads=1]… [--json FILE]

import { parseArgs } from 'node:util';
import { Asker } from './load/asker.ts';
import { type KilnUnderLoad, startKiln } from './load/kiln-under-load.ts';
import { percentile } from './load/percentile.ts';
import { type ResidentMemory, residentMemoryOf } from './load/process-usage.ts';
import { Pusher } from './load/pusher.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants } from './load/variants.ts';

const { values: options } = parseArgs({
  options: {
    pushes: { type: 'string' },
    queries: { type: 'string', default: '0' },
    clients: { type: 'string', default: '32' },
    flag: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});
const queries = Number(options.queries);
const pushes = Number(options.pushes ?? (queries > 0 ? 0 : 100_000));

/** The last third may have this much more memory than the second one. */
const GROWTH_MAX = 1.05;
const SERVICES = 20;

/** What is there before a soak of queries alone begins. */
const FILL_PUSHES = 1_000;
/** As many people as look at profiles at once. */
const ASKING_CLIENTS = 4;
/** What queries ask for while pushes go on: what there is of it does not grow. */
const RECENT_MS = 15_000;

/** Small profiles, so that many pushes take minutes and not hours; twenty services of the same kinds. */
const variants = makeVariants(4).filter(({ rawBytes }) => rawBytes < 100_000);
const kiln = await startKiln(options.flag);
const pusher = new Pusher(kiln.url, variants, { services: SERVICES, pods: 10, kindsPerService: 0 });
const startMs = Date.now();
const asker = new Asker(kiln.url, SERVICES, () => {
  const end = Date.now();
  return { start: pushes > 0 ? end - RECENT_MS : startMs, end };
});
try {
  if (pushes === 0) await pusher.closedLoop(Number(options.clients), Number.POSITIVE_INFINITY, FILL_PUSHES);
  const result = await soak(kiln, async () => {
    const [pushed, asked] = await Promise.all([
      pushes > 0 ? pusher.closedLoop(Number(options.clients), Number.POSITIVE_INFINITY, pushes) : undefined,
      queries > 0 ? asker.closedLoop(ASKING_CLIENTS, queries) : undefined,
    ]);
    return { pushed: pushed?.statuses, asked };
  });
  const { samples, ...summary } = result;
  console.log({ pushes, queries, ...summary }, `goal: growth of anonymous memory <= ${GROWTH_MAX}`);
  writeResults('soak', { pushes, queries, ...summary, samples }, options.json);
  const answers = [summary.pushed ?? {}, summary.asked?.statuses ?? {}];
  for (const [status, count] of answers.flatMap(Object.entries)) {
    if (status.endsWith('200')) continue;
    console.error(`${count} requests: ${status}; what was not done took no memory`);
    process.exitCode = 1;
  }
  // Too short a run has no growth, which is no number.
  if (!(summary.anonymous.growth <= GROWTH_MAX)) process.exitCode = 1;
} finally {
  asker.close();
  pusher.close();
  await kiln.stop();
}

async function soak<T>(of: KilnUnderLoad, work: () => Promise<T>) {
  const samples: ResidentMemory[] = [];
  const timer = setInterval(() => samples.push(residentMemoryOf(of.pid)), 500);
  const [sinceMs, cpuBefore] = [performance.now(), of.cpuSeconds()];
  const done = await work();
  const seconds = rounded((performance.now() - sinceMs) / 1000);
  const cpuSeconds = rounded(of.cpuSeconds() - cpuBefore);
  clearInterval(timer);
  return {
    ...done,
    seconds,
    cpuSeconds,
    anonymous: thirds(samples.map(({ anonymous }) => anonymous)),
    file: thirds(samples.map(({ file }) => file)),
    peakRssMB: rounded(of.peakRssBytes() / 1e6, 0),
    metrics: memoryIn(await of.metrics()),
    samples,
  };
}

/** Medians of the thirds of the time. */
function thirds(values: readonly number[]): { thirdsMB: number[]; growth: number } {
  const third = Math.ceil(values.length / 3);
  const medians = [0, 1, 2].map((i) => percentile(values.slice(i * third, (i + 1) * third), 0.5));
  return { thirdsMB: medians.map((bytes) => rounded(bytes / 1e6)), growth: rounded(medians[2] / medians[1], 3) };
}

/** What the parts of the process say they have, in the end. */
function memoryIn(metricsText: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [, name, value] of metricsText.matchAll(
    /^((?:kiln_pool_thread_|nodejs_heap_size_|nodejs_external_|kiln_metastore_index_|kiln_query_backend_cache_bytes)\S*) (\S+)$/gm,
  )) {
    found[name] = Number(value);
  }
  return found;
}
