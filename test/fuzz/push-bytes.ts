import type { Label } from '#src/domain/model/labels.ts';
import { pushJson, pushProto } from '../fixtures/push-message.ts';
import type { Random } from '../fixtures/random.ts';
import { oddText } from './extremes.ts';
import { gzipped } from './gzip-faults.ts';
import { mutatedJson } from './mutate-json.ts';
import { mutatedMessage } from './mutate-protobuf.ts';
import { anyPprof } from './pprof-bytes.ts';

/** A `PushRequest` around profiles that have faults, or with one in itself. */
export function anyPushProto(random: Random): Uint8Array {
  const message = pushProto(series(random));
  return random.chance(0.7) ? message : mutatedMessage(random, message);
}

/** The same in JSON. */
export function anyPushJson(random: Random): Uint8Array {
  const message = pushJson(series(random));
  return random.chance(0.5) ? message : mutatedJson(random, message);
}

function series(random: Random) {
  return Array.from({ length: random.pick([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 5]) }, () => ({
    labels: labels(random),
    profiles: Array.from({ length: random.pick([1, 1, 1, 1, 1, 1, 1, 1, 0, 3]) }, () => {
      const profile = anyPprof(random);
      return random.chance(0.3) ? gzipped(random, profile) : profile;
    }),
  }));
}

function labels(random: Random): Label[] {
  const list = [
    { name: '__name__', value: random.chance(0.95) ? 'process_cpu' : random.pick(['memory', '', 'x']) },
    { name: 'service_name', value: random.pick(['fuzz', 'fuzz', 'other']) },
  ];
  while (random.chance(0.1)) list.push({ name: oddText(random), value: oddText(random) });
  if (random.chance(0.1))
    list.push({ name: 'pyroscope_spy', value: random.pick(['gospy', 'javaspy', 'nodespy', 'x']) });
  if (random.chance(0.01)) for (let i = 0; i < 40; i++) list.push({ name: `label${i}`, value: 'x' });
  return list;
}
