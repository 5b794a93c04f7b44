import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** Reads blocks, each with only the datasets that the query is about. */
export type ReadNode = { readonly kind: 'read'; readonly blocks: readonly BlockMeta[] };

/** Merges what its children report. */
export type MergeNode = { readonly kind: 'merge'; readonly children: readonly PlanNode[] };

export type PlanNode = ReadNode | MergeNode;

/** A read node is one task for a thread. So much takes about 30 ms to decode and add up. */
const READ_BYTES_MAX: Bytes = 4 << 20;

/** Small objects cost by the piece, not by the byte. */
const READ_BLOCKS_MAX = 64;

/** Reports that a merge node takes: enough to keep the tree flat, few enough to hold at once. */
const MERGE_CHILDREN_MAX = 16;

/**
 * Plans who reads what: leaves of about equal work, in the order of the blocks, under as few merge nodes as possible.
 *
 * @returns undefined when there is nothing to read
 */
export function planQuery(blocks: readonly BlockMeta[]): PlanNode | undefined {
  let nodes: PlanNode[] = readNodes(blocks);
  while (nodes.length > 1) nodes = groups(nodes, MERGE_CHILDREN_MAX).map((children) => ({ kind: 'merge', children }));
  return nodes[0];
}

/** Bytes that a block adds to a query at most. */
export function readBytesOf({ datasets }: BlockMeta): Bytes {
  const spaces = new Map(datasets.map(({ symbols }) => [symbols.offset, symbols.sizeBytes]));
  const symbolBytes = [...spaces.values()].reduce((sum, bytes) => sum + bytes, 0);
  return datasets.reduce((sum, { range }) => sum + range.sizeBytes, symbolBytes);
}

function readNodes(blocks: readonly BlockMeta[]): ReadNode[] {
  const nodes: ReadNode[] = [];
  let group: BlockMeta[] = [];
  let bytes = 0;
  for (const block of blocks) {
    const blockBytes = readBytesOf(block);
    if (group.length > 0 && (bytes + blockBytes > READ_BYTES_MAX || group.length >= READ_BLOCKS_MAX)) {
      nodes.push({ kind: 'read', blocks: group });
      group = [];
      bytes = 0;
    }
    group.push(block);
    bytes += blockBytes;
  }
  if (group.length > 0) nodes.push({ kind: 'read', blocks: group });
  return nodes;
}

/** Even groups, so that the last one is not a leftover of one. */
function groups<T>(items: readonly T[], sizeMax: number): T[][] {
  const count = Math.ceil(items.length / sizeMax);
  return Array.from({ length: count }, (_, i) =>
    items.slice(Math.floor((i * items.length) / count), Math.floor(((i + 1) * items.length) / count)),
  );
}
