import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import type { IngestBatch, IngestReply, SealReply } from '#src/workers/ingest-messages.ts';

/** What the segment-writer needs from object storage. */
export interface ObjectWriter {
  /**
   * Stores the parts, one after the other, as one object. Durable once resolved. Overwriting with the same bytes is
   * harmless.
   *
   * @throws StoreError 'unavailable'
   */
  put(path: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
}

/** What it needs from the metastore. */
export interface BlockRegistry {
  /**
   * Durable and visible to the next query once resolved. Idempotent: a known block is acknowledged again.
   *
   * @throws StoreError 'unavailable', also when the signal's time runs out
   */
  addBlock(meta: BlockMeta, signal: AbortSignal): Promise<void>;
}

/**
 * The threads that decode profiles and keep the heads.
 *
 * @order calls for one thread take effect in the order in which they were made
 */
export interface HeadThreads {
  readonly threadCount: number;
  /** Decodes into the thread's head. Profiles that own their buffer are moved there, others copied. @throws StoreError 'unavailable' when the thread is gone or its queue full */
  ingest(thread: number, batch: IngestBatch, ownsBuffer?: readonly boolean[]): Promise<IngestReply>;
  /** Encodes the thread's head and starts a new one. @throws StoreError as above */
  seal(thread: number): Promise<SealReply>;
}
