import {
  AGENT_TYPES,
  everyKindOfEvent,
  type FieldSpec,
  JfrBytes,
  jfrChunk,
  type TypeSpecs,
} from '../fixtures/jfr-builder.ts';
import { labelsSnapshot } from '../fixtures/labels-snapshot.ts';
import { mutated } from '../fixtures/mutated.ts';
import type { Random } from '../fixtures/random.ts';
import { recorded } from './corpus.ts';
import { EXTREME_INTS, oddText } from './extremes.ts';
import { mutatedMessage } from './mutate-protobuf.ts';
import { Seeds } from './seeds.ts';

const seeds = new Seeds(24, everyKindOfEvent);
const strangeChunks = new Seeds(200, strangeChunk);
const snapshots = new Seeds(1, () =>
  labelsSnapshot({ contexts: { 1: { 1: 2, 3: 4 }, 2: {} }, strings: { 1: 'thread', 2: 'main', 3: 'é', 4: '' } }),
);

const RECORDED = ['java-agent-wall', 'java-cpu', 'java-jdk'];

/** A recording, plain, and seldom without a fault. */
export function anyJfr(random: Random): Uint8Array {
  const kind = random.next();
  if (kind < 0.003) return mutated(random, recorded(`corpus/${random.pick(RECORDED)}.jfr.gz`), seeds.all);
  if (kind < 0.03) return random.bytes(random.int(0, 200));
  if (kind < 0.06) return seeds.any(random);
  if (kind < 0.07) return strangeChunk(random);
  if (kind < 0.2) return withNumbers(random, strangeChunks.any(random));
  if (kind < 0.4) return withHeader(random, seeds.any(random));
  if (kind < 0.65) return withNumbers(random, seeds.any(random));
  return mutated(random, seeds.any(random), seeds.all);
}

/** The labels of a recording, seldom without a fault. */
export function anyLabelsSnapshot(random: Random): Uint8Array {
  const whole = snapshots.any(random);
  return random.chance(0.2) ? whole : mutatedMessage(random, whole);
}

/** Where the header has sizes and offsets, all of 64 bits. */
const HEADER_FIELDS = [8, 16, 24, 32, 40, 48, 56];

function withHeader(random: Random, recording: Uint8Array): Uint8Array {
  const changed = Buffer.from(recording);
  const at = random.pick(HEADER_FIELDS);
  const near = BigInt(random.int(0, recording.length + 10));
  changed.writeBigUInt64BE(random.chance(0.5) ? near : random.pick(EXTREME_INTS), at);
  return random.chance(0.3) ? Buffer.concat([changed, recording]) : changed;
}

/** Other numbers behind the header: sizes of events, keys, counts, references. */
function withNumbers(random: Random, recording: Uint8Array): Uint8Array {
  const changed = Buffer.from(recording);
  for (let faults = random.pick([1, 1, 2, 4]); faults > 0; faults--) {
    const number = new JfrBytes().int(random.chance(0.4) ? random.int(0, 40) : random.pick(EXTREME_INTS)).done();
    changed.set(number, random.int(68, changed.length - number.length));
  }
  return changed;
}

/** A chunk that nobody records, written as it should be: types in a circle, references to themselves, extreme values. */
function strangeChunk(random: Random): Uint8Array {
  const types = random.chance(0.6) ? strangeTypes(random) : AGENT_TYPES;
  const names = Object.keys(types).filter((name) => /^(jdk|profiler)\.[A-Z]/.test(name));
  const events = Array.from({ length: random.int(0, 12) }, () => ({
    ...{ event: random.pick(names), stack: strangeStack(random), contextId: any(random), spanId: any(random) },
    ...{ samples: any(random), size: any(random), duration: any(random), allocationSize: any(random) },
    ...{ tlabSize: any(random), weight: any(random), startTime: any(random) },
    ...(random.chance(0.2) ? { stackTrace: any(random) } : {}),
    ...(random.chance(0.2) ? { stateKey: random.int(0, 9) } : {}),
  }));
  const chunk = jfrChunk({
    events,
    types,
    ticksPerSecond: random.pick([1_000_000_000, 1_000_000_000, 0, 1, 2 ** 53]),
    firstKey: random.pick([1n, 0n, 2n ** 31n, 2n ** 62n]),
    checkpoints: random.pick([1, 1, 2, 5]),
    ...(random.chance(0.3) ? { delta: random.pick([0n, 1n, -1n, -2n, 2n ** 63n - 1n, -(2n ** 63n)]) } : {}),
    ...(random.chance(0.3) ? { pools: circularPools(random) } : {}),
  });
  return random.chance(0.2) ? Buffer.concat(new Array(random.pick([2, 30])).fill(chunk)) : chunk;
}

function any(random: Random): bigint {
  return random.chance(0.5) ? BigInt(random.int(0, 5)) : BigInt.asIntN(64, random.pick(EXTREME_INTS));
}

function strangeStack(random: Random): string {
  const frames = random.chance(0.02) ? random.pick([2000, 20_000]) : random.int(0, 5);
  const names = ['A.a', 'B.b:1', 'D$$Lambda$1/0x12.run', 'A.a:-1', `x.${oddText(random).slice(0, 50)}`];
  return Array.from({ length: frames }, () => random.pick(names)).join(';');
}

/** A type that holds itself, or lists of lists; a field more, less, or of another type. */
function strangeTypes(random: Random): TypeSpecs {
  const names = Object.keys(AGENT_TYPES);
  const types: Record<string, readonly FieldSpec[]> = { ...AGENT_TYPES };
  for (let changes = random.int(1, 3); changes > 0; changes--) {
    const name = random.pick(names);
    const fields = types[name] ?? [];
    const kind = random.pick<Pick<FieldSpec, 'kind'>>([{}, { kind: 'constant' }, { kind: 'array' }]);
    const field = { name: random.pick(['self', 'stackTrace', 'name', '']), type: random.pick(names), ...kind };
    types[name] = random.pick<readonly FieldSpec[]>([
      [...fields, { ...field, type: name }],
      [...fields, field],
      fields.slice(1),
      fields.length > 0 ? fields.with(random.int(0, fields.length - 1), field) : [field],
      new Array(random.pick([1, 50, 500])).fill(field),
    ]);
  }
  return types;
}

/** Classes and their loaders that name each other, and methods of the wrong table. */
function circularPools(random: Random): Record<string, (readonly [bigint, JfrBytes])[]> {
  const key = (): bigint => BigInt(random.int(0, 4));
  const row = (fields: number): readonly [bigint, JfrBytes] => {
    const bytes = new JfrBytes();
    for (let i = 0; i < fields; i++) bytes.int(key());
    return [key(), bytes];
  };
  return {
    'java.lang.Class': [row(3), row(3)],
    'jdk.types.ClassLoader': [row(2), row(2)],
    'jdk.types.Method': [row(5), row(5)],
    'jdk.types.Symbol': [[key(), new JfrBytes().raw([2]).int(key())]],
  };
}
