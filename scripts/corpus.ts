// Sends every profile and every captured request of a corpus to a Kiln, once each, and compares everything that comes back
// with what a Pyroscope server returned for the same: services, profile types, totals, and nodes and levels of the flame
// graphs (reference-totals.json). Where that server is known to be wrong, the format's own tool says what is right
// (`correct` below, and docs/differences.md).
//
//   npm run corpus
//   npm run corpus -- --corpus DIR
//
// The corpus is not part of this repository; test/data has the half of it that `npm test` reads. Without it there is
// nothing to do, and that is no failure.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { capturedRequests, type Replayed, replay } from '../test/fixtures/captured-request.ts';
import { KilnClient } from '../test/fixtures/kiln-client.ts';
import { KilnProcess } from './kiln-process.ts';

const ROOT = join(import.meta.dirname, '..');

/** Recordings of the corpus were made at any time before. */
const PAST_MS = 20 * 365 * 86_400_000;

/** Everything that the totals are about is of one tenant; three requests were left out of them and are of another. */
const TENANT = 'corpus';
const UPLOADS_TENANT = 'uploads';
const UPLOADS: ReadonlySet<string> = new Set([
  'profilecli-upload-connect-token',
  'profilecli-upload-grpc',
  'profilecli-upload-grpc-web',
]);

type Figures = { readonly total: bigint; readonly nodes?: number; readonly levels?: number };
/** By service, then by profile type. */
type Totals = Map<string, Map<string, Figures>>;

const { values: options } = parseArgs({
  options: { corpus: { type: 'string', default: join(ROOT, '../shared/corpus') } },
});
const corpus = options.corpus;

