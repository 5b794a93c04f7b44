import type { DurationMs } from '#src/domain/model/units.ts';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** Something that is started once and stopped once. */
export type Part = {
  readonly name: string;
  start?(): void | Promise<void>;
  /** Called when the part has started, also when a later one failed to. The signal aborts when the time for stopping is over. */
  stop?(signal: AbortSignal): void | Promise<void>;
};

export type LifecycleDeps = { readonly log: Log; readonly clock: Clock };

/** How a stop ended. */
export type StopOutcome = 'clean' | 'failed' | 'timed-out';

/**
 * Starts the parts of a process in order and stops them in the opposite one, so that whatever a part needs is there
 * as long as the part is.
 */
export class Lifecycle {
  readonly #parts: readonly Part[];
  readonly #stopTimeoutMs: DurationMs;
  readonly #deps: LifecycleDeps;
  readonly #started: Part[] = [];
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<StopOutcome> | undefined;

  constructor(parts: readonly Part[], stopTimeoutMs: DurationMs, deps: LifecycleDeps) {
    this.#parts = parts;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#deps = deps;
  }

  /**
   * Resolves when every part has started, or when `stop` was called meanwhile: then no further part starts.
   *
   * @throws what the first part that failed threw, after those before it were stopped
   */
  async start(): Promise<void> {
    for (const part of this.#parts) {
      if (this.#stopping !== undefined) return;
      this.#starting = this.#startOne(part);
      try {
        await this.#starting;
      } catch (error) {
        await this.stop();
        throw error;
      }
    }
  }

  /** Stops what has started, last first. A part that fails does not keep the others from stopping. Idempotent. */
  stop(): Promise<StopOutcome> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #startOne(part: Part): Promise<void> {
    await part.start?.();
    this.#started.push(part);
  }

  async #stopAll(): Promise<StopOutcome> {
    const { log, clock } = this.#deps;
    const deadline = clock.deadline(this.#stopTimeoutMs);
    const overdue = new Promise<'timed-out'>((resolve) => {
      deadline.addEventListener('abort', () => resolve('timed-out'), { once: true });
    });
    // A part in the middle of its start may need those before it. Its failure belongs to `start`.
    await Promise.race([this.#starting.catch(() => {}), overdue]);

    let outcome: StopOutcome = 'clean';
    for (const part of this.#started.toReversed()) {
      const ended = await Promise.race([this.#stopOne(part, deadline), overdue]);
      if (ended === 'timed-out') {
        log.error('shutdown took too long', { part: part.name, timeoutMs: this.#stopTimeoutMs });
        return ended;
      }
      if (ended === 'failed') outcome = ended;
    }
    return outcome;
  }

  async #stopOne(part: Part, deadline: AbortSignal): Promise<'clean' | 'failed'> {
    try {
      await part.stop?.(deadline);
      return 'clean';
    } catch (error) {
      this.#deps.log.error('a part failed to stop', { part: part.name, error });
      return 'failed';
    }
  }
}
