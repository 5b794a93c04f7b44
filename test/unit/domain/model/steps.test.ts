import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sortedNumbers } from '#src/domain/model/sorted-numbers.ts';
import { byWork, levelsInSteps, runSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

/** @returns what came out, and how often it paused */
function counted<T>(steps: Steps<T>): { readonly value: T; readonly pauses: number } {
  for (let pauses = 0; ; pauses++) {
    const step = steps.next();
    if (step.done) return { value: step.value, pauses };
  }
}

test('byWork goes on where the work stopped, and pauses there', () => {
  const starts: number[] = [];
  const { pauses } = counted(byWork(2, 9, (start) => starts.push(start) && start + 3));

  deepEqual(starts, [2, 5, 8]);
  equal(pauses, 3);
});

describe('levelsInSteps', () => {
  const partsOf = (offsets: readonly number[], firstLevel = 0): { parts: number[][]; pauses: number } => {
    const parts: number[][] = [];
    const work = (start: number, end: number, level: number): void => {
      parts.push([start, end, level]);
    };
    return { parts, pauses: counted(levelsInSteps(Uint32Array.from(offsets), firstLevel, work)).pauses };
  };

  test('gives every level whole where it fits', () => {
    deepEqual(partsOf([0, 1, 1, 5]).parts, [
      [0, 1, 0],
      [1, 1, 1],
      [1, 5, 2],
    ]);
    deepEqual(partsOf([0, 1, 1, 5], 2).parts, [[1, 5, 2]]);
    deepEqual(partsOf([0]).parts, []);
  });

  test('takes many short levels in one step', () => {
    const { parts, pauses } = partsOf(Array.from({ length: 100_001 }, (_, level) => level));

    equal(parts.length, 100_000);
    ok(pauses > 10 && pauses < 100, `${pauses} pauses`);
  });

  test('divides a long level, and no step is longer than two', () => {
    const { parts, pauses } = partsOf([0, 3, 3 + 3 * STEP_ROWS, 4 + 3 * STEP_ROWS]);

    equal(pauses, 3);
    ok(parts.every(([start, end]) => end - start <= STEP_ROWS));
    deepEqual(
      parts.map(([, , level]) => level),
      [0, 1, 1, 1, 2],
    );
  });
});

describe('sortedNumbers', () => {
  for (const n of [0, 1, 2, STEP_ROWS - 1, STEP_ROWS, STEP_ROWS + 1, 3 * STEP_ROWS + 5, 5 * STEP_ROWS]) {
    test(`sorts ${n} numbers as the runtime does (seed ${seed})`, () => {
      const random = new Random(seed);
      const numbers = Uint32Array.from({ length: n }, () => random.int(0, 2 * n));
      const expected = numbers.toSorted();

      const { value, pauses } = counted(sortedNumbers(numbers));

      deepEqual(value, expected);
      ok(pauses >= Math.floor(n / STEP_ROWS), `${pauses} pauses`);
      deepEqual(runSteps(sortedNumbers(value)), expected);
    });
  }
});
