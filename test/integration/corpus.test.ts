import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { redated } from '../fixtures/kiln-client.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';

// Every real profile goes in as agents send it and comes back whole. What it must come back as was found out by others:
// corpus-totals.json by a Pyroscope server, corpus-top.json by `go tool pprof -top` (scripts/corpus-top.ts).

type Totals = Record<string, Record<string, { levels: number; nodes: number; total: number }>>;
type Tops = Record<string, Record<string, [name: string, flat: string][]>>;

const data = new URL('../data/', import.meta.url);
const totals = JSON.parse(readFileSync(new URL('corpus-totals.json', data), 'utf8')) as Totals;
const tops = JSON.parse(readFileSync(new URL('corpus-top.json', data), 'utf8')) as Tops;
const files = readdirSync(new URL('corpus/', data)).filter((name) => name.endsWith('.pb.gz'));

/** Pyroscope has no frames without names, so nothing is left of these two but what the kernel has names for. */
const NATIVE = new Map([
  ['native-kernel-cpu.pb.gz', 10_140_561_600n],
  ['native-unsymbolised-cpu.pb.gz', 10_140_561_600n],
]);

describe('the corpus', () => {
  // One file has more samples than the default limit allows.
  const kiln = kilnOfSuite(['--validation.max-profile-stacktrace-samples=0']);

  for (const file of files) {
    test(`${file} comes back with its totals and its top functions`, async () => {
      const service = `file-${file.replace('.pb.gz', '')}`;
      const body = redated(readFileSync(new URL(`corpus/${file}`, data)), Date.now() - 60_000);

      const { status } = await kiln.client.ingest(service, body);

      equal(status, 200);
      const expected = totals[service];
      deepEqual(await kiln.client.profileTypes(service), Object.keys(expected).sort());
      for (const [profileType, reference] of Object.entries(expected)) {
        const graph = await kiln.client.flamegraph(service, profileType);
        const native = NATIVE.get(file);
        if (native === undefined) {
          const { total, levels, nodes } = graph;
          deepEqual({ total, levels, nodes }, { ...reference, total: BigInt(reference.total) }, profileType);
        } else {
          equal(graph.total, native);
          ok(graph.nodes > reference.nodes);
        }
        const sampleType = profileType.split(':')[1];
        deepEqual(topOf(graph.selfByName, tops[file][sampleType]), tops[file][sampleType], profileType);
      }
    });
  }
});

/** Kiln's own values of the functions in a list, in the list's words. */
function topOf(selfByName: ReadonlyMap<string, bigint>, list: readonly [string, string][]): [string, string][] {
  return list.map(([name]) => [name, String(flatOf(selfByName, name))]);
}

/**
 * `[cc1]` is what pprof calls all places in a file without symbols; Kiln tells them apart, as `cc1+0x29d90`.
 */
function flatOf(selfByName: ReadonlyMap<string, bigint>, name: string): bigint {
  const file = /^\[(.*)\]$/.exec(name)?.[1];
  let sum = 0n;
  for (const [own, self] of selfByName) {
    if (file === undefined ? own === name : own.startsWith(`${file}+0x`)) sum += self;
  }
  return sum;
}
