import { Gauge } from 'prom-client';
import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { abortErrorOf } from '#src/platform/abort-error.ts';
import { assert } from '#src/platform/assert.ts';
import { metrics } from '#src/platform/metrics.ts';

export type QueryMemoryOptions = {
  /** Of all queries together. */
  readonly memoryBytesMax: Bytes;
  /** Read nodes that fetch and compute at a time, all queries together. */
  readonly readNodesMax: number;
  /** Read nodes that wait for their turn. */
  readonly waitingMax: number;
};

/** One query, as the memory sees it. */
export type MemoryHolder = {
  /** Starts to merge reports that the query holds. @returns false when there is nothing that could be merged */
  fold(): boolean;
};

/** Memory that was given to a read node, and stays with its report. */
export interface Share {
  readonly bytes: Bytes;
  /** Nothing happens to the report until somebody merges or takes it. @param bytes  of it, no more than before */
  keep(bytes: Bytes): void;
  /** Work goes on that ends by itself, such as writing the answer. */
  use(): void;
  /** Gives all of it back. Twice is as good as once. */
  release(): void;
}

/** What one query may do with the memory. */
export interface QueryAccount {
  readonly heldBytes: Bytes;
  /**
   * Waits for a share, which is the turn of a read node as well.
   *
   * @param turn  `next` for a node that had a share and found that it needs another one: before all others
   * @throws StoreError 'too-large' when the query can never have so much, 'unavailable' when too many wait or other
   *         queries hold the memory and wait themselves, 'aborted' and others as the signal says
   */
  take(bytes: Bytes, turn: 'next' | 'last', signal: AbortSignal): Promise<Share>;
  /** Makes one share of several, for the time in which their reports are merged. */
  join(shares: readonly Share[]): Share;
}

type Phase = 'reading' | 'held' | 'busy' | 'over';

type Waiting = {
  readonly account: Account;
  readonly bytes: Bytes;
  start(share: Share): void;
  refuse(error: StoreError): void;
};

const heldGauge = new Gauge({
  name: 'kiln_query_backend_memory_bytes',
  help: 'Bytes that queries have reserved for what they fetch and hold in reports.',
  registers: [metrics],
});
const waitingGauge = new Gauge({
  name: 'kiln_query_backend_waiting_read_nodes',
  help: 'Read nodes that wait for memory or for their turn.',
  registers: [metrics],
});
const readingGauge = new Gauge({
  name: 'kiln_query_backend_read_nodes',
  help: 'Read nodes that fetch or compute right now.',
  registers: [metrics],
});

/** The flag that sets the limit, for messages and metrics. */
export const MEMORY_LIMIT = 'query-backend.memory-bytes-max';

/**
 * The memory of all queries: who may fetch, and how much is held until it is answered.
 *
 * A read node takes a share for its bytes and its report before it fetches, first come, first served. A share lives on
 * with the report, becomes one with others when reports are merged, and ends with the answer.
 *
 *     take ──▶ reading ──keep──▶ held ──join──▶ busy ──keep──▶ held … ──use──▶ busy ──release──▶
 *
 * Nobody waits for ever. All nodes of a query queue up at once, so who waits at the head waits only for queries that
 * have all they need, and for what its own query holds. Once nothing is busy that would end by itself, its query merges
 * what it holds; when there is nothing to merge either, it is refused.
 *
 * @invariant 0 <= heldBytes <= memoryBytesMax
 */
export class QueryMemory {
  readonly #options: QueryMemoryOptions;
  readonly #next: Waiting[] = [];
  readonly #last = new Set<Waiting>();
  #heldBytes: Bytes = 0;
  #looking = false;
  readonly #count: Record<Phase, number> = { reading: 0, held: 0, busy: 0, over: 0 };

  constructor(options: QueryMemoryOptions) {
    this.#options = options;
  }

  get heldBytes(): Bytes {
    return this.#heldBytes;
  }

  /** Read nodes that fetch or compute. */
  get reading(): number {
    return this.#count.reading;
  }

  /** Read nodes that wait. */
  get waiting(): number {
    return this.#next.length + this.#last.size;
  }

  open(holder: MemoryHolder): QueryAccount {
    return new Account(this, holder);
  }

  /** For accounts only. */
  take(account: Account, bytes: Bytes, turn: 'next' | 'last', signal: AbortSignal): Promise<Share> {
    const { memoryBytesMax, waitingMax } = this.#options;
    if (signal.aborted) return Promise.reject(abortErrorOf(signal, 'waiting for the memory of queries'));
    if (bytes > memoryBytesMax) return Promise.reject(tooLarge('a read of the query', bytes, memoryBytesMax));
    if (turn === 'last' && this.waiting >= waitingMax) {
      const details = { limit: 'readNodesWaitingMax', value: waitingMax, actual: this.waiting };
      const message = `${this.waiting} reads of queries wait already, and no more than ${waitingMax} may`;
      return Promise.reject(new StoreError('unavailable', message, details));
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#forget(waiting);
        reject(abortErrorOf(signal, 'waiting for the memory of queries'));
        this.grant();
      };
      const settle = (): void => {
        this.#forget(waiting);
        signal.removeEventListener('abort', leave);
      };
      const waiting: Waiting = {
        account,
        bytes,
        start: (share) => {
          settle();
          resolve(share);
        },
        refuse: (error) => {
          settle();
          reject(error);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      if (turn === 'next') this.#next.push(waiting);
      else this.#last.add(waiting);
      this.grant();
    });
  }

