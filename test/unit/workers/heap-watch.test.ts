import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { HeapWatch } from '#src/workers/heap-watch.ts';

test('a heap is looked at once a second', () => {
  let nowMs = 0;
  let looks = 0;
  const watch = new HeapWatch(
    () => ({ total: ++looks, used: 0, external: 0 }),
    () => nowMs,
  );

  const totals = [0, 1, 999, 1000, 1001, 1999, 5000, 5999, 6000].map((at) => {
    nowMs = at;
    return watch.look()?.total;
  });

  deepEqual(totals, [1, undefined, undefined, 2, undefined, undefined, 3, undefined, 4]);
});
