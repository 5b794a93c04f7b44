import type { DurationMs, UnixMs } from '#src/domain/model/units.ts';

export type MatchLimits = {
  /** Cost of all expressions that are compiled. */
  readonly compiledCostMax: number;
  /** Of one match: cost of the expression × characters of the value. */
  readonly stepsMax: number;
  /** Of all matches together. */
  readonly timeMsMax: DurationMs;
};

/** Measures what matching values against expressions takes, so that whoever asks can stop. */
export class MatchMeter {
  readonly limits: MatchLimits;
  readonly #now: () => UnixMs;
  #compiledCost = 0;
  #spentMs: DurationMs = 0;

  constructor(limits: MatchLimits, now: () => UnixMs) {
    this.limits = limits;
    this.#now = now;
  }

  /** For whoever need not hurry. */
  static unlimited(): MatchMeter {
    const none = Number.POSITIVE_INFINITY;
    return new MatchMeter({ compiledCostMax: none, stepsMax: none, timeMsMax: none }, () => 0);
  }

  /** Whether an expression of this cost may be compiled, besides those that were. If so, it is counted. */
  compiles(cost: number): boolean {
    if (this.#compiledCost + cost > this.limits.compiledCostMax) return false;
    this.#compiledCost += cost;
    return true;
  }

  /** Whether there is time left. */
  get hasTime(): boolean {
    return this.#spentMs < this.limits.timeMsMax;
  }

  /** Whether one match takes no longer than it may. */
  fits(steps: number): boolean {
    return steps <= this.limits.stepsMax;
  }

  /** Runs a match and counts its time. */
  measured<T>(match: () => T): T {
    const startMs = this.#now();
    const result = match();
    this.#spentMs += this.#now() - startMs;
    return result;
  }
}