if (existsSync(join(corpus, 'reference-totals.json'))) await main();
else console.log(`corpus: skipped, there are no recordings at ${corpus}; those that the tests need are in test/data`);

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-corpus-'));
  const kiln = new KilnProcess();
  const problems: string[] = [];
  let compared = 0;
  try {
    const to = await kiln.start([
      `--data-dir=${join(folder, 'data')}`,
      '--auth.multitenancy-enabled=true',
      '--distributor.ingestion-rate-limit-mb=0',
      '--validation.max-profile-size-bytes=52428800',
      '--validation.max-profile-stacktrace-samples=0',
      '--validation.reject-older-than=0',
      '--querier.max-query-length=0',
      '--querier.max-query-lookback=0',
    ]);
    const sent = [...(await sendFiles(to.url)), ...(await sendRequests(to))];
    for (const { what, status, answer } of sent) {
      if (status !== 200) problems.push(`${what}: answered ${status} ${answer}`);
    }
    console.log(`corpus: ${sent.length} profiles and requests sent`);
    for (const [tenant, expected] of [
      [TENANT, expectedTotals()],
      [UPLOADS_TENANT, expectedUploads()],
    ] as const) {
      const actual = await storedTotals(new KilnClient(to.url, tenant, PAST_MS));
      compared += compare(actual, expected, problems);
    }
    await kiln.stop();
  } catch (error) {
    problems.push(String(error), `last lines of the server's log:\n${kiln.logTail()}`);
  } finally {
    kiln.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  for (const problem of problems) console.log(problem);
  console.log(`corpus: ${compared} totals are right, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

type Sent = Replayed & { readonly what: string };

/** Every file as a bare body of `/ingest`. The service is called `file-` and its name. */
async function sendFiles(url: string): Promise<Sent[]> {
  const sent: Sent[] = [];
  const client = new KilnClient(url, TENANT);
  for (const file of readdirSync(join(corpus, 'profiles')).sort()) {
    const { format, body } = uploadOf(file);
    const path = `/ingest?name=${serviceOf(file)}&format=${format}&sampleRate=100&from=${Date.now()}`;
    const { status, body: answer } = await client.post(path, body, { 'content-type': 'application/octet-stream' });
    sent.push({ what: file, status, answer: answer.toString() });
  }
  return sent;
}

function uploadOf(file: string): { format: string; body: Uint8Array } {
  const body = profileFile(file);
  if (file.endsWith('.pb.gz')) return { format: 'pprof', body };
  if (file.endsWith('.jfr.gz')) return { format: 'jfr', body: gunzipSync(body) };
  return { format: file.endsWith('speedscope.json') ? 'speedscope' : 'groups', body };
}

function serviceOf(file: string): string {
  return `file-${file.slice(0, file.indexOf('.'))}`;
}

function profileFile(file: string): Buffer {
  return readFileSync(join(corpus, 'profiles', file));
}

/** Every captured request as it was, save for who sends it. */
async function sendRequests(to: { url: string; grpcUrl: string }): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (const request of capturedRequests(join(corpus, 'requests'))) {
    const tenant = UPLOADS.has(request.name) ? UPLOADS_TENANT : TENANT;
    sent.push({ what: request.name, ...(await replay(request, to, tenant)) });
  }
  return sent;
}

async function storedTotals(client: KilnClient): Promise<Totals> {
  type Names = { readonly names?: readonly string[] };
  const { names = [] } = await client.query<Names>('LabelValues', { name: 'service_name', matchers: [] });
  const totals: Totals = new Map();
  for (const service of names) {
    const types = new Map<string, Figures>();
    for (const type of await client.profileTypes(service)) {
      const { total, nodes, levels } = await client.flamegraph(service, type);
      types.set(type, { total, nodes, levels });
    }
    totals.set(service, types);
  }
  return totals;
}

type ReferenceTotals = {
  readonly services: Record<string, Record<string, { total: number; nodes: number; levels: number }>>;
};

function referenceTotals(): Totals {
  const reference = JSON.parse(readFileSync(join(corpus, 'reference-totals.json'), 'utf8')) as ReferenceTotals;
  const totals: Totals = new Map();
  for (const [service, types] of Object.entries(reference.services)) {
    const figures = Object.entries(types).map(([type, { total, nodes, levels }]) => {
      return [type, { total: BigInt(total), nodes, levels }] as const;
    });
    totals.set(service, new Map(figures));
  }
  return totals;
}

function expectedTotals(): Totals {
  const totals = referenceTotals();
  correct(totals);
  return totals;
}

/** Puts in what is right where Pyroscope is not, or where it leaves out what Kiln keeps. */
function correct(totals: Totals): void {
  const cpu = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
  const set = (service: string, type: string, figures: Figures): void => {
    const types = totals.get(service) ?? new Map<string, Figures>();
    totals.set(service, types.set(type, figures));
  };

  // The count of a wall clock event stays with that event: totals are the weights that `jfr print` shows.
  const multi = jfrWeights('java-multi.jfr.gz');
  const known = totals.get('file-java-multi') ?? new Map<string, Figures>();
  for (const [type, total] of Object.entries({
    'block:contentions:count:block:count': multi('jdk.ThreadPark', 'events'),
    'block:delay:nanoseconds:block:count': multi('jdk.ThreadPark', 'weight'),
    'memory:alloc_in_new_tlab_bytes:bytes:space:bytes': multi('jdk.ObjectAllocationInNewTLAB', 'weight'),
    'memory:alloc_in_new_tlab_objects:count:space:bytes': multi('jdk.ObjectAllocationInNewTLAB', 'events'),
    'mutex:contentions:count:mutex:count': multi('jdk.JavaMonitorEnter', 'events'),
    'mutex:delay:nanoseconds:mutex:count': multi('jdk.JavaMonitorEnter', 'weight'),
    [cpu]: multi('jdk.ExecutionSample', 'events') * 10_000_000n,
    'wall:wall:nanoseconds:wall:nanoseconds': multi('profiler.WallClockSample', 'weight') * 10_000_000n,
  })) {
    known.set(type, { ...known.get(type), total });
  }

  // Pyroscope cuts weights to whole seconds and keeps nothing: the total is the sum of the weights.
  const { profiles } = JSON.parse(profileFile('python-speedscope.json').toString()) as {
    profiles: { weights: number[] }[];
  };
  const weights = profiles.flatMap((profile) => profile.weights);
  const nanos = weights.reduce((sum, weight) => sum + BigInt(Math.round(weight * 1e9)), 0n);
  set('file-python-speedscope', 'wall:wall:nanoseconds:cpu:nanoseconds', { total: nanos });

  // Frames without names vanish from its flame graphs: the total is the sum of the values of the file.
  const native = sumOfValues('native-kernel-cpu.pb.gz');
  set('file-native-kernel-cpu', cpu, { total: native });
  set('file-native-unsymbolised-cpu', cpu, { total: sumOfValues('native-unsymbolised-cpu.pb.gz') });
  // The same samples, once as protobuf and once as JSON.
  set('example.otlp.ebpf', 'cpu:cpu:nanoseconds:cpu:nanoseconds', { total: 2n * native });
}

/** What the JDK's own tool says (scripts/jfr-weights.ts). */
function jfrWeights(file: string): (event: string, figure: 'events' | 'weight') => bigint {
  const all = JSON.parse(readFileSync(join(ROOT, 'test/data/jfr-weights.json'), 'utf8')) as Record<
    string,
    Record<string, Record<'events' | 'weight', number>>
  >;
  return (event, figure) => BigInt(all[file]?.[event]?.[figure] ?? -1);
}

/** Of the first sample type. */
function sumOfValues(file: string): bigint {
  const { samples } = decodeProfile(gunzipSync(profileFile(file)));
  return samples.reduce((sum, { values }) => sum + (values[0] ?? 0n), 0n);
}

/** All three upload the mutex profile of a service, and the one with a token a goroutine profile besides. */
function expectedUploads(): Totals {
  const mutex = 'file-go-mutex-service';
  const files = [mutex, mutex, mutex, 'file-go-goroutine'];
  const reference = referenceTotals();
  const uploaded = new Map<string, Figures>();
  for (const [type, figures] of files.flatMap((file) => [...(reference.get(file) ?? [])])) {
    const named = `unknown${type.slice(type.indexOf(':'))}`;
    uploaded.set(named, { ...figures, total: figures.total + (uploaded.get(named)?.total ?? 0n) });
  }
  return new Map([['example.upload', uploaded]]);
}

/** @returns how many are right */
function compare(actual: Totals, expected: Totals, problems: string[]): number {
  let right = 0;
  for (const service of new Set([...expected.keys(), ...actual.keys()])) {
    const types = new Set([...(expected.get(service)?.keys() ?? []), ...(actual.get(service)?.keys() ?? [])]);
    for (const type of types) {
      const want = expected.get(service)?.get(type);
      const got = actual.get(service)?.get(type);
      if (want !== undefined && got !== undefined && agrees(got, want)) right++;
      else problems.push(`${service} ${type}: expected ${textOf(want)}, got ${textOf(got)}`);
    }
  }
  return right;
}

function agrees(got: Figures, { total, nodes = got.nodes, levels = got.levels }: Figures): boolean {
  return got.total === total && got.nodes === nodes && got.levels === levels;
}

function textOf(figures: Figures | undefined): string {
  if (figures === undefined) return 'nothing';
  const { total, nodes, levels } = figures;
  return `total ${total}, ${nodes ?? 'any'} nodes, ${levels ?? 'any'} levels`;
}
