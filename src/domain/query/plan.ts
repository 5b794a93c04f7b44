import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** Reads blocks, each with only the datasets that the query is about, to one report. */
export type ReadNode = { readonly blocks: readonly BlockMeta[] };

/** What is read for a query, in the order of the blocks. Whoever runs it merges the reports as they come. */
export type QueryPlan = readonly ReadNode[];

/** A read node is one task for a thread. So much takes about 30 ms to decode and add up. */
const READ_BYTES_MAX: Bytes = 4 << 20;

/** Small objects cost by the piece, not by the byte. */
const READ_BLOCKS_MAX = 64;

/**
 * Plans who reads what: nodes of about equal work. A block is never split, so a large one is a large node.
 *
 * @returns no nodes when there is nothing to read
 */
export function planQuery(blocks: readonly BlockMeta[]): QueryPlan {
  const nodes: ReadNode[] = [];
  let group: BlockMeta[] = [];
  let bytes = 0;
  for (const block of blocks) {
    const blockBytes = workBytesOf(block);
    if (group.length > 0 && (bytes + blockBytes > READ_BYTES_MAX || group.length >= READ_BLOCKS_MAX)) {
      nodes.push({ blocks: group });
      group = [];
      bytes = 0;
    }
    group.push(block);
    bytes += blockBytes;
  }
  if (group.length > 0) nodes.push({ blocks: group });
  return nodes;
}

/** The datasets and their symbol spaces: what a thread would have to decode at most. */
function workBytesOf({ datasets }: BlockMeta): Bytes {
  const spaces = new Map(datasets.map(({ symbols }) => [symbols.offset, symbols.sizeBytes]));
  const symbolBytes = [...spaces.values()].reduce((sum, bytes) => sum + bytes, 0);
  return datasets.reduce((sum, { range }) => sum + range.sizeBytes, symbolBytes);
}
