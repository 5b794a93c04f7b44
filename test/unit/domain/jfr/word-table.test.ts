import { equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WordTable } from '#src/domain/jfr/word-table.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

function meansOf(secret: HashSecret) {
  return { secret, memory: new MemoryBudget(1 << 30, () => new Error('full')) };
}

describe('WordTable', () => {
  test(`agrees with a map of texts, through every growth (seed ${seed})`, () => {
    const random = new Random(seed);
    for (const keyWords of [1, 2, 3, 10]) {
      const table = new WordTable('keys', { keyWords, dataWords: 1 }, meansOf([random.int(0, 2 ** 32 - 1) | 0, 7]));
      const rows = new Map<string, number>();
      for (let i = 0; i < 3000; i++) {
        const key = Array.from({ length: keyWords }, () => random.pick([0, 1, -1, 2 ** 31 - 1, random.int(0, 500)]));
        table.key.set(key);
        const known = rows.get(key.join()) ?? -1;
        equal(table.find(), known);
        const row = table.intern();
        if (known === -1) {
          equal(row, rows.size);
          equal(table.words[row * table.stride + keyWords], 0);
          rows.set(key.join(), row);
        } else equal(row, known);
        equal(table.length, rows.size);
      }
    }
  });

  test(`finds all rows while a large table grows (seed ${seed})`, () => {
    const random = new Random(seed);
    const table = new WordTable('keys', { keyWords: 2, dataWords: 1 }, meansOf([1, 2]));
    const keyOf = (row: number): void => table.key.set([row, Math.imul(row, 7)]);
    for (let row = 0; row < 70_000; row++) {
      keyOf(row);
      equal(table.find(), -1);
      equal(table.intern(), row);
      keyOf(random.int(0, row));
      const [known] = table.key;
      equal(table.find(), known);
      equal(table.intern(), known);
    }
  });

  test('spreads keys that are regular', () => {
    for (const step of [1, 2, 1 << 10, 1 << 16, 1 << 22]) {
      const table = new WordTable('keys', { keyWords: 2, dataWords: 0 }, meansOf([1, 2]));
      const start = process.cpuUsage();
      for (let i = 0; i < 100_000; i++) {
        table.key[0] = i * step;
        table.key[1] = Math.floor((i * step) / 2 ** 32);
        table.intern();
      }
      // Some twenty milliseconds; when keys share their places it is minutes.
      ok(process.cpuUsage(start).user < 2_000_000, `step ${step}`);
    }
  });

  test('refuses more rows than its limit', () => {
    const table = new WordTable('things', { keyWords: 1, dataWords: 0 }, meansOf([1, 2]));
    throws(
      () => {
        for (let i = 0; ; i++) {
          table.key[0] = i;
          table.intern();
        }
      },
      { code: 'invalid-argument', message: /it has more than 2097152 things/ },
    );
    equal(table.length, 2_097_152);
  });
});
