import { StoreError } from '#src/domain/errors.ts';
import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { namesOf, otherName } from '#src/domain/profile/name-table.ts';
import { PathPieces } from '#src/domain/profile/path-pieces.ts';
import { cutTree } from '#src/domain/profile/truncate.ts';
import type { FoldedColumns } from '#src/kernels/folded-sums.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import { Arena, type KernelInstance } from '#src/kernels/instance.ts';
import type { SummedStacks } from '#src/kernels/summed-stacks.ts';
import { COPIED_ROWS, takeI64, takeNames, takeU32 } from '#src/kernels/taken-columns.ts';

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
 * is cut to its heaviest nodes, so that what is left out is in bars named "other". No value is lost, not even that of a location
 * with too many lines for any tree: it is a bar under the root. And what is heavy
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
  *addFolded(folded: FoldedColumns): Steps<void> {
    const kernels = this.#kernels;
    const { rows, sums } = folded;
    const self = yield* takeI64(kernels, sums, rows);
    self[0] = 0n; // Samples without a stacktrace are in no flame graph: those that fit leave them out as well.
    const names = yield* takeNames(kernels, folded.names);
    const parent = new Int32Array((yield* takeU32(kernels, folded.parent, rows)).buffer);
    yield* this.addTree({ parent, name: yield* takeU32(kernels, folded.name, rows), self, names });
  }

  /** @throws as `addTree` */
  *addStacks(stacks: SummedStacks): Steps<void> {
    const kernels = this.#kernels;
    const { stackCount } = stacks;
    const left = yield* takeI64(kernels, stacks.sums, stackCount);
    left[0] = 0n; // Samples without a stacktrace, as above. From now on it is what is too deep to be shown at all.
    const parent = new Int32Array((yield* takeU32(kernels, stacks.parent, stackCount)).buffer);
    const frames = yield* stacks.frameCounts();
    const pieces = new PathPieces(parent, (row) => frames[row]);
    const sums = (): BigInt64Array => kernels.i64().subarray(stacks.sums >>> 3, (stacks.sums >>> 3) + stackCount);
    yield* inSteps(0, stackCount, (from, to) => void sums().fill(0n, from, to), COPIED_ROWS);
    for (let start = 1, nodesMax = 0; start < stackCount; ) {
      if (nodesMax !== this.#pieceNodesMax) {
        nodesMax = this.#pieceNodesMax;
        yield* pieces.shorten(left, nodesMax);
        start = 1;
      }
      const end = yield* pieces.end(start, left, nodesMax);
      sums().set(left.subarray(start, end), start);
      yield;
      const added = yield* this.#add((builder) => {
        kernels.exports.sourceRowsReset(stacks.source); // It remembers rows of another builder.
        return builder.addStacks(stacks);
      });
      sums().fill(0n, start, end);
      if (!added) continue;
      left.fill(0n, start, end);
      start = end;
    }
    if (left[0] > 0n) yield* this.addTree(barOther(left[0]));
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

/** A value that none of its callers can show, as a cut tree shows it. */
function barOther(value: bigint): FunctionTree {
  return {
    parent: Int32Array.of(-1, 0),
    name: new Uint32Array(2),
    self: BigInt64Array.of(0n, value),
    names: namesOf([otherName]),
  };
}

/** Whether what does not fit is one of the arenas. */
export function isFull(error: unknown): boolean {
  return error instanceof StoreError && error.details['arena'] !== undefined;
}
