import type { IngestBatch, IngestReply, SealReply } from '#src/workers/ingest-messages.ts';
import type { Pool } from '#src/workers/pool.ts';
import { movable, ownedBytes } from '#src/workers/transfer.ts';
import type { HeadThreads } from './ports.ts';

/** The heads of the thread pool. */
export class PoolHeadThreads implements HeadThreads {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get threadCount(): number {
    return this.#pool.threadCount;
  }

  ingest(thread: number, batch: IngestBatch, ownsBuffer: readonly boolean[] = []): Promise<IngestReply> {
    // The bytes move to the thread, with the rest of the request around them. What shares a buffer with other profiles of
    // its request is copied for that.
    const items = batch.items.map((item, i) => ({
      ...item,
      profile: ownsBuffer[i] ? movable(item.profile) : ownedBytes(item.profile),
    }));
    const transfer = items.map((item) => item.profile.buffer);
    return this.#pool.run('ingestBatch', { ...batch, items }, { lane: 'ingest', thread, transfer });
  }

  seal(thread: number): Promise<SealReply> {
    // At most one per thread and segment on its way waits. Refused, it would leave profiles in the head whose clients read
    // that they were not stored; the next segment would store them, and again when they are sent again.
    return this.#pool.run('sealHead', undefined, { lane: 'ingest', thread, always: true });
  }
}
