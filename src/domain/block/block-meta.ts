import type { Labels } from '#src/domain/model/labels.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';

/** What the metadata index knows about an object. Small on purpose: chunk tables stay in the object. */
export type BlockMeta = {
  /** ULID; its time is when the segment was opened. */
  readonly id: string;
  readonly shard: number;
  /** Of compacted blocks. Empty for a segment, which holds many tenants. */
  readonly tenant: string;
  /** 0 for a segment, 1 and above for what compaction made. */
  readonly level: number;
  readonly minTimeMs: UnixMs;
  readonly maxTimeMs: UnixMs;
  /** Of the whole object, footer included. */
  readonly sizeBytes: Bytes;
  readonly datasets: readonly DatasetMeta[];
};

/** A range of bytes in an object. */
export type ByteRange = { readonly offset: Bytes; readonly sizeBytes: Bytes };

export type DatasetMeta = {
  readonly tenant: string;
  readonly service: string;
  readonly minTimeMs: UnixMs;
  readonly maxTimeMs: UnixMs;
  /** The dataset's bytes: header (chunk table), series section, and the rest. */
  readonly range: ByteRange;
  /** The first so many bytes of `range` are header and series: all that a label query reads. */
  readonly headBytes: Bytes;
  /** The symbol space that the dataset's stacks refer to; several datasets of a tenant may share one. */
  readonly symbols: ByteRange;
  /**
   * One label set per profile type in it: `service_name` and `__profile_type__`, sorted. Its postings select
   * datasets without opening the object.
   */
  readonly labels: readonly Labels[];
};

/** Where the parts of a dataset are, and from when it is: what reading it takes. */
export type DatasetPlace = Pick<DatasetMeta, 'range' | 'headBytes' | 'symbols' | 'minTimeMs' | 'maxTimeMs'>;

export function placeOfDataset({ range, headBytes, symbols, minTimeMs, maxTimeMs }: DatasetMeta): DatasetPlace {
  return { range, headBytes, symbols, minTimeMs, maxTimeMs };
}

/** Where the object with this metadata is: the same paths as in the reference. */
export function objectPath(block: Pick<BlockMeta, 'id' | 'shard' | 'tenant' | 'level'>): string {
  const folder = block.level === 0 ? 'segments' : 'blocks';
  return `${folder}/${block.shard}/${block.tenant === '' ? 'anonymous' : block.tenant}/${block.id}/block.bin`;
}
