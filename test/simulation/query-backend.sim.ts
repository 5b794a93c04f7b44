import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { namesOf as packed } from '#src/domain/profile/name-table.ts';
import { QueryBackend } from '#src/services/query-backend/query-backend.ts';
import { QueryMemory } from '#src/services/query-backend/query-memory.ts';
import { type HeldReport, type NodeWork, QueryRun } from '#src/services/query-backend/query-run.ts';
import type { PlannedQuery, QueryResult } from '#src/services/query-frontend/ports.ts';
import { settle } from '../fixtures/fake-clock.ts';
import { INGEST_NOW_MS } from '../fixtures/ingest.ts';
import { InlinePool } from '../fixtures/inline-pool.ts';
import { testKernels } from '../fixtures/kernels.ts';
import { textsOf } from '../fixtures/label-set-columns.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../fixtures/random.ts';
import { CPU_TYPE, cpuLabelsOf, FakeObjectReader, segmentOf } from '../fixtures/segments.ts';

// What this simulates: many queries at once on a memory that is much too small for all of them, with reads and merges
// that take their time, reports of any size, and clients that leave.
//
//   Safety    what queries hold never exceeds the limit, counted by the query-backend and by the test on its own.
//   Liveness  every query ends: with all it asked for, or because its client left or it can never have so much.
//
// The whole run follows from the seed. To see a failure again:
//     SEED=123 node --test test/simulation/query-backend.sim.ts
const seed = runSeed();

const MEMORY_BYTES_MAX = 1 << 20;

/** Nodes and merges that take some turns and make numbers of bytes, with a count of what is alive. */
class FakeWork implements NodeWork {
  #fetchedBytes = 0;
  #reportBytes = 0;
  /** Of the run. A run that failed drops its reports. */
  #signal: AbortSignal | undefined;
  readonly #random: Random;
  readonly #overlap: number;
  readonly #onChange: () => void;

  constructor(random: Random, onChange: () => void) {
    this.#random = random;
    this.#overlap = random.next();
    this.#onChange = onChange;
  }

  get aliveBytes(): number {
    return this.#fetchedBytes + (this.#signal?.aborted ? 0 : this.#reportBytes);
  }

