import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeDataset } from '#src/domain/block/dataset-writer.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { BlockDataset } from '#src/kernels/read-dataset.ts';
import { labelSetsOf } from '#src/workers/label-sets.ts';
import { encodedDataset, freshPages } from '../../fixtures/block-in-arena.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { Random } from '../../fixtures/random.ts';
import { randomDataset } from '../domain/block/random-columns.ts';

const kernels = testKernels();
const space = [{ sampledStackCount: 10, nodeCount: 0 }];

function datasetOf(series: readonly Labels[]): BlockDataset {
  const sizes = { series: series.length, pushes: 1, profiles: 1 };
  const random = randomDataset(
    new Random(1),
    { ...sizes, families: [{ runs: 1, samples: 1, columns: 1, spans: 0 }] },
    space,
  );
  const { bytes } = encodeDataset({ service: 'shop', columns: { ...random, series }, space });
  const block = encodedDataset(bytes);
  return new BlockDataset(freshPages(kernels, block), block.table);
}

describe('labelSetsOf', () => {
  // The same value behind different names, a label that is not there, and a longer list that begins alike.
  const series = [
    { a: 'x' },
    { b: 'x' },
    { a: 'x', b: 'x' },
    { c: 'y' },
    { a: 'y', c: 'y' },
    { a: 'x', c: 'z' },
    {},
  ].map((labels) => labelList({ __profile_type__: 'cpu:cpu:ns:cpu:ns', ...labels }));
  const rows = Uint32Array.of(0, 0, 1, 2, 3, 4, 4, 5, 6);

  for (const named of [undefined, [], ['a'], ['a', 'b'], ['b', 'a', 'c'], ['nobody'], ['c', 'nobody']]) {
    test(`gives each row the labels of its series, of ${named?.join(', ') ?? 'all names'}`, () => {
      const { labels, setOfRow } = runSteps(labelSetsOf(datasetOf(series), rows, named));

      deepEqual(
        Array.from(setOfRow, (set) => labels[set]),
        Array.from(rows, (row) => series[row].filter(({ name }) => named?.includes(name) ?? true)),
      );
    });
  }

  test('makes a set once for all series that agree on it', () => {
    const { labels } = runSteps(labelSetsOf(datasetOf(series), rows, ['a']));

    equal(labels.length, 3);
  });

  test('goes from page to page', () => {
    const many = Array.from({ length: 70_000 }, (_, i) => labelList({ __profile_type__: 'cpu', pod: `${i % 3}` }));
    const dataset = datasetOf(many);
    ok(dataset.series.length > 1);
    const every = Uint32Array.from(many, (_, row) => row);

    const { labels, setOfRow } = runSteps(labelSetsOf(dataset, every, ['pod']));

    equal(labels.length, 3 * dataset.series.length);
    ok(every.every((row) => labels[setOfRow[row]][0].value === `${row % 3}`));
  });

  test('looks for many names in steps, for each once', () => {
    const many = Array.from({ length: 60_000 }, (_, i) => labelList({ __profile_type__: 'cpu', pod: `${i}` }));
    const dataset = datasetOf(many);
    const named = Array.from({ length: 128 }, (_, i) => `nobody_${i}`);
    const pausesOf = (names: readonly string[]): number => {
      const steps = labelSetsOf(dataset, Uint32Array.of(0), names);
      let pauses = 0;
      while (!steps.next().done) pauses++;
      return pauses;
    };

    // The first one opens the pages.
    pausesOf([]);
    const none = pausesOf([]);
    const [{ stringCount }] = runSteps(dataset.openSeries());
    equal(pausesOf(named) - none, Math.floor(named.length / Math.ceil((1 << 18) / stringCount)));
    ok(pausesOf(named) >= none + 10);
    equal(pausesOf(named.map(() => 'nobody')), none);
  });
});
