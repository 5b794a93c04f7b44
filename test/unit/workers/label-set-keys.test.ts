import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
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

  test('tells texts that are no keys of a map apart, and from their digests', () => {
    const keys = new LabelSetKeys();
    const [long, other] = ['x'.repeat(5000), `${'x'.repeat(4999)}y`];
    const digest = createHash('sha256').update(long, 'utf16le').digest('base64');
    const texts = [
      long,
      other,
      digest,
      'x'.repeat(4096),
      'x'.repeat(4097),
      `${'x'.repeat(4999)}\ud800`,
      `${'x'.repeat(4999)}\ufffd`,
      'short',
    ];
    const sets = texts.flatMap((name) => texts.map((value) => [{ name, value }]));

    const made = sets.map((labels) => keys.keyOf(labels));

    equal(new Set(made).size, sets.length);
    deepEqual(
      sets.map(([label]) => keys.keyOf([{ ...label }])),
      made,
    );
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
