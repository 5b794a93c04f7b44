import type { DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';

/** How many more requests than connections there may be in a turn: a browser may pipeline a few. */
const SPARE_REQUESTS = 16;

/**
 * Finds connections that leave nobody else a turn. The library reads a socket while there is something to read, so one
 * on which requests are sent faster than they are answered would have all of them.
 *
 * Time alone does not tell: after a pause of the process thousands of connections have a request each, which is nobody's
 * fault. But a connection that waits for its answers has one request in a turn. More requests than connections, in a
 * turn that takes long, are a flood, and the connection at which that is noticed is the one that goes on and on.
 */
export class RequestFlood {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #turnMsMax: DurationMs;
  #open = 0;
  /** Since when there is a turn with requests. */
  #turnMs: UnixMs | undefined;
  #requests = 0;
  /** That were there in this turn, even if they are gone. */
  #connections = 0;

  constructor(clock: Pick<Clock, 'now'>, turnMsMax: DurationMs) {
    this.#clock = clock;
    this.#turnMsMax = turnMsMax;
  }

  /** @param change 1: a connection was opened, -1: one was closed */
  connections(change: number): void {
    this.#open += change;
    if (change > 0) this.#connections += change;
  }

  /** @returns whether the connection of a request that arrives is to be ended */
  meets(): boolean {
    const nowMs = this.#clock.now();
    if (this.#turnMs === undefined) {
      this.#begin(nowMs);
      setImmediate(() => {
        this.#turnMs = undefined;
      });
    }
    this.#requests++;
    const takesLong = nowMs - (this.#turnMs ?? nowMs) > this.#turnMsMax;
    if (!takesLong || this.#requests <= this.#connections + SPARE_REQUESTS) return false;
    // The turn is still the same, but the others in it are not to blame.
    this.#begin(nowMs);
    return true;
  }

  #begin(nowMs: UnixMs): void {
    this.#turnMs = nowMs;
    this.#requests = 0;
    this.#connections = this.#open;
  }
}
