import { columnsMax, Section } from '#src/domain/block/block-format.ts';
import { type ChunkTable, columnCountOf } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';

/** Runs of a family of a source that go to one family of the target. */
export type RunGroup = {
  readonly family: number;
  readonly target: number;
  /** Rising; of the family of the source. */
  readonly runs: number[];
  /** Per run: which value columns belong to a profile, a bit each. */
  readonly masks: number[];
};

/** In place of a type: a value column has several, as in the family that all late ones share. */
const MIXED = 0xffffffff;

/** The runs of a source dataset: what profiles have of them, and to which families of a merge they go. */
export class SourceRuns {
  readonly count: number;
  /** By family: the number of its first run. */
  readonly first: readonly number[];
  readonly #table: ChunkTable;
  readonly #family: Uint8Array;
  readonly #columnCounts: readonly number[];
  readonly #push: Int32Array;
  /** Columns that a profile has, and those of profiles that are merged; a bit each. */
  readonly #claimed: Uint32Array;
  readonly #taken: Uint32Array;
  /** By family and column: the profile type, 0 for none yet, MIXED for several. */
  readonly #types: readonly Uint32Array[];
  /** What was taken: run, column and type, one after the other. */
  readonly #rows: number[] = [];
  #typesOfRun: ReadonlyMap<number, readonly number[]> | undefined;

  constructor(table: ChunkTable, sampleOffsets: readonly Uint32Array[]) {
    const first: number[] = [];
    let count = 0;
    for (const { length } of sampleOffsets) {
      first.push(count);
      count += length - 1;
    }
    this.#table = table;
    this.first = first;
    this.count = count;
    this.#family = new Uint8Array(count);
    for (const [family, start] of first.entries()) this.#family.fill(family, start, first[family + 1] ?? count);
    this.#columnCounts = sampleOffsets.map((_, family) => columnCountOf(table, Section.sampleValues, family));
    this.#push = new Int32Array(count).fill(-1);
    this.#claimed = new Uint32Array(count);
    this.#taken = new Uint32Array(count);
    this.#types = sampleOffsets.map(() => new Uint32Array(columnsMax));
  }

  /** Checks that a row has a value column for itself, of a run of its push. @throws StoreError 'corrupted' */
  claim(row: number, run: number, column: number, push: number): void {
    if (run >= this.count) throw this.#fault('run is not a row', row);
    if (column >= this.#columnCounts[this.#family[run]]) throw this.#fault('there is no such value column', row);
    if (((this.#claimed[run] >>> column) & 1) !== 0) throw this.#fault('two profiles have the same values', row);
    if (this.#push[run] >= 0 && this.#push[run] !== push) throw this.#fault('two pushes have the same run', row);
    this.#claimed[run] |= 1 << column;
    this.#push[run] = push;
  }

  take(run: number, column: number, type: number): void {
    this.#taken[run] |= 1 << column;
    const types = this.#types[this.#family[run]];
    if (types[column] === 0) types[column] = type;
    else if (types[column] !== type) types[column] = MIXED;
    this.#rows.push(run, column, type);
  }

  /** @param familyOf  finds the family of the target for the types of the value columns, 0 where none is known */
  groups(familyOf: (types: readonly number[]) => number): RunGroup[] {
    const groups = new Map<string, RunGroup>();
    const add = (family: number, target: number, run: number): void => {
      const key = `${family} ${target}`;
      let group = groups.get(key);
      if (group === undefined) {
        group = { family, target, runs: [], masks: [] };
        groups.set(key, group);
      }
      group.runs.push(run - this.first[family]);
      group.masks.push(this.#taken[run]);
    };
    const targetOf = this.#types.map(() => -1);
    for (let run = 0; run < this.count; run++) {
      if (this.#taken[run] === 0) continue; // A push that is there already, or what no profile has.
      const family = this.#family[run];
      const types = this.#types[family].subarray(0, this.#columnCounts[family]);
      if (types.includes(MIXED)) add(family, familyOf(this.#ownTypes(run, types.length)), run);
      else {
        if (targetOf[family] < 0) targetOf[family] = familyOf([...types]);
        add(family, targetOf[family], run);
      }
    }
    return [...groups.values()];
  }

  /** By value column. Looked at only where a column of a family has several types, which is rare. */
  #ownTypes(run: number, length: number): number[] {
    this.#typesOfRun ??= this.#byRun();
    return Array.from({ length }, (_, column) => this.#typesOfRun?.get(run)?.[column] ?? 0);
  }

  #byRun(): Map<number, number[]> {
    const byRun = new Map<number, number[]>();
    for (let i = 0; i < this.#rows.length; i += 3) {
      const types = byRun.get(this.#rows[i]) ?? [];
      types[this.#rows[i + 1]] = this.#rows[i + 2];
      byRun.set(this.#rows[i], types);
    }
    return byRun;
  }

  #fault(problem: string, row: number): Error {
    return corruptedBlock(`page: ${problem}`, { offset: this.#table.range.offset, section: 'profiles', row });
  }
}
