import { equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compressOnce } from '#src/domain/block/chunk-writer.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { functionTreeTotals } from '#src/domain/profile/function-tree-totals.ts';
import { encodeHead } from '#src/workers/encode-head.ts';
import { Head } from '#src/workers/head.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import type { NodeQuery, NodeReport } from '#src/workers/query-messages.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { writeAnswer } from '#src/workers/write-answer.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { testSecret } from '../../fixtures/hash-secret.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { mergedBlock } from '../../fixtures/merged.ts';
import { type ProfileDescription, pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { CPU_TYPE, type Pushed, type Segment, wholeRead } from '../../fixtures/segments.ts';

// Whatever was accepted is read and merged within the memory that a thread has: each window here is filled with the
// costliest of a kind until it takes no more, with budgets so small that this is soon.

const seed = runSeed();
const TASK_BYTES = 4 << 20;
/** The most that is allowed beside it: src/config/pool.ts. */
const HEAD_BYTES = TASK_BYTES / 2;
const RESULT_BYTES = 2 << 20;
const ingesting = testKernels({ scratchBytesMax: TASK_BYTES, headBytesMax: HEAD_BYTES });
const querying = testKernels({ scratchBytesMax: TASK_BYTES, headBytesMax: TASK_BYTES, fullCode: 'too-large' });
const merging = testKernels({ scratchBytesMax: TASK_BYTES, headBytesMax: TASK_BYTES });

/** Windows with pushes until one does not fit any more. */
function windowsOf(push: (number: number) => Pushed, count: number): { segments: Segment[]; pushed: number } {
  const segments: Segment[] = [];
  let number = 1;
  for (let window = 0; window < count; window++) {
    const head = new Head(ingesting);
    for (let kind = 'stored'; kind === 'stored'; ) {
      const { profile, ...item } = push(number);
      const id = new Uint8Array(new Uint32Array([number, 0, 0, 0]).buffer);
      const outcome = ingestProfile(ingesting, head, ingestItem(profile, { ...item, id }), openLimits, INGEST_NOW_MS);
      ok(outcome.kind === 'stored' || outcome.kind === 'head-full', JSON.stringify(outcome));
      kind = outcome.kind;
      if (kind === 'stored') number++;
      // Or as many as come in a window.
      if (number % 200 === 0) break;
    }
    const id = `01J00000000000000000${String(window).padStart(6, '0')}`;
    const { parts, meta } = joinParts(encodeHead(ingesting, head, compressOnce), {
      id,
      shard: 1,
      tenant: '',
      level: 0,
    });
    segments.push({ meta, bytes: new Uint8Array(Buffer.concat(parts)) });
  }
  return { segments, pushed: number - 1 };
}

function reportOf(query: NodeQuery, blocks: readonly Segment[], reports: readonly NodeReport[] = []): NodeReport {
  // Trees become smaller, profiles do not.
  const bytesMax = query.kind === 'tree' ? RESULT_BYTES / 8 : RESULT_BYTES;
  const limits = { resultBytesMax: bytesMax, roomBytes: bytesMax };
  const task = { query, reads: blocks.map(wholeRead), reports, limits };
  const { report } = runSteps(querying.guardSteps(runQueryNode(querying, task, decompress)));
  ok(report !== undefined);
  return report;
}

const everything = {
  ...{ startMs: 0, endMs: 4e12, matchers: [], profileIds: [], spanIds: [], traceIds: [] },
};
const ofCpu = { ...everything, matchers: [{ name: '__profile_type__', operator: '=' as const, value: CPU_TYPE }] };
const trees: NodeQuery = { kind: 'tree', selection: ofCpu, callSite: [] };
const exported: NodeQuery = { kind: 'profile', selection: ofCpu, callSite: [] };
const buckets = { startMs: 0, endMs: 4e12, stepMs: 60_000, groupBy: [], exemplars: false };
const series: NodeQuery = { kind: 'time-series', selection: ofCpu, buckets };

function totalOf(report: NodeReport): bigint {
  switch (report.kind) {
    case 'tree':
      return runSteps(functionTreeTotals(report.tree))[0];
    case 'profile':
      return report.profile.values.reduce((sum, value) => sum + value, 0n);
    case 'time-series':
      return report.series.value.reduce((sum, value) => sum + value, 0n);
    default:
      throw new Error(report.kind);
  }
}

const random = new Random(seed);
const labelsOf = (more: Readonly<Record<string, string>> = {}): Pick<Pushed, 'labels' | 'service'> => ({
  service: 'api',
  labels: labelList({ __name__: 'process_cpu', service_name: 'api', ...more }),
});
const of = (number: number, profile: ProfileDescription, more = labelsOf()): Pushed => ({
  ...more,
  profile: pprof({ timeNanos: BigInt(INGEST_NOW_MS) * 1_000_000n + BigInt(number), ...profile }),
});

/** Each makes one more push, of which nothing was there before. */
const kinds: Record<string, (number: number) => Pushed> = {
  'frames that are inlined': (number) => {
    const inlined = Array.from({ length: 6 }, (_, i) => ({
      fn: `f${number}.${i}`,
      line: i + 1,
      inlined: Array.from({ length: 60 }, (_, k) => ({ fn: `g${k % 9}` })),
    }));
    const stacks = Array.from({ length: 100 }, () => Array.from({ length: 6 }, () => random.pick(inlined)));
    return of(number, { samples: stacks.map((stack, i) => ({ stack, v: [i + 1] })) });
  },
  'long names': (number) =>
    of(number, {
      samples: Array.from({ length: 3 }, (_, i) => ({
        stack: [{ fn: `${number}.${i}.${'x'.repeat(20_000)}` }],
        v: [1],
      })),
    }),
  'many stacktraces': (number) =>
    of(number, {
      samples: Array.from({ length: 500 }, (_, i) => ({ stack: `main;${number};a${i % 9};b${i}`, v: [i + 1] })),
    }),
  'many functions with the shortest names': (number) =>
    of(number, {
      samples: Array.from({ length: 300 }, (_, i) => ({ stack: `${(number * 300 + i).toString(36)}`, v: [1] })),
    }),
  'many samples of few stacktraces': (number) =>
    of(number, {
      samples: Array.from({ length: 400 }, (_, i) => ({ stack: `main;a${i}`, v: [number] })),
    }),
  'many series': (number) =>
    of(number, {
      samples: Array.from({ length: 60 }, (_, i) => ({ stack: 'main', v: [1], labels: { user: `u${number}.${i}` } })),
    }),
  'many services': (number) =>
    of(
      number,
      { samples: Array.from({ length: 10 }, (_, i) => ({ stack: `main;${number};b${i}`, v: [i + 1] })) },
      { service: `s${number}`, labels: labelList({ __name__: 'process_cpu', service_name: `s${number}` }) },
    ),
  'many sample types': (number) => {
    const more = Array.from({ length: 20 }, (_, i) => `t${number}.${i}/count`);
    const samples = Array.from({ length: 100 }, (_, i) => ({
      stack: `main;${number};b${i}`,
      v: [i, ...more.map(() => 1)],
    }));
    return of(number, { types: ['cpu/nanoseconds', ...more], samples });
  },
  'spans of all samples': (number) =>
    of(number, {
      samples: Array.from({ length: 300 }, (_, i) => ({
        stack: `main;b${i}`,
        v: [1],
        labels: { span_id: `${number}`.padStart(16, '1'), trace_id: `${i}`.padStart(32, '2') },
      })),
    }),
  'deep stacktraces': (number) =>
    of(number, { samples: [{ stack: Array.from({ length: 2000 }, (_, i) => `f${number}.${i}`).join(';'), v: [7] }] }),
};

describe(`what a window takes (seed ${seed})`, () => {
  for (const [kind, push] of Object.entries(kinds)) {
    test(`can be read and merged: ${kind}`, (t) => {
      const { segments, pushed } = windowsOf(push, 3);
      t.diagnostic(`${pushed} pushes, ${segments.map(({ bytes }) => bytes.length).join(', ')} bytes`);
      const ask = (query: NodeQuery, blocks: readonly Segment[]): bigint => totalOf(reportOf(query, blocks));

      for (const segment of segments) {
        const total = ask(series, [segment]);
        equal(ask(trees, [segment]), total);
        equal(ask(exported, [segment]), total);
      }
      const total = ask(series, segments);
      equal(ask(trees, segments), total);
      const parts = segments.map((segment) => reportOf(trees, [segment]));
      const tree = reportOf(trees, [], parts);
      equal(totalOf(tree), total);
      if (tree.kind === 'tree') {
        const diff = {
          kind: 'diff',
          codec: 'json',
          left: tree.tree,
          right: tree.tree,
          maxNodes: 8192,
          gzip: false,
        } as const;
        ok(runSteps(writeAnswer(diff, testSecret)).pieces.length > 0);
      }

      const block = mergedBlock(merging, segments);
      equal(ask(series, [block]), total);
      equal(ask(trees, [block]), total);
    });
  }
});
