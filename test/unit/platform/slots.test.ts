import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { Slots } from '#src/platform/slots.ts';
import { gate } from './gate.ts';

const never = new AbortController().signal;

describe('Slots', () => {
  test('runs as many as it may, and the others in the order they came', async () => {
    const slots = new Slots('a test', { runningMax: 2, waitingMax: 10 });
    const begun: number[] = [];
    const gates = Array.from({ length: 4 }, () => gate());
    const runs = gates.map((door, i) =>
      slots.run(() => {
        begun.push(i);
        return door.promise;
      }, never),
    );

    await settle();
    deepEqual([begun, slots.running, slots.waiting], [[0, 1], 2, 2]);
    gates[1]?.resolve();
    await settle();
    deepEqual([begun, slots.running, slots.waiting], [[0, 1, 2], 2, 1]);
    for (const door of gates) door.resolve();
    await Promise.all(runs);
    deepEqual([begun, slots.running, slots.waiting], [[0, 1, 2, 3], 0, 0]);
  });

  test('an operation that fails gives its slot back', async () => {
    const slots = new Slots('a test', { runningMax: 1, waitingMax: 1 });
    const failing = slots.run(() => Promise.reject(new Error('broken')), never);
    const next = slots.run(() => Promise.resolve(7), never);

    await rejects(failing, /broken/);
    equal(await next, 7);
    equal(slots.running, 0);
  });

  test('refuses when as many wait as may', async () => {
    const slots = new Slots('a test', { runningMax: 1, waitingMax: 1 });
    const door = gate();
    const running = slots.run(() => door.promise, never);
    const waiting = slots.run(() => Promise.resolve(), never);

    await rejects(
      slots.run(() => Promise.resolve(), never),
      { code: 'unavailable', message: 'too many operations wait for a test' },
    );
    door.resolve();
    await Promise.all([running, waiting]);
  });

  test('who leaves while waiting never runs and frees the place', async () => {
    const slots = new Slots('a test', { runningMax: 1, waitingMax: 1 });
    const door = gate();
    const running = slots.run(() => door.promise, never);
    const leaver = new AbortController();
    let ran = false;
    const left = slots.run(async () => {
      ran = true;
    }, leaver.signal);
    const leftFirst = rejects(left, { name: 'StoreError', code: 'aborted' });

    leaver.abort();
    await leftFirst;
    equal(slots.waiting, 0);
    door.resolve();
    await running;
    deepEqual([ran, slots.running], [false, 0]);
    await rejects(
      slots.run(() => Promise.resolve(), leaver.signal),
      { name: 'StoreError', code: 'aborted' },
    );
  });

  test('who is sent away while waiting is told why', async () => {
    const slots = new Slots('a test', { runningMax: 1, waitingMax: 2 });
    const door = gate();
    const running = slots.run(() => door.promise, never);
    for (const [reason, code] of [
      [new DOMException('', 'TimeoutError'), 'deadline-exceeded'],
      [new StoreError('unavailable', 'closing'), 'unavailable'],
    ] as const) {
      const leaver = new AbortController();
      const left = rejects(
        slots.run(() => Promise.resolve(), leaver.signal),
        { name: 'StoreError', code },
      );
      leaver.abort(reason);
      await left;
    }
    door.resolve();
    await running;
  });
});

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
