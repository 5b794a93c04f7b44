import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FoldGroup, FoldOrder } from '#src/domain/query/fold-order.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

function reportsOf(group: FoldGroup<string> | undefined): readonly string[] | undefined {
  return group?.reports;
}

describe('FoldOrder', () => {
  test('a single report is the answer', () => {
    const order = new FoldOrder<string>(1);

    equal(order.arrive(0, 'a'), undefined);
    deepEqual(order.takeAll(), ['a']);
  });

  test('merges what is left, in the order of the reads, when the last one comes', () => {
    const order = new FoldOrder<string>(3);

    equal(order.arrive(2, 'c'), undefined);
    equal(order.arrive(0, 'a'), undefined);
    const group = order.arrive(1, 'b');

    deepEqual(reportsOf(group), ['a', 'b', 'c']);
    equal(group && order.merged(group, 'abc'), undefined);
    deepEqual(order.takeAll(), ['abc']);
  });

  test('merges sixteen neighbours of one level before the others are there, and no fifteen', () => {
    const order = new FoldOrder<string>(40);
    for (let read = 3; read < 18; read++) equal(order.arrive(read, `${read}`), undefined);

    const group = order.arrive(18, '18');

    deepEqual(
      reportsOf(group),
      Array.from({ length: 16 }, (_, i) => `${i + 3}`),
    );
    // What was merged is of another level: its neighbours wait for each other, not for it.
    if (group !== undefined) order.merged(group, 'merged');
    for (let read = 19; read < 34; read++) equal(order.arrive(read, `${read}`), undefined);
    equal(order.arrive(2, '2'), undefined);
  });

  test('merges sixteen of what was merged before', () => {
    const order = new FoldOrder<number>(16 * 16 + 1);
    let second: FoldGroup<number> | undefined;
    for (let read = 0; read < 256; read++) {
      const group = order.arrive(read, 1);
      if (group !== undefined) second = order.merged(group, 16);
    }

    deepEqual(second?.reports, new Array(16).fill(16));
  });

  test('gives all neighbours when memory is short, whatever their level, and leaves what stands alone', () => {
    const order = new FoldOrder<string>(8);
    for (const [read, report] of [...'ab.de.g'].entries()) if (report !== '.') order.arrive(read, report);

    const groups = order.takeNeighbours();

    deepEqual(groups.map(reportsOf), [
      ['a', 'b'],
      ['d', 'e'],
    ]);
    deepEqual(order.takeNeighbours(), []);
    order.arrive(2, 'c');
    for (const group of groups) order.merged(group, group.reports.join(''));
    deepEqual(order.takeNeighbours().map(reportsOf), [['ab', 'c', 'de']]);
    deepEqual(order.takeAll(), ['g']);
  });

  test('keeps the order of the reads, whichever comes first and whenever memory is short', (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    for (let run = 0; run < 200; run++) {
      const reads = Array.from({ length: random.int(1, 100) }, (_, read) => read);
      const order = new FoldOrder<number[]>(reads.length);
      const merging: FoldGroup<number[]>[] = [];
      const keep = (group: FoldGroup<number[]> | undefined): void => void (group && merging.push(group));
      const waiting = random.shuffled(reads);
      while (waiting.length > 0 || merging.length > 0) {
        if (random.chance(0.05)) merging.push(...order.takeNeighbours());
        const read = random.chance(0.7) ? waiting.pop() : undefined;
        if (read !== undefined) keep(order.arrive(read, [read]));
        else if (merging.length > 0) {
          const [group] = merging.splice(random.int(0, merging.length - 1), 1);
          if (group !== undefined) keep(order.merged(group, group.reports.flat()));
        }
      }
      deepEqual(order.takeAll(), [reads]);
    }
  });
});
