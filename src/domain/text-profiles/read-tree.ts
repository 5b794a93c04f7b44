import type { Steps } from '#src/domain/model/steps.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { NodeReader, OpenNodes, STEP_NAME_BYTES, STEP_NODES } from './node-reader.ts';
import type { StackCollector } from './stack-collector.ts';

export type TreeLimits = Pick<ProfileLimits, 'maxProfileSymbolValueLength' | 'maxProfileStacktraceSamples'>;

/**
 * Reads a tree of frames. Its first node is the root, which is no frame; each other one is a frame with the value of the
 * stack that ends in it. One without a name counts for its parent, as a semicolon at the end of folded text does, unless
 * that is the root, which no flame graph shows. What follows the tree is not looked at.
 *
 * @throws StoreError 'invalid-argument' when the bytes are no such tree, or a node is over the limits
 * @cost   O(bytes), without recursion
 * @source the write-path reference, "/ingest: tree"
 */
export function* readTree(body: Uint8Array, stacks: StackCollector, limits: TreeLimits): Steps<void> {
  const reader = new NodeReader('tree', body);
  const open = new OpenNodes(reader, 1);
  reader.next(limits.maxProfileSymbolValueLength, limits.maxProfileStacktraceSamples);
  // The value of the root is that of no frames.
  stacks.add(0, reader.value);
  open.push(reader.childCount, 0);
  while (readNodes(reader, open, stacks, limits)) yield;
}

/** @returns whether there are more nodes */
function readNodes(reader: NodeReader, open: OpenNodes, stacks: StackCollector, limits: TreeLimits): boolean {
  const nameBytesEnd = reader.nameBytes + STEP_NAME_BYTES;
  for (let i = 0; i < STEP_NODES && reader.nameBytes < nameBytesEnd; i++) {
    if (!open.takeChild()) return false;
    reader.next(limits.maxProfileSymbolValueLength, limits.maxProfileStacktraceSamples);
    const name = stacks.name(reader.bytes, reader.nameStart, reader.nameEnd);
    const parent = open.parent(0);
    const row = stacks.childOf(parent, name);
    const isNameless = reader.nameStart === reader.nameEnd;
    stacks.add(isNameless && parent > 0 ? parent : row, reader.value);
    open.push(reader.childCount, row);
  }
  return true;
}
