import { byWork, type Steps } from '#src/domain/model/steps.ts';
import type { StackProfile } from '#src/domain/symbols/stack-profile.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';
import type { SummedStacks } from './summed-stacks.ts';
import { takeSymbols } from './symbol-space.ts';

/** What a kernel does in one step, in units of wasm/symbol-space.ts: a stacktrace is 9, a new location 64 and more. */
const STEP_WORK = 1 << 19;

/** Rows that a new space has room for; it grows fourfold. */
const SPACE_SCALE = 1024;

/**
 * Merges stacktraces of several symbol spaces into one, with all that pprof shows of them: lines, files, addresses,
 * mappings. Only what a stacktrace with a value needs is taken over.
 *
 * @order one at a time per instance: making one resets the head arena
 */
export class SymbolSpaceBuilder {
  readonly #kernels: KernelInstance;
  readonly #space: Pointer;

  constructor(kernels: KernelInstance) {
    this.#kernels = kernels;
    kernels.exports.resetHead();
    this.#space = kernels.exports.spaceNew(Arena.head, SPACE_SCALE, 1) >>> 0;
  }

  /** @cost O(stacktraces + locations of the marked ones) */
  *addStacks(stacks: SummedStacks): Steps<void> {
    if (stacks.mark() === 0) return;
    const { exports } = this.#kernels;
    const { source, parent, location, sums, needed, stackCount } = stacks;
    const rows = exports.allocScratch(stackCount * 4) >>> 0;
    const columns = [parent, location, sums, needed, rows] as const;
    yield* byWork(
      1,
      stackCount,
      (start) => exports.spaceAddStacks(this.#space, source, ...columns, start, stackCount, STEP_WORK) >>> 0,
    );
  }

  take(): StackProfile {
    const symbols = takeSymbols(this.#kernels, this.#space);
    const tree = this.#kernels.exports.spaceStacks(this.#space, 0);
    const values = this.#kernels.takeI64(this.#kernels.exports.treeValues(tree) >>> 0, symbols.stacks.parent.length);
    return { symbols, values };
  }
}
