import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lifecycle, type Part } from '#src/platform/lifecycle.ts';
import type { Log } from '#src/platform/log.ts';
import { gate } from './gate.ts';

describe('Lifecycle', () => {
  test('stops in the opposite order of the start', async () => {
    const { events, lifecycle } = story(['disk', 'index', 'door']);

    await lifecycle.start();
    equal(await lifecycle.stop(), 'clean');

    deepEqual(events, ['+disk', '+index', '+door', '-door', '-index', '-disk']);
  });

  test('stops once, however often it is asked', async () => {
    const { events, lifecycle } = story(['disk']);
    await lifecycle.start();

    await Promise.all([lifecycle.stop(), lifecycle.stop()]);

    deepEqual(events, ['+disk', '-disk']);
  });

  test('a part that does not start stops those before it, and its failure is the answer', async () => {
    const { events, lifecycle } = story(['disk', 'index', 'door'], {
      index: { start: () => Promise.reject(new Error('no')) },
    });

    await rejects(lifecycle.start(), /no/);

    deepEqual(events, ['+disk', '-disk']);
  });

  test('a part that does not stop keeps no other from stopping', async () => {
    const broken = { stop: () => Promise.reject(new Error('stuck')) };
    const { events, lifecycle, errors } = story(['disk', 'index', 'door'], { index: broken });

    await lifecycle.start();
    equal(await lifecycle.stop(), 'failed');

    deepEqual(events, ['+disk', '+index', '+door', '-door', '-disk']);
    deepEqual(errors, ['a part failed to stop']);
  });

  test('a stop in the middle of the start waits for the part that is starting, and starts no other', async () => {
    const door = gate();
    const { events, lifecycle } = story(['disk', 'index', 'door'], { index: { start: () => door.promise } });
    const starting = lifecycle.start();
    await settle();

    const stopping = lifecycle.stop();
    await settle();
    deepEqual(events, ['+disk']);
    door.resolve();
    await Promise.all([starting, stopping]);

    deepEqual(events, ['+disk', '-index', '-disk']);
  });

  test('gives up on a part when the time is over, after telling it', async () => {
    const over = new AbortController();
    let told = false;
    const slow: Partial<Part> = {
      stop: (signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            told = true;
          });
        }),
    };
    const { events, lifecycle, errors } = story(['disk', 'door'], { door: slow }, over.signal);
    await lifecycle.start();

    const stopping = lifecycle.stop();
    await settle();
    over.abort();

    equal(await stopping, 'timed-out');
    deepEqual([events, errors, told], [['+disk', '+door'], ['shutdown took too long'], true]);
  });
});

/** Parts that write down when they start (+) and stop (-), some of which behave otherwise. */
function story(
  names: readonly string[],
  others: Readonly<Record<string, Partial<Part>>> = {},
  deadline = new AbortController().signal,
) {
  const events: string[] = [];
  const errors: string[] = [];
  const parts = names.map(
    (name): Part => ({
      name,
      start: () => void events.push(`+${name}`),
      stop: () => void events.push(`-${name}`),
      ...others[name],
    }),
  );
  const ignore = (): void => {};
  const log: Log = { error: (message) => errors.push(message), warn: ignore, info: ignore, debug: ignore };
  const clock = { now: () => 0, sleep: () => Promise.resolve(), deadline: () => deadline };
  return { events, errors, lifecycle: new Lifecycle(parts, 1000, { log, clock }) };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
