import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Steps } from '#src/domain/model/steps.ts';
import { SlicedTask } from '#src/workers/sliced-task.ts';

/** Slices of 30 ms, by a clock that the steps turn. */
function setUp() {
  const clock = { ms: 0 };
  const ended: string[] = [];
  const task = new SlicedTask({ sliceMs: 30, nowMs: () => clock.ms });
  function* steps(name: string, ...stepsMs: readonly number[]): Steps<string> {
    try {
      for (const ms of stepsMs) {
        clock.ms += ms;
        yield;
      }
      return name;
    } finally {
      ended.push(name);
    }
  }
  return { task, steps, ended };
}

describe('SlicedTask', () => {
  test('runs a short task to its end', () => {
    const { task, steps } = setUp();

    deepEqual(task.start(steps('short', 10, 19)), { done: true, value: 'short' });
    deepEqual(task.start(steps('next')), { done: true, value: 'next' });
  });

  test('suspends a task at the first step behind the end of its slice, and goes on with it', () => {
    const { task, steps, ended } = setUp();

    equal(task.start(steps('long', 10, 10, 10, 29, 1, 100, 5)).done, false); // 10 + 10 + 10
    equal(task.resume().done, false); // 29 + 1
    equal(task.resume().done, false); // 100
    deepEqual(ended, []);
    deepEqual(task.resume(), { done: true, value: 'long' });
  });

  test('refuses to begin another task while one is suspended, and to resume when there is none', () => {
    const { task, steps } = setUp();
    throws(() => task.resume(), /no task is suspended/);

    task.start(steps('long', 30));

    throws(() => task.start(steps('other')), /a task is suspended/);
  });

  test('gives a task up, which lets go of what it holds', () => {
    const { task, steps, ended } = setUp();
    task.start(steps('given up', 30, 30));

    task.drop();

    deepEqual(ended, ['given up']);
    deepEqual(task.start(steps('next')), { done: true, value: 'next' });
    task.drop();
  });

  test('is free again when a later slice fails', () => {
    const { task, steps } = setUp();
    function* failing(): Steps<never> {
      yield* steps('first part', 30);
      throw new Error('broken');
    }
    task.start(failing());

    throws(() => task.resume(), /broken/);

    equal(task.start(steps('next')).done, true);
  });
});
