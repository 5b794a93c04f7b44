import { deepEqual } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, test } from 'node:test';
import type { StopOutcome } from '#src/platform/lifecycle.ts';
import type { Log } from '#src/platform/log.ts';
import { endOnSignals } from '#src/platform/signals.ts';
import { FakeClock, settle } from '../../fixtures/fake-clock.ts';
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

  test('a second signal after a while ends at once, whichever it is', async () => {
    const { process, exits, clock } = story();
    process.emit('SIGTERM');
    await clock.turn(1000);

    process.emit('SIGINT');

    deepEqual(exits, [130]);
  });

  test('signals right after the first are the same one: Ctrl-C reaches Kiln from the terminal and from npm', async () => {
    const { process, exits, stopped, clock } = story();

    process.emit('SIGINT');
    process.emit('SIGINT');
    await clock.turn(999);
    process.emit('SIGTERM');
    deepEqual(exits, []);
    stopped.resolve('clean');
    await settle();

    deepEqual(exits, [0]);
  });

  test('says when a second signal counts, if it is still stopping then', async () => {
    const { process, infos, clock } = story();
    process.emit('SIGINT');
    await clock.turn(1000);

    deepEqual(infos, ['stopping', 'still stopping: another signal ends the process at once']);
  });

  test('the time of day plays no part', async () => {
    const { process, exits, clock } = story();
    process.emit('SIGINT');
    clock.setBack(3_600_000);
    await clock.turn(1000);

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
  const infos: string[] = [];
  const ignore = (): void => {};
  const info = (message: string): void => void infos.push(message);
  const log: Log = { error: (_, fields) => errors.push(fields), warn: ignore, info, debug: ignore };
  const stopped = gate<StopOutcome>();
  const clock = new FakeClock();
  endOnSignals(process, () => stopped.promise, { log, clock });
  return { process, exits, errors, infos, stopped, clock };
}
