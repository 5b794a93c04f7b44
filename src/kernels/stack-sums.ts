import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { frameName } from '#src/domain/query/frame-names.ts';
import type { StackColumns, SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { MADE_NAME_ROWS, SummedStacks } from './summed-stacks.ts';
import { putSource } from './symbol-space.ts';

/** Samples of one run in a block: parallel columns. @shapes both [n] */
export type SampleRange = { readonly stack: Uint32Array; readonly value: BigInt64Array };

/** Samples that are copied in at a time, into one place that all of them share: 192 KiB. */
const STAGED_SAMPLES_MAX = 16_384;

/**
 * The stacktraces of one symbol space with a sum for each, in scratch: what trees and profiles are built from.
 *
 * @order  lives until the next `resetScratch`; add all samples, then `mark`, then hand it to a builder
 */
export class StackSums extends SummedStacks {
  readonly source: Pointer;
  readonly stackCount: number;
  readonly parent: Pointer;
  readonly location: Pointer;
  readonly sums: Pointer;
  readonly needed: Pointer;
  readonly #stagedStack: Pointer;
  readonly #stagedValue: Pointer;
  readonly #symbols: SymbolColumns;

  /** @param symbols  checked when they were decoded: the kernels trust every reference */
  constructor(kernels: KernelInstance, symbols: SymbolColumns) {
    super(kernels);
    const { stacks } = symbols;
    this.#symbols = symbols;
    this.stackCount = stacks.parent.length;
    this.source = putSource(kernels, symbols);
    this.parent = kernels.putColumn(stacks.parent);
    this.location = kernels.putColumn(stacks.location);
    this.sums = kernels.exports.allocScratch(this.stackCount * 8) >>> 0;
    kernels.u8().fill(0, this.sums, this.sums + this.stackCount * 8);
    this.needed = kernels.exports.allocScratch(this.stackCount) >>> 0;
    this.#stagedStack = kernels.exports.allocScratch(STAGED_SAMPLES_MAX * 4) >>> 0;
    this.#stagedValue = kernels.exports.allocScratch(STAGED_SAMPLES_MAX * 8) >>> 0;
  }

  /** Adds samples. @cost O(n), one copy; no scratch beyond what the constructor took */
  add({ stack, value }: SampleRange): void {
    const kernels = this.kernels;
    for (let start = 0; start < stack.length; start += STAGED_SAMPLES_MAX) {
      const end = Math.min(start + STAGED_SAMPLES_MAX, stack.length);
      kernels.u32().set(stack.subarray(start, end), this.#stagedStack >>> 2);
      kernels.i64().set(value.subarray(start, end), this.#stagedValue >>> 3);
      kernels.exports.sumSamples(this.sums, this.#stagedStack, this.#stagedValue, end - start);
    }
  }

  *internMadeNames(names: Pointer): Steps<Pointer> {
    const kernels = this.kernels;
    const { locations, stacks } = this.#symbols;
    const made = new Uint32Array(locations.mapping.length);
    const needed = kernels.takeU8(this.needed, this.stackCount);
    for (let i = 1, work = 0; i < this.stackCount; i++, work++) {
      if (work >= STEP_ROWS) {
        work = 0;
        yield;
      }
      const location = stacks.location[i];
      if (needed[i] === 0 || made[location] !== 0) continue;
      if (locations.lineOffsets[location] !== locations.lineOffsets[location + 1]) continue;
      const name = Buffer.from(frameName(this.#symbols, location));
      work += MADE_NAME_ROWS;
      made[location] = kernels.exports.intern(names, kernels.put(name), name.length) >>> 0;
    }
    return kernels.putColumn(made);
  }
}

/** The plain twin: sums per stacktrace. */
export function sumSamplesPlain(stacks: StackColumns, ranges: readonly SampleRange[]): BigInt64Array {
  const sums = new BigInt64Array(stacks.parent.length);
  for (const { stack, value } of ranges) {
    for (let i = 0; i < stack.length; i++) sums[stack[i]] = addSaturated(sums[stack[i]], value[i]);
  }
  return sums;
}
