import { AssertionError, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { kthLargest } from '#src/domain/profile/kth-largest.ts';
import { Random } from '../../../fixtures/random.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('kthLargest', () => {
  test('counts equal values one by one', () => {
    const values = BigInt64Array.of(5n, 1n, 5n, 3n);
    equal(runSteps(kthLargest(values, 1)), 5n);
    equal(runSteps(kthLargest(values, 2)), 5n);
    equal(runSteps(kthLargest(values, 3)), 3n);
    equal(runSteps(kthLargest(values, 4)), 1n);
  });

  test(`agrees with sorting, over all 63 bits (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 50; round++) {
      const bits = BigInt(random.int(1, 63));
      const value = () =>
        BigInt.asUintN(Number(bits), (BigInt(random.int(0, 2 ** 32 - 1)) << 31n) | BigInt(random.int(0, 2 ** 31)));
      const values = BigInt64Array.from({ length: random.int(1, 300) }, value);
      const k = random.int(1, values.length);
      equal(runSteps(kthLargest(values, k)), values.slice().sort().at(-k));
    }
  });

  test('refuses a k that no value has', () => {
    throws(() => runSteps(kthLargest(BigInt64Array.of(1n), 0)), AssertionError);
    throws(() => runSteps(kthLargest(BigInt64Array.of(1n), 2)), AssertionError);
  });
});
