import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { PathPieces } from '#src/domain/profile/path-pieces.ts';
import { cutTree } from '#src/domain/profile/truncate.ts';
import type { FoldedSums } from '#src/kernels/folded-sums.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import { Arena, type KernelInstance } from '#src/kernels/instance.ts';
import { Source } from '#src/kernels/source.ts';
import type { SummedStacks } from '#src/kernels/summed-stacks.ts';

/**
 * Bytes of the arena for each node of the sum, and for each of what is added to it. A node takes up to 170 where a tree
 * has just grown, and as much again is for its name.
 */
const NODE_BYTES = 512;

/** If so few have no room, because of their names, there is no use in trying with less. */
const NODES_MIN = 16;

/** What is added in one step: some 30 ms. */
const PIECE_NODES_MAX = 1 << 18;

/**
 * Builds a function tree that need not fit into memory: whatever is added comes piece by piece, and behind each the tree
 * is cut to its heaviest nodes, so that what is left out is in bars named "other". No value is lost, and what is heavy
 * stays; only of nodes that were light in a piece, and were not in the next ones, less may be shown than there is.
 *
 * @order one at a time per instance: it uses the head arena, and scratch behind what lies there
 */
export class BoundedTree {
  readonly #kernels: KernelInstance;
  #nodesMax: number;
  #sum: FunctionTree | undefined;

  constructor(kernels: KernelInstance) {
    this.#kernels = kernels;
    this.#nodesMax = Math.max(NODES_MIN, Math.floor(kernels.limits.headBytesMax / NODE_BYTES));
  }

  /** @throws StoreError when a dozen nodes do not fit either, because of their names */
  *addTree(tree: FunctionTree): Steps<void> {
    for (;;) {
      const piece = yield* cutTree(tree, this.#nodesMax);
      if (yield* this.#add((builder) => builder.addTree(piece))) return;
    }
  }

  /** @throws as `addTree` */
  *addFolded(folded: FoldedSums): Steps<void> {
    const kernels = this.#kernels;
    const { rows, names } = folded;
    const self = kernels.takeI64(folded.sums, rows);
    self[0] = 0n; // Samples without a stacktrace are in no flame graph.
    const offsets = new Uint32Array(names.rows + 1);
    const lengths = kernels.takeU32(names.length, names.rows);
    for (let row = 0; row < names.rows; row++) offsets[row + 1] = offsets[row] + lengths[row];
    const bytes = new Uint8Array(offsets[names.rows]);
    const at = kernels.takeU32(names.at, names.rows);
    const u8 = kernels.u8();
    for (let row = 0; row < names.rows; row++) bytes.set(u8.subarray(at[row], at[row] + lengths[row]), offsets[row]);
    const parent = new Int32Array(kernels.takeU32(folded.parent, rows).buffer);
    yield;
    yield* this.addTree({ parent, name: kernels.takeU32(folded.name, rows), self, names: { offsets, bytes } });
  }

  /** @throws as `addTree` */
  *addStacks(stacks: SummedStacks): Steps<void> {
    const kernels = this.#kernels;
    const { stackCount } = stacks;
    const left = kernels.takeI64(stacks.sums, stackCount);
    left[0] = 0n;
    const pieces = new PathPieces(
      new Int32Array(kernels.takeU32(stacks.parent, stackCount).buffer),
      framesOf(kernels, stacks),
    );
    yield;
    for (let start = 1, nodesMax = 0; start < stackCount; ) {
      if (nodesMax !== this.#pieceNodesMax) {
        nodesMax = this.#pieceNodesMax;
        pieces.shorten(left, nodesMax);
        start = 1;
      }
      const end = pieces.end(start, left, nodesMax);
      const sums = kernels.i64().subarray(stacks.sums >>> 3, (stacks.sums >>> 3) + stackCount);
      sums.fill(0n).set(left.subarray(start, end), start);
      yield;
      const added = yield* this.#add((builder) => {
        kernels.exports.sourceRowsReset(stacks.source); // It remembers rows of another builder.
        return builder.addStacks(stacks);
      });
      if (!added) continue;
      left.fill(0n, start, end);
      start = end;
    }
  }

  take(): FunctionTree {
    return this.#sum ?? new FunctionTreeBuilder(this.#kernels).take();
  }

  get #pieceNodesMax(): number {
    return Math.min(PIECE_NODES_MAX, this.#nodesMax);
  }

  /** @returns false when it did not fit: then everything is smaller now, and may be tried again */
  *#add(add: (builder: FunctionTreeBuilder) => Steps<void>): Steps<boolean> {
    const kernels = this.#kernels;
    const top = kernels.exports.arenaTop(Arena.scratch) >>> 0;
    try {
      const sum = yield* kernels.guardSteps(this.#withSum(add));
      this.#sum = yield* cutTree(sum, this.#nodesMax);
      return true;
    } catch (error) {
      if (!isFull(error) || this.#nodesMax === NODES_MIN) throw error;
      this.#nodesMax = Math.max(NODES_MIN, this.#nodesMax >>> 1);
      if (this.#sum !== undefined) this.#sum = yield* cutTree(this.#sum, this.#nodesMax);
      return false;
    } finally {
      kernels.exports.releaseScratch(top);
    }
  }

  *#withSum(add: (builder: FunctionTreeBuilder) => Steps<void>): Steps<FunctionTree> {
    const builder = new FunctionTreeBuilder(this.#kernels);
    if (this.#sum !== undefined) yield* builder.addTree(this.#sum);
    yield* add(builder);
    return builder.take();
  }
}

/** Nodes of a stacktrace's own location: one for each line, and one where there is none. */
function framesOf(kernels: KernelInstance, { source, location, stackCount }: SummedStacks): (row: number) => number {
  const lineOffsets = kernels.u32()[(source + Source.locationLines) >>> 2] >>> 2;
  const u32 = kernels.u32();
  const frames = Uint32Array.from({ length: stackCount }, (_, row) => {
    const at = lineOffsets + u32[(location >>> 2) + row];
    return Math.max(1, u32[at + 1] - u32[at]);
  });
  return (row) => frames[row];
}

/** Whether what does not fit is one of the arenas. */
export function isFull(error: unknown): boolean {
  return error instanceof StoreError && error.details['arena'] !== undefined;
}
