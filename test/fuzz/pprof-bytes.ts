import { mutated } from '../fixtures/mutated.ts';
import { encodePprof, plainPprof, pprof } from '../fixtures/pprof-builder.ts';
import type { Random } from '../fixtures/random.ts';
import { randomDescription } from '../fixtures/random-profile.ts';
import { uvarint } from '../fixtures/uploads.ts';
import { recorded } from './corpus.ts';
import { mutatedMessage } from './mutate-protobuf.ts';
import { Seeds } from './seeds.ts';

const seeds = new Seeds(200, (random) => pprof(randomDescription(random)));

const SMALL_RECORDED = ['go-block-service', 'go-goroutine-labels', 'python-cpu', 'go-mutex', 'rust-heap'];
const LARGE_RECORDED = ['go-heap', 'go-cpu-labels', 'node-heap', 'native-kernel-cpu'];

/** A pprof, plain, and seldom without a fault. */
export function anyPprof(random: Random): Uint8Array {
  const kind = random.next();
  if (kind < 0.001) return mutated(random, undated(recordedPprof(random.pick(LARGE_RECORDED))), seeds.all);
  if (kind < 0.01) return mutated(random, undated(recordedPprof(random.pick(SMALL_RECORDED))), seeds.all);
  if (kind < 0.015) return mutatedMessage(random, undated(recordedPprof(random.pick(SMALL_RECORDED))), seeds.all);
  if (kind < 0.02) return bloated(random);
  if (kind < 0.025) return costly(random);
  if (kind < 0.05) return random.bytes(random.int(0, 300));
  if (kind < 0.1) return seeds.any(random);
  if (kind < 0.17) return wrongReferences(random);
  if (kind < 0.18) return random.chance(0.3) ? cutStacks(random) : mutated(random, cutStacks(random), seeds.all);
  if (kind < 0.45) return mutated(random, seeds.any(random), seeds.all);
  return mutatedMessage(random, seeds.any(random), seeds.all);
}

/** A small one without a fault. */
export function wellFormedPprof(random: Random): Uint8Array {
  return seeds.any(random);
}

function recordedPprof(name: string): Uint8Array {
  return recorded(`corpus/${name}.pb.gz`);
}

/** Without its time, which is long ago: of a field that occurs twice, the last one counts. */
function undated(profile: Uint8Array): Uint8Array {
  return Buffer.concat([profile, Buffer.of(9 << 3, 0)]);
}

/** Well formed, with references and ids that are anything. */
export function wrongReferences(random: Random): Uint8Array {
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

/** Stacks as Go's runtime cuts them, along a few trunks and in rings, so that they are repaired where the profile is of Go. */
export function cutStacks(random: Random): Uint8Array {
  const functions = random.pick([1, 2, 5, 40]);
  const trunks = Array.from({ length: random.int(1, 3) }, () =>
    Array.from({ length: random.int(60, 90) }, () => `f${random.int(0, functions - 1)}`),
  );
  const samples = Array.from({ length: random.int(1, 12) }, () => {
    const trunk = random.pick(trunks);
    return { stack: random.chance(0.3) ? trunk : trunk.slice(random.int(0, 40)), v: [random.int(0, 9)] };
  });
  return pprof({ samples: [...trunks.map((stack) => ({ stack, v: [1] })), ...samples] });
}

/** Few bytes that ask for much memory. */
export function bloated(random: Random): Uint8Array {
  const field = random.pick([0x12, 0x22, 0x2a, 0x1a, 0x32, 0x0a]);
  const rows = Buffer.alloc(2 * random.int(1, 200_000), Buffer.of(field, 0));
  return Buffer.concat([pprof({ samples: [{ stack: 'main', v: [1] }] }), rows]);
}

/** Well formed, and more work than it looks like. */
function costly(random: Random): Uint8Array {
  const profile = plainPprof({ samples: [{ stack: 'main;work', v: [9] }] });
  const [location, fn, sample] = [profile.locations[0], profile.functions[0], profile.samples[0]];
  const many = random.pick([1000, 20_000, 200_000]);
  switch (random.int(0, 6)) {
    case 0: // One stack of very many frames.
      return encodePprof({ ...profile, samples: [{ ...sample, locationIds: new Array(many).fill(location.id) }] });
    case 1: // One location of very many lines, at the limit and above it.
      return encodePprof({
        ...profile,
        locations: [{ ...location, lines: new Array(random.pick([1024, 1025, many])).fill(location.lines[0]) }],
        samples: new Array(300).fill({ ...sample, locationIds: [location.id, location.id] }),
      });
    case 2: // Sums beyond 64 bits.
      return encodePprof({ ...profile, samples: new Array(100).fill({ ...sample, values: [2n ** 63n - 1n] }) });
    case 3: // Ids that all fall into one place of a table that takes their last bits.
      return encodePprof({
        ...profile,
        functions: Array.from({ length: 5000 }, (_, i) => ({ ...fn, id: BigInt(i + 1) << 32n })),
        locations: Array.from({ length: 5000 }, (_, i) => ({ ...location, id: BigInt(i + 1) << 48n })),
      });
    case 4: {
      // A label set of its own for each sample.
      const strings = Array.from({ length: 5000 }, (_, i) => Buffer.from(`value${i}`));
      const first = BigInt(profile.strings.length);
      const table = strings.map((bytes) => Buffer.concat([Buffer.of(0x32), uvarint(bytes.length), bytes]));
      const labels = (i: number) => [{ key: first, str: first + BigInt(i), num: 0n, numUnit: 0n }];
      const samples = strings.map((_, i) => ({ ...sample, labels: labels(i) }));
      return Buffer.concat([encodePprof({ ...profile, samples }), ...table]);
    }
    case 5: // Many types, and a value for each of them.
      return encodePprof({
        ...profile,
        sampleTypes: new Array(Math.min(many, 20_000)).fill(profile.sampleTypes[0]),
        samples: [{ ...sample, values: new Array(Math.min(many, 20_000)).fill(1n) }],
      });
    default: // A tag of ten bytes for each field, and numbers of ten bytes.
      return Buffer.concat([encodePprof(profile), Buffer.alloc(many, Buffer.of(0x78, 0x80, 0x80, 0x80, 0x80, 0x00))]);
  }
}
