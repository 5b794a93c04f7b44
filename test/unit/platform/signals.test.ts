import { deepEqual } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, test } from 'node:test';
import type { StopOutcome } from '#src/platform/lifecycle.ts';
import type { Log } from '#src/platform/log.ts';
import { endOnSignals } from '#src/platform/signals.ts';
import { gate } from './gate.ts';

describe('endOnSignals', () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`the first ${signal} stops in order, then ends with 0`, async () => {
      const { process, exits, stopped } = story();

      process.emit(signal);
      deepEqual(exits, []);
      stopped.resolve('clean');
      await settle();

      deepEqual(exits, [0]);
    });
  }

  test('a stop that was not clean ends with 1', async () => {
    for (const outcome of ['failed', 'timed-out'] as const) {
      const { process, exits, stopped } = story();
      process.emit('SIGTERM');
      stopped.resolve(outcome);
      await settle();
      deepEqual(exits, [1]);
    }
  });

  test('the second signal ends at once, whichever it is', () => {
    const { process, exits } = story();
    process.emit('SIGTERM');
    process.emit('SIGINT');
    deepEqual(exits, [130]);
  });

  for (const event of ['uncaughtException', 'unhandledRejection']) {
    test(`an ${event} is logged and ends with 70`, () => {
      const { process, exits, errors } = story();
      const error = new Error('bug');

      process.emit(event, error);

      deepEqual(exits, [70]);
      deepEqual(errors, [{ event, error }]);
    });
  }
});

function story() {
  const exits: number[] = [];
  const errors: unknown[] = [];
  const process = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
  const ignore = (): void => {};
  const log: Log = { error: (_, fields) => errors.push(fields), warn: ignore, info: ignore, debug: ignore };
  const stopped = gate<StopOutcome>();
  endOnSignals(process, log, () => stopped.promise);
  return { process, exits, errors, stopped };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
