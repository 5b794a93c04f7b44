import { madeUpName } from '#src/domain/query/frame-names.ts';
import type { FoldedTree, SampledStacks, SpaceLaid } from './encode-space.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';
import { MappingRecord } from './lay-tables.ts';

/** Nodes that a new tree has room for. */
const TREE_SCALE = 1024;

/**
 * Names for the locations of a space that have no lines, added to its names: module and offset, as flame graphs show
 * them.
 *
 * @returns u32[locations], 0 where a location has lines
 */
export function internMadeNames(kernels: KernelInstance, space: Pointer, { locations }: SpaceLaid): Pointer {
  const { rows, lineOffsets, mapping, address } = locations;
  const made = new Uint32Array(rows);
  const offsets = kernels.takeU32(lineOffsets, rows + 1);
  for (let row = 1; row < rows; row++) {
    if (offsets[row] !== offsets[row + 1]) continue;
    const place = placeOf(kernels, space, kernels.u32()[(mapping >>> 2) + row]);
    const at = BigInt.asUintN(64, kernels.i64()[(address >>> 3) + row]);
    const name = Buffer.from(madeUpName(at, place));
    made[row] = kernels.exports.intern(kernels.exports.spaceNames(space), kernels.put(name), name.length) >>> 0;
  }
  return kernels.putColumn(made);
}

function placeOf(kernels: KernelInstance, space: Pointer, mapping: number): Parameters<typeof madeUpName>[1] {
  if (mapping === 0) return { file: '', memoryStart: 0n, fileOffset: 0n, known: false };
  const record = recordOf(kernels, kernels.exports.spaceMappings(space), mapping);
  const u64 = (field: number): bigint => BigInt.asUintN(64, kernels.i64()[(record.at + field) >>> 3]);
  const text = recordOf(
    kernels,
    kernels.exports.spaceTexts(space),
    kernels.u32()[(record.at + MappingRecord.file) >>> 2],
  );
  return {
    file: Buffer.from(kernels.takeU8(text.at, text.length)).toString(),
    memoryStart: u64(MappingRecord.start),
    fileOffset: u64(MappingRecord.offset),
    known: true,
  };
}

function recordOf(kernels: KernelInstance, table: Pointer, row: number): { at: Pointer; length: number } {
  const offsets = (kernels.exports.tableOffsets(table) >>> 0) >>> 2;
  const start = kernels.u32()[offsets + row];
  return { at: (kernels.exports.tableBytes(table) >>> 0) + start, length: kernels.u32()[offsets + row + 1] - start };
}

/**
 * Folds the stacks of a family to a tree of function names.
 *
 * @param made  from `internMadeNames`
 * @cost  O(frames)
 */
export function foldFamily(
  kernels: KernelInstance,
  { functions, locations }: SpaceLaid,
  { tree, sampled, count }: SampledStacks,
  made: Pointer,
): FoldedTree {
  const { exports } = kernels;
  const folded = exports.treeNew(Arena.scratch, TREE_SCALE, 0) >>> 0;
  const node = exports.allocScratch(count * 4) >>> 0;
  if (tree === 0) return { tree: folded, node };
  const nodeOfStack = exports.allocScratch((exports.treeRows(tree) >>> 0) * 4) >>> 0;
  const { lineOffsets, lineFunction } = locations;
  exports.foldStacks(folded, tree, lineOffsets, lineFunction, functions.name, made, nodeOfStack);
  exports.gatherU32(node, nodeOfStack, sampled, count);
  return { tree: folded, node };
}
