import type { DurationMs } from '#src/domain/model/units.ts';
import type { Clock } from './clock.ts';
import type { StopOutcome } from './lifecycle.ts';
import type { Log } from './log.ts';

/** What is used of `process`. */
export interface ProcessEvents {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
}

/** As in sysexits.h: an error in the program itself. */
const EXIT_SOFTWARE = 70;

/** As a shell reports a program that a signal ended. */
const EXIT_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Signals that come this soon after the first are the same one. A terminal sends Ctrl-C to every process that it
 * started, npm among them, which passes it on to a Kiln that has it already.
 */
const SAME_SIGNAL_MS: DurationMs = 1000;

export type SignalDeps = { readonly log: Log; readonly clock: Clock };

/**
 * Ends the process in order on the first SIGINT or SIGTERM and at once on the second. What nobody caught ends it with
 * code 70: after a broken promise of the program to itself, its state is not worth saving, and what was acknowledged
 * is on the disk.
 */
export function endOnSignals(
  process: ProcessEvents,
  stop: () => Promise<StopOutcome>,
  { log, clock }: SignalDeps,
): void {
  let state: 'running' | 'asked' | 'stopping' = 'running';
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (state === 'stopping') return process.exit(EXIT_SIGNAL[signal]);
      if (state === 'asked') return;
      state = 'asked';
      log.info('stopping', { signal });
      void clock.sleep(SAME_SIGNAL_MS).then(() => {
        state = 'stopping';
        log.info('still stopping: another signal ends the process at once');
      });
      // A stop that throws becomes an unhandled rejection, which ends the process below.
      void stop().then((outcome) => process.exit(outcome === 'clean' ? 0 : 1));
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error) => {
      log.error('the process cannot go on', { event, error });
      process.exit(EXIT_SOFTWARE);
    });
  }
}