  /** For shares only. */
  change(account: Account, from: { bytes: Bytes; phase: Phase }, to: { bytes: Bytes; phase: Phase }): void {
    account.heldBytes += to.bytes - from.bytes;
    this.#heldBytes += to.bytes - from.bytes;
    this.#count[from.phase]--;
    this.#count[to.phase]++;
    heldGauge.set(this.#heldBytes);
    readingGauge.set(this.#count.reading);
  }

  /** Lets as many go on as may. */
  grant(): void {
    for (let head = this.#head(); head !== undefined; head = this.#head()) {
      const { account, bytes } = head;
      if (this.#count.reading >= this.#options.readNodesMax) break;
      if (this.#heldBytes + bytes > this.#options.memoryBytesMax) {
        this.#lookForStall();
        break;
      }
      head.start(new QueryShare(this, account, bytes));
    }
    waitingGauge.set(this.waiting);
  }

  /** After everything that follows from this moment by itself: a report that was kept may be merged or given back. */
  #lookForStall(): void {
    if (this.#looking || this.#count.reading + this.#count.busy > 0) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      const head = this.#head();
      const moving = this.#count.reading + this.#count.busy > 0;
      const fits = head === undefined || this.#heldBytes + head.bytes <= this.#options.memoryBytesMax;
      if (!moving && !fits && !head.account.holder.fold()) this.#refuse(head);
      this.grant();
    });
  }

  #head(): Waiting | undefined {
    return this.#next[0] ?? this.#last.values().next().value;
  }

  #forget(waiting: Waiting): void {
    if (this.#last.delete(waiting)) return;
    const index = this.#next.indexOf(waiting);
    if (index >= 0) this.#next.splice(index, 1);
  }

  #refuse(head: Waiting): void {
    const { account, bytes } = head;
    const { memoryBytesMax } = this.#options;
    const actual = this.#heldBytes + bytes;
    if (account.heldBytes === this.#heldBytes) {
      head.refuse(tooLarge('the query', actual, memoryBytesMax));
      return;
    }
    const message = `other queries hold the memory that this one needs: --${MEMORY_LIMIT} is ${sizeText(memoryBytesMax)}`;
    head.refuse(new StoreError('unavailable', message, { limit: MEMORY_LIMIT, value: memoryBytesMax, actual }));
  }
}

class Account implements QueryAccount {
  readonly holder: MemoryHolder;
  heldBytes: Bytes = 0;
  readonly #memory: QueryMemory;

  constructor(memory: QueryMemory, holder: MemoryHolder) {
    this.#memory = memory;
    this.holder = holder;
  }

  take(bytes: Bytes, turn: 'next' | 'last', signal: AbortSignal): Promise<Share> {
    return this.#memory.take(this, bytes, turn, signal);
  }

  join(shares: readonly Share[]): Share {
    const bytes = shares.reduce((sum, share) => sum + share.bytes, 0);
    for (const share of shares) (share as QueryShare).leave(); // There are no others.
    return new QueryShare(this.#memory, this, bytes, 'busy');
  }
}

class QueryShare implements Share {
  readonly #memory: QueryMemory;
  readonly #account: Account;
  #state: { readonly bytes: Bytes; readonly phase: Phase } = { bytes: 0, phase: 'over' };

  constructor(memory: QueryMemory, account: Account, bytes: Bytes, phase: Phase = 'reading') {
    this.#memory = memory;
    this.#account = account;
    this.#become(bytes, phase);
  }

  get bytes(): Bytes {
    return this.#state.bytes;
  }

  keep(bytes: Bytes): void {
    assert(bytes <= this.bytes, `a report of ${bytes} bytes in a share of ${this.bytes}`);
    this.#become(bytes, 'held');
    this.#memory.grant();
  }

  use(): void {
    this.#become(this.bytes, 'busy');
  }

  release(): void {
    this.leave();
    this.#memory.grant();
  }

  /** As release, but nobody gets the memory yet. */
  leave(): void {
    this.#become(0, 'over');
  }

  #become(bytes: Bytes, phase: Phase): void {
    const to = { bytes, phase };
    this.#memory.change(this.#account, this.#state, to);
    this.#state = to;
  }
}

function tooLarge(what: string, actual: Bytes, value: Bytes): StoreError {
  const message = `${what} needs more memory than --${MEMORY_LIMIT}: limit ${sizeText(value)}, actual ${sizeText(actual)}`;
  return new StoreError('too-large', message, { limit: MEMORY_LIMIT, value, actual });
}
