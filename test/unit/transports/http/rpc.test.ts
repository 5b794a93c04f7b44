import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limitDuration } from '#src/transports/http/rpc.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';

/** What is told to a call whose client waits so long, as time goes by. */
function calling(timeoutMs: number | undefined): {
  readonly clock: FakeClock;
  readonly told: string[];
  readonly finished: AbortController;
} {
  const [clock, told] = [new FakeClock(), [] as string[]];
  const finished = limitDuration({ cancel: ({ message }) => void told.push(message) }, timeoutMs, clock);
  return { clock, told, finished };
}

describe('limitDuration', () => {
  for (const timeoutMs of [1, 1500, 2 ** 31 - 1]) {
    test(`cancels a call after ${timeoutMs} ms`, async () => {
      const { clock, told } = calling(timeoutMs);

      await clock.turn(timeoutMs - 1);
      deepEqual(told, []);
      await clock.turn(1);

      deepEqual(told, [`the deadline of the client passed after ${timeoutMs} ms`]);
    });
  }

  // Timers of Node hold 31 bits: one of more fires at once.
  for (const timeoutMs of [2 ** 31, 2 ** 32, 99_999_999 * 3_600_000, undefined]) {
    test(`sets no timer for ${timeoutMs} ms`, async () => {
      const { clock, told } = calling(timeoutMs);

      await clock.turn(timeoutMs ?? 2 ** 40);

      deepEqual(told, []);
    });
  }

  test('leaves a call alone that is finished', async () => {
    const { clock, told, finished } = calling(1500);

    finished.abort();
    await clock.turn(1500);

    deepEqual(told, []);
  });
});
