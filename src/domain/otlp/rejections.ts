import { type StoreError, toWire, type WireError } from '#src/domain/errors.ts';
import { discardReasonOf } from '#src/domain/pprof/profile-errors.ts';
import { isPassedOver } from './otlp-errors.ts';

/** Profiles that could not be converted, or are over a limit of the tenant. */
export type RejectedProfiles = {
  readonly count: number;
  /** Of the first one with a fault that Pyroscope does not pass over; if there is none, of the first one. */
  readonly error: WireError | undefined;
  /** How many, by the reason that discard metrics have. */
  readonly reasons: Readonly<Record<string, number>>;
};

/** Counts the profiles of a message that are rejected. */
export class Rejections {
  #count = 0;
  #error: WireError | undefined;
  readonly #reasons: Record<string, number> = {};

  all(): RejectedProfiles {
    return { count: this.#count, error: this.#error, reasons: this.#reasons };
  }

  /** @param error  what is wrong with a profile, or with so many */
  add(error: StoreError, count = 1): void {
    this.#add({ count, error: toWire(error), reasons: { [discardReasonOf(error)]: count } });
  }

  /** The sum of both. */
  static sum(first: RejectedProfiles, second: RejectedProfiles): RejectedProfiles {
    const sum = new Rejections();
    sum.#add(first);
    sum.#add(second);
    return sum.all();
  }

  #add({ count, error, reasons }: RejectedProfiles): void {
    this.#count += count;
    if (this.#error === undefined || (error !== undefined && isPassedOver(this.#error) && !isPassedOver(error))) {
      this.#error = error;
    }
    for (const [reason, more] of Object.entries(reasons)) this.#reasons[reason] = (this.#reasons[reason] ?? 0) + more;
  }
}
