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
import { mutated } from '../../fixtures/mutated.ts';
import { encodePprof, plainPprof, pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { randomDescription } from '../../fixtures/random-profile.ts';
import { takenHead } from '../../fixtures/taken-head.ts';

// Feeds bytes to the decoder that no agent sends. Whatever they are, the thread must go on: a trap that is not a full
// arena is thrown and fails the test, memory stays within its limits, and the head can be encoded and read again.
//
//     FUZZ_ROUNDS=1000000 SEED=7 node --test test/unit/kernels/fuzz.test.ts

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 10_000);
const SCRATCH_BYTES = 4 << 20;
const HEAD_BYTES = 1 << 20;
/** Rounds after which the head is encoded and begun anew. */
const WINDOW_ROUNDS = 1000;
const CORPUS = new URL('../../data/corpus/', import.meta.url);
const seed = runSeed();

/** Small real profiles. A large one would take most of the time and has the same fields. */
const corpus: readonly Uint8Array[] = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.pb.gz'))
  .map((name) => readFileSync(new URL(name, CORPUS)))
  .map((body) => gunzipSync(body))
  .map((body) => (body[0] === 0x1f ? gunzipSync(body) : body))
  .filter((body) => body.length < 20_000);

/** Well formed, with references and ids that are anything. */
function wrongReferences(random: Random): Uint8Array {
  const profile = plainPprof(randomDescription(random, random.int(1, 60)));
  // Ids may be anything at any time; one wrong reference to a string refuses the whole profile.
  const wrong = random.pick([0, 0.01, 0.1]);
  const wrongString = random.pick([0, 0, 0, 0.01]);
  const text = (good: bigint): bigint => (random.chance(wrongString) ? BigInt(random.int(0, 80)) : good);
  const any = (good: bigint): bigint => {
    if (!random.chance(wrong)) return good;
    return random.pick([0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n, BigInt(random.int(0, 40))]);
  };
  return encodePprof(
    {
      ...profile,
      samples: profile.samples.map((sample) => ({
        ...sample,
        locationIds: sample.locationIds.map(any),
        values: sample.values.map(any),
        labels: sample.labels.map((label) => ({ ...label, key: text(label.key), str: text(label.str) })),
      })),
      locations: profile.locations.map((location) => ({
        ...location,
        id: any(location.id),
        mappingId: any(location.mappingId),
        lines: location.lines.map((line) => ({ ...line, functionId: any(line.functionId) })),
      })),
      functions: profile.functions.map((fn) => ({ ...fn, id: any(fn.id), name: text(fn.name) })),
      mappings: profile.mappings.map((mapping) => ({
        ...mapping,
        id: any(mapping.id),
        buildId: text(mapping.buildId),
      })),
    },
    { packed: random.chance(0.5), unknownFields: random.chance(0.2) },
  );
}

/** Few bytes that ask for much memory. */
function bloated(random: Random): Uint8Array {
  const field = random.pick([0x12, 0x22, 0x2a, 0x1a, 0x32, 0x0a]);
  const rows = Buffer.alloc(2 * random.int(1, 200_000), Buffer.of(field, 0));
  return Buffer.concat([pprof({ samples: [{ stack: 'main', v: [1] }] }), rows]);
}

function anyProfile(random: Random): Uint8Array {
  const kind = random.next();
  if (kind < 0.01) return bloated(random);
  if (kind < 0.05) return random.bytes(random.int(0, 300));
  if (kind < 0.4) return wrongReferences(random);
  if (kind < 0.6) return mutated(random, random.pick(corpus), corpus);
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
    const item = ingestItem(anyProfile(random), { tenant: random.pick(['a', 'b']) });
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
