import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { ulidText } from '#src/services/metastore/ulid.ts';
import type { Random } from '../../../fixtures/random.ts';

export const HOUR_MS = 3_600_000;
/** Where the data of random blocks begins. */
export const ORIGIN_MS = 1_700_000_000_000;
/** Over how long it is spread: a few partitions. */
export const SPREAD_MS = 30 * HOUR_MS;

export const TENANTS = ['alpha', 'beta', 'gamma', '😀', '\uff5e'];
const SERVICES = ['api', 'db', 'web', 'web-2', 'ünï'];
const TYPES = ['process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'memory:alloc_space:bytes:space:bytes', 'block:x:y:z:w'];

export function randomBlock(random: Random, options: { datasets?: number } = {}): BlockMeta {
  const tenant = random.chance(0.3) ? random.pick(TENANTS) : '';
  const count = options.datasets ?? random.int(1, 4);
  const datasets = Array.from({ length: count }, (_, i) => randomDataset(random, tenant || random.pick(TENANTS), i));
  return {
    id: ulidText(random.bytes(16)),
    shard: random.int(0, 3),
    tenant,
    level: tenant === '' ? 0 : random.int(1, 3),
    minTimeMs: Math.min(...datasets.map(({ minTimeMs }) => minTimeMs)),
    maxTimeMs: Math.max(...datasets.map(({ maxTimeMs }) => maxTimeMs)),
    sizeBytes: 1_000_000,
    datasets,
  };
}

function randomDataset(random: Random, tenant: string, i: number): DatasetMeta {
  const service = random.pick(SERVICES);
  const minTimeMs = ORIGIN_MS + random.int(0, SPREAD_MS);
  const maxTimeMs = minTimeMs + (random.chance(0.05) ? random.int(0, SPREAD_MS) : random.int(0, 60_000));
  return {
    tenant,
    service,
    minTimeMs,
    maxTimeMs,
    range: { offset: i * 1_000, sizeBytes: 900 },
    headBytes: random.int(0, 900),
    symbols: { offset: 500_000, sizeBytes: random.int(0, 9_000) },
    labels: Array.from({ length: random.int(1, 3) }, () => randomLabels(random, service)),
  };
}

function randomLabels(random: Random, service: string): Labels {
  return [
    { name: '__profile_type__', value: random.pick(TYPES) },
    ...(random.chance(0.3) ? [{ name: 'region', value: random.pick(['eu', 'us']) }] : []),
    ...(random.chance(0.9) ? [{ name: 'service_name', value: service }] : []),
  ];
}
