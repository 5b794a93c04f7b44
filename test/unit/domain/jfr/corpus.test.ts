import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { textAt } from '#src/domain/pprof/plain-profile.ts';
import type { ConvertedProfile } from '#src/domain/upload/upload.ts';
import { convert, totalsOf, uploadOf } from './converted.ts';

// Real recordings, of async-profiler, of the Pyroscope agent and of the JDK itself, weigh what `jfr print` says, event by
// event (scripts/jfr-weights.ts).

type Weighed = { events: number; weight: number; runnable: number; leaves: [name: string, weight: number][] };

const data = new URL('../../../data/', import.meta.url);
const weights = JSON.parse(readFileSync(new URL('jfr-weights.json', data), 'utf8')) as Record<
  string,
  Record<string, Weighed>
>;
const files = readdirSync(new URL('corpus/', data)).filter((name) => name.endsWith('.jfr.gz'));

/** The name of the profile, the values that an event counts as, and which of them the leaves are compared in. */
const PROFILES: Record<string, { name: string; values: (weighed: Weighed) => number[]; unit: number }> = {
  'jdk.ExecutionSample': { name: 'process_cpu', values: ({ weight }) => [weight * 1e7], unit: 1e7 },
  'profiler.WallClockSample': { name: 'wall', values: ({ weight }) => [weight * 1e7], unit: 1e7 },
  'jdk.ObjectAllocationInNewTLAB': { name: 'memory', values: ({ events, weight }) => [events, weight], unit: 1 },
  'jdk.JavaMonitorEnter': { name: 'mutex', values: ({ events, weight }) => [events, weight], unit: 1 },
  'jdk.ThreadPark': { name: 'block', values: ({ events, weight }) => [events, weight], unit: 1 },
};

const nameOf = ({ labels }: ConvertedProfile) => labels.find(({ name }) => name === '__name__')?.value;

describe('recordings of the corpus', () => {
  for (const file of files) {
    test(`${file} weighs what the JDK says`, () => {
      const body = gunzipSync(readFileSync(new URL(`corpus/${file}`, data)));

      const profiles = convert(uploadOf(body));

      const expected = weights[file] ?? {};
      for (const [event, weighed] of Object.entries(expected)) {
        const { name, values, unit } = PROFILES[event]!;
        const profile = profiles.find((one) => nameOf(one) === name);
        ok(profile !== undefined, event);
        deepEqual(totalsOf(profile), values(weighed).map(BigInt), event);
        const leaves = leavesOf(profile);
        for (const [leaf, weight] of weighed.leaves) equal(leaves.get(leaf), BigInt(weight * unit), `${event} ${leaf}`);
      }
      const names = Object.keys(expected).map((event) => PROFILES[event]?.name);
      // The agent was told to look at the wall clock, so what ran counts as CPU time as well.
      const onCpu =
        file === 'java-agent-wall.jfr.gz' ? BigInt((expected['profiler.WallClockSample']?.runnable ?? 0) * 1e7) : 0n;
      if (onCpu > 0n) deepEqual(totalsOf(profiles.find((one) => nameOf(one) === 'process_cpu')!), [onCpu]);
      deepEqual(profiles.map(nameOf).sort(), [...names, ...(onCpu > 0n ? ['process_cpu'] : [])].sort());
    });
  }

  for (const file of files) {
    test(`${file} takes at most six times its size: itself, tables, and profiles that are there twice for a moment`, () => {
      const body = gunzipSync(readFileSync(new URL(`corpus/${file}`, data)));
      const profiles = convert(uploadOf(body));
      const profileBytes = profiles.reduce((sum, { profile }) => sum + profile.length, 0);
      const tableBytesMax = 6 * body.length - body.length - 2 * profileBytes;

      deepEqual(convert(uploadOf(body), undefined, { tableBytesMax }), profiles);
    });
  }

  test('what the tables of a chunk take is there again for the next one', () => {
    const body = gunzipSync(readFileSync(new URL('corpus/java-jdk.jfr.gz', data)));
    const twenty = Buffer.concat(Array.from({ length: 20 }, () => body));

    equal(convert(uploadOf(twenty), undefined, { tableBytesMax: 3 * body.length }).length, 1);
  });

  test('the labels of an agent are on the samples of its contexts', () => {
    const body = gunzipSync(readFileSync(new URL('corpus/java-agent-wall.jfr.gz', data)));
    const jfrLabels = readFileSync(new URL('corpus/java-agent-wall.labels.gz', data));

    const profiles = convert(uploadOf(body, { jfrLabels }));

    const wall = decodeProfile(profiles.find((one) => nameOf(one) === 'wall')!.profile);
    const endpoints = new Map<string, bigint>();
    for (const { labels, values } of wall.samples) {
      const endpoint = labels.find(({ key }) => textAt(wall, key) === 'endpoint');
      const value = endpoint === undefined ? '' : textAt(wall, endpoint.str);
      endpoints.set(value, (endpoints.get(value) ?? 0n) + (values[0] ?? 0n));
    }
    // By the context ids that `jfr print` shows, and the labels that a protobuf decoder does.
    deepEqual(Object.fromEntries(endpoints), {
      '': 128_270_000_000n,
      '/contend': 620_000_000n,
      '/index': 1_510_000_000n,
      '/search': 16_000_000_000n,
      '/sql': 2_100_000_000n,
    });
  });
});

/** The last value of the samples that end in each function; async-profiler adds a number to some names. */
function leavesOf({ profile: bytes }: ConvertedProfile): Map<string, bigint> {
  const profile = decodeProfile(bytes);
  const functions = new Map(profile.functions.map(({ id, name }) => [id, textAt(profile, name)]));
  const leafs = new Map(
    profile.locations.map(({ id, lines }) => [id, functions.get(lines[0]?.functionId ?? 0n) ?? '']),
  );
  const leaves = new Map<string, bigint>();
  for (const { locationIds, values } of profile.samples) {
    const leaf = leafs.get(locationIds[0] ?? 0n)?.replace(/\(0x[0-9a-f]+\)$/, '') ?? '';
    leaves.set(leaf, (leaves.get(leaf) ?? 0n) + (values.at(-1) ?? 0n));
  }
  return leaves;
}
