import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart } from '#src/domain/block/part-writer.ts';
import { QueryBackend } from '#src/services/query-backend/query-backend.ts';
import type { NodeQuery, NodeReport } from '#src/workers/query-messages.ts';
import { InlinePool } from '../../../fixtures/inline-pool.ts';
import { testKernels } from '../../../fixtures/kernels.ts';
import { Random } from '../../../fixtures/random.ts';
import { CPU_TYPE, FakeObjectReader, type Segment } from '../../../fixtures/segments.ts';
import { byteStrings } from '../../domain/block/random-columns.ts';

const STACKS = 5000;
const TIME_NANOS = 1_795_353_600_000_000_000n;
const TIME_MS = 1_795_353_600_000;
const SAMPLES = { 'pod-a': 200_000, 'pod-b': 70_000 } as const;

/** A service with two pods, whose samples take a few megabytes: more than comes whole. */
function largeBlock(): { segment: Segment; totals: Record<string, bigint> } {
  const random = new Random(7);
  const pods = Object.entries(SAMPLES);
  const count = pods.reduce((sum, [, samples]) => sum + samples, 0);
  const value = BigInt64Array.from({ length: count }, () => BigInt(random.int(1, 2 ** 31)));
  const sampleOffsets = Uint32Array.of(0, pods[0][1], count);
  const totals = pods.map((_, i) =>
    value.subarray(sampleOffsets[i], sampleOffsets[i + 1]).reduce((sum, one) => sum + one, 0n),
  );
  const part = encodePart({
    tenant: 'alpha',
    symbols: {
      names: byteStrings(['', ...Array.from({ length: STACKS }, (_, i) => `function-${i}-${random.int(0, 2 ** 31)}`)]),
      texts: byteStrings(['']),
      functions: {
        name: Uint32Array.from({ length: STACKS }, (_, i) => i),
        systemName: Uint32Array.from({ length: STACKS }, (_, i) => i),
        filename: new Uint32Array(STACKS),
        startLine: new BigInt64Array(STACKS),
      },
      mappings: {
        ...{
          memoryStart: new BigUint64Array(1),
          memoryLimit: new BigUint64Array(1),
          fileOffset: new BigUint64Array(1),
        },
        ...{ filename: new Uint32Array(1), buildId: new Uint32Array(1), flags: new Uint8Array(1) },
      },
      locations: {
        ...{ mapping: new Uint32Array(STACKS), address: new BigUint64Array(STACKS), folded: new Uint8Array(STACKS) },
        lineOffsets: Uint32Array.from({ length: STACKS + 1 }, (_, i) => Math.max(0, i - 1)),
        lineFunction: Uint32Array.from({ length: STACKS - 1 }, (_, i) => i + 1),
        line: new BigInt64Array(STACKS - 1),
      },
      families: [
        {
          stacks: {
            parent: Int32Array.from({ length: STACKS }, (_, i) => (i === 0 ? -1 : 0)),
            location: Uint32Array.from({ length: STACKS }, (_, i) => i),
          },
          sampledStacks: Uint32Array.from({ length: STACKS - 1 }, (_, i) => i + 1),
        },
      ],
    },
    datasets: [
      {
        service: 'shop',
        columns: {
          series: pods.map(([pod]) => [
            { name: '__profile_type__', value: CPU_TYPE },
            { name: 'pod', value: pod },
            { name: 'service_name', value: 'shop' },
          ]),
          pushes: {
            timeNanos: BigInt64Array.of(TIME_NANOS),
            durationNanos: BigInt64Array.of(1n),
            period: BigInt64Array.of(1n),
            id: new Uint8Array(16).fill(1),
          },
          profiles: {
            ...{ series: Uint32Array.of(0, 1), push: Uint32Array.of(0, 0), run: Uint32Array.of(0, 1) },
            ...{ column: Uint32Array.of(0, 0), total: BigInt64Array.from(totals) },
          },
          families: [
            {
              sampleOffsets,
              stack: Uint32Array.from({ length: count }, () => random.int(0, STACKS - 2)),
              values: [value],
              spans: { sample: new Uint32Array(0), spanId: new BigUint64Array(0), traceId: new Uint8Array(0) },
            },
          ],
        },
      },
    ],
  });
  const { parts, meta } = joinParts([part], { id: '01J00000000000000000000001', shard: 1, tenant: '', level: 0 });
  const segment = { meta, bytes: new Uint8Array(Buffer.concat(parts)) };
  return { segment, totals: Object.fromEntries(pods.map(([pod], i) => [pod, totals[i]])) };
}

