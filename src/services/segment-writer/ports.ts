import type { BlockMeta } from '#src/domain/block/block-meta.ts';

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
  /** Durable and visible to the next query once resolved. Idempotent: a known block is acknowledged again. */
  addBlock(meta: BlockMeta, signal: AbortSignal): Promise<void>;
}
