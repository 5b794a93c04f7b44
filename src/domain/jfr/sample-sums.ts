import { type TableMeans, WordTable } from './word-table.ts';

const KEY_WORDS = 3;

/**
 * Sums events up per profile, stacktrace and labels, before anything is written: a recording has many events for each
 * such sample. Sums stop at both ends of what 64 bits hold.
 */
export class SampleSums {
  /** Family, stacktrace, set of labels; count and sum, both as halves. */
  readonly #rows: WordTable;

  constructor(means: TableMeans) {
    this.#rows = new WordTable('samples', { keyWords: KEY_WORDS, dataWords: 4, rows: 1024 }, means);
  }

  get length(): number {
    return this.#rows.length;
  }

  /**
   * Adds an event, or several that are alike.
   *
   * @param low, high  halves of what is added to the sum, which may be negative: a clock was set back. So may be the sum
   */
  add(family: number, stack: number, labelSet: number, count: number, low: number, high: number): void {
    const { key } = this.#rows;
    key[0] = family;
    key[1] = stack;
    key[2] = labelSet;
    const at = this.#rows.intern() * this.#rows.stride + KEY_WORDS;
    const { words } = this.#rows;
    addAt(words, at, count, 0);
    addAt(words, at + 2, low, high);
  }

  familyOf(row: number): number {
    return this.#rows.words[row * this.#rows.stride];
  }

  stackOf(row: number): number {
    return this.#rows.words[row * this.#rows.stride + 1];
  }

  labelSetOf(row: number): number {
    return this.#rows.words[row * this.#rows.stride + 2];
  }

  /** Where `words` has the halves of the count and of the sum of a row: low, high, low, high. */
  valuesAt(row: number): number {
    return row * this.#rows.stride + KEY_WORDS;
  }

  get words(): Int32Array {
    return this.#rows.words;
  }
}

function addAt(words: Int32Array, at: number, low: number, high: number): void {
  const lowSum = (words[at] >>> 0) + (low >>> 0);
  const highSum = words[at + 1] + high + (lowSum >= 2 ** 32 ? 1 : 0);
  const over = highSum >= 2 ** 31;
  const under = highSum < -(2 ** 31);
  words[at] = over ? -1 : under ? 0 : lowSum | 0;
  words[at + 1] = over ? 2 ** 31 - 1 : under ? -(2 ** 31) : highSum;
}