const { segment, totals } = largeBlock();

function setUp(cacheBytesMax = 0) {
  const objects = new FakeObjectReader([segment]);
  const pool = new InlinePool(testKernels());
  const options = { readNodesMax: 2, memoryBytesMax: 64 << 20, resultBytesMax: 16 << 20, cacheBytesMax };
  const backend = new QueryBackend(options, { objects, pool: pool.asPool() });
  const run = async (query: NodeQuery): Promise<NodeReport> => {
    const { reports, release } = await backend.run([{ plan: [{ blocks: [segment.meta] }], query }], signal);
    release();
    return reports[0];
  };
  return { objects, pool, run };
}

const signal = new AbortController().signal;

function treeOf(pod: string, changed: { startMs?: number; endMs?: number } = {}): NodeQuery {
  return {
    kind: 'tree',
    selection: {
      ...{ startMs: TIME_MS - 1000, endMs: TIME_MS + 1000, profileIds: [], spanIds: [], traceIds: [], ...changed },
      matchers: [
        { name: '__profile_type__', operator: '=', value: CPU_TYPE },
        { name: 'pod', operator: '=', value: pod },
      ],
    },
    callSite: [],
  };
}

function totalOf(report: NodeReport): bigint {
  ok(report.kind === 'tree');
  return report.tree.self.reduce((sum, value) => sum + value, 0n);
}

describe('a query over a large block', () => {
  test('looks at the heads twice: to find the chunks, and to add up what is in them', async () => {
    const { pool, run } = setUp();

    await run(treeOf('pod-a'));

    deepEqual(
      pool.calls.map(({ name }) => name),
      ['planReads', 'queryNode'],
    );
  });

  test('reads no more when it has a call site', async () => {
    const [all, some] = [setUp(), setUp()];

    await all.run(treeOf('pod-b'));
    const report = await some.run({ ...treeOf('pod-b'), callSite: ['nobody'] } as NodeQuery);

    equal(totalOf(report), 0n);
    equal(some.objects.bytesRead, all.objects.bytesRead);
  });

  for (const [pod, share] of [
    ['pod-a', 0.99],
    ['pod-b', 0.55],
  ] as const) {
    test(`reads the chunks with the samples of ${pod}, in two rounds`, async () => {
      const { objects, run } = setUp();

      equal(totalOf(await run(treeOf(pod))), totals[pod]);

      equal(objects.requests.length, 2);
      ok(
        objects.requests.every(({ ranges }) => ranges.length <= 2),
        'few ranges',
      );
      ok(objects.bytesRead < segment.bytes.length * share, `${objects.bytesRead} of ${segment.bytes.length} bytes`);
    });
  }

  test('reads no samples where no profile matches', async () => {
    const { objects, run } = setUp();

    equal(totalOf(await run(treeOf('pod-c'))), 0n);
    equal(totalOf(await run(treeOf('pod-a', { startMs: TIME_MS + 1, endMs: TIME_MS + 2 }))), 0n);

    equal(objects.requests.length, 2);
    ok(objects.bytesRead < 2 * (100 << 10), `${objects.bytesRead} bytes`);
  });

  test('asks once for what the cache then has', async () => {
    const { objects, run } = setUp(1 << 20);
    await run(treeOf('pod-c'));
    const { bytesRead } = objects;

    await run(treeOf('pod-c'));

    equal(objects.requests.length, 1);
    equal(objects.bytesRead, bytesRead);
    equal(totalOf(await run(treeOf('pod-b'))), totals['pod-b']);
    equal(objects.requests.length, 2);
  });

  test('gives the same answer whatever was cached', async () => {
    const { run } = setUp(1 << 20);
    const first = await run(treeOf('pod-a'));
    deepEqual(await run(treeOf('pod-a')), first);
  });
});
