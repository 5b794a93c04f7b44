import type { ByteRange } from '#src/domain/block/block-meta.ts';

/** What the query-backend needs from object storage. */
export interface ObjectReader {
  /**
   * One buffer per range, in order.
   *
   * @throws StoreError 'not-found' when there is no such object, 'corrupted' when it is shorter, 'unavailable'
   */
  readRanges(path: string, ranges: readonly ByteRange[], signal: AbortSignal): Promise<Uint8Array[]>;
}
