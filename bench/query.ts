// Fills a real Kiln with profiles and asks it what people ask. See README.md.
//
//     npm run bench:query -- [--profiles 2000] [--n 5] [--services 20] [--kinds 0] [--only REGEX] [--json FILE]

import { parseArgs } from 'node:util';
import { startKiln } from './load/kiln-under-load.ts';
import { percentile } from './load/percentile.ts';
import { Pusher } from './load/pusher.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants } from './load/variants.ts';
import { gunzipMegabytesPerSecond } from './load/yardstick.ts';

const { values: options } = parseArgs({
  options: {
    profiles: { type: 'string', default: '2000' },
    n: { type: 'string', default: '5' },
    services: { type: 'string', default: '20' },
    kinds: { type: 'string', default: '0' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});

const cpu = 'go-cpu:cpu:nanoseconds:cpu:nanoseconds';
const heap = 'go-heap:inuse_space:bytes:space:bytes';
const one = (service: string) => ({ profileTypeID: cpu, labelSelector: `{service_name="${service}"}` });
const all = (profileTypeID: string) => ({ profileTypeID, labelSelector: '{}' });

const queries: readonly (readonly [name: string, method: string, request: Record<string, unknown>])[] = [
  ['profile types', 'ProfileTypes', {}],
  ['label names', 'LabelNames', {}],
  ['label values of service_name', 'LabelValues', { name: 'service_name' }],
  ['series, as the UI lists them', 'Series', { labelNames: ['service_name', '__profile_type__'] }],
  ['flame graph of one service, 8k nodes', 'SelectMergeStacktraces', { ...one('svc-1'), maxNodes: 8192 }],
  ['flame graph of all services, 8k nodes', 'SelectMergeStacktraces', { ...all(cpu), maxNodes: 8192 }],
  ['flame graph of all services, 1M nodes', 'SelectMergeStacktraces', { ...all(cpu), maxNodes: 1_048_576 }],
  [
    'flame graph with a label regex',
    'SelectMergeStacktraces',
    { profileTypeID: cpu, labelSelector: '{pod=~"pod-[1-3]"}', maxNodes: 8192 },
  ],
  ['pprof of all services', 'SelectMergeProfile', all(heap)],
  ['series by pod', 'SelectSeries', { ...all(cpu), groupBy: ['pod'], step: 15 }],
  ['series by service', 'SelectSeries', { ...all(heap), groupBy: ['service_name'], step: 15 }],
];

const variants = makeVariants(6);
const yardstick = gunzipMegabytesPerSecond(variants);
const kiln = await startKiln();
const pusher = new Pusher(kiln.url, variants, {
  services: Number(options.services),
  pods: 10,
  kindsPerService: Number(options.kinds),
});
const startMs = Date.now();
const loaded = await pusher.closedLoop(64, 3600, Number(options.profiles));
pusher.close();
const range = { start: startMs - 60_000, end: Date.now() + 60_000 };
console.log(
  `${loaded.latenciesMs.length} profiles in ${kiln.stored().objects} segments; gunzip ${rounded(yardstick)} MB/s`,
);

const results = [];
for (const [name, method, request] of queries.filter(([name]) => new RegExp(options.only).test(name))) {
  results.push({ name, ...(await timed(method, { ...range, ...request })) });
  console.log(results.at(-1));
}
const sides = { left: { ...range, ...one('svc-1') }, right: { ...range, ...one('svc-2') } };
if (new RegExp(options.only).test('diff')) {
  results.push({ name: 'diff of two services', ...(await timed('Diff', sides)) });
  console.log(results.at(-1));
}
await kiln.stop();
writeResults(
  'query',
  { profiles: loaded.latenciesMs.length, gunzipMBPerSecond: rounded(yardstick), results },
  options.json,
);

async function timed(method: string, request: unknown): Promise<Record<string, number>> {
  const ask = async (): Promise<number> => {
    const response = await fetch(`${kiln.url}/querier.v1.QuerierService/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'accept-encoding': 'identity' },
      body: JSON.stringify(request),
    });
    const body = await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`${method}: ${response.status} ${Buffer.from(body)}`);
    return body.byteLength;
  };
  const bytes = await ask();
  const n = Number(options.n);
  const wallMs: number[] = [];
  const cpuBefore = kiln.cpuSeconds();
  for (let i = 0; i < n; i++) {
    const askedMs = performance.now();
    await ask();
    wallMs.push(performance.now() - askedMs);
  }
  const cpuMs = ((kiln.cpuSeconds() - cpuBefore) * 1000) / n;
  return {
    p50Ms: rounded(percentile(wallMs, 0.5)),
    p95Ms: rounded(percentile(wallMs, 0.95)),
    cpuMs: rounded(cpuMs),
    bytes,
  };
}
