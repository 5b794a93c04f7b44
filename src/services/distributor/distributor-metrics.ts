import { Counter, exponentialBuckets, Gauge, Histogram } from 'prom-client';
import type { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { DiscardReason } from '#src/domain/pprof/ingest-options.ts';
import { metrics } from '#src/platform/metrics.ts';

const registers = [metrics];
const KIB = 1024;
/** 10 KiB to 15 MiB in 30 steps: a small agent's profile to the largest that any limit lets through. */
const SIZE_BUCKETS = exponentialBuckets(10 * KIB, 1536 ** (1 / 29), 30);

const receivedProfiles = new Counter({
  name: 'kiln_distributor_profiles_received_total',
  help: 'Profiles that arrived, whatever became of them.',
  labelNames: ['tenant'],
  registers,
});

const receivedCompressedBytes = new Histogram({
  name: 'kiln_distributor_received_compressed_bytes',
  help: 'Size of a profile as it arrived.',
  labelNames: ['tenant'],
  buckets: SIZE_BUCKETS,
  registers,
});

const receivedDecompressedBytes = new Histogram({
  name: 'kiln_distributor_received_decompressed_bytes',
  help: 'Size of a profile without compression.',
  labelNames: ['tenant', 'stage'],
  buckets: SIZE_BUCKETS,
  registers,
});

const batchProfiles = new Histogram({
  name: 'kiln_distributor_push_batch_series',
  help: 'Profiles of one request.',
  labelNames: ['tenant'],
  buckets: exponentialBuckets(1, 2, 13),
  registers,
});

const discardedBytes = new Counter({
  name: 'kiln_discarded_bytes_total',
  help: 'Uncompressed bytes of profiles that were not stored, by reason.',
  labelNames: ['reason', 'tenant'],
  registers,
});

const discardedProfiles = new Counter({
  name: 'kiln_discarded_profiles_total',
  help: 'Profiles that were not stored, by reason.',
  labelNames: ['reason', 'tenant'],
  registers,
});

const waitingProfiles = new Gauge({
  name: 'kiln_distributor_waiting_profiles',
  help: 'Profiles that wait until threads have taken earlier ones of their push.',
  registers,
});

const openedBytes = new Gauge({
  name: 'kiln_distributor_opened_bytes',
  help: 'Bytes of messages that threads have opened, until they are answered.',
  registers,
});

const refusedMessages = new Counter({
  name: 'kiln_distributor_refused_messages_total',
  help: 'Push messages with too many parts, or nested too deep.',
  labelNames: ['limit'],
  registers,
});

/** What the distributor counts. @param tenant '' unless the operator asked for a label per tenant */
export const distributorMetrics = {
  batch(tenant: string, profileCount: number): void {
    batchProfiles.observe({ tenant }, profileCount);
    receivedProfiles.inc({ tenant }, profileCount);
  },

  /** @param change  how many more, or fewer */
  waiting(change: number): void {
    waitingProfiles.inc(change);
  },

  /** @param change  how many more, or fewer */
  opened(change: Bytes): void {
    openedBytes.inc(change);
  },

  /** Counts a message that is over a bound, which the error then names. */
  messageRefused({ details: { limitName } }: StoreError): void {
    if (limitName !== undefined) refusedMessages.inc({ limit: String(limitName) });
  },

  received(tenant: string, compressedBytes: Bytes): void {
    receivedCompressedBytes.observe({ tenant }, compressedBytes);
  },

  decompressed(tenant: string, rawBytes: Bytes): void {
    receivedDecompressedBytes.observe({ tenant, stage: 'received' }, rawBytes);
  },

  /** Counts profiles of OTLP that never became pprof, so that they have no size. */
  rejected(tenant: string, reason: string, count: number): void {
    discardedProfiles.inc({ reason, tenant }, count);
  },

  /** @param rawBytes  of all of them */
  discarded(tenant: string, reason: DiscardReason, rawBytes: Bytes, profileCount = 1): void {
    discardedBytes.inc({ reason, tenant }, rawBytes);
    discardedProfiles.inc({ reason, tenant }, profileCount);
  },
};
