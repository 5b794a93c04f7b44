import { deepEqual, equal } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { limitsSection, profileLimitsOf } from '#src/config/limits.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { ingestPlain } from '#src/domain/pprof/ingest-profile.ts';
import { discardReasonOf } from '#src/domain/pprof/profile-errors.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { Head } from '#src/workers/head.ts';
import type { IngestItem } from '#src/workers/ingest-messages.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { canonicalHead, canonicalSeries } from '../../fixtures/canonical.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { encodePprof, plainPprof, pprof } from '../../fixtures/pprof-builder.ts';
import { Random } from '../../fixtures/random.ts';
import { randomDescription, withOddIds } from '../../fixtures/random-profile.ts';
import { takenHead } from '../../fixtures/taken-head.ts';

const CORPUS = new URL('../../data/corpus/', import.meta.url);
const NOW_MS = 1_795_353_600_000;
const limits: ProfileLimits = {
  ...profileLimitsOf(limitsSection.defaults),
  rejectOlderThanMs: 0,
  maxProfileStacktraceSamples: 0,
};

function item(profile: Uint8Array, overrides: Partial<IngestItem> = {}): IngestItem {
  return {
    tenant: 'anonymous',
    service: 'shop',
    labels: [
      { name: '__name__', value: 'process_cpu' },
      { name: 'service_name', value: 'shop' },
    ],
    profile,
    ingest: undefined,
    limits: 0,
    id: new Uint8Array(16).fill(7),
    ...overrides,
  };
}

/** What is stored, or why nothing is, in words that both sides share. */
function kernelResult(kernels: KernelInstance, body: Uint8Array): unknown {
  const head = new Head(kernels);
  const outcome = ingestProfile(kernels, head, item(body), limits, NOW_MS);
  if (outcome.kind === 'stored') return canonicalHead(takenHead(kernels, head));
  return outcome.kind === 'refused' ? `refused: ${outcome.reason}` : outcome.kind;
}

function plainResult(body: Uint8Array): unknown {
  const plain = ingestPlain(body, { labels: item(body).labels, ingest: undefined, limits, nowMs: NOW_MS });
  if (plain.kind === 'stored') return canonicalSeries(plain.series, plain.timeNanos);
  return plain.kind === 'refused' ? `refused: ${discardReasonOf(plain.error)}` : plain.kind;
}

describe('ingestProfile', () => {
  const kernels = testKernels();

  for (const file of readdirSync(CORPUS).filter((name) => name.endsWith('.pb.gz'))) {
    test(`stores ${file} as the plain definition says`, () => {
      const body = readFileSync(new URL(file, CORPUS));
      let raw = gunzipSync(body);
      if (raw[0] === 0x1f) raw = gunzipSync(raw);
      const head = new Head(kernels);

      const outcome = ingestProfile(kernels, head, item(raw), limits, NOW_MS);

      const plain = ingestPlain(raw, { labels: item(raw).labels, ingest: undefined, limits, nowMs: NOW_MS });
      equal(plain.kind, 'stored');
      deepEqual(outcome, { kind: 'stored', rawBytes: raw.length });
      if (plain.kind === 'stored')
        deepEqual(canonicalHead(takenHead(kernels, head)), canonicalSeries(plain.series, plain.timeNanos));
    });
  }

  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

  test(`agrees with the plain definition on random profiles (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 300; round++) {
      const bytes = pprof(randomDescription(random));

      deepEqual(kernelResult(kernels, bytes), plainResult(bytes), `seed ${seed}, round ${round}`);
    }
  });

  test(`agrees with the plain definition on profiles whose ids are any numbers (seed ${seed})`, () => {
    const random = new Random(seed + 2);
    const kinds = new Set<unknown>();
    for (let round = 0; round < 600; round++) {
      const bytes = encodePprof(withOddIds(random, plainPprof(randomDescription(random))));

      const result = kernelResult(kernels, bytes);

      kinds.add(typeof result === 'string' ? result : 'stored');
      deepEqual(result, plainResult(bytes), `seed ${seed}, round ${round}: ${Buffer.from(bytes).toString('hex')}`);
    }
    deepEqual([...kinds].sort(), ['dropped', 'refused: malformed_profile', 'stored']);
  });

  test(`agrees with the plain definition on damaged profiles (seed ${seed})`, () => {
    const random = new Random(seed + 1);
    const kinds = new Set<unknown>();
    for (let round = 0; round < 3000; round++) {
      const bytes = Uint8Array.from(pprof(randomDescription(random, random.int(1, 4))));
      for (let flips = random.int(1, 3); flips > 0; flips--)
        bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      const cut = random.chance(0.2) ? bytes.subarray(0, random.int(10, bytes.length)) : bytes;

      const result = kernelResult(kernels, cut);

      kinds.add(typeof result === 'string' ? result : 'stored');
      deepEqual(result, plainResult(cut), `seed ${seed}, round ${round}: ${Buffer.from(cut).toString('hex')}`);
    }
    equal(kinds.has('stored') && kinds.has('refused: malformed_profile'), true, `too tame: ${[...kinds]}`);
  });
});
