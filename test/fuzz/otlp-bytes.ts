import { mutated } from '../fixtures/mutated.ts';
import { type OtlpProfile, otlpJson, otlpMessage, otlpProto } from '../fixtures/otlp-message.ts';
import type { Random } from '../fixtures/random.ts';
import { recorded } from './corpus.ts';
import { oddText } from './extremes.ts';
import { mutatedJson } from './mutate-json.ts';
import { mutatedMessage } from './mutate-protobuf.ts';
import { Seeds } from './seeds.ts';

const messages = new Seeds(60, message);
const protos = new Seeds(60, (random) => otlpProto(messages.any(random), random.chance(0.8)));
const jsons = new Seeds(60, (random) => otlpJson(messages.any(random)));

const RECORDED = ['java-agent-otlp', 'otlp-cpu-spans', 'otlp-ebpf-unsymbolised'];

/** An `ExportProfilesServiceRequest`, seldom without a fault. */
export function anyOtlpProto(random: Random): Uint8Array {
  const kind = random.next();
  if (kind < 0.002) return mutated(random, recorded(`requests/${random.pick(RECORDED)}.pb.gz`), protos.all);
  if (kind < 0.004) return otlpProto(costly(random));
  if (kind < 0.02) return random.bytes(random.int(0, 60));
  if (kind < 0.06) return protos.any(random);
  if (kind < 0.35) return mutated(random, protos.any(random), protos.all);
  return mutatedMessage(random, protos.any(random), protos.all);
}

/** The same in JSON. */
export function anyOtlpJson(random: Random): Uint8Array {
  const kind = random.next();
  if (kind < 0.002) return otlpJson(costly(random));
  if (kind < 0.06) return jsons.any(random);
  return kind < 0.3 ? mutated(random, jsons.any(random), jsons.all) : mutatedJson(random, jsons.any(random));
}

function message(random: Random) {
  const stack = (): string =>
    Array.from({ length: random.int(0, 4) }, () => random.pick(['main', 'work', 'größe', '', 'f'])).join(';');
  const sample = (): OtlpProfile['samples'][number] => ({
    stack: stack(),
    values: Array.from({ length: random.chance(0.9) ? 1 : 2 }, () => random.pick([1, 0, 3, 2 ** 53, -1])),
    ...(random.chance(0.1) ? { timestamps: random.pick([[5n], [5n, 6n]]) } : {}),
    ...(random.chance(0.3) ? { link: { trace: '000102030405060708090a0b0c0d0e0f', span: '0102030405060708' } } : {}),
    ...(random.chance(0.5) ? { attributes: attributes(random) } : {}),
  });
  const profile = (): OtlpProfile => ({
    type: random.pick(['samples/count', 'off_cpu/nanoseconds', 'cpu/nanoseconds', 'alloc_space/bytes', '/', 'a-b/c']),
    ...(random.chance(0.3) ? { period: null } : {}),
    samples: Array.from({ length: random.int(0, 4) }, sample),
  });
  const resource = random.chance(0.7) ? { 'service.name': 'fuzz', 'host.name': 'h' } : { [oddText(random)]: 'x' };
  return otlpMessage(Array.from({ length: random.pick([1, 1, 2, 3, 0]) }, profile), resource, { 'scope.x': 1 });
}

function attributes(random: Random) {
  return {
    'service.name': { stringValue: random.pick(['a', '', 'größe']) },
    tid: { intValue: random.int(0, 9) },
    [oddText(random)]: { boolValue: true },
    x: { arrayValue: { values: [{ intValue: 1 }, { doubleValue: random.pick([0.5, 1e308]) }] } },
  };
}

/** Well formed, and more work than it looks like: rows that very many samples refer to. */
function costly(random: Random) {
  const many = random.pick([300, 3000]);
  const stack = Array.from({ length: many }, (_, i) => `f${i % 7}`).join(';');
  const own = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, { stringValue: 'v'.repeat(many) }]));
  return random.pick([
    otlpMessage([{ samples: new Array(many).fill({ stack, values: [1] }) }]),
    otlpMessage([{ samples: Array.from({ length: many }, (_, i) => ({ stack: `s${i}`, values: [2n ** 62n] })) }]),
    otlpMessage([{ samples: new Array(50).fill({ stack: 'main', values: [1], attributes: own }) }]),
    otlpMessage(new Array(many).fill({ samples: [{ stack: 'main', values: [2n ** 63n - 1n, 1] }] })),
  ]);
}
