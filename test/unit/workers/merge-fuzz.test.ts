import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Compress, compressOnce } from '#src/domain/block/chunk-writer.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { BlockMerge } from '#src/workers/block-merge.ts';
import type { NodeQuery } from '#src/workers/query-messages.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { mergedBlock } from '../../fixtures/merged.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { randomSegments } from '../../fixtures/random-segments.ts';
import { type Segment, wholeRead } from '../../fixtures/segments.ts';

// Merges and asks blocks that nobody wrote: with flipped bits, and with chunks that are anything but whose checksums are
// right. Whatever they are, the thread must go on: a trap that is not a full arena fails the test.
//
//     FUZZ_ROUNDS=100000 SEED=7 node --test test/unit/workers/merge-fuzz.test.ts

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 200);
const seed = runSeed();
const ingesting = testKernels();
const SCRATCH_BYTES = 8 << 20;
const HEAD_BYTES = 8 << 20;

const plain: Compress = compressOnce;

/** Compresses something else now and then. */
function mutating(random: Random, probability: number): Compress {
  return (raw, level) => compressOnce(random.chance(probability) ? mutated(random, raw) : raw, level);
}

/** Of the same length, because the chunk table tells it. */
function mutated(random: Random, source: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(source);
  for (let n = random.pick([1, 1, 3, 10]); n > 0; n--) {
    const at = random.int(0, bytes.length - 1);
    const end = Math.min(bytes.length, at + random.pick([1, 2, 4, 16]));
    if (random.chance(0.3)) bytes.fill(random.pick([0, 1, 0x7f, 0xff]), at, end);
    else bytes[at] ^= 1 << random.int(0, 7);
  }
  return bytes;
}

function flipped(random: Random, { meta, bytes }: Segment): Segment {
  const damaged = Uint8Array.from(bytes);
  damaged[random.int(0, damaged.length - 1)] ^= 1 << random.int(0, 7);
  return { meta, bytes: damaged };
}

/** @returns undefined when nothing is left, or not all of it is readable */
function merged(kernels: KernelInstance, sources: readonly Segment[], compress: Compress): Segment | undefined {
  const reads = sources.map(({ meta, bytes }) => ({ datasets: meta.datasets, fetched: wholeObject(bytes) }));
  const merge = new BlockMerge({ tenant: 'anonymous', sources: reads }, { kernels, compress, decompress });
  while (merge.step());
  const parts = merge.take();
  if (parts.length === 0) return undefined;
  const { parts: bytes, meta } = joinParts(parts, { id: '0'.repeat(26), shard: 1, tenant: 'anonymous', level: 1 });
  return { meta, bytes: new Uint8Array(Buffer.concat(bytes)) };
}

function queryOf(random: Random): NodeQuery {
  const kind = random.pick(['tree', 'profile'] as const);
  const type = { name: '__profile_type__', operator: '=~' as const, value: random.pick(['.*', 'memory.*', '.*cpu.*']) };
  const startMs = random.pick([0, 1_795_351_800_000]);
  const selection = { startMs, endMs: 4e12, matchers: [type], profileIds: [], spanIds: [], traceIds: [] };
  return { kind, selection, callSite: random.pick([[], [], ['f1']]) };
}

/** @returns the code of what it threw */
function outcomeOf(work: () => void): string {
  try {
    work();
    return 'fine';
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
}

test(`a merge takes whatever blocks there are (seed ${seed}, ${ROUNDS} rounds)`, (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const sound = randomSegments(ingesting, random, 12);
  const compacted = [mergedBlock(ingesting, sound.slice(0, 4)), mergedBlock(ingesting, sound.slice(4, 6))];
  const limits = { scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES };
  const kernels = testKernels(limits);
  const querying = testKernels(limits);
  const outcomes = new Map<string, number>();
  const count = (what: string): void => {
    outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  };

  for (let round = 0; round < ROUNDS; round++) {
    const sources = Array.from({ length: random.int(1, 3) }, () => random.pick([...sound, ...compacted]));
    if (random.chance(0.3)) {
      count(`flipped ${outcomeOf(() => merged(kernels, [...sources, flipped(random, random.pick(sources))], plain))}`);
      continue;
    }
    // Written by a merge whose chunks are wrong, then merged again and asked.
    const hostile = merged(kernels, sources, mutating(random, random.pick([0.02, 0.1, 0.5])));
    if (hostile === undefined) continue;
    count(`merged ${outcomeOf(() => merged(kernels, [hostile, random.pick(sound)], plain))}`);
    const task = { query: queryOf(random), reads: [wholeRead(hostile)], reports: [] };
    const room = { resultBytesMax: 64 << 20, roomBytes: 64 << 20 };
    count(
      `asked ${outcomeOf(() =>
        runSteps(querying.guardSteps(runQueryNode(querying, { ...task, limits: room }, decompress))),
      )}`,
    );
    ok(kernels.peakBytes + querying.peakBytes <= 2 * (SCRATCH_BYTES + HEAD_BYTES + (2 << 20)), `round ${round}`);
  }

  t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
  for (const what of ['flipped corrupted', 'merged corrupted', 'merged fine', 'asked corrupted', 'asked fine']) {
    ok((outcomes.get(what) ?? 0) > 0, `${what}: ${JSON.stringify(Object.fromEntries(outcomes))}`);
  }
});
