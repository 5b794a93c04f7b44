import { Counter, Gauge } from 'prom-client';
import { type BlockMeta, type ByteRange, objectPath } from '#src/domain/block/block-meta.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { coalesced, type ReadPurpose } from '#src/domain/block/read-plan.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { PlanNode, ReadNode } from '#src/domain/query/plan.ts';
import { metrics } from '#src/platform/metrics.ts';
import { Slots } from '#src/platform/slots.ts';
import type { PlanRunner } from '#src/services/query-frontend/ports.ts';
import type { Pool } from '#src/workers/pool.ts';
import type { NodeQuery, NodeReport, ObjectRead } from '#src/workers/query-messages.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import type { ObjectReader } from './ports.ts';

export type QueryBackendOptions = {
  /** Read nodes whose bytes are in memory at a time, all queries together. */
  readonly readNodesMax: number;
};

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
const nodesReading = new Gauge({
  name: 'kiln_query_backend_read_nodes',
  help: 'Read nodes that hold bytes right now.',
  registers: [metrics],
});

/**
 * Runs query plans: fetches ranges on the main loop, has a pool thread compute each node, merges reports on the way up.
 *
 * A block is read in two rounds: what the metadata tells, then the chunks that the heads of the datasets name. Small
 * datasets come whole in the first.
 */
export class QueryBackend implements PlanRunner {
  readonly #objects: ObjectReader;
  readonly #pool: Pool;
  readonly #readNodes: Slots;

  constructor(options: QueryBackendOptions, deps: { readonly objects: ObjectReader; readonly pool: Pool }) {
    this.#objects = deps.objects;
    this.#pool = deps.pool;
    this.#readNodes = new Slots('read nodes of queries', {
      runningMax: options.readNodesMax,
      waitingMax: READ_NODES_WAITING_MAX,
    });
  }

  /**
   * @throws StoreError 'corrupted' when an object is, 'unavailable' when one cannot be read or all threads are taken,
   *         'aborted' when the signal aborts
   */
  async run(plan: PlanNode, query: NodeQuery, signal: AbortSignal): Promise<NodeReport> {
    if (plan.kind === 'read') return this.#read(plan, query, signal);
    const reports = await allOrNone(plan.children, signal, (child, ofChildren) => this.run(child, query, ofChildren));
    return this.#compute(query, [], reports, signal);
  }

  #read(node: ReadNode, query: NodeQuery, signal: AbortSignal): Promise<NodeReport> {
    return this.#readNodes.run(async () => {
      nodesReading.inc();
      try {
        const reads = await allOrNone(node.blocks, signal, (block, ofBlocks) =>
          this.#readBlock(block, query, ofBlocks),
        );
        return await this.#compute(query, reads.flat(), [], signal);
      } finally {
        nodesReading.dec();
      }
    }, signal);
  }

  #compute(
    query: NodeQuery,
    reads: readonly ObjectRead[],
    reports: readonly NodeReport[],
    signal: AbortSignal,
  ): Promise<NodeReport> {
    const task = { query, reads, reports };
    // The matchers of a query hold no buffers, but its ids do, and all nodes need those.
    const transfer = buffersOf({ reads, reports });
    return this.#pool.run('queryNode', task, { lane: 'query', transfer, signal });
  }

  /** @returns nothing when the object is gone */
  async #readBlock(block: BlockMeta, query: NodeQuery, signal: AbortSignal): Promise<ObjectRead[]> {
    const path = objectPath(block);
    const { datasets } = block;
    const purpose = purposeOf(query);
    try {
      const ranges = datasets.flatMap(({ range, headBytes, symbols }) =>
        purpose === 'trees' ? [symbols, range] : [{ offset: range.offset, sizeBytes: headBytes }],
      );
      const fetched = await this.#fetch(path, coalesced(ranges), signal);
      blocksRead.inc();
      return [{ datasets, fetched }];
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'not-found') throw error;
      // Compaction and retention delete objects that a plan may still name.
      missingBlocks.inc();
      return [];
    }
  }

  async #fetch(path: string, ranges: readonly ByteRange[], signal: AbortSignal): Promise<FetchedRange[]> {
    const buffers = await this.#objects.readRanges(path, ranges, signal);
    return buffers.map((bytes, i) => {
      bytesRead.inc(bytes.length);
      return { range: ranges[i], bytes };
    });
  }
}

function purposeOf({ kind }: NodeQuery): ReadPurpose {
  if (kind === 'time-series') return 'series';
  return kind === 'tree' || kind === 'profile' ? 'trees' : 'labels';
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
