import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockPart } from '#src/domain/block/part-writer.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { mergedBlock, mergedParts } from '../../fixtures/merged.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { cpuLabelsOf, type Pushed, type Segment, segmentOf } from '../../fixtures/segments.ts';

// A merge reads what object storage gave it, and what it writes has checksums of its own: a flipped bit that it does not
// find is in the data for ever. So each one is found, or is in bytes that the merge has no use for.

const kernels = testKernels();
/** Enough for pushes and profiles, and not for a merge: every dataset is taken over as it is. */
const tight = testKernels({ headBytesMax: 64 << 10 });

function small(number: number, stacks: readonly string[]): Pushed {
  const samples = stacks.map((stack, i) => ({ stack, v: [i + 1] }));
  const profile = pprof({ timeNanos: BigInt(number), samples });
  return { ...cpuLabelsOf('api'), profile, id: new Uint8Array(16).fill(number) };
}

/** @returns how many flipped bits were found, and how many made no difference */
function flipped(merging: KernelInstance, { meta, bytes }: Segment): { found: number; unused: number } {
  const sound = mergedParts(merging, [{ meta, bytes }]).parts;
  const last = meta.datasets[meta.datasets.length - 1].range;
  const counts = { found: 0, unused: 0 };
  for (let bit = 0; bit < 8 * (last.offset + last.sizeBytes); bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    const parts = partsOf(() => mergedParts(merging, [{ meta, bytes }]).parts);
    bytes[bit >> 3] ^= 1 << (bit & 7);
    if (parts === undefined) counts.found++;
    else {
      counts.unused++;
      deepEqual(parts, sound, `bit ${bit & 7} of byte ${bit >> 3}`);
    }
  }
  deepEqual(mergedParts(merging, [{ meta, bytes }]).parts, sound);
  return counts;
}

/** @returns undefined when the merge found that something is wrong */
function partsOf(merge: () => BlockPart[]): BlockPart[] | undefined {
  try {
    return merge();
  } catch (error) {
    if (error instanceof StoreError && (error.code === 'corrupted' || error.code === 'unimplemented')) return undefined;
    throw error;
  }
}

describe('a merge', () => {
  const segment = segmentOf(kernels, [small(1, ['main;a', 'main;b;c']), small(2, ['main;b;c'])]);
  const block = mergedBlock(kernels, [segment]);

  test('finds every flipped bit of a segment', () => {
    const { found, unused } = flipped(kernels, segment);

    equal(unused, 0);
    ok(found > 5_000, `${found} bits`);
  });

  test('finds every flipped bit of a merged block that it has a use for', () => {
    const { found, unused } = flipped(kernels, block);

    ok(found > 5_000, `${found} bits`);
    // Function trees and totals, which are made anew.
    ok(unused > 0 && unused < 1_000, `${unused} bits`);
  });

  test('finds every flipped bit of what it takes over as it is', () => {
    for (const source of [segment, block]) {
      deepEqual(mergedParts(tight, [source]).parts[0].bytes.length, 2);

      const { found, unused } = flipped(tight, source);

      equal(unused, 0);
      ok(found > 5_000, `${found} bits`);
    }
  });
});
