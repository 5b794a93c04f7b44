import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { carriedBytes, type PushesAndProfiles, withoutPushes } from '#src/domain/block/carried-dataset.ts';
import { datasetTable } from '#src/domain/block/chunk-table.ts';
import { ChunkWriter, type Compress, compactedZstdLevel } from '#src/domain/block/chunk-writer.ts';
import type { EncodedDataset } from '#src/domain/block/dataset-writer.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { ArenaPages } from '#src/kernels/arena-pages.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { BlockDataset } from '#src/kernels/read-dataset.ts';

/** A dataset that was taken over as it was, for another object. Its offsets are those of the object that it is from. */
export type CarriedDataset = { readonly meta: DatasetMeta; readonly encoded: Omit<EncodedDataset, 'labels'> };

/**
 * Takes a dataset over that does not fit into the memory of a merge. Only its pushes and profiles are looked at: those
 * that are elsewhere already are left out.
 *
 * @param isNew  tells whether a push with this id, 16 bytes, was not met before
 * @returns      undefined when nothing of it is new
 * @throws StoreError 'corrupted'; 'limit-exceeded' inside of `guard`, when its pushes and profiles alone do not fit
 */
export function carryDataset(
  pages: ArenaPages,
  meta: DatasetMeta,
  isNew: (id: Uint8Array) => boolean,
  compress: Compress,
): CarriedDataset | undefined {
  const { kernels, fetched } = pages;
  const table = runSteps(datasetTable(meta, fetched));
  const rows = taken(kernels, new BlockDataset(pages, table));
  const { pushes, profiles } = rows;
  const kept = Array.from(pushes.timeNanos, (_, row) => isNew(pushes.id.subarray(16 * row, 16 * row + 16)));
  if (!profiles.push.some((push) => kept[push])) return undefined;
  if (kept.every((stays) => stays)) {
    const { headBytes, minTimeMs, maxTimeMs } = meta;
    return { meta, encoded: { bytes: carriedBytes(table, fetched), headBytes, minTimeMs, maxTimeMs } };
  }
  const writer = new ChunkWriter('dataset', compactedZstdLevel, compress);
  return { meta, encoded: withoutPushes(meta, { table, fetched, rows }, kept, writer) };
}

/** Copies, because what is in the arena does not stay. */
function taken(kernels: KernelInstance, dataset: BlockDataset): PushesAndProfiles {
  const { pushes, profiles } = runSteps(dataset.rows());
  return {
    pushes: {
      timeNanos: kernels.takeI64(pushes.time, pushes.rows),
      durationNanos: kernels.takeI64(pushes.duration, pushes.rows),
      period: kernels.takeI64(pushes.period, pushes.rows),
      id: kernels.takeU8(pushes.id, 16 * pushes.rows),
    },
    profiles: {
      series: kernels.takeU32(profiles.series, profiles.rows),
      push: kernels.takeU32(profiles.push, profiles.rows),
      run: kernels.takeU32(profiles.run, profiles.rows),
      column: kernels.takeU32(profiles.column, profiles.rows),
      total: kernels.takeI64(profiles.total, profiles.rows),
    },
  };
}
