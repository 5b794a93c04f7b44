import type { DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';

type Sleeper = { readonly untilMs: UnixMs; readonly wake: () => void };

/** A clock that stands still until it is turned. */
export class HandClock implements Clock {
  #nowMs: UnixMs = 1_700_000_000_000;
  #sleepers: Sleeper[] = [];

  now(): UnixMs {
    return this.#nowMs;
  }

  sleep(ms: DurationMs, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      this.#sleepers.push({ untilMs: this.#nowMs + ms, wake: resolve });
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  deadline(ms: DurationMs): AbortSignal {
    const controller = new AbortController();
    const expire = () => controller.abort(new DOMException('the deadline passed', 'TimeoutError'));
    this.#sleepers.push({ untilMs: this.#nowMs + ms, wake: expire });
    return controller.signal;
  }

  /** Lets time pass, then everybody who waits for it run. */
  async turn(ms: DurationMs): Promise<void> {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs);
    for (const { wake } of due) wake();
    await settle();
  }
}

/** Lets all that can go on without time or disk go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

export const quiet = { error() {}, warn() {}, info() {}, debug() {} };
