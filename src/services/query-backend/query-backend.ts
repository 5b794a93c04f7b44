import { Counter } from 'prom-client';
import { type BlockMeta, type ByteRange, objectPath, placeOfDataset } from '#src/domain/block/block-meta.ts';
import { bytesAt, type FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import {
  coalesced,
  comesWhole,
  firstPieces,
  missingReads,
  type ReadPurpose,
  readBytesMax,
} from '#src/domain/block/read-plan.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { ReadNode } from '#src/domain/query/plan.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { PlannedQuery, PlanRunner, QueryResult } from '#src/services/query-frontend/ports.ts';
import type { Pool } from '#src/workers/pool.ts';
import type { NodeAnswer, NodeQuery, NodeReport, ObjectRead } from '#src/workers/query-messages.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import type { ObjectReader } from './ports.ts';
import { QueryMemory } from './query-memory.ts';
import { type NodeWork, QueryRun } from './query-run.ts';
import { RangeCache } from './range-cache.ts';

export type QueryBackendOptions = {
  /** Read nodes that fetch and compute at a time, all queries together. */
  readonly readNodesMax: number;
  /** Of all queries together: bytes that are fetched, and reports until they are answered. */
  readonly memoryBytesMax: Bytes;
  /** Of one report, and so of the result. */
  readonly resultBytesMax: Bytes;
  /** Of the cache of small ranges. 0: no cache. */
  readonly cacheBytesMax: Bytes;
};

/** Heads, the header of a large symbol space, and what both tell. */
const ROUNDS_MAX = 3;

/** A waiting node is a closure and its part of the plan. A day of segments is some twenty thousand of them. */
const READ_NODES_WAITING_MAX = 65_536;

const bytesRead = new Counter({
  name: 'kiln_query_backend_read_bytes_total',
  help: 'Bytes of objects read for queries.',
  registers: [metrics],
});
const blocksRead = new Counter({
  name: 'kiln_query_backend_read_blocks_total',
  help: 'Objects read for queries.',
  registers: [metrics],
});
const missingBlocks = new Counter({
  name: 'kiln_query_backend_missing_blocks_total',
  help: 'Objects that the metastore knows and object storage does not have.',
  registers: [metrics],
});
const rereadNodes = new Counter({
  name: 'kiln_query_backend_reread_nodes_total',
  help: 'Read nodes that were read again because bytes were not what was written.',
  registers: [metrics],
});
const cutTrees = new Counter({
  name: 'kiln_query_backend_cut_trees_total',
  help: 'Trees of which memory had room for the heaviest nodes alone.',
  registers: [metrics],
});
const refusedQueries = new Counter({
  name: 'kiln_query_backend_refused_queries_total',
  help: 'Queries that failed at a limit.',
  labelNames: ['limit'],
  registers: [metrics],
});

/**
 * Runs query plans: fetches ranges on the main loop, has a pool thread compute each node, merges reports as they come.
 *
 * A block is read in rounds: what the metadata tells, then the chunks that the heads of the datasets name. What is small
 * comes whole in the first. What is fetched and reported is accounted for in `QueryMemory`.
 */
export class QueryBackend implements PlanRunner {
  readonly #options: QueryBackendOptions;
  readonly #objects: ObjectReader;
  readonly #pool: Pool;
  readonly #memory: QueryMemory;
  readonly #cache: RangeCache;

  constructor(options: QueryBackendOptions, deps: { readonly objects: ObjectReader; readonly pool: Pool }) {
    this.#options = options;
    this.#objects = deps.objects;
    this.#pool = deps.pool;
    this.#memory = new QueryMemory({ ...options, waitingMax: READ_NODES_WAITING_MAX });
    this.#cache = new RangeCache(options.cacheBytesMax);
  }

  /** What all queries hold right now. */
  get memoryBytes(): Bytes {
    return this.#memory.heldBytes;
  }

  async run(queries: readonly PlannedQuery[], signal: AbortSignal): Promise<QueryResult> {
    const missing = new Set<string>();
    const work: NodeWork = {
      fetchBytesMax: ({ blocks }, query) =>
        blocks.reduce((sum, { datasets }) => sum + readBytesMax(datasets, purposeOf(query)), 0),
      read: (node, query, roomBytes, ofRun) => this.#readTwice(node, query, roomBytes, missing, ofRun),
      merge: (reports, query, roomBytes, ofRun) => this.#compute(query, { reads: [], reports, roomBytes }, ofRun),
    };
    const { memoryBytesMax } = this.#options;
    try {
      const held = await new QueryRun(queries, { memory: this.#memory, memoryBytesMax, work }, signal).run();
      return {
        reports: held.map(({ report }) => report),
        missingBlocks: [...missing],
        release: () => {
          for (const { share } of held) share.release();
        },
      };
    } catch (error) {
      const limit = error instanceof StoreError ? error.details['limit'] : undefined;
      if (typeof limit === 'string') refusedQueries.inc({ limit });
      throw error;
    }
  }

  /**
   * Reads once more what is not what was written: a disk, a network or a memory may have failed for a moment. What is in
   * the cache was not checked before, so it is read anew.
   */
  async #readTwice(
    node: ReadNode,
    query: NodeQuery,
    roomBytes: Bytes,
    missing: Set<string>,
    signal: AbortSignal,
  ): Promise<NodeAnswer> {
    try {
      return await this.#read(node, query, roomBytes, missing, signal);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'corrupted' || signal.aborted) throw error;
      rereadNodes.inc();
      const forget = (): void => {
        for (const block of node.blocks) this.#cache.drop(objectPath(block));
      };
      forget();
      try {
        return await this.#read(node, query, roomBytes, missing, signal);
      } catch (again) {
        forget();
        throw again;
      }
    }
  }

  async #read(
    { blocks }: ReadNode,
    query: NodeQuery,
    roomBytes: Bytes,
    missing: Set<string>,
    signal: AbortSignal,
  ): Promise<NodeAnswer> {
    const purpose = purposeOf(query);
    const first = await allOrNone(blocks, signal, (block, ofBlocks) =>
      this.#orMissing(block, missing, () => this.#firstRound(block, purpose, ofBlocks)),
    );
    const reads = first.flat();
    if (query.kind === 'tree' || query.kind === 'profile') await this.#laterRounds(reads, query, missing, signal);
    return this.#compute(query, { reads: reads.map(({ read }) => read), reports: [], roomBytes }, signal);
  }

  /** What the metadata tells, from the cache where that has it. */
  async #firstRound(block: BlockMeta, purpose: ReadPurpose, signal: AbortSignal): Promise<BlockRead> {
    const path = objectPath(block);
    const pieces = distinctRanges(block.datasets.flatMap((dataset) => firstPieces(dataset, purpose)));
    const cached = pieces.flatMap((range): FetchedRange[] => {
      const bytes = this.#cache.get(path, range);
      return bytes === undefined ? [] : [{ range, bytes }];
    });
    const fetched = await this.#fetch(path, coalesced(missingReads(pieces, cached)), signal);
    for (const piece of missingReads(pieces, cached)) this.#cache.put(path, piece, bytesAt(fetched, piece));
    blocksRead.inc();
    // A thread needs no labels of the index, and cloning them would cost more than all else.
    const datasets = block.datasets.map(placeOfDataset);
    return { block, read: { datasets, fetched: [...cached, ...fetched] } };
  }

  /** Of what was too large to come whole, the chunks that the query needs; a pool thread finds out which. */
  async #laterRounds(reads: BlockRead[], query: SampleQuery, missing: Set<string>, signal: AbortSignal): Promise<void> {
    for (let round = 2; round <= ROUNDS_MAX; round++) {
      const open = reads.filter(({ block }) => !comesWhole(block.datasets, 'trees'));
      if (open.length === 0) return;
      const task = { query, reads: open.map(({ read }) => read) };
      const transfer = buffersOf(task.reads);
      const plan = await this.#pool.run('planReads', task, { lane: 'query', transfer, signal });
      // The buffers went to the thread and came back.
      const next = open.map(({ block }, i) => ({ block, read: plan.reads[i], more: plan.more[i] }));
      const whole = reads.filter(({ block }) => comesWhole(block.datasets, 'trees'));
      const grown = await allOrNone(next, signal, ({ block, read, more }, ofBlocks) =>
        this.#orMissing(block, missing, async () => {
          const fetched = more.length === 0 ? [] : await this.#fetch(objectPath(block), coalesced(more), ofBlocks);
          return { block, read: { ...read, fetched: [...read.fetched, ...fetched] } };
        }),
      );
      reads.splice(0, reads.length, ...whole, ...grown.flat());
      if (plan.complete) return;
    }
  }

  /** @returns nothing when the object is gone: compaction and retention delete objects that a plan may still name */
  async #orMissing(block: BlockMeta, missing: Set<string>, read: () => Promise<BlockRead>): Promise<BlockRead[]> {
    try {
      return [await read()];
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'not-found') throw error;
      missingBlocks.inc();
      missing.add(block.id);
      return [];
    }
  }

  async #compute(
    query: NodeQuery,
    work: { readonly reads: readonly ObjectRead[]; readonly reports: readonly NodeReport[]; readonly roomBytes: Bytes },
    signal: AbortSignal,
  ): Promise<NodeAnswer> {
    const { reads, reports, roomBytes } = work;
    const task = { query, reads, reports, limits: { roomBytes, resultBytesMax: this.#options.resultBytesMax } };
    // The matchers of a query hold no buffers, but its ids do, and all nodes need those.
    const transfer = buffersOf({ reads, reports });
    const answer = await this.#pool.run('queryNode', task, { lane: 'query', transfer, signal });
    if (answer.cut) cutTrees.inc();
    return answer;
  }

  async #fetch(path: string, ranges: readonly ByteRange[], signal: AbortSignal): Promise<FetchedRange[]> {
    if (ranges.length === 0) return [];
    const buffers = await this.#objects.readRanges(path, ranges, signal);
    return buffers.map((bytes, i) => {
      bytesRead.inc(bytes.length);
      return { range: ranges[i], bytes };
    });
  }
}

type SampleQuery = Extract<NodeQuery, { kind: 'tree' | 'profile' }>;

/** What was read of a block so far. */
type BlockRead = { readonly block: BlockMeta; readonly read: ObjectRead };

function purposeOf({ kind }: NodeQuery): ReadPurpose {
  if (kind === 'time-series') return 'series';
  return kind === 'tree' || kind === 'profile' ? 'trees' : 'labels';
}

/** Datasets may share a symbol space. */
function distinctRanges(ranges: readonly ByteRange[]): ByteRange[] {
  return [...new Map(ranges.map((range) => [range.offset, range])).values()];
}

/** Runs all at once. The first failure stops the others and is thrown when they have stopped. */
async function allOrNone<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const running = items.map((item) =>
    work(item, both).catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  const settled = await Promise.allSettled(running);
  if (stop.signal.aborted) throw firstCause(settled);
  return settled.map((result) => (result as PromiseFulfilledResult<R>).value); // No one failed.
}

/** Siblings that were stopped fail as 'aborted'; what stopped them says more. */
function firstCause(settled: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  return errors.find((error) => !(error instanceof StoreError && error.code === 'aborted')) ?? errors[0];
}
