import { equal, notEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LabelSetKeys } from '#src/workers/label-set-keys.ts';
import { labelList } from '../../fixtures/labels.ts';

describe('LabelSetKeys', () => {
  test('gives equal sets one key, whether or not they share their labels', () => {
    const keys = new LabelSetKeys();
    const labels = labelList({ a: '1', b: '2' });

    const key = keys.keyOf(labels);

    equal(keys.keyOf([...labels]), key);
    equal(keys.keyOf(labelList({ a: '1', b: '2' })), key);
  });

  test('tells different sets apart, also where their texts look alike in a row', () => {
    const keys = new LabelSetKeys();
    const sets = [
      {},
      { a: '1' },
      { a: '1', b: '2' },
      { b: '2' },
      { a: '12' },
      { a1: '2' },
      { '1 a': '' },
      { a: '1b2' },
    ];

    equal(new Set(sets.map((labels) => keys.keyOf(labelList(labels)))).size, sets.length);
  });

  // A number has four bytes, and the buffer room for 64 of them at first.
  for (const count of [63, 64, 65, 255, 256, 257, 70_000]) {
    test(`tells apart sets of ${count} labels that differ in the last one`, () => {
      const keys = new LabelSetKeys();
      const labels = Array.from({ length: count }, (_, i) => ({ name: `k${i}`, value: 'x' }));

      const key = keys.keyOf(labels);

      equal(keys.keyOf([...labels]), key);
      notEqual(keys.keyOf([...labels.slice(0, -1), { name: 'k', value: 'x' }]), key);
    });
  }
});
