import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { DurationMs } from '#src/domain/model/units.ts';

/** The task that took longest, in CPU time of the thread. */
export type SlowestTask = { readonly name: string; readonly ms: DurationMs };

/** Runs tasks as a thread of the pool would, and measures them. */
export class TaskMeter {
  #slowest: SlowestTask = { name: 'none', ms: 0 };
  #slowestStepMs: DurationMs = 0;

  /** A task of one step. */
  run<T>(name: string, work: () => T): T {
    return this.#task(name, () => this.#step(work));
  }

  runSteps<T>(name: string, steps: Steps<T>): T {
    return this.#task(name, () => runSteps(this.#metered(steps)));
  }

  /** @returns of the tasks since it was last asked */
  take(): { readonly slowest: SlowestTask; readonly slowestStepMs: DurationMs } {
    const taken = { slowest: this.#slowest, slowestStepMs: this.#slowestStepMs };
    this.#slowest = { name: 'none', ms: 0 };
    this.#slowestStepMs = 0;
    return taken;
  }

  #task<T>(name: string, work: () => T): T {
    const startMs = cpuMs();
    try {
      return work();
    } finally {
      const ms = cpuMs() - startMs;
      if (ms > this.#slowest.ms) this.#slowest = { name, ms };
    }
  }

  *#metered<T>(steps: Steps<T>): Steps<T> {
    for (;;) {
      const step = this.#step(() => steps.next());
      if (step.done) return step.value;
      yield;
    }
  }

  #step<T>(work: () => T): T {
    const startMs = cpuMs();
    try {
      return work();
    } finally {
      this.#slowestStepMs = Math.max(this.#slowestStepMs, cpuMs() - startMs);
    }
  }
}

/** Of this thread, so that what the compiler and the collector do beside it does not count. */
function cpuMs(): DurationMs {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
