import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';

/** What the slowest machine reads of a socket and copies. Bytes at this pace are nobody's fault. */
const BYTES_PER_MS = 100_000;

/** For how long work of one kind may keep everybody else waiting: until the event loop turns, when it begins anew. */
export class TurnBudget {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #budgetMs: DurationMs;
  #startedMs: UnixMs | undefined;
  #bytes: Bytes = 0;

  constructor(clock: Pick<Clock, 'now'>, budgetMs: DurationMs) {
    this.#clock = clock;
    this.#budgetMs = budgetMs;
  }

  /** Whether some was spent in this turn. */
  get spent(): boolean {
    return this.#startedMs !== undefined;
  }

  /** @returns whether this turn has taken too long for all that was spent in it */
  spend(bytes: Bytes): boolean {
    const nowMs = this.#clock.now();
    if (this.#startedMs === undefined) {
      this.#startedMs = nowMs;
      setImmediate(() => this.renew());
    }
    this.#bytes += bytes;
    return nowMs - this.#startedMs > this.#budgetMs + this.#bytes / BYTES_PER_MS;
  }

  renew(): void {
    this.#startedMs = undefined;
    this.#bytes = 0;
  }
}
