import { deepEqual, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { compressOnce } from '#src/domain/block/chunk-writer.ts';
import { encodePart } from '#src/domain/block/part-writer.ts';
import { encodeHead } from '#src/workers/encode-head.ts';
import { Head } from '#src/workers/head.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { canonicalHead } from '../../fixtures/canonical.ts';
import { decodedPart } from '../../fixtures/encoded-head.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { mutated } from '../../fixtures/mutated.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { randomDescription } from '../../fixtures/random-profile.ts';
import { takenHead } from '../../fixtures/taken-head.ts';
import { bloated, cutStacks, wrongReferences } from '../../fuzz/pprof-bytes.ts';

// Feeds bytes to the decoder that no agent sends. Whatever they are, the thread must go on: a trap that is not a full
// arena is thrown and fails the test, memory stays within its limits, and the head can be encoded and read again.
//
//     FUZZ_ROUNDS=1000000 SEED=7 node --test test/unit/kernels/fuzz.test.ts

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 10_000);
const SCRATCH_BYTES = 4 << 20;
const HEAD_BYTES = 1 << 20;
/** Rounds after which the head is encoded and begun anew. */
const WINDOW_ROUNDS = 1000;
/** Of Go, whose names and stacks are mended, and of nobody that is known. */
const SPIES = ['gospy', 'xspy'];
const CORPUS = new URL('../../data/corpus/', import.meta.url);
const seed = runSeed();

/** Small real profiles. A large one would take most of the time and has the same fields. */
const corpus: readonly Uint8Array[] = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.pb.gz'))
  .map((name) => readFileSync(new URL(name, CORPUS)))
  .map((body) => gunzipSync(body))
  .map((body) => (body[0] === 0x1f ? gunzipSync(body) : body))
  .filter((body) => body.length < 20_000);

function anyProfile(random: Random): Uint8Array {
  const kind = random.next();
  if (kind < 0.01) return bloated(random);
  if (kind < 0.05) return random.bytes(random.int(0, 300));
  if (kind < 0.4) return wrongReferences(random);
  if (kind < 0.58) return mutated(random, random.pick(corpus), corpus);
  if (kind < 0.6) return random.chance(0.3) ? cutStacks(random) : mutated(random, cutStacks(random), corpus);
  return mutated(random, pprof(randomDescription(random)), corpus);
}

test(`ingestProfile takes whatever comes (seed ${seed}, ${ROUNDS} rounds)`, (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const kernels = testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });
  const inflater = Inflater.create();
  const kinds = new Map<string, number>();
  let head = new Head(kernels);

  for (let round = 0; round < ROUNDS; round++) {
    const labels = labelList({ __name__: 'process_cpu', service_name: 'shop', pyroscope_spy: random.pick(SPIES) });
    const item = ingestItem(anyProfile(random), { tenant: random.pick(['a', 'b']), labels });
    const outcome = ingestProfile(kernels, head, item, openLimits, INGEST_NOW_MS, inflater);

    kinds.set(outcome.kind, (kinds.get(outcome.kind) ?? 0) + 1);
    ok(kernels.peakBytes <= SCRATCH_BYTES + HEAD_BYTES + (2 << 20), `round ${round}: ${kernels.peakBytes} bytes`);
    if ((round + 1) % WINDOW_ROUNDS === 0 || round + 1 === ROUNDS) {
      const tenants = takenHead(kernels, head);
      const plain = tenants.map((tenant) => encodePart(tenant));
      deepEqual(encodeHead(kernels, head, compressOnce), plain, `the head before round ${round}`);
      deepEqual(canonicalHead(plain.map(decodedPart)), canonicalHead(tenants), `the head before round ${round}`);
      head = new Head(kernels);
    }
  }

  t.diagnostic(JSON.stringify([...kinds]));
  for (const kind of ['stored', 'refused']) {
    ok((kinds.get(kind) ?? 0) > ROUNDS / 20, `too tame or too wild: ${JSON.stringify([...kinds])}`);
  }
});
