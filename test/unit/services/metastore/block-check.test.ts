import { doesNotThrow, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { checkBlock } from '#src/services/metastore/block-check.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomBlock } from './random-blocks.ts';

const good = randomBlock(new Random(1), { datasets: 1 });
const [dataset] = good.datasets as [DatasetMeta];

function withDataset(change: Partial<DatasetMeta>): BlockMeta {
  return { ...good, datasets: [{ ...dataset, ...change }] };
}

describe('checkBlock', () => {
  test('accepts what writers make', () => {
    const random = new Random(2);
    for (let i = 0; i < 100; i++) doesNotThrow(() => checkBlock(randomBlock(random)));
  });

  const refused: [string, BlockMeta, RegExp][] = [
    ['an id that is no ULID', { ...good, id: 'x' }, /ULID/],
    ['a shard beyond 32 bits', { ...good, shard: 2 ** 32 }, /shard/],
    ['a level that is not whole', { ...good, level: 0.5 }, /level/],
    ['a negative size', { ...good, sizeBytes: -1 }, /size/],
    ['times that run backwards', { ...good, minTimeMs: good.maxTimeMs + 1 }, /times/],
    ['no dataset', { ...good, datasets: [] }, /no dataset/],
    ['a dataset without tenant', { ...withDataset({ tenant: '' }), tenant: '' }, /no tenant/],
    [
      "a dataset of another tenant than the block's",
      { ...withDataset({ tenant: 'b' }), tenant: 'a' },
      /another tenant/,
    ],
    ['a dataset outside the times of the block', withDataset({ maxTimeMs: good.maxTimeMs + 1 }), /outside those/],
    [
      'a dataset behind the end',
      withDataset({ range: { offset: good.sizeBytes, sizeBytes: 1 } }),
      /outside the object/,
    ],
    ['symbols behind the end', withDataset({ symbols: { offset: 0, sizeBytes: good.sizeBytes + 1 } }), /symbols/],
    ['a head larger than the dataset', withDataset({ headBytes: dataset.range.sizeBytes + 1 }), /head/],
    ['a dataset without label sets', withDataset({ labels: [] }), /no labels/],
    ['a label without value', withDataset({ labels: [[{ name: 'a', value: '' }]] }), /without name or value/],
    [
      'labels that are not sorted',
      withDataset({
        labels: [
          [
            { name: 'b', value: '1' },
            { name: 'a', value: '1' },
          ],
        ],
      }),
      /not sorted/,
    ],
  ];
  for (const [what, block, message] of refused) {
    test(`refuses ${what}`, () => {
      throws(() => checkBlock(block), { code: 'invalid-argument', message });
    });
  }
});
