// Sends payloads with faults through every decoder: all that a push passes until it is stored, in this process, and over the
// sockets of a real one. Whatever is sent, it is accepted, or refused as the client's fault with a message that names it.
//
//   scripts/node scripts/fuzz.ts                               10,000 payloads in process, from a new seed, and 100 over HTTP
//   scripts/node scripts/fuzz.ts --payloads N --http M --seed S --threads 2
//   scripts/node scripts/fuzz.ts --megabytes 0                 without those that are made to cost much, which come first
//   scripts/node scripts/fuzz.ts --decoder jfr --decoder tree  of some decoders alone
//   scripts/node scripts/fuzz.ts --seed S --only N             one payload again, with the decoders as they were
//   scripts/node scripts/fuzz.ts --file F                      one that was kept
//
// Ends with 1 when a payload is answered with anything else, when a task takes more than a second of CPU (a task that did
// is done once more, because others use this machine as well), when memory has grown, or a server died. What failed is
// kept in a file, whose name is printed. How it works: test/fuzz/README.md.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { residentMemoryOf } from '../bench/load/process-usage.ts';
import { runSeed } from '../test/fixtures/random.ts';
import { costlyPayloads } from '../test/fuzz/costly-payloads.ts';
import { DECODERS, payloadOf } from '../test/fuzz/decoders.ts';
import { fuzzHttp } from '../test/fuzz/fuzz-http.ts';
import { answerOne, FuzzFailure, fuzzInline } from '../test/fuzz/fuzz-inline.ts';
import { addReport, type DecoderReport, type FuzzReport, reportText } from '../test/fuzz/fuzz-report.ts';
import { BATCH_PROFILES } from '../test/fuzz/inline-heads.ts';
import { InlineServer } from '../test/fuzz/inline-server.ts';
import { MemoryPlateau } from '../test/fuzz/memory-plateau.ts';
import { OWN_GROWTH_MAX, ownMemory } from '../test/fuzz/own-memory.ts';
import { type Decoder, type Payload, payloadOfText, payloadText } from '../test/fuzz/payload.ts';
import { PayloadClient } from '../test/fuzz/payload-client.ts';
import { KilnProcess } from './kiln-process.ts';

const TASK_MS_MAX = 1000;
/** After so many a run is given up: they are mostly the same one. */
const FAILURES_MAX = 20;
const MEMORY_SAMPLES = 40;
/** Of a server. What its allocator keeps depends on which threads met the largest bodies. */
const SERVER_GROWTH_MAX = { resident: 256 << 20 };

const { values: options } = parseArgs({
  options: {
    payloads: { type: 'string', default: '10000' },
    http: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(runSeed()) },
    decoder: { type: 'string', multiple: true, default: [] },
    threads: { type: 'string', default: '1' },
    /** Of each payload that is made to cost much, which come first; 0: none of them. */
    megabytes: { type: 'string', default: '4' },
    only: { type: 'string' },
    file: { type: 'string' },
    /** Of a process that another one started: its number among them. */
    share: { type: 'string' },
  },
});
const seed = Number(options.seed);
const payloadCount = Number(options.payloads);
const httpCount = Number(options.http);
const threads = Number(options.threads);
const costlyBytes = Number(options.megabytes) << 20;
const decoders = options.decoder.length === 0 ? DECODERS : options.decoder.map(decoderNamed);
let failureCount = 0;

if (options.file !== undefined) await again(payloadOfText(readFileSync(options.file, 'utf8')), 0);
else if (options.only !== undefined) {
  await again(payloadOf(seed, Number(options.only), decoders), Number(options.only));
} else if (options.share !== undefined) process.send?.(await inProcess(Number(options.share)));
else {
  console.log(`seed ${seed}`);
  if (payloadCount > 0) console.log(`\n${payloadCount} payloads in process\n${reportText(await inThreads())}`);
  if (httpCount > 0) console.log(`\n${httpCount} payloads over HTTP and gRPC\n${reportText(await overSockets())}`);
}
process.exitCode = failureCount > 0 ? 1 : 0;

/** A payload alone. */
async function again(payload: Payload, number: number): Promise<void> {
  const server = new InlineServer();
  const { body, ...head } = payload;
  console.log({ ...head, bodyBytes: body.length });
  console.log(await server.answer(payload).catch((error: unknown) => error));
  const report: FuzzReport = {};
  try {
    await answerOne(server, payload, number, TASK_MS_MAX, report);
    server.heads.seal();
  } catch (error) {
    failureCount++;
    console.error(error);
  }
  console.log(reportText(report));
}

/** Shares the payloads with other processes, of which each has memory of its own. */
async function inThreads(): Promise<FuzzReport> {
  if (threads === 1) return inProcess(0);
  const report: FuzzReport = {};
  const shares = Array.from({ length: threads }, async (_, share) => {
    const args = [...process.argv.slice(2), '--seed', String(seed), '--share', String(share)];
    const child = fork(import.meta.filename, args);
    child.on('message', (part) => addReport(report, part as FuzzReport));
    const [code] = await once(child, 'exit');
    if (code !== 0) failureCount++;
  });
  await Promise.all(shares);
  return report;
}

