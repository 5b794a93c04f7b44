import type { StoreError } from '#src/domain/errors.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { SizeLimit } from '#src/domain/pprof/pprof-builder.ts';
import { profileTooLarge, refusal } from '#src/domain/pprof/profile-errors.ts';
import { ChildTable } from '#src/domain/profile/child-table.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';

/** Nodes of one upload, which cost some 40 bytes each. A profile that may be stored by default has fewer. */
export const STACKS_MAX = 1 << 22;

/** A string, a function and a location of the profile take at least so much beside the name. */
const NAME_OVERHEAD_BYTES: Bytes = 16;

export type CollectorOptions = {
  /** Frames of a stack; what is called below is counted for its caller. 0: any number. */
  readonly maxDepth: number;
  readonly sizeLimit: SizeLimit;
  /** Nodes of the tree of stacks; at most `STACKS_MAX`. */
  readonly maxStacks: number;
  readonly secret: HashSecret;
};

/** The stacks of a collector. @shapes parent Int32Array[n], name Uint32Array[n], value BigInt64Array[n]; row 0 is the root */
export type CollectedStacks = {
  readonly names: NameTable;
  readonly parent: Int32Array;
  readonly name: Uint32Array;
  readonly value: BigInt64Array;
};

/**
 * Sums values by stack, in the order in which stacks first appear. A stack is a row of a tree, so that what many have in
 * common costs once.
 *
 * @invariant a parent has a smaller row than its children
 */
export class StackCollector {
  readonly #options: CollectorOptions;
  readonly #names: NameTable;
  readonly #stacks: ChildTable;
  #value = new BigInt64Array(64);
  #depth = new Uint32Array(64);
  #namesBytes: Bytes = 0;

  /** @param names  that frames are numbers of; shared by collectors of one upload */
  constructor(options: CollectorOptions, names = new NameTable()) {
    this.#options = options;
    this.#stacks = new ChildTable(options.secret);
    this.#names = names;
  }

  /** Stacks so far, the empty one included. */
  get length(): number {
    return this.#stacks.length;
  }

  /** @param source  must not change any more @returns the number of the name @throws StoreError 'invalid-argument' */
  name(source: Buffer, start: number, end: number): number {
    const count = this.#names.length;
    const name = this.#names.internPart(source, start, end);
    if (name === count) {
      this.#namesBytes += end - start + NAME_OVERHEAD_BYTES;
      const { sizeLimit } = this.#options;
      if (this.#namesBytes > sizeLimit.bytes) throw profileTooLarge(sizeLimit.bytes, undefined, sizeLimit.name);
    }
    return name;
  }

  /**
   * The stack that is `parent` and one more frame; `parent` itself where that would be too deep.
   *
   * @param parent  0: no frame @throws StoreError 'invalid-argument' when there are too many stacks
   */
  childOf(parent: number, name: number): number {
    const depth = this.#depth[parent];
    if (depth === this.#options.maxDepth && depth > 0) return parent;
    const row = this.#stacks.childOf(parent, name);
    if (row >= this.#options.maxStacks) throw tooManyStacks(this.#options);
    if (row >= this.#value.length) this.#grow();
    this.#depth[row] = depth + 1;
    return row;
  }

  /** @param value  not negative. That of no frame at all counts in time series, and not in flame graphs */
  add(row: number, value: bigint): void {
    addSaturatedAt(this.#value, row, value);
  }

  /** @order last */
  take(): CollectedStacks {
    return {
      names: this.#names,
      ...this.#stacks.columns(),
      value: this.#value.subarray(0, this.#stacks.length),
    };
  }

  #grow(): void {
    const { length } = this.#value;
    const [value, depth] = [new BigInt64Array(2 * length), new Uint32Array(2 * length)];
    value.set(this.#value);
    depth.set(this.#depth);
    this.#value = value;
    this.#depth = depth;
  }
}

export function tooManyStacks({ maxStacks }: CollectorOptions): StoreError {
  return refusal(
    'profile_size_limit',
    `the profile has too many different stacks: limit ${maxStacks} nodes of their tree`,
    { limit: maxStacks },
  );
}
