import { StoreError } from '#src/domain/errors.ts';
import { abortErrorOf } from './abort-error.ts';

/**
 * Lets a bounded number of operations run at once and a bounded number wait, first come, first served.
 */
export class Slots {
  readonly #name: string;
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  /** @param name of the bound, for the message of a refusal */
  constructor(name: string, { runningMax, waitingMax }: { runningMax: number; waitingMax: number }) {
    this.#name = name;
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs the operation once there is room for it.
   *
   * @throws StoreError 'unavailable' when too many wait already; 'aborted', 'deadline-exceeded' or the signal's own
   *         failure when it aborts before the operation begins; what the operation throws
   */
  async run<T>(operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw this.#abortError(signal);
    if (this.#running < this.#runningMax) this.#running++;
    else await this.#turn(signal);
    try {
      return await operation();
    } finally {
      this.#handOn();
    }
  }

  /** Resolves when a slot was handed over, which keeps it counted as running. */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#waitingMax) {
      const details = { waitingMax: this.#waitingMax, runningMax: this.#runningMax };
      return Promise.reject(new StoreError('unavailable', `too many operations wait for ${this.#name}`, details));
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(start);
        reject(this.#abortError(signal));
      };
      this.#waiting.add(start);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #abortError(signal: AbortSignal): StoreError {
    return abortErrorOf(signal, `waiting for ${this.#name}`);
  }

  #handOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
