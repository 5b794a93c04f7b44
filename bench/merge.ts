// Merges segments to blocks as compaction does, twice, and asks all three what people ask. See README.md.
//
//     npm run bench:merge -- [--dir BUCKET --raw-mb N] [--profiles 7000] [--kinds 0] [--group 20] [--only REGEX]
//                            [--n 3] [--json FILE] [--keep FOLDER]

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type Compress, compactedZstdLevel, segmentZstdLevel } from '#src/domain/block/chunk-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { LabelName, valueOf } from '#src/domain/model/labels.ts';
import { parseProfileType } from '#src/domain/model/profile-type.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { planQuery } from '#src/domain/query/plan.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { QueryBackend } from '#src/services/query-backend/query-backend.ts';
import { BlockMerge } from '#src/workers/block-merge.ts';
import { encodeHead } from '#src/workers/encode-head.ts';
import { Head } from '#src/workers/head.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import type { AnswerTask, NodeQuery, NodeReport } from '#src/workers/query-messages.ts';
import { writeAnswer } from '#src/workers/write-answer.ts';
import { ZstdCompressor } from '#src/workers/zstd-compressor.ts';
import { decompress } from '../test/fixtures/decompress.ts';
import { testSecret } from '../test/fixtures/hash-secret.ts';
import { InlinePool } from '../test/fixtures/inline-pool.ts';
import { testKernels } from '../test/fixtures/kernels.ts';
import { Random } from '../test/fixtures/random.ts';
import { FakeObjectReader, type Segment } from '../test/fixtures/segments.ts';
import { itemOf, limits, NOW_MS } from './kernels/corpus-head.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants, uniqueBody } from './load/variants.ts';
import { gunzipMegabytesPerSecond } from './load/yardstick.ts';

const { values: options } = parseArgs({
  options: {
    dir: { type: 'string' },
    'raw-mb': { type: 'string', default: '0' },
    profiles: { type: 'string', default: '7000' },
    services: { type: 'string', default: '20' },
    kinds: { type: 'string', default: '0' },
    group: { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
    n: { type: 'string', default: '3' },
    json: { type: 'string' },
    keep: { type: 'string' },
  },
});

/** Profiles of a segment: half a second of a node that takes a hundred a second. */
const PROFILES_PER_SEGMENT = 50;
const PODS = 10;
const TENANT = 'anonymous';
const queryKernels = testKernels();
const mergeKernels = testKernels({ scratchBytesMax: 512 << 20, headBytesMax: 512 << 20 });

const variants = makeVariants(8);
const gunzipMsPerMB = 1000 / gunzipMegabytesPerSecond(variants);
const { segments, rawMB } = options.dir === undefined ? makeSegments() : readSegments(options.dir);
console.log(
  `${segments.length} segments of ${rounded(rawMB)} raw MB; gunzip ${rounded(gunzipMsPerMB, 2)} ms per raw MB`,
);

const compressor = new ZstdCompressor(compactedZstdLevel);
const compress: Compress = (raw) => compressor.compress(raw);
type Stage = {
  readonly name: string;
  readonly blocks: readonly Segment[];
  readonly cpuMsPerMB: number;
  readonly longestStepMs: number;
};

// Compilers and page tables first: a pool thread merges again and again.
compacted('warm-up', 1, segments.slice(0, Number(options.group)));
const stages: Stage[] = [{ name: 'segments', blocks: segments, cpuMsPerMB: 0, longestStepMs: 0 }];
for (const [level, name] of [
  [1, 'first'],
  [2, 'final'],
] as const) {
  stages.push(compacted(name, level, stages[stages.length - 1].blocks));
}
if (options.keep !== undefined) keep(options.keep);
const stored = stages.map(({ name, blocks, cpuMsPerMB, longestStepMs }) => ({
  name,
  blocks: blocks.length,
  storedPerRaw: rounded(blocks.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6 / rawMB, 4),
  cpuMsPerMB: rounded(cpuMsPerMB, 2),
  ofGunzip: rounded(cpuMsPerMB / gunzipMsPerMB, 2),
  longestStepMs: rounded(longestStepMs),
}));
console.table(stored);

const typeIds = new Set(segments.flatMap(({ meta }) => meta.datasets.flatMap(({ labels }) => labels.map(typeOf))));
const typeLike = (end: string): string => [...typeIds].find((type) => type.endsWith(end)) ?? end;
const cpu = typeLike(':cpu:nanoseconds:cpu:nanoseconds');
const heap = typeLike(':inuse_space:bytes:space:bytes');
const queries = await measuredQueries();
console.table(queries);
writeResults(
  'merge',
  { rawMB: rounded(rawMB), gunzipMsPerMB: rounded(gunzipMsPerMB, 2), stored, queries },
  options.json,
);

function compacted(name: string, level: number, sources: readonly Segment[]): Stage {
  const blocks: Segment[] = [];
  const kernels = mergeKernels;
  const cpuBefore = process.cpuUsage();
  let longestStepMs = 0;
  for (let start = 0; start < sources.length; start += Number(options.group)) {
    const reads = sources
      .slice(start, start + Number(options.group))
      .map(({ meta, bytes }) => ({ datasets: meta.datasets, fetched: wholeObject(bytes) }));
    const merge = new BlockMerge({ tenant: TENANT, sources: reads }, { kernels, compress, decompress });
    for (let more = true; more; ) {
      const startMs = performance.now();
      more = merge.step();
      longestStepMs = Math.max(longestStepMs, performance.now() - startMs);
    }
    const id = `01J${level}${String(start).padStart(22, '0')}`;
    const { parts, meta } = joinParts(merge.take(), { id, shard: 1, tenant: TENANT, level });
    blocks.push({ meta, bytes: Uint8Array.from(Buffer.concat(parts)) });
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  console.log(
    `${name}: ${rounded(kernels.memory.headBytes / 1e6)} MB head, ${rounded(kernels.memory.scratchBytes / 1e6)} MB scratch`,
  );
  return { name, blocks, cpuMsPerMB: (user + system) / 1000 / rawMB, longestStepMs };
}

/** One file per object, for `scripts/inspect-block.ts`. */
function keep(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, blocks } of stages) {
    for (const { meta, bytes } of blocks) writeFileSync(join(folder, `${name}-${meta.id}.bin`), bytes);
  }
}

