import { equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sectionRowsMax } from '#src/domain/block/block-format.ts';
import type { ChunkTable } from '#src/domain/block/chunk-table.ts';
import { StoreError } from '#src/domain/errors.ts';
import { headSamplesOf } from '#src/kernels/head-samples.ts';
import { type MergedHead, reserveMerged } from '#src/workers/merge-head.ts';
import { MergeTarget } from '#src/workers/merge-target.ts';
import { testKernels } from '../../fixtures/kernels.ts';

const table: ChunkTable = {
  kind: 'dataset',
  range: { offset: 0, sizeBytes: 0 },
  headerBytes: 0,
  chunks: [],
  pages: [],
};

describe('reserveMerged', () => {
  const kernels = testKernels();
  const target = new MergeTarget(kernels);
  const headOf = (samples: number): MergedHead => ({
    table,
    dataset: target.open('api'),
    sampleOffsets: [Uint32Array.of(0, samples)],
    groups: [{ family: 0, target: 0, runs: [0], masks: [1] }],
  });

  test('makes the family of a dataset', () => {
    reserveMerged(kernels, [headOf(3), headOf(4)]);

    equal(headSamplesOf(kernels, target.open('api').pointer, 0)?.count, 0);
  });

  test('refuses more samples than a block may have, whichever sources claim them', () => {
    const half = headOf(sectionRowsMax / 2 + 1);

    throws(
      () => reserveMerged(kernels, [half, half]),
      (error) =>
        error instanceof StoreError &&
        error.code === 'limit-exceeded' &&
        error.details['limit'] === 'sectionRowsMax' &&
        error.details['actual'] === sectionRowsMax + 2,
    );
  });
});