  fetchBytesMax({ blocks }: { readonly blocks: readonly { readonly sizeBytes: number }[] }): number {
    return blocks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async read(...[node, , roomBytes, signal]: Parameters<NodeWork['read']>): ReturnType<NodeWork['read']> {
    const fetchBytes = this.fetchBytesMax(node);
    const [{ id, shard: sizeBytes }] = node.blocks;
    this.#signal = signal;
    this.#fetchedBytes += fetchBytes;
    this.#onChange();
    try {
      await this.#turns(signal);
    } finally {
      this.#fetchedBytes -= fetchBytes;
    }
    if (sizeBytes > roomBytes) return { report: undefined, sizeBytes, cut: false };
    this.#reportBytes += sizeBytes;
    this.#onChange();
    return { report: { kind: 'names', names: packed([id]) }, sizeBytes, cut: false };
  }

  async merge(...[reports, , roomBytes, signal]: Parameters<NodeWork['merge']>): ReturnType<NodeWork['merge']> {
    ok(reports.length > 1, 'merged a report with nothing');
    await this.#turns(signal);
    const sizeBytes = Math.ceil(roomBytes * (1 - this.#overlap / 2));
    this.#reportBytes += sizeBytes - roomBytes;
    this.#onChange();
    return { report: { kind: 'names', names: packed(reports.flatMap(namesOf)) }, sizeBytes, cut: false };
  }

  async #turns(signal: AbortSignal): Promise<void> {
    for (let turns = this.#random.int(0, 4); turns > 0; turns--) await settle();
    if (signal.aborted) throw new StoreError('aborted', 'the caller left');
    if (this.#random.chance(0.0002)) throw new StoreError('corrupted', 'an object is damaged');
  }
}

function namesOf(report: HeldReport['report']): readonly string[] {
  return report.kind === 'names' ? textsOf(report.names) : [];
}

/** Plans of a request; a node is described by one block: what it fetches is its size, what it reports its shard. */
function randomRequest(random: Random): PlannedQuery[] {
  const largest = random.pick([2_000, 20_000, 200_000]);
  return Array.from({ length: random.int(1, 2) }, (_, part) => ({
    query: { kind: 'label-names', matchers: [] },
    plan: Array.from({ length: random.int(1, random.pick([1, 40, 400])) }, (_node, i) => {
      const sizeBytes = random.int(1, largest);
      const block = { id: `${part}.${i}`, shard: random.int(1, 2) * random.int(1, largest), sizeBytes };
      return { blocks: [{ ...block, tenant: '', level: 0, minTimeMs: 0, maxTimeMs: 0, datasets: [] }] };
    }),
  }));
}

for (let run = 0; run < 8; run++) {
  test(`queries end and never hold more than they may (seed ${seed + run})`, async (t) => {
    const random = new Random(seed + run);
    const memory = new QueryMemory({
      memoryBytesMax: MEMORY_BYTES_MAX,
      readNodesMax: random.int(1, 8),
      waitingMax: 100_000,
    });
    const works: FakeWork[] = [];
    let peakBytes = 0;
    const check = (): void => {
      const aliveBytes = works.reduce((sum, work) => sum + work.aliveBytes, 0);
      peakBytes = Math.max(peakBytes, aliveBytes);
      ok(memory.heldBytes <= MEMORY_BYTES_MAX, `holds ${memory.heldBytes} bytes`);
      ok(aliveBytes <= memory.heldBytes, `holds ${aliveBytes} bytes and counts ${memory.heldBytes}`);
    };
    const outcomes: Record<string, number> = {};

    const ask = async (): Promise<void> => {
      for (let turns = random.int(0, 200); turns > 0; turns--) await settle();
      const queries = randomRequest(random);
      const work = new FakeWork(random, check);
      const client = new AbortController();
      works.push(work);
      const running = new QueryRun(queries, { memory, memoryBytesMax: MEMORY_BYTES_MAX, work }, client.signal).run();
      if (random.chance(0.2)) {
        void (async () => {
          for (let turns = random.int(0, 300); turns > 0; turns--) await settle();
          client.abort();
        })();
      }
      let outcome = 'answered';
      try {
        const held = await running;
        for (const [i, { report }] of held.entries()) {
          deepEqual(
            namesOf(report),
            queries[i]?.plan.map(({ blocks }) => blocks[0]?.id),
          );
        }
        for (let turns = random.int(0, 4); turns > 0; turns--) await settle();
        works.splice(works.indexOf(work), 1);
        for (const { share } of held) share.release();
      } catch (error) {
        ok(error instanceof StoreError, String(error));
        outcome = error.code;
        works.splice(works.indexOf(work), 1);
      }
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    };
    await Promise.all(Array.from({ length: 60 }, ask));

    t.diagnostic(JSON.stringify({ seed: seed + run, peakBytes, outcomes }));
    deepEqual([memory.heldBytes, memory.reading, memory.waiting], [0, 0, 0]);
    equal(
      Object.values(outcomes).reduce((sum, count) => sum + count, 0),
      60,
    );
    ok((outcomes['answered'] ?? 0) > 10, 'hardly any query was answered');
  });
}

test(`hundreds of blocks are read in little memory, whoever leaves (seed ${seed})`, async () => {
  const random = new Random(seed);
  const kernels = testKernels();
  const kinds = Array.from({ length: 8 }, (_, kind) =>
    segmentOf(kernels, [
      {
        ...cpuLabelsOf('shop'),
        profile: pprof({
          samples: Array.from({ length: 200 }, (_sample, i) => ({
            stack: `main;work${kind};step${i % 20};leaf${kind}.${i}`,
            v: [1],
          })),
        }),
      },
    ]),
  );
  const segments = Array.from({ length: 300 }, (_, i) => {
    const { meta, bytes } = random.pick(kinds);
    return { meta: { ...meta, id: String(i) }, bytes };
  });
  const memoryBytesMax = 400_000;
  const objects = new FakeObjectReader(segments, async () => {
    ok(backend.memoryBytes <= memoryBytesMax);
    for (let turns = random.int(0, 3); turns > 0; turns--) await settle();
  });
  const backend: QueryBackend = new QueryBackend(
    { readNodesMax: 4, memoryBytesMax, resultBytesMax: memoryBytesMax, cacheBytesMax: 0 },
    { objects, pool: new InlinePool(kernels).asPool() },
  );
  const selection = {
    ...{ startMs: INGEST_NOW_MS - 3_600_000, endMs: INGEST_NOW_MS + 3_600_000 },
    ...{ matchers: [{ name: '__profile_type__', operator: '=' as const, value: CPU_TYPE }] },
    ...{ profileIds: [], spanIds: [], traceIds: [] },
  };
  const plan = Array.from({ length: 150 }, (_, i) => ({
    blocks: segments.slice(2 * i, 2 * i + 2).map(({ meta }) => meta),
  }));
  const query = { kind: 'tree', selection, callSite: [] } as const;

  const ask = async (): Promise<string> => {
    const client = new AbortController();
    const running = backend.run([{ plan, query }], client.signal);
    if (random.chance(0.4)) {
      for (let turns = random.int(0, 60); turns > 0; turns--) await settle();
      client.abort();
    }
    let result: QueryResult;
    try {
      result = await running;
    } catch (error) {
      return error instanceof StoreError ? error.code : String(error);
    }
    const [report] = result.reports;
    ok(report?.kind === 'tree');
    const total = report.tree.self.reduce((sum, value) => sum + value, 0n);
    result.release();
    return String(total);
  };
  const answers = await Promise.all(Array.from({ length: 6 }, ask));

  for (const answer of answers) ok(answer === '60000' || answer === 'aborted', answer);
  equal(backend.memoryBytes, 0);
});
