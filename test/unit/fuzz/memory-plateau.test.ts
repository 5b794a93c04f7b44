import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryPlateau } from '../../fuzz/memory-plateau.ts';

function growthOf(mebibytes: readonly number[]): string[] {
  const plateau = new MemoryPlateau({ heap: 2 << 20 });
  for (const count of mebibytes) plateau.add({ heap: count << 20 });
  return plateau.growth();
}

describe('MemoryPlateau', () => {
  test('takes what was as high before for no growth', () => {
    deepEqual(growthOf([10, 90, 20, 20, 20, 92]), []);
  });

  test('names what is higher at the end than ever in the first half', () => {
    deepEqual(growthOf([10, 20, 30, 40, 50, 33]), ['heap grew from 30M at most in the first half to 33M']);
  });

  test('says nothing of a few samples', () => {
    deepEqual(growthOf([1, 50, 100]), []);
  });
});
