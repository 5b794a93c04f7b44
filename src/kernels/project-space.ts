import type { HeadSamples } from './head-samples.ts';
import { Arena, type KernelInstance, type Pointer } from './instance.ts';
import { sourceOfSpace } from './space-source.ts';

/** The samples of a dataset in a head, by family. */
export type SamplesByFamily = readonly (HeadSamples | undefined)[];

/** Rows that a space of its own has room for at first. */
const SPACE_SCALE = 256;

/** Room to find and order the stacktraces of a family. u32[rows of its stack table] each. */
type FamilyRoom = {
  readonly tree: Pointer;
  readonly stamp: Pointer;
  readonly list: Pointer;
  readonly rank: Pointer;
  readonly first: Pointer;
  readonly next: Pointer;
};

/**
 * Brings parts of the symbol space of a head into spaces of their own, with stack tables in depth-first order.
 *
 * @order lives in scratch until the next `resetScratch`; the head does not grow meanwhile
 */
export class SpaceProjector {
  readonly kernels: KernelInstance;
  readonly #source: Pointer;
  readonly #families: readonly (FamilyRoom | undefined)[];
  readonly #locationCount: number;
  /** u32[locations], stamps. */
  readonly #locations: Pointer;
  #mark = 0;

  constructor(kernels: KernelInstance, space: Pointer, familyCount: number) {
    const { exports } = kernels;
    this.kernels = kernels;
    this.#source = sourceOfSpace(kernels, space);
    this.#families = Array.from({ length: familyCount }, (_, family) => {
      const tree = exports.spaceFamily(space, family) >>> 0;
      return tree === 0 ? undefined : roomFor(kernels, tree);
    });
    this.#locationCount = exports.tableRows(exports.spaceLocations(space)) >>> 0;
    this.#locations = zeroed(kernels, this.#locationCount);
  }

  /** How many stacktraces and locations the space has. All of them are of samples, or above. */
  get symbolCount(): number {
    const { exports } = this.kernels;
    const stacks = this.#families.reduce((sum, room) => sum + (room ? (exports.treeRows(room.tree) >>> 0) - 1 : 0), 0);
    return stacks + this.#locationCount - 1;
  }

  /** How many of these a dataset has. @cost O(samples) */
  symbolCountOf(dataset: SamplesByFamily): number {
    const { exports } = this.kernels;
    this.#mark++;
    let symbols = 0;
    for (const [family, room] of this.#families.entries()) {
      const samples = dataset[family];
      if (room === undefined || samples === undefined) continue;
      const count = this.#needed(room, [samples]);
      symbols += count + (exports.stampLocations(room.tree, room.list, count, this.#locations, this.#mark) >>> 0);
    }
    return symbols;
  }

  /** A new space in the head arena. The stacks of the samples become rows of its tables, in place. */
  project(datasets: readonly SamplesByFamily[]): Pointer {
    const { exports } = this.kernels;
    const space = exports.spaceNew(Arena.head, SPACE_SCALE, 0) >>> 0;
    exports.sourceRowsReset(this.#source);
    this.#mark++;
    for (const [family, room] of this.#families.entries()) {
      const samples = datasets.flatMap((dataset) => dataset[family] ?? []);
      if (room === undefined || samples.length === 0) continue;
      const count = this.#needed(room, samples);
      const { tree, list, rank, first, next } = room;
      exports.projectStacks(
        exports.spaceStacks(space, family),
        space,
        this.#source,
        tree,
        list,
        count,
        rank,
        first,
        next,
      );
      for (const { stack, count: n } of samples) exports.placesOf(stack, rank, stack, n);
    }
    return space;
  }

  #needed({ tree, stamp, list }: FamilyRoom, samples: readonly HeadSamples[]): number {
    let count = 0;
    for (const { stack, count: n } of samples) {
      count = this.kernels.exports.neededRows(tree, stamp, this.#mark, stack, n, list, count) >>> 0;
    }
    return count;
  }
}

function roomFor(kernels: KernelInstance, tree: Pointer): FamilyRoom {
  const rows = kernels.exports.treeRows(tree) >>> 0;
  const alloc = (): Pointer => kernels.exports.allocScratch(rows * 4) >>> 0;
  return { tree, stamp: zeroed(kernels, rows), list: alloc(), rank: alloc(), first: alloc(), next: alloc() };
}

function zeroed(kernels: KernelInstance, rows: number): Pointer {
  const column = kernels.exports.allocScratch(rows * 4) >>> 0;
  kernels.u8().fill(0, column, column + rows * 4);
  return column;
}
