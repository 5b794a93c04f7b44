import type { Steps } from '#src/domain/model/steps.ts';
import type { KernelInstance, Pointer } from './instance.ts';

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
}
