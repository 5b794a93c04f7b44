import type { Bytes } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import type { BlockMeta, ByteRange, DatasetMeta } from './block-meta.ts';
import { encodeFooter } from './footer-writer.ts';
import type { BlockPart } from './part-writer.ts';

/**
 * Joins what workers encoded to one object: parts in the given order, then the footer.
 *
 * @returns parts: the buffers of the object, in order; meta: what its footer says, offsets from the start of the object
 * @cost    O(datasets); nothing but the footer is copied
 * @throws  AssertionError when there is no dataset
 */
export function joinParts(
  blockParts: readonly BlockPart[],
  block: Pick<BlockMeta, 'id' | 'shard' | 'tenant' | 'level'>,
): { readonly parts: Uint8Array[]; readonly meta: BlockMeta } {
  const parts: Uint8Array[] = [];
  const datasets: DatasetMeta[] = [];
  let offset: Bytes = 0;
  for (const part of blockParts) {
    for (const dataset of part.datasets) datasets.push(rebased(dataset, offset));
    for (const bytes of part.bytes) {
      parts.push(bytes);
      offset += bytes.length;
    }
  }
  assert(datasets.length > 0, 'an object has a dataset');

  const { id, shard, tenant, level } = block;
  const known = { id, shard, tenant, level, ...timesOf(datasets), datasets };
  const footer = encodeFooter(known, offset);
  parts.push(footer);
  return { parts, meta: { ...known, sizeBytes: offset + footer.length } };
}

function rebased(dataset: DatasetMeta, base: Bytes): DatasetMeta {
  return { ...dataset, range: moved(dataset.range, base), symbols: moved(dataset.symbols, base) };
}

function moved({ offset, sizeBytes }: ByteRange, base: Bytes): ByteRange {
  return { offset: base + offset, sizeBytes };
}

function timesOf(datasets: readonly DatasetMeta[]): Pick<BlockMeta, 'minTimeMs' | 'maxTimeMs'> {
  let { minTimeMs, maxTimeMs } = datasets[0];
  for (const dataset of datasets) {
    minTimeMs = Math.min(minTimeMs, dataset.minTimeMs);
    maxTimeMs = Math.max(maxTimeMs, dataset.maxTimeMs);
  }
  return { minTimeMs, maxTimeMs };
}
