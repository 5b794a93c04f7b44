import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeapWatch } from '#src/workers/heap-watch.ts';

const KEPT = 1000;

/** A heap whose size the test says; what is given back leaves 10 bytes. */
function watched(): {
  look: (total: number, idle?: boolean, atMs?: number) => number | undefined;
  givenBack: number[];
} {
  let total = 0;
  let nowMs = 0;
  const givenBack: number[] = [];
  const watch = new HeapWatch({
    read: () => ({ total, used: 0, external: 0 }),
    nowMs: () => nowMs,
    keptBytesMax: KEPT,
    giveBack: () => {
      givenBack.push(total);
      total = 10;
    },
  });
  const look = (bytes: number, idle = true, atMs = nowMs): number | undefined => {
    total = bytes;
    nowMs = atMs;
    return watch.look(idle)?.total;
  };
  return { look, givenBack };
}

describe('HeapWatch', () => {
  test('tells a heap once a second', () => {
    const { look } = watched();

    const told = [0, 1, 999, 1000, 1001, 1999, 5000, 5999, 6000].map((atMs) => look(atMs % 7, true, atMs));

    deepEqual(told, [0, undefined, undefined, 1000 % 7, undefined, undefined, 5000 % 7, undefined, 6000 % 7]);
  });

  test('gives back when a heap came to take more than is kept, and tells so at once', () => {
    const { look, givenBack } = watched();

    equal(look(KEPT), KEPT);
    deepEqual(givenBack, []);
    equal(look(KEPT + 1), 10);
    deepEqual(givenBack, [KEPT + 1]);
    look(KEPT);
    deepEqual(givenBack, [KEPT + 1]);
  });

  test('buffers count as well', () => {
    let external = KEPT;
    const watch = new HeapWatch({
      read: () => ({ total: 1, used: 0, external }),
      nowMs: () => 0,
      keptBytesMax: KEPT,
      giveBack: () => {
        external = 0;
      },
    });

    equal(watch.look(true)?.external, 0);
  });

  test('gives back after the task that took it, not between two of its slices, even if the peak is over', () => {
    const { look, givenBack } = watched();

    look(KEPT + 1, false);
    look(50, false);
    deepEqual(givenBack, []);
    look(50, true);
    deepEqual(givenBack, [50]);
    look(50, true);
    deepEqual(givenBack, [50]);
  });

  test('a heap that needs more than is kept gives back each time that it doubled, not after each task', () => {
    let total = 3 * KEPT;
    let count = 0;
    const watch = new HeapWatch({
      read: () => ({ total, used: total, external: 0 }),
      nowMs: () => 0,
      keptBytesMax: KEPT,
      giveBack: () => void count++,
    });
    const countAt = (bytes: number): number => {
      total = bytes;
      watch.look(true);
      return count;
    };

    deepEqual(
      [3, 3, 6, 6.1, 12, 12.3, 12.3].map((times) => countAt(times * KEPT)),
      [1, 1, 1, 2, 2, 3, 3],
    );
    // What it needed then it need not need for ever.
    deepEqual(
      [0.5, 1, 1.1].map((times) => countAt(times * KEPT)),
      [4, 4, 5],
    );
  });
});