/** @param share  which of the payloads: those whose number has this remainder */
async function inProcess(share: number): Promise<FuzzReport> {
  const server = new InlineServer();
  const report: FuzzReport = {};
  if (costlyBytes > 0 && options.decoder.length === 0) await warmUp(server, share === 0);
  const memory = new MemoryPlateau(OWN_GROWTH_MAX);
  const sampleEvery = Math.max(1000, Math.ceil(payloadCount / MEMORY_SAMPLES / threads) * threads);
  for (let start = 0; start < payloadCount; start += sampleEvery) {
    const end = Math.min(start + sampleEvery, payloadCount);
    const first = start + ((((share - start) % threads) + threads) % threads);
    const range = { seed, first, end, step: threads, decoders };
    await fuzzInline(server, { ...range, taskMsMax: TASK_MS_MAX, onFailure: keep }, report);
    memory.add(ownMemory(server.heads.memory));
    if (share === 0) progress(end, payloadCount);
  }
  console.log(memory.text());
  for (const growth of memory.growth()) {
    failureCount++;
    console.error(growth);
  }
  return report;
}

/** What is made to cost much, first: what it takes is the most that is ever taken. */
async function warmUp(server: InlineServer, isToldOf: boolean): Promise<void> {
  for (const { name, payload, fillsBatch } of costlyPayloads(costlyBytes)) {
    server.heads.senders = fillsBatch ? BATCH_PROFILES : 1;
    let times = await timesOf(server, payload);
    // Once more: a collection of garbage, or others on this machine, may have come in between.
    if (times.slowestStepMs > TASK_MS_MAX) times = await timesOf(server, payload);
    const { slowestMs, slowestStepMs } = times;
    // Such a task may take longer: it is what its limits let through. Its steps may not.
    if (slowestStepMs > TASK_MS_MAX) failureCount++;
    const text = `${slowestMs.toFixed(0).padStart(5)} ms, in steps of ${slowestStepMs.toFixed(0).padStart(3)} ms at most`;
    if (isToldOf) console.log(`${text}  ${name}`);
  }
  server.heads.senders = 1;
  server.heads.seal();
}

async function timesOf(server: InlineServer, payload: Payload): Promise<DecoderReport> {
  const report: FuzzReport = {};
  await answerOne(server, payload, 0, Number.POSITIVE_INFINITY, report).catch(keep);
  return Object.values(report)[0];
}

async function overSockets(): Promise<FuzzReport> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kiln-fuzz-'));
  const kiln = new KilnProcess();
  const report: FuzzReport = {};
  try {
    const urls = await kiln.start([
      ...[`--data-dir=${dataDir}`, '--auth.multitenancy-enabled=true', '--distributor.ingestion-rate-limit-mb=0'],
      ...['--segment-writer.segment-duration=100ms', '--pool.threads=2', '--otlp.attribute-labels=host.*=host_*,tid='],
      // A disk that others use is no fault of the payload.
      ...['--segment-writer.upload-timeout=60s', '--segment-writer.metadata-update-timeout=60s'],
    ]);
    const client = new PayloadClient(urls);
    const memory = new MemoryPlateau(SERVER_GROWTH_MAX);
    const sample = (): void => memory.add({ resident: residentMemoryOf(kiln.pid as number).anonymous });
    if (costlyBytes > 0) for (const { payload } of costlyPayloads(costlyBytes)) await client.answer(payload);
    const sampleEvery = Math.max(100, Math.ceil(httpCount / MEMORY_SAMPLES));
    for (let first = 0; first < httpCount; first += sampleEvery) {
      const range = { seed, first, end: Math.min(first + sampleEvery, httpCount), decoders };
      await fuzzHttp(client, { ...range, onFailure: keep }, report);
      sample();
      progress(range.end, httpCount);
    }
    const ready = await fetch(`${urls.url}/ready`);
    if (ready.status !== 200) throw new Error(`/ready answers ${ready.status}`);
    client.close();
    await kiln.stop();
    console.log(memory.text());
    for (const growth of memory.growth()) throw new Error(growth);
    const log = kiln.logTail();
    if (log.includes('because of a bug') || log.includes('a pool thread failed')) throw new Error('there was a bug');
  } catch (error) {
    failureCount++;
    console.error(error, kiln.logTail());
  } finally {
    kiln.kill();
    rmSync(dataDir, { recursive: true });
  }
  return report;
}

/** A long run takes half an hour. */
function progress(done: number, of: number): void {
  const { user, system } = process.cpuUsage();
  console.log(`${done} of ${of} after ${((user + system) / 1e6).toFixed(0)} s of CPU, ${failureCount} failed`);
}

function keep(error: unknown): void {
  if (!(error instanceof FuzzFailure)) throw error;
  const { payload, number } = error;
  const file = join(tmpdir(), `kiln-fuzz-${payload.decoder}-${seed}-${number}.json`);
  writeFileSync(file, payloadText(payload));
  const among = options.decoder.map((name) => ` --decoder ${name}`).join('');
  console.error(
    `${error.message}\n  again: scripts/node scripts/fuzz.ts --seed ${seed} --only ${number}${among}\n  kept: ${file}`,
  );
  if (++failureCount >= FAILURES_MAX) throw new Error('too many payloads failed');
}

function decoderNamed(name: string): Decoder {
  const decoder = DECODERS.find((one) => one.name === name);
  if (decoder !== undefined) return decoder;
  throw new Error(`there is no decoder ${name}; there are: ${DECODERS.map((one) => one.name).join(', ')}`);
}
