import { Section, sectionRowsMax } from '#src/domain/block/block-format.ts';
import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, columnCountOf, datasetTable, pagesOf } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { ArenaPages } from '#src/kernels/arena-pages.ts';
import type { KernelInstance, Pointer } from '#src/kernels/instance.ts';
import { roomFor } from '#src/kernels/read-columns.ts';
import { BlockDataset, type PushRows, readSeries } from '#src/kernels/read-dataset.ts';
import type { MergedDataset, MergeTarget } from './merge-target.ts';
import { type RunGroup, SourceRuns } from './source-runs.ts';

/** What of a dataset is merged, before its samples are read. */
export type MergedHead = {
  readonly table: ChunkTable;
  /** What it becomes a part of. */
  readonly dataset: MergedDataset;
  /** By family: the samples of each run. */
  readonly sampleOffsets: readonly Uint32Array[];
  readonly groups: readonly RunGroup[];
};

/**
 * Merges series, pushes and rows of profiles of a dataset into the target, and finds out which runs go where.
 *
 * @param isNew  tells whether a push with this id, 16 bytes, was not met before
 * @throws StoreError 'corrupted' when something is not what the format promises; 'limit-exceeded' inside of `guard`.
 *         The target is not whole then
 */
export function mergeHead(
  target: MergeTarget,
  meta: DatasetMeta,
  pages: ArenaPages,
  isNew: (id: Uint8Array) => boolean,
): MergedHead {
  const { kernels } = target;
  const table = runSteps(datasetTable(meta, pages.fetched));
  const merged = target.open(meta.service);
  const dataset = new BlockDataset(pages, table);
  const seriesRow = mergeSeries(target, pages, table, merged);
  const { pushes, profiles } = runSteps(dataset.rows());
  const sampleOffsets = runSteps(dataset.sampleOffsets());
  const pushRow = mergePushes(kernels, pushes, merged, isNew);

  const n = profiles.rows;
  const view = (column: Pointer): Uint32Array => kernels.u32().subarray(column >>> 2, (column >>> 2) + n);
  const [series, push, run, column] = [profiles.series, profiles.push, profiles.run, profiles.column].map(view);
  const total = kernels.i64().subarray(profiles.total >>> 3, (profiles.total >>> 3) + n);
  const runs = new SourceRuns(table, sampleOffsets);
  for (let row = 0; row < n; row++) {
    runs.claim(row, run[row], column[row], push[row]);
    if (pushRow[push[row]] >= 0) runs.take(run[row], column[row], merged.types[seriesRow[series[row]]]);
  }
  const groups = runs.groups((types) => target.families.find(types));
  const place = placesOf(groups, runs, merged);
  const rows = merged.rowsWithRoom(n);
  let to = merged.rowCount;
  for (let row = 0; row < n; row++) {
    if (pushRow[push[row]] < 0) continue;
    rows.series[to] = seriesRow[series[row]];
    rows.push[to] = pushRow[push[row]];
    rows.family[to] = place.family[run[row]];
    rows.run[to] = place.run[run[row]];
    rows.column[to] = column[row];
    rows.total[to] = total[row];
    to++;
  }
  merged.rowCount = to;
  return { table, dataset: merged, sampleOffsets, groups };
}

/**
 * Makes room for all samples at once, so that nothing is copied as they come.
 *
 * @throws StoreError 'limit-exceeded' when a family of a dataset has more than a block may have; and as kernels do
 */
