import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { Source } from './source.ts';

/** A name that is made up costs about as much as so many rows. */
export const MADE_NAME_ROWS = 64;

/** Stacktraces with a sum for each, in scratch: what trees and profiles are built from. */
export abstract class SummedStacks {
  abstract readonly source: Pointer;
  abstract readonly stackCount: number;
  /** i32[stacks] */
  abstract readonly parent: Pointer;
  /** u32[stacks] */
  abstract readonly location: Pointer;
  /** i64[stacks] */
  abstract readonly sums: Pointer;
  /** u8[stacks], once `mark` was called. */
  abstract readonly needed: Pointer;
  protected readonly kernels: KernelInstance;

  constructor(kernels: KernelInstance) {
    this.kernels = kernels;
  }

  /**
   * Names for the frames that have none: module and offset. Only for locations that a marked stacktrace has.
   *
   * @returns u32[locations], rows of `names`, 0 where a location has lines
   */
  abstract internMadeNames(names: Pointer): Steps<Pointer>;

  /** Finds the stacktraces that matter. @returns how many, without the root */
  mark(): number {
    return (this.kernels.exports.markNeeded(this.needed, this.parent, this.sums, this.stackCount) >>> 0) - 1;
  }

  /** Nodes of a stacktrace's own location, by row: one for each line, and one where there is none. */
  *frameCounts(): Steps<Uint32Array> {
    const counts = new Uint32Array(this.stackCount);
    yield* inSteps(0, this.stackCount, (start, end) => this.#countFrames(counts, start, end));
    return counts;
  }

  #countFrames(counts: Uint32Array, start: number, end: number): void {
    const u32 = this.kernels.u32();
    const lineOffsets = u32[(this.source + Source.locationLines) >>> 2] >>> 2;
    for (let row = start; row < end; row++) {
      const at = lineOffsets + u32[(this.location >>> 2) + row];
      counts[row] = Math.max(1, u32[at + 1] - u32[at]);
    }
  }
}
