import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { type FoldGroup, FoldOrder } from '#src/domain/query/fold-order.ts';
import type { ReadNode } from '#src/domain/query/plan.ts';
import { assert } from '#src/platform/assert.ts';
import type { PlannedQuery } from '#src/services/query-frontend/ports.ts';
import type { NodeAnswer, NodeQuery, NodeReport } from '#src/workers/query-messages.ts';
import type { MemoryHolder, QueryAccount, QueryMemory, Share } from './query-memory.ts';

/** What a run has others do. */
export interface NodeWork {
  /** What a node adds to memory at most, before its report. */
  fetchBytesMax(node: ReadNode, query: NodeQuery): Bytes;
  read(node: ReadNode, query: NodeQuery, roomBytes: Bytes, signal: AbortSignal): Promise<NodeAnswer>;
  merge(reports: readonly NodeReport[], query: NodeQuery, roomBytes: Bytes, signal: AbortSignal): Promise<NodeAnswer>;
}

/** A report with the memory it is in. */
export type HeldReport = { readonly report: NodeReport; readonly share: Share };

type Part = PlannedQuery & { readonly order: FoldOrder<HeldReport> };

/**
 * Room for the report of a read node beside its bytes: three times as much, because small integers of a block become
 * whole ones. A report that needs more says so, and its node is read again with so much room.
 */
const ROOM_FACTOR = 3;
const ROOM_BYTES_MIN: Bytes = 64 << 10;
const ROOM_BYTES_MAX: Bytes = 16 << 20;

/**
 * The plans of one request on their way: all nodes queue up for memory at once, and reports are merged as they come.
 *
 * @order run once
 */
export class QueryRun implements MemoryHolder {
  readonly #parts: readonly Part[];
  readonly #work: NodeWork;
  readonly #memoryBytesMax: Bytes;
  readonly #account: QueryAccount;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #working = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  constructor(
    queries: readonly PlannedQuery[],
    { memory, memoryBytesMax, work }: { memory: QueryMemory; memoryBytesMax: Bytes; work: NodeWork },
    signal: AbortSignal,
  ) {
    this.#parts = queries.map((query) => ({ ...query, order: new FoldOrder(query.plan.length) }));
    this.#work = work;
    this.#memoryBytesMax = memoryBytesMax;
    this.#account = memory.open(this);
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /**
   * @returns one report for each query, whose shares are the caller's to release
   * @throws  what failed first, when everything has stopped
   */
  async run(): Promise<HeldReport[]> {
    for (const part of this.#parts) {
      for (const [read, node] of part.plan.entries()) this.#start(() => this.#readNode(part, read, node));
    }
    while (this.#working.size > 0) await Promise.all(this.#working);
    const held = this.#parts.map(({ order }) => order.takeAll());
    if (this.#failures.length > 0) {
      for (const { share } of held.flat()) share.release();
      throw firstCause(this.#failures);
    }
    return held.map(([root]) => {
      root.share.use();
      return root;
    });
  }

  fold(): boolean {
    let folding = false;
    for (const part of this.#parts) {
      for (const group of part.order.takeNeighbours()) {
        folding = true;
        this.#start(() => this.#merge(part, group));
      }
    }
    return folding;
  }

  /** The first failure stops everything else. */
  #start(work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        this.#failures.push(error);
        this.#stop.abort();
      })
      .finally(() => this.#working.delete(running));
    this.#working.add(running);
  }

  async #readNode(part: Part, read: number, node: ReadNode): Promise<void> {
    const held = await this.#reportOf(node, part.query);
    await this.#merge(part, part.order.arrive(read, held));
  }

  async #reportOf(node: ReadNode, query: NodeQuery): Promise<HeldReport> {
    const fetchBytes = this.#work.fetchBytesMax(node, query);
    let roomBytes = Math.min(Math.max(ROOM_FACTOR * fetchBytes, ROOM_BYTES_MIN), ROOM_BYTES_MAX);
    roomBytes = Math.max(0, Math.min(roomBytes, this.#memoryBytesMax - fetchBytes));
    for (let turn: 'last' | 'next' = 'last'; ; turn = 'next') {
      const share = await this.#account.take(fetchBytes + roomBytes, turn, this.#signal);
      try {
        const { report, sizeBytes } = await this.#work.read(node, query, roomBytes, this.#signal);
        if (report !== undefined) {
          share.keep(sizeBytes);
          return { report, share };
        }
        roomBytes = sizeBytes;
        share.release();
      } catch (error) {
        share.release();
        throw error;
      }
    }
  }

  /** Merges a group, and what is full with its report, and so on. */
  async #merge(part: Part, full: FoldGroup<HeldReport> | undefined): Promise<void> {
    for (let group = full; group !== undefined; ) {
      const share = this.#account.join(group.reports.map((held) => held.share));
      try {
        const reports = group.reports.map((held) => held.report);
        const { report, sizeBytes } = await this.#work.merge(reports, part.query, share.bytes, this.#signal);
        assert(report !== undefined, `reports of ${share.bytes} bytes were merged to ${sizeBytes}`);
        share.keep(sizeBytes);
        group = part.order.merged(group, { report, share });
      } catch (error) {
        share.release();
        throw error;
      }
    }
  }
}

/** What was stopped fails as 'aborted'; what stopped it says more. */
function firstCause(errors: readonly unknown[]): unknown {
  return errors.find((error) => !(error instanceof StoreError && error.code === 'aborted')) ?? errors[0];
}