function makeSegments(): { segments: Segment[]; rawMB: number } {
  const random = new Random(7);
  const kernels = testKernels();
  const zstd = new ZstdCompressor(segmentZstdLevel);
  const inflater = Inflater.create();
  const made: Segment[] = [];
  const kinds = [...new Set(variants.map(({ kind }) => kind))];
  let rawBytes = 0;
  for (let first = 0; first < Number(options.profiles); first += PROFILES_PER_SEGMENT) {
    const head = new Head(kernels);
    for (let n = first; n < Math.min(first + PROFILES_PER_SEGMENT, Number(options.profiles)); n++) {
      const service = n % Number(options.services);
      const ofService = Number(options.kinds);
      const kind = kinds[(service * ofService + random.int(0, ofService - 1)) % kinds.length];
      const variant = random.pick(ofService === 0 ? variants : variants.filter((one) => one.kind === kind));
      rawBytes += variant.rawBytes;
      const body = uniqueBody(variant, BigInt(NOW_MS) * 1_000_000n + BigInt(n) * 10_000_000n, n + 1);
      const item = itemOf(body, `svc-${service}`);
      const labels = [
        ...item.labels,
        { name: 'pod', value: `pod-${random.int(0, PODS - 1)}` },
        { name: 'region', value: `r${n % 3}` },
      ];
      ingestProfile(kernels, head, { ...item, labels, id: random.bytes(16) }, limits, NOW_MS, inflater);
    }
    const parts = encodeHead(kernels, head, (raw) => zstd.compress(raw));
    const id = `01J${String(first).padStart(23, '0')}`;
    const joined = joinParts(parts, { id, shard: 1, tenant: '', level: 0 });
    made.push({ meta: joined.meta, bytes: Uint8Array.from(Buffer.concat(joined.parts)) });
  }
  return { segments: made, rawMB: rawBytes / 1e6 };
}

function readSegments(dir: string): { segments: Segment[]; rawMB: number } {
  const objects = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name === 'block.bin')
    .map((entry) => new Uint8Array(readFileSync(join(entry.parentPath, entry.name))));
  const read = objects.map((bytes) => {
    const { meta } = readFooter(bytes, bytes.length);
    if (meta === undefined) throw new Error('a whole object has its footer');
    return { meta, bytes };
  });
  return { segments: read.sort((a, b) => (a.meta.id < b.meta.id ? -1 : 1)), rawMB: Number(options['raw-mb']) };
}

type Asked = { readonly name: string; readonly ask: (blocks: readonly Segment[]) => Promise<number> };

async function measuredQueries(): Promise<Record<string, string | number>[]> {
  const results: Record<string, string | number>[] = [];
  for (const { name, ask } of askedQueries().filter((one) => new RegExp(options.only).test(one.name))) {
    const row: Record<string, string | number> = { name };
    for (const stage of stages) {
      const bytes = await ask(stage.blocks);
      const before = process.cpuUsage();
      for (let i = 0; i < Number(options.n); i++) await ask(stage.blocks);
      const { user, system } = process.cpuUsage(before);
      row[`${stage.name} ms`] = rounded((user + system) / 1000 / Number(options.n));
      row['answer bytes'] = bytes;
    }
    results.push(row);
  }
  return results;
}

