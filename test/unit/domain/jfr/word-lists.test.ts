import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WordLists } from '#src/domain/jfr/word-lists.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

function listsOf({ limitBytes = 1 << 30, secret = 7, rows = 4 } = {}): WordLists {
  const memory = new MemoryBudget(limitBytes, () => new Error('full'));
  return new WordLists('things', { words: 8, rows }, { secret: [1, secret], memory });
}

function intern(lists: WordLists, list: readonly number[]): number {
  lists.reserve(list.length);
  lists.words.set(list, lists.end);
  return lists.internLast(list.length);
}

describe('WordLists', () => {
  test(`agrees with a map of texts, through every growth (seed ${seed})`, () => {
    const random = new Random(seed);
    const lists = listsOf({ secret: random.int(0, 2 ** 31) });
    const numbers = new Map<string, number>();
    for (let i = 0; i < 5000; i++) {
      const length = random.chance(0.01) ? random.int(0, 3000) : random.int(0, 5);
      const list = Array.from({ length }, () => random.pick([0, 1, -1, 2 ** 31 - 1]));
      const known = numbers.get(list.join()) ?? numbers.size;
      equal(intern(lists, list), known);
      numbers.set(list.join(), known);
      equal(lists.length, numbers.size);
    }
    for (const [text, number] of numbers) {
      const start = lists.startOf(number);
      deepEqual([...lists.words.subarray(start, start + lists.lengthOf(number))].join(), text);
    }
  });

  test(`finds all lists while there are many and they grow (seed ${seed})`, () => {
    const random = new Random(seed);
    const lists = listsOf();
    for (let number = 0; number < 70_000; number++) {
      equal(intern(lists, [number, 1]), number);
      const known = random.int(0, number);
      equal(intern(lists, [known, 1]), known);
    }
  });

  test('refuses more than its limit, and more memory than there is', () => {
    const many = listsOf({ rows: 1 << 20 });
    throws(
      () => {
        for (let i = 0; ; i++) intern(many, [i]);
      },
      { code: 'invalid-argument', message: /it has more than 2097152 things/ },
    );
    equal(many.length, 2_097_152);
    throws(() => listsOf({ limitBytes: 1000 }).reserve(1000), { message: 'full' });
    const few = listsOf({ limitBytes: 1000 });
    throws(
      () => {
        for (let i = 0; ; i++) intern(few, [i]);
      },
      { message: 'full' },
    );
  });
});
