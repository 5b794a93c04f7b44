import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { NodeQuery } from '#src/workers/query-messages.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { mergedBlock, mergedParts } from '../../fixtures/merged.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { CPU_TYPE, cpuLabelsOf, type Pushed, type Segment, segmentOf, wholeRead } from '../../fixtures/segments.ts';

// A flipped bit never changes an answer, nor what a merge makes: whoever reads it refuses it, others do not notice. One bit of
// every byte, which one follows from the seed; that the plain readers find all of them is in domain/block/object.test.ts.

const seed = runSeed();
const kernels = testKernels();

function pushOf(service: string, number: number): Pushed {
  const samples = ['main;a', 'main;b;c', 'main;b'].map((stack, i) => ({ stack, v: [number + i] }));
  const profile = pprof({ timeNanos: BigInt(number), samples });
  return { ...cpuLabelsOf(service, { pod: `p${number}` }), profile, id: new Uint8Array(16).fill(number) };
}

const segment = segmentOf(kernels, [pushOf('api', 1), pushOf('api', 2), pushOf('shop', 3)]);
const blocks: Record<string, Segment> = { segment, 'merged block': mergedBlock(kernels, [segment]) };

const matchers = [{ name: '__profile_type__', operator: '=' as const, value: CPU_TYPE }];
const selection = { startMs: 0, endMs: 4e12, matchers, profileIds: [], spanIds: [], traceIds: [] };
const buckets = { startMs: 0, endMs: 4e12, stepMs: 60_000, groupBy: ['pod'], exemplars: false };
const queries: readonly NodeQuery[] = [
  { kind: 'tree', selection, callSite: [] },
  {
    kind: 'tree',
    selection: { ...selection, matchers: [...matchers, { name: 'pod', operator: '=', value: 'p1' }] },
    callSite: [],
  },
  { kind: 'profile', selection, callSite: [] },
  { kind: 'time-series', selection, buckets },
  { kind: 'series-labels', matchers: [], labelNames: undefined },
];

const works: Record<string, (block: Segment) => unknown> = {
  'answers of queries': (block) =>
    queries.map((query) => {
      const limits = { resultBytesMax: 64 << 20, roomBytes: 64 << 20 };
      return runSteps(runQueryNode(kernels, { query, reads: [wholeRead(block)], reports: [], limits }, decompress))
        .report;
    }),
  'what a merge makes': (block) => mergedParts(kernels, [block]).parts,
};

describe(`a flipped bit (seed ${seed})`, () => {
  for (const [name, block] of Object.entries(blocks)) {
    const contentBytes = block.meta.datasets.reduce(
      (end, { range }) => Math.max(end, range.offset + range.sizeBytes),
      0,
    );

    for (const [what, work] of Object.entries(works)) {
      test(`of a ${name} does not change ${what}`, (t) => {
        const random = new Random(seed);
        const good = work(block);
        let refused = 0;
        for (let byte = 0; byte < contentBytes; byte++) {
          const bytes = block.bytes.slice();
          bytes[byte] ^= 1 << random.int(0, 7);
          try {
            deepEqual(work({ ...block, bytes }), good, `byte ${byte}`);
          } catch (error) {
            if (!(error instanceof StoreError)) throw error;
            equal(error.code, 'corrupted', `byte ${byte}: ${error.message}`);
            refused++;
          }
        }
        t.diagnostic(`${refused} of ${contentBytes} refused`);
        // What is not read is that from which totals and trees of names were computed, or these.
        ok(refused > contentBytes / 2, `${refused} of ${contentBytes} refused`);
      });
    }

    test(`of the footer of a ${name} is refused`, () => {
      const random = new Random(seed);
      for (let byte = contentBytes; byte < block.bytes.length; byte++) {
        const bytes = block.bytes.slice();
        bytes[byte] ^= 1 << random.int(0, 7);
        try {
          readFooter(bytes, bytes.length);
          ok(false, `byte ${byte} was not refused`);
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          equal(error.code, 'corrupted', error.message);
        }
      }
    });
  }
});
