import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import type { FoldedSums } from './folded-sums.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';
import type { SummedStacks } from './summed-stacks.ts';
import { putStrings, takeStrings, takeTree } from './symbol-space.ts';

/** Nodes that a new tree has room for; it grows fourfold. */
const TREE_SCALE = 4096;

/** Nodes of another tree that are added in one step, which takes about ten milliseconds when all are new. */
const STEP_NODES = 1 << 16;

/**
 * Builds one tree of function names out of stacktraces of blocks and of other trees. Lives in the head arena, so what
 * it reads can come and go in scratch.
 *
 * @order one at a time per instance: making one resets the head arena
 */
export class FunctionTreeBuilder {
  readonly #kernels: KernelInstance;
  readonly #names: Pointer;
  readonly #tree: Pointer;

  constructor(kernels: KernelInstance) {
    const { exports } = kernels;
    this.#kernels = kernels;
    exports.resetHead();
    this.#names = exports.tableNew(Arena.head, TREE_SCALE / 4, TREE_SCALE * 8) >>> 0;
    this.#tree = exports.treeNew(Arena.head, TREE_SCALE, 1) >>> 0;
  }

  /** @cost O(stacktraces + frames of the marked ones) */
  addStacks(stacks: SummedStacks): void {
    if (stacks.mark() === 0) return;
    this.#kernels.exports.treeAddStacks(
      this.#tree,
      this.#names,
      stacks.source,
      stacks.parent,
      stacks.location,
      stacks.sums,
      stacks.needed,
      stacks.internMadeNames(this.#names),
      stacks.stackCount,
    );
  }

  /** @cost O(nodes), one copy; uses scratch */
  addTree(tree: FunctionTree): void {
    runSteps(this.addTreeSteps(tree));
  }

  *addTreeSteps({ parent, name, self, names }: FunctionTree): Steps<void> {
    const kernels = this.#kernels;
    const { at, length } = putStrings(kernels, names);
    const nameRow = kernels.putColumn(new Uint32Array(names.offsets.length - 1).fill(UNKNOWN));
    const [parents, keys, values] = [kernels.putColumn(parent), kernels.putColumn(name), kernels.putColumn(self)];
    const nodes = kernels.exports.allocScratch(parent.length * 4) >>> 0;
    for (let start = 0; start < parent.length; start += STEP_NODES) {
      if (start > 0) yield;
      const end = Math.min(start + STEP_NODES, parent.length);
      kernels.exports.treeMerge(
        this.#tree,
        this.#names,
        at,
        length,
        nameRow,
        parents,
        keys,
        values,
        0,
        nodes,
        start,
        end,
      );
    }
  }

  /** Adds the nodes that have a sum, and those above. @cost O(nodes) */
  addFolded({ names, parent, name, sums, rows }: FoldedSums): void {
    const { exports } = this.#kernels;
    // Samples without a stacktrace are in no flame graph: `addStacks` leaves them out as well.
    this.#kernels.i64()[sums >>> 3] = 0n;
    const needed = exports.allocScratch(rows) >>> 0;
    exports.markNeeded(needed, parent, sums, rows);
    const nodes = exports.allocScratch(rows * 4) >>> 0;
    const { at, length, nameRow } = names;
    exports.treeMerge(this.#tree, this.#names, at, length, nameRow, parent, name, sums, needed, nodes, 0, rows);
  }

  take(): FunctionTree {
    const kernels = this.#kernels;
    const { parent, key } = takeTree(kernels, this.#tree);
    const self = kernels.takeI64(kernels.exports.treeValues(this.#tree) >>> 0, parent.length);
    return { parent, name: key, self, names: takeStrings(kernels, this.#names) };
  }
}

const UNKNOWN = 0xffffffff;
