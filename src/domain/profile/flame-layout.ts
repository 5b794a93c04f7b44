import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { nameCount, namesOf, otherName, selectNames } from './name-table.ts';

/**
 * A flame graph as its answer shows it.
 *
 * Every bar is a group of `barWidth` numbers, left to right in its level. For one tree (barWidth 4):
 *
 *     dx  total  self  name        dx: distance from the right edge of the bar before, or from 0
 *
 * for a difference of two (barWidth 7): `dx total self` of the left tree, the same of the right one, then the name.
 * Level 0 is one bar, the root.
 *
 * @shapes levelOffsets Uint32Array[levels + 1], in bars; bars BigInt64Array[barWidth * count of bars]
 */
export type FlameGraph = {
  readonly names: ByteStrings;
  readonly barWidth: 4 | 7;
  readonly levelOffsets: Uint32Array;
  readonly bars: BigInt64Array;
  readonly total: bigint;
  readonly maxSelf: bigint;
};

/**
 * Places bars that a walk met level by level from right to left.
 *
 * @param  levelOfBar the level of each bar, in the order of the walk
 * @shapes levelOfBar Uint32Array[n] -> levelOffsets Uint32Array[levels + 1], placeOfBar Uint32Array[n]
 */
export function placeBars(levelOfBar: Uint32Array): { levelOffsets: Uint32Array; placeOfBar: Uint32Array } {
  let levels = 0;
  for (let i = 0; i < levelOfBar.length; i++) if (levelOfBar[i] >= levels) levels = levelOfBar[i] + 1;
  const levelOffsets = new Uint32Array(levels + 1);
  for (let i = 0; i < levelOfBar.length; i++) levelOffsets[levelOfBar[i] + 1]++;
  for (let level = 0; level < levels; level++) levelOffsets[level + 1] += levelOffsets[level];

  const endOfLevel = levelOffsets.slice(1);
  const placeOfBar = new Uint32Array(levelOfBar.length);
  for (let i = 0; i < levelOfBar.length; i++) placeOfBar[i] = --endOfLevel[levelOfBar[i]];
  return { levelOffsets, placeOfBar };
}

/** Replaces the left edges in column `column` by distances; the totals are in the column after it. */
export function encodeDistances(
  bars: BigInt64Array,
  levelOffsets: Uint32Array,
  barWidth: number,
  column: number,
): void {
  for (let level = 0; level + 1 < levelOffsets.length; level++) {
    let right = 0n;
    for (let bar = levelOffsets[level]; bar < levelOffsets[level + 1]; bar++) {
      const at = bar * barWidth + column;
      const left = bars[at];
      bars[at] = BigInt.asIntN(64, left - right);
      right = BigInt.asIntN(64, left + bars[at + 1]);
    }
  }
}

/** Numbers names in the order in which they are first asked for. Number 0 is the root, shown as "total". */
export class NameNumbers {
  readonly #names: ByteStrings;
  /** Number of each name, -1 while it has none. One more than there are names: the "other" of folding. */
  readonly #numbers: Int32Array;
  /** Rows of the names, in the order of their numbers. */
  readonly #rows: Uint32Array;
  readonly #otherRow: number;
  #count = 1;

  /**
   * @param rootRow  the name that shares number 0 with the root; -1: none
   * @param otherRow the name "other"; -1: none
   */
  constructor(names: ByteStrings, { rootRow, otherRow }: { rootRow: number; otherRow: number }) {
    const count = nameCount(names);
    this.#names = names;
    this.#numbers = new Int32Array(count + 1).fill(-1);
    this.#rows = new Uint32Array(count + 2);
    this.#otherRow = otherRow >= 0 ? otherRow : count;
    if (rootRow >= 0) this.#numbers[rootRow] = 0;
  }

  of(row: number): number {
    if (this.#numbers[row] < 0) {
      this.#numbers[row] = this.#count;
      this.#rows[this.#count++] = row;
    }
    return this.#numbers[row];
  }

  ofOther(): number {
    return this.of(this.#otherRow);
  }

  /** The names by their numbers. */
  inOrder(): ByteStrings {
    const count = nameCount(this.#names);
    // The root and a folded "other" are the two that need not be among the names.
    const end = this.#names.offsets[count];
    const extra = namesOf(['total', otherName]);
    const bytes = new Uint8Array(end + extra.bytes.length);
    bytes.set(this.#names.bytes.subarray(0, end));
    bytes.set(extra.bytes, end);
    const offsets = new Uint32Array(count + 3);
    offsets.set(this.#names.offsets);
    offsets[count + 1] = end + extra.offsets[1];
    offsets[count + 2] = bytes.length;

    const rows = this.#rows.slice(0, this.#count);
    rows[0] = count;
    for (let i = 1; i < rows.length; i++) if (rows[i] === count) rows[i] = count + 1;
    return selectNames({ bytes, offsets }, rows);
  }
}
