import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Label, Labels } from '#src/domain/model/labels.ts';
import { KEY_LENGTH_MAX } from '#src/domain/model/map-key.ts';
import { LabelSetIndex } from '#src/workers/label-set-index.ts';
import { labelList } from '../../fixtures/labels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { textWorkOf } from '../../fixtures/text-work.ts';

const seed = runSeed();

describe('LabelSetIndex', () => {
  test('numbers sets in order of first appearance, equal ones alike', () => {
    const index = new LabelSetIndex();
    const sets = [{}, { a: '1' }, { a: '1', b: '2' }, { b: '2' }, { a: '12' }, { a1: '2' }, { a: '', '1': '' }];

    const lists = sets.map((labels) => labelList(labels));
    const numbers = lists.map((labels) => index.numberOf(labels));

    deepEqual(numbers, [...sets.keys()]);
    deepEqual(
      sets.map((labels) => index.numberOf(labelList(labels))),
      numbers,
    );
    deepEqual(index.sets, lists);
  });

  test(`does as a map of whole texts does (seed ${seed})`, () => {
    const random = new Random(seed);
    let before: Labels = [];
    const index = new LabelSetIndex();
    const plain = new Map<string, number>();
    const text = (): string => 'ab'.repeat(random.int(0, 40)) + random.int(0, 2);
    for (let i = 0; i < 5000; i++) {
      // Some begin with the objects of others, as series of one profile do.
      const other = index.sets[random.int(0, index.sets.length)] ?? [];
      const shared = random.pick([[], other, before, before]);
      const own = Array.from({ length: random.int(0, 2) }, () => ({ name: text(), value: text() }));
      const labels = [...shared.slice(0, random.int(0, 4)), ...own];
      before = labels;
      const key = JSON.stringify(labels);
      if (!plain.has(key)) plain.set(key, plain.size);

      equal(index.numberOf(labels), plain.get(key));
    }
    ok(plain.size > 1000);
  });

  // A key reads each text once more. Without a larger table for more sets, or with slots that are chosen by what is equal
  // in all texts, most sets would have one.
  for (const [what, textOf] of [
    ['numbers', (i) => `pod-${i}`],
    ['texts that differ in the high bits of their characters alone', (i) => highBits(i)],
  ] as const satisfies [string, (i: number) => string][]) {
    test(`reads a new set once, and makes no key of it: ${what}`, () => {
      const index = new LabelSetIndex();
      const reads = { count: 0 };
      const count = 2000;

      for (let i = 0; i < count; i++) equal(index.numberOf([countedLabel(textOf(i), reads)]), i);
      const newReads = reads.count;
      for (let i = 0; i < count; i++) equal(index.numberOf([countedLabel(textOf(i), reads)]), i);

      ok(newReads < 1.01 * count, `${newReads} reads of ${count} new sets`);
      // Once for the hash, and once of each to compare them.
      ok(reads.count - newReads < 3.01 * count, `${reads.count - newReads} reads of ${count} known sets`);
    });
  }

  test('makes no long text of sets of many labels that have one hash', () => {
    const index = new LabelSetIndex();
    // A label has eight characters of a key.
    const many = Array.from({ length: 600 }, (_, i) => ({ name: `k${String(i).padStart(3, '0')}`, value: 'v' }));
    const setOf = (i: number): Labels => [
      ...many,
      { name: 'z', value: `${'x'.repeat(40)}${i % 10}${i}${'x'.repeat(40)}` },
    ];

    const { longestKey } = textWorkOf(() => {
      for (let i = 10; i < 100; i++) equal(index.numberOf(setOf(i)), i - 10);
      for (let i = 10; i < 100; i++) equal(index.numberOf(setOf(i)), i - 10);
    });

    ok(longestKey <= KEY_LENGTH_MAX, `a map has a key of ${longestKey} characters`);
  });

  // Of a long text only its ends are hashed, so these have one hash; and no text of 20 KB is a key of a map.
  for (const length of [100, 20_000]) {
    test(`tells sets of one hash apart without comparing all with all, of ${length} characters`, () => {
      const index = new LabelSetIndex();
      const reads = { count: 0 };
      const setOf = (i: number): Labels => {
        const value = `${'x'.repeat(length / 2)}${String(i).padStart(5, '0')}${'x'.repeat(length / 2)}`;
        return [countedLabel(value, reads)];
      };
      const count = 2000;

      const { longestKey } = textWorkOf(() => {
        for (let i = 0; i < 2 * count; i++) equal(index.numberOf(setOf(i % count)), i % count);
      });

      ok(reads.count < 2 * count * 24, `${reads.count} reads of ${2 * count} sets`);
      ok(longestKey <= KEY_LENGTH_MAX, `a map has a key of ${longestKey} characters`);
    });
  }
});

/** A label that counts how often its value is read. */
function countedLabel(value: string, reads: { count: number }): Label {
  return {
    name: 'a',
    get value() {
      reads.count++;
      return value;
    },
  };
}

/** Another text for each number below 4096, of characters whose low 12 bits are 0. */
function highBits(i: number): string {
  // From U+1000 to U+8000: no surrogates.
  const digits = i.toString(8).padStart(4, '0');
  return digits.replace(/./g, (digit) => String.fromCharCode((Number(digit) + 1) << 12));
}
