import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import type { PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import { writePlainProfile } from '#src/domain/pprof/plain-writer.ts';
import { Random } from '../../test/fixtures/random.ts';

/** Profiles of twelve kinds, from six profilers: what a mixed fleet sends. */
export const KINDS = [
  'go-cpu',
  'go-heap',
  'go-mutex',
  'go-block',
  'go-goroutine',
  'go-cpu-compiler',
  'go-cpu-labels',
  'python-cpu',
  'python-memory',
  'node-wall',
  'node-heap',
  'rust-cpu',
] as const;

/** A profile that many others are made of. */
export type Variant = {
  readonly kind: string;
  /** gzip, as agents send it. */
  readonly body: Buffer;
  readonly rawBytes: number;
  /** Of its first sample. */
  readonly locationIds: readonly bigint[];
  readonly typeCount: number;
};

const corpus = new URL('../../test/data/corpus/', import.meta.url);

/** `count` variants of each kind: a third of the samples dropped, the values of the others scaled. Always the same. */
export function makeVariants(count: number): Variant[] {
  const random = new Random(42);
  return KINDS.flatMap((kind) => {
    const profile = decodeProfile(gunzipSync(readFileSync(new URL(`${kind}.pb.gz`, corpus))));
    return Array.from({ length: count }, () => variantOf(kind, profile, random));
  });
}

function variantOf(kind: string, profile: PlainProfile, random: Random): Variant {
  const scale = BigInt(random.int(550, 1450));
  const scaled = (value: bigint): bigint => (value === 0n ? 0n : (value * scale) / 1000n || 1n);
  const samples = profile.samples
    .filter(() => random.chance(0.66))
    .map((sample) => ({ ...sample, values: sample.values.map(scaled) }));
  const raw = writePlainProfile({ ...profile, samples });
  const locationIds = samples[0]?.locationIds ?? [];
  return { kind, body: gzipSync(raw), rawBytes: raw.length, locationIds, typeCount: profile.sampleTypes.length };
}

/**
 * A profile like no other: the variant, and behind it another member of the same gzip file with the time and one more
 * sample. Both are valid protobuf, joined, so no variant is compressed twice and the load generator stays cheap.
 */
export function uniqueBody({ body, locationIds, typeCount }: Variant, timeNanos: bigint, value: number): Buffer {
  const tail = new BinaryWriter();
  tail.tag(2, WireType.LengthDelimited).fork();
  for (const id of locationIds) tail.tag(1, WireType.Varint).uint64(id);
  for (let i = 0; i < typeCount; i++) tail.tag(2, WireType.Varint).int64(value);
  tail.join();
  tail.tag(9, WireType.Varint).int64(timeNanos);
  return Buffer.concat([body, gzipSync(tail.finish(), { level: 1 })]);
}
