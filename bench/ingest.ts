// Pushes real profiles at a real Kiln and says what they cost. See README.md.
//
//     npm run bench:ingest -- [--seconds 10] [--clients 64 | --rate RAW_MB_PER_S | --pushes-per-second N]
//                             [--services 20] [--pods 10] [--kinds 0] [--variants 6] [--flag --pool.threads=1]…
//                             [--preset must-show] [--json FILE]

import { parseArgs } from 'node:util';
import { type KilnUnderLoad, startKiln } from './load/kiln-under-load.ts';
import { percentile } from './load/percentile.ts';
import { type LoadResult, type LoadShape, Pusher, type PushProtocol } from './load/pusher.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants } from './load/variants.ts';
import { gunzipMegabytesPerSecond } from './load/yardstick.ts';

type Loop =
  | { readonly kind: 'closed'; readonly clients: number }
  | { readonly kind: 'open'; readonly pushesPerSecond: number };

/** Compiled code is part of a server that has run for a minute, so the first seconds are not measured. */
const WARM_UP_SECONDS = 4;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    clients: { type: 'string', default: '64' },
    rate: { type: 'string' },
    'pushes-per-second': { type: 'string' },
    services: { type: 'string', default: '20' },
    pods: { type: 'string', default: '10' },
    kinds: { type: 'string', default: '0' },
    variants: { type: 'string', default: '6' },
    protocol: { type: 'string', default: 'connect' },
    connections: { type: 'string', default: '4' },
    flag: { type: 'string', multiple: true, default: [] },
    preset: { type: 'string' },
    json: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const shape: LoadShape = {
  services: Number(options.services),
  pods: Number(options.pods),
  kindsPerService: Number(options.kinds),
};
if (options.protocol !== 'connect' && options.protocol !== 'grpc') throw new Error('--protocol is connect or grpc');
const protocol: PushProtocol =
  options.protocol === 'grpc' ? { kind: 'grpc', connections: Number(options.connections) } : { kind: 'connect' };
const variants = makeVariants(Number(options.variants));
const meanRawMegabytes = variants.reduce((sum, { rawBytes }) => sum + rawBytes, 0) / variants.length / 1e6;
const yardstick = gunzipMegabytesPerSecond(variants);
console.log(`yardstick: one core inflates ${rounded(yardstick)} raw MB/s of these profiles`);

if (options.preset === 'must-show') await mustShow();
else {
  const results = await measure(loopOf());
  console.log(results);
  writeResults('ingest', { shape, ...results }, options.json);
}

function loopOf(): Loop {
  if (options.rate !== undefined) return { kind: 'open', pushesPerSecond: Number(options.rate) / meanRawMegabytes };
  const perSecond = options['pushes-per-second'];
  if (perSecond !== undefined) return { kind: 'open', pushesPerSecond: Number(perSecond) };
  return { kind: 'closed', clients: Number(options.clients) };
}

async function measure(loop: Loop): Promise<Record<string, unknown> & Figures> {
  const kiln = await startKiln(options.flag);
  const pusher = new Pusher(protocol.kind === 'grpc' ? kiln.grpcUrl : kiln.url, variants, shape, protocol);
  try {
    await run(pusher, loop, WARM_UP_SECONDS);
    await kiln.eventLoopDelay();
    const before = { cpu: kiln.cpuSeconds(), stored: kiln.stored(), own: process.cpuUsage() };
    const result = await run(pusher, loop, seconds);
    return await figuresOf(kiln, result, before);
  } finally {
    pusher.close();
    await kiln.stop();
  }
}

function run(pusher: Pusher, loop: Loop, forSeconds: number): Promise<LoadResult> {
  return loop.kind === 'closed'
    ? pusher.closedLoop(loop.clients, forSeconds)
    : pusher.openLoop(loop.pushesPerSecond, forSeconds);
}

type Figures = { ratio: number; p50Ms: number; peakRssMB: number };
type Before = { cpu: number; stored: { objects: number; bytes: number }; own: NodeJS.CpuUsage };

async function figuresOf(
  kiln: KilnUnderLoad,
  result: LoadResult,
  before: Before,
): Promise<Record<string, unknown> & Figures> {
  const cpuSeconds = kiln.cpuSeconds() - before.cpu;
  const stored = kiln.stored();
  const own = process.cpuUsage(before.own);
  const perCpuSecond = result.rawBytes / 1e6 / cpuSeconds;
  return {
    seconds: rounded(result.seconds),
    pushes: result.latenciesMs.length,
    statuses: result.statuses,
    rawMBPerSecond: rounded(result.rawBytes / 1e6 / result.seconds),
    cpuMsPerPush: rounded((cpuSeconds * 1000) / result.latenciesMs.length, 2),
    rawMBPerCpuSecond: rounded(perCpuSecond),
    gunzipMBPerSecond: rounded(yardstick),
    ratio: rounded(perCpuSecond / yardstick, 3),
    p50Ms: rounded(percentile(result.latenciesMs, 0.5)),
    p95Ms: rounded(percentile(result.latenciesMs, 0.95)),
    p99Ms: rounded(percentile(result.latenciesMs, 0.99)),
    peakRssMB: rounded(kiln.peakRssBytes() / 1e6, 0),
    eventLoopDelayP99Ms: rounded((await kiln.eventLoopDelay()) * 1000),
    objectsPerSecond: rounded((stored.objects - before.stored.objects) / result.seconds),
    storedPerRawByte: rounded((stored.bytes - before.stored.bytes) / result.rawBytes, 4),
    generatorCpuShare: rounded((own.user + own.system) / 1e6 / result.seconds, 2),
  };
}

/** The figures that a release is held to, each with its target. Exit code 1 when one is missed. */
async function mustShow(): Promise<void> {
  const closed = await measure({ kind: 'closed', clients: 64 });
  const open = await measure({ kind: 'open', pushesPerSecond: 10 / meanRawMegabytes });
  const lone = await measure({ kind: 'open', pushesPerSecond: 2 });
  const rows: [what: string, figure: number, holds: boolean, target: string][] = [
    ['closed loop, 64 clients: raw MB per CPU-second / gunzip', closed.ratio, closed.ratio >= 0.06, '>= 0.06'],
    ['closed loop, 64 clients: peak RSS, MB', closed.peakRssMB, closed.peakRssMB <= 600, '<= 600'],
    ['open loop, 10 raw MB/s: acknowledgement p50, ms', open.p50Ms, open.p50Ms <= 150, '<= 150'],
    ['open loop, 2 pushes a second: acknowledgement p50, ms', lone.p50Ms, lone.p50Ms <= 50, '<= 50'],
  ];
  for (const [what, figure, holds, target] of rows) {
    console.log(`${holds ? 'ok    ' : 'MISSED'} ${what.padEnd(56)} ${String(figure).padStart(8)}   target ${target}`);
  }
  writeResults('ingest-must-show', { shape, closed, open, lone }, options.json);
  if (rows.some(([, , holds]) => !holds)) process.exitCode = 1;
}