export function reserveMerged(kernels: KernelInstance, heads: readonly MergedHead[]): void {
  const needs = new Map<
    string,
    { dataset: MergedDataset; family: number; columns: number; samples: number; runs: number }
  >();
  for (const { table, dataset, sampleOffsets, groups } of heads) {
    for (const { family, target, runs } of groups) {
      const key = `${dataset.pointer} ${target}`;
      const need = needs.get(key) ?? { dataset, family: target, columns: 0, samples: 0, runs: 0 };
      const offsets = sampleOffsets[family];
      for (const run of runs) need.samples += offsets[run + 1] - offsets[run];
      need.runs += runs.length;
      need.columns = Math.max(need.columns, columnCountOf(table, Section.sampleValues, family));
      needs.set(key, need);
    }
  }
  for (const { dataset, family, columns, samples, runs } of needs.values()) {
    // Sources can claim so many that sizes in bytes would wrap in the kernels.
    if (samples > sectionRowsMax) {
      const message = `a merged dataset has ${samples} samples, the limit of the format is ${sectionRowsMax}`;
      throw new StoreError('limit-exceeded', message, {
        limit: 'sectionRowsMax',
        value: sectionRowsMax,
        actual: samples,
      });
    }
    kernels.exports.reserveSamples(dataset.pointer, family, columns, samples, runs);
  }
}

/** @returns by series of the source: the series of the target */
function mergeSeries(
  { kernels, strings, typeName }: MergeTarget,
  pages: ArenaPages,
  table: ChunkTable,
  target: MergedDataset,
): Uint32Array {
  const { exports } = kernels;
  const of = pagesOf(table, Section.series);
  const rows = new Uint32Array(of.reduce((sum, { rowCount }) => sum + rowCount, 0));
  for (const page of of) {
    const { stringCount, stringOffsets, stringBytes, offsets, name, value } = readSeries(pages, page);
    const row = roomFor(kernels, page.rowCount, 4);
    exports.internSeries(
      strings,
      target.series,
      stringOffsets,
      stringBytes,
      stringCount,
      offsets,
      name,
      value,
      page.rowCount,
      row,
    );
    rows.set(kernels.takeU32(row, page.rowCount), page.firstRow);
  }
  const known = target.types.length;
  const added = (exports.tableRows(target.series) >>> 0) - 1 - known;
  const type = roomFor(kernels, added, 4);
  exports.labelOfSeries(target.series, typeName, known + 1, type);
  for (const row of kernels.takeU32(type, added)) target.types.push(row);
  for (let row = 0; row < rows.length; row++) {
    if (rows[row] === 0 || target.types[rows[row] - 1] === 0) {
      throw corruptedBlock('dataset: a series has no profile type', { offset: table.range.offset, row });
    }
    rows[row]--;
  }
  return rows;
}

/** @returns by push of the source: its row in the target; -1 for one that is there already */
function mergePushes(
  kernels: KernelInstance,
  pushes: PushRows,
  target: MergedDataset,
  isNew: (id: Uint8Array) => boolean,
): Int32Array {
  const pushRow = new Int32Array(pushes.rows).fill(-1);
  const [u8, i64] = [kernels.u8(), kernels.i64()];
  const { timeNanos, durationNanos, period, id } = target.pushesWithRoom(pushes.rows);
  let to = target.pushCount;
  for (let row = 0; row < pushes.rows; row++) {
    const idBytes = u8.subarray(pushes.id + 16 * row, pushes.id + 16 * row + 16);
    if (!isNew(idBytes)) continue;
    timeNanos[to] = i64[(pushes.time >>> 3) + row];
    durationNanos[to] = i64[(pushes.duration >>> 3) + row];
    period[to] = i64[(pushes.period >>> 3) + row];
    id.set(idBytes, 16 * to);
    pushRow[row] = to++;
  }
  target.pushCount = to;
  return pushRow;
}

/** By run of the source: its family in the target, and which run of it it becomes. */
function placesOf(
  groups: readonly RunGroup[],
  runs: SourceRuns,
  target: MergedDataset,
): { readonly family: Uint32Array; readonly run: Uint32Array } {
  const place = { family: new Uint32Array(runs.count), run: new Uint32Array(runs.count) };
  for (const { family, target: to, runs: ofGroup } of groups) {
    let next = target.runCounts[to] ?? 0;
    for (const run of ofGroup) {
      place.family[runs.first[family] + run] = to;
      place.run[runs.first[family] + run] = next++;
    }
    for (let i = target.runCounts.length; i <= to; i++) target.runCounts.push(0);
    target.runCounts[to] = next;
  }
  return place;
}
