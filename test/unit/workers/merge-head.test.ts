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
  columns: new Map(),
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

describe('MergeTarget', () => {
  test('counts rows on the JavaScript heap against the limit of the head', () => {
    const kernels = testKernels({ headBytesMax: 8 << 20 });
    const target = new MergeTarget(kernels);
    const { pointer } = target.open('api');
    target.open('api').rowsWithRoom(150_000);
    target.chargeHeap();

    throws(() => kernels.guard(() => kernels.exports.reserveSamples(pointer, 0, 1, 200_000, 1)), {
      code: 'limit-exceeded',
      message: /8388608/,
    });
    target.open('api').pushesWithRoom(50_000);
    throws(() => target.chargeHeap(), { code: 'limit-exceeded', message: /8388608/ });

    const next = new MergeTarget(kernels);
    next.chargeHeap();
    kernels.guard(() => kernels.exports.reserveSamples(next.open('api').pointer, 0, 1, 200_000, 1));
  });
});
