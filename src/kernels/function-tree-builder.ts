import { byWork, type Steps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import type { FoldedColumns } from './folded-sums.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';
import type { SummedStacks } from './summed-stacks.ts';
import { putStrings, takeStrings, takeTree } from './symbol-space.ts';

/** Nodes that a new tree has room for; it grows fourfold. */
const TREE_SCALE = 4096;

/** What a kernel does in one step, in units of wasm/aggregate.ts: a new node is 9, a name of 64 bytes 24. 5 ms. */
const STEP_WORK = 1 << 19;

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
  *addStacks(stacks: SummedStacks): Steps<void> {
    if (stacks.mark() === 0) return;
    const { exports } = this.#kernels;
    const { source, parent, location, sums, needed, stackCount } = stacks;
    const made = yield* stacks.internMadeNames(this.#names);
    const nodes = exports.allocScratch(stackCount * 4) >>> 0;
    yield* byWork(1, stackCount, (start) => {
      const [tree, names] = [this.#tree, this.#names];
      const columns = [parent, location, sums, needed, made, nodes] as const;
      return exports.treeAddStacks(tree, names, source, ...columns, start, stackCount, STEP_WORK) >>> 0;
    });
  }

  /** @cost O(nodes), one copy; uses scratch */
  *addTree({ parent, name, self, names }: FunctionTree): Steps<void> {
    const kernels = this.#kernels;
    const { at, length } = putStrings(kernels, names);
    const nameRow = kernels.putColumn(new Uint32Array(names.offsets.length - 1).fill(UNKNOWN));
    const [parents, keys, values] = [kernels.putColumn(parent), kernels.putColumn(name), kernels.putColumn(self)];
    yield* this.#merge([at, length, nameRow], [parents, keys, values, 0], parent.length);
  }

  /** Adds the nodes that have a sum, and those above. @cost O(nodes) */
  *addFolded({ names, parent, name, sums, rows }: FoldedColumns): Steps<void> {
    const { exports } = this.#kernels;
    // Samples without a stacktrace are in no flame graph: `addStacks` leaves them out as well.
    this.#kernels.i64()[sums >>> 3] = 0n;
    const needed = exports.allocScratch(rows) >>> 0;
    exports.markNeeded(needed, parent, sums, rows);
    const { at, length, nameRow } = names;
    yield* this.#merge([at, length, nameRow], [parent, name, sums, needed], rows);
  }

  *#merge(
    names: readonly [at: Pointer, length: Pointer, nameRow: Pointer],
    tree: readonly [parent: Pointer, name: Pointer, self: Pointer, needed: Pointer],
    rows: number,
  ): Steps<void> {
    const { exports } = this.#kernels;
    const nodes = exports.allocScratch(rows * 4) >>> 0;
    yield* byWork(
      0,
      rows,
      (start) => exports.treeMerge(this.#tree, this.#names, ...names, ...tree, nodes, start, rows, STEP_WORK) >>> 0,
    );
  }

  take(): FunctionTree {
    const kernels = this.#kernels;
    const { parent, key } = takeTree(kernels, this.#tree);
    const self = kernels.takeI64(kernels.exports.treeValues(this.#tree) >>> 0, parent.length);
    return { parent, name: key, self, names: takeStrings(kernels, this.#names) };
  }
}

const UNKNOWN = 0xffffffff;
