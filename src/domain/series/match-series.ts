import { StoreError } from '#src/domain/errors.ts';
import { matcherCost } from './expression-limits.ts';
import { MatchMeter } from './match-meter.ts';
import type { Matcher } from './matcher.ts';
import { compileMatcher, type ValueTest } from './matchers.ts';

/**
 * Label sets as numbers: labels of series i are rows offsets[i] .. offsets[i + 1] of name and value, which are rows of a
 * list of strings.
 *
 * @shapes offsets [n + 1]; name, value [labels]
 */
export type NumberedSeries = {
  readonly offsets: Uint32Array;
  readonly name: Uint32Array;
  readonly value: Uint32Array;
  /** The row of a string, -1 when there is none. */
  rowOf(bytes: Uint8Array): number;
  /** The text of a string. @throws StoreError when it is not UTF-8 */
  textOf(row: number): string;
  readonly stringCount: number;
};

type Condition = {
  readonly name: Uint8Array;
  /** The only value that satisfies it, for `=`. */
  readonly equal: Uint8Array | undefined;
  readonly test: ValueTest;
  readonly absent: boolean;
  /** Of its expression. 0: a comparison, or as cheap as one. */
  readonly cost: number;
};

/**
 * Finds the series that satisfy conditions: the fast side of `selectSeries`. A condition is tried once per distinct
 * value, and texts are made only of values that an expression is tried on.
 *
 * @cost O(strings + labels) per condition
 */
export class SeriesMatcher {
  readonly #conditions: readonly Condition[];
  readonly #known: readonly Map<string, boolean>[];
  readonly #meter: MatchMeter;

  /** @param meter  when to stop; by default never @throws as compileMatcher */
  constructor(matchers: readonly Matcher[], meter: MatchMeter = MatchMeter.unlimited()) {
    this.#meter = meter;
    this.#conditions = matchers.map((matcher) => {
      const test = compileMatcher(matcher);
      const equal = matcher.operator === '=' && matcher.value !== '' ? Buffer.from(matcher.value) : undefined;
      return { name: Buffer.from(matcher.name), equal, test, absent: test(''), cost: matcherCost(matcher) };
    });
    this.#known = matchers.map(() => new Map());
  }

  /**
   * @returns 1 for each series that satisfies all conditions
   * @shapes  Uint8Array[n]
   * @throws  StoreError 'too-large' when matching takes longer than the meter allows
   */
  select(series: NumberedSeries): Uint8Array {
    const n = series.offsets.length - 1;
    const selected = new Uint8Array(n).fill(1);
    for (const [i, condition] of this.#conditions.entries()) {
      const name = series.rowOf(condition.name);
      if (name < 0) {
        if (!condition.absent) return selected.fill(0);
        continue;
      }
      const holds = this.#testOf(series, condition, this.#known[i]);
      for (let row = 0; row < n; row++) {
        if (selected[row] === 1 && !satisfies(series, row, name, condition.absent, holds)) selected[row] = 0;
      }
    }
    return selected;
  }

  /** Whether a value, by its row, satisfies the condition. */
  #testOf(series: NumberedSeries, condition: Condition, known: Map<string, boolean>): (row: number) => boolean {
    const { equal } = condition;
    if (equal !== undefined) {
      const wanted = series.rowOf(equal);
      return (row) => row === wanted;
    }
    const byRow = new Int8Array(series.stringCount).fill(-1);
    return (row) => {
      if (byRow[row] < 0) {
        const text = series.textOf(row);
        let holds = known.get(text);
        if (holds === undefined) {
          holds = this.#ask(condition, text);
          known.set(text, holds);
        }
        byRow[row] = holds ? 1 : 0;
      }
      return byRow[row] === 1;
    };
  }

  #ask({ test, cost }: Condition, text: string): boolean {
    if (cost === 0) return test(text);
    const { stepsMax, timeMsMax } = this.#meter.limits;
    const steps = cost * text.length;
    if (!this.#meter.fits(steps)) {
      const facts = { limit: 'match-steps-max', value: stepsMax, actual: steps };
      const size = `an expression of ${cost} instructions meets a label value of ${text.length} characters`;
      const message = `label selector: ${size}, which takes ${steps} steps; the limit is ${stepsMax} (${facts.limit})`;
      throw new StoreError('too-large', message, facts);
    }
    if (!this.#meter.hasTime) {
      const facts = { limit: 'match-time-max', value: timeMsMax };
      const message = `label selector: matching label values of one read took ${timeMsMax} ms or more, which is the limit (${facts.limit}); use simpler expressions`;
      throw new StoreError('too-large', message, facts);
    }
    return this.#meter.measured(() => test(text));
  }
}

function satisfies(
  { offsets, name, value }: NumberedSeries,
  row: number,
  wanted: number,
  absent: boolean,
  holds: (row: number) => boolean,
): boolean {
  for (let i = offsets[row]; i < offsets[row + 1]; i++) if (name[i] === wanted) return holds(value[i]);
  return absent;
}