function askedQueries(): Asked[] {
  const one = (service: string): Matcher[] => [{ name: LabelName.serviceName, operator: '=', value: service }];
  const [left = '', right = ''] = servicesWith(cpu);
  const pods: Matcher[] = [{ name: 'pod', operator: '=~', value: 'pod-[1-3]' }];
  const flame = (type: string, matchers: readonly Matcher[], maxNodes: number) => (blocks: readonly Segment[]) =>
    answered(blocks, [treeOf(type, matchers)], ([report]) => ({
      kind: 'flamegraph',
      codec: 'json',
      tree: treeIn(report),
      folding: { maxNodes, asked: true },
      gzip: false,
    }));
  const range = { startMs: 0, endMs: 4e12 };
  const byPod = { ...range, stepMs: 15_000, groupBy: ['pod'], exemplars: false };
  return [
    { name: 'flame graph of one service, 8k', ask: flame(cpu, one(left), 8192) },
    { name: 'flame graph of all, 8k', ask: flame(cpu, [], 8192) },
    { name: 'flame graph of all, 1M', ask: flame(cpu, [], 1 << 20) },
    { name: 'flame graph with a label regex', ask: flame(cpu, pods, 8192) },
    {
      name: 'pprof of all',
      ask: (blocks) =>
        answered(blocks, [{ kind: 'profile', selection: selectionOf(heap, []), callSite: [] }], ([report]) => ({
          kind: 'profile',
          codec: 'json',
          frame: 'bare',
          profile: report?.kind === 'profile' ? report.profile : undefined,
          profileType: parseProfileType(heap) ?? fail(heap),
          endMs: NOW_MS,
          maxNodes: 0,
          gzip: false,
        })),
    },
    {
      name: 'series by pod',
      ask: (blocks) =>
        answered(blocks, [{ kind: 'time-series', selection: selectionOf(cpu, []), buckets: byPod }], ([report]) => ({
          kind: 'series',
          codec: 'json',
          series: report?.kind === 'time-series' ? report.series : undefined,
          limit: undefined,
          gzip: false,
        })),
    },
    {
      name: 'diff of two services',
      ask: (blocks) =>
        answered(blocks, [treeOf(cpu, one(left)), treeOf(cpu, one(right))], (sides) => ({
          kind: 'diff',
          codec: 'json',
          left: treeIn(sides[0]),
          right: treeIn(sides[1]),
          maxNodes: 8192,
          gzip: false,
        })),
    },
  ];

  function treeOf(type: string, matchers: readonly Matcher[]): NodeQuery {
    return { kind: 'tree', selection: selectionOf(type, matchers), callSite: [] };
  }
}

function servicesWith(type: string): string[] {
  const datasets = stages[stages.length - 1].blocks.flatMap(({ meta }) => meta.datasets);
  return datasets.filter(({ labels }) => labels.some((set) => typeOf(set) === type)).map(({ service }) => service);
}

function selectionOf(type: string, matchers: readonly Matcher[]): Extract<NodeQuery, { kind: 'tree' }>['selection'] {
  const ofType: Matcher = { name: LabelName.profileType, operator: '=', value: type };
  return { startMs: 0, endMs: 4e12, matchers: [...matchers, ofType], profileIds: [], spanIds: [], traceIds: [] };
}

/** @returns bytes of the answer */
async function answered(
  blocks: readonly Segment[],
  asked: readonly NodeQuery[],
  taskOf: (reports: readonly (NodeReport | undefined)[]) => AnswerTask,
): Promise<number> {
  const backend = new QueryBackend(
    { readNodesMax: 4, memoryBytesMax: 1 << 30, resultBytesMax: 256 << 20, cacheBytesMax: 0 },
    { objects: new FakeObjectReader(blocks), pool: new InlinePool(queryKernels).asPool() },
  );
  const plans = asked.map((query) => ({ query, plan: planQuery(selected(blocks, query)) }));
  const { reports, release } = await backend.run(plans, new AbortController().signal);
  const { pieces } = runSteps(writeAnswer(taskOf(reports), testSecret));
  release();
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** As the metadata index does it: by the labels of datasets. */
function selected(blocks: readonly Segment[], query: NodeQuery): BlockMeta[] {
  const matchers = 'selection' in query ? query.selection.matchers : query.matchers;
  const onDatasets = matchers.filter(({ name }) => name === LabelName.serviceName || name === LabelName.profileType);
  const fits = ({ labels }: DatasetMeta): boolean =>
    labels.some((set) => onDatasets.every(({ name, value }) => valueOf(set, name) === value));
  return blocks
    .map(({ meta }) => ({ ...meta, datasets: meta.datasets.filter(fits) }))
    .filter(({ datasets }) => datasets.length > 0);
}

function treeIn(report: NodeReport | undefined): Extract<NodeReport, { kind: 'tree' }>['tree'] | undefined {
  return report?.kind === 'tree' ? report.tree : undefined;
}

function typeOf(labels: DatasetMeta['labels'][number]): string {
  return valueOf(labels, LabelName.profileType) ?? '';
}

function fail(type: string): never {
  throw new Error(`${type} is no profile type`);
}
