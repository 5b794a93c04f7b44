import type { DurationMs, UnixMs } from '#src/domain/model/units.ts';

/** The only way to learn the time or to wait. Simulations pass one that they turn by hand. */
export interface Clock {
  now(): UnixMs;
  /** Resolves after `ms`, or as soon as `signal` aborts. Never rejects. */
  sleep(ms: DurationMs, signal?: AbortSignal): Promise<void>;
  /** A signal that aborts after `ms`. */
  deadline(ms: DurationMs): AbortSignal;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
    }),
  deadline: (ms) => AbortSignal.timeout(ms),
};
