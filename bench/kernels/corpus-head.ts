import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { limitsSection, profileLimitsOf } from '#src/config/limits.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { Head } from '#src/workers/head.ts';
import type { IngestItem } from '#src/workers/ingest-messages.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';

/** The profiles of the corpus are of one day; nothing depends on which. */
export const NOW_MS = 1_795_353_600_000;

export const limits: ProfileLimits = {
  ...profileLimitsOf(limitsSection.defaults),
  rejectOlderThanMs: 0,
  maxProfileStacktraceSamples: 0,
};

export function corpusBody(kind: string): Buffer {
  return readFileSync(new URL(`../../test/data/corpus/${kind}.pb.gz`, import.meta.url));
}

export function corpusRaw(kind: string): Uint8Array {
  return gunzipSync(corpusBody(kind));
}

export function itemOf(profile: Uint8Array, service = 'shop'): IngestItem {
  const labels = [
    { name: '__name__', value: 'process_cpu' },
    { name: 'service_name', value: service },
  ];
  const id = new Uint8Array(16);
  return { tenant: 'anonymous', service, labels, profile, ingest: undefined, limits: 0, id };
}

/** A head with one profile of each kind. */
export function headOf(kernels: KernelInstance, kinds: readonly string[]): Head {
  const head = new Head(kernels);
  for (const kind of kinds) ingestProfile(kernels, head, itemOf(corpusBody(kind), kind), limits, NOW_MS);
  return head;
}
