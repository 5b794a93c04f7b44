import { Section } from '#src/domain/block/block-format.ts';
import { type ChunkWriter, pageRanges } from '#src/domain/block/chunk-writer.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { countsOf } from '#src/domain/block/row-counts.ts';
import type { TypeColumns } from '#src/domain/block/type-columns.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { KernelInstance, Pointer } from '#src/kernels/instance.ts';
import type { PageEncoder } from '#src/kernels/page-encoder.ts';
import type { MergedDataset, MergedRows } from './merge-target.ts';

/** The order of what a merged dataset has: series, then time. */
export type MergedOrder = {
  readonly rows: MergedRows;
  /** The rows in their order. */
  readonly order: Uint32Array;
  /** By family: the place of each run. */
  readonly runRanks: readonly Uint32Array[];
  readonly timeNanos: BigInt64Array;
};

/**
 * Orders rows and runs by series, then time. Runs are in the order of the first of their series, so that what a query
 * selects lies together.
 *
 * @cost O(rows), by radix sort
 */
export function orderMerged(kernels: KernelInstance, dataset: MergedDataset): MergedOrder {
  const { rows } = dataset;
  const { timeNanos } = dataset.pushes;
  const runRanks = dataset.runCounts.map((count) => ({
    series: new Uint32Array(count).fill(0xffffffff),
    push: new Uint32Array(count),
  }));
  for (let row = 0; row < rows.series.length; row++) {
    const { series, push } = runRanks[rows.family[row]];
    const run = rows.run[row];
    if (rows.series[row] < series[run]) series[run] = rows.series[row];
    push[run] = rows.push[row];
  }
  return {
    rows,
    order: bySeriesThenTime(kernels, rows.series, rows.push, timeNanos),
    runRanks: runRanks.map(({ series, push }) => ranksOf(bySeriesThenTime(kernels, series, push, timeNanos))),
    timeNanos,
  };
}

/** What a query needs before it looks at samples. @param runSamples  by family, in the order of the ranks */
export function writeMergedHead(
  kernels: KernelInstance,
  { strings, series }: { readonly strings: Pointer; readonly series: Pointer },
  dataset: MergedDataset,
  { rows, order, runRanks }: MergedOrder,
  runSamples: readonly Uint32Array[],
  types: TypeColumns,
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  writeSeries(kernels, strings, series, writer);
  const columns = [types.family, types.column, types.series].map((column) => kernels.putColumn(column));
  pages.write(writer, { section: Section.types }, types.family.length, (page, start, n) => {
    for (const column of columns) page.u32(column + start * 4, n);
  });
  writePushes(kernels, dataset, pages, writer);
  const firstRunOf = firstRunsOf(runSamples);
  const n = order.length;
  const inOrder = kernels.putColumn(order);
  const ordered = (column: Uint32Array): Pointer => {
    const target = kernels.exports.allocScratch(n * 4) >>> 0;
    kernels.exports.gatherU32(target, kernels.putColumn(column), inOrder, n);
    return target;
  };
  const run = rows.run.map((ofFamily, row) => firstRunOf[rows.family[row]] + runRanks[rows.family[row]][ofFamily]);
  const deltas = [rows.series, rows.push, run].map(ordered);
  const column = ordered(rows.column);
  const total = kernels.exports.allocScratch(n * 8) >>> 0;
  kernels.exports.gatherU64(total, kernels.putColumn(rows.total), inOrder, n);
  pages.write(writer, { section: Section.profiles }, n, (page, start, n) => {
    for (const of of deltas) page.u32Deltas(of + start * 4, n);
    page.u32(column + start * 4, n);
    page.i64(total + start * 8, n);
  });
  for (const [family, counts] of runSamples.entries()) {
    const of = kernels.putColumn(counts);
    pages.write(writer, { section: Section.runs, family }, counts.length, (page, start, n) => {
      page.u32(of + start * 4, n);
    });
  }
  writer.closeChunk();
}

/** Which value columns belong to which type, of families that have totals. */
export function typesOfMerged(
  { family, column, series }: MergedRows,
  hasTotals: (family: number) => boolean,
): TypeColumns {
  const first = new Map<number, number>();
  for (let row = 0; row < series.length; row++) {
    if (!hasTotals(family[row])) continue;
    const key = family[row] * 256 + column[row];
    const known = first.get(key);
    if (known === undefined || series[row] < known) first.set(key, series[row]);
  }
  const keys = [...first.keys()].sort((a, b) => a - b);
  return {
    family: Uint32Array.from(keys, (key) => key >>> 8),
    column: Uint32Array.from(keys, (key) => key & 255),
    series: Uint32Array.from(keys, (key) => first.get(key) ?? 0),
  };
}

function writePushes(
  kernels: KernelInstance,
  { pushes, pushCount }: MergedDataset,
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const columns = (['timeNanos', 'durationNanos', 'period'] as const).map((name) => kernels.putColumn(pushes[name]));
  const id = kernels.put(pushes.id);
  pages.write(writer, { section: Section.pushes }, pushCount, (page, start, n) => {
    for (const column of columns) page.i64Deltas(column + start * 8, n);
    page.raw(id + start * 16, n * 16);
  });
}

/**
 * As `writeSeriesPage`, from the tables of a merge.
 *
 * @param series  intern table, records of wasm/merge-series.ts
 */
function writeSeries(kernels: KernelInstance, strings: Pointer, series: Pointer, writer: ChunkWriter): void {
  const { exports } = kernels;
  const count = (exports.tableRows(series) >>> 0) - 1;
  const offsets = kernels.takeU32(exports.tableOffsets(series), count + 2).subarray(1);
  const pairs = kernels.takeU32(exports.tableBytes(series) >>> 0, offsets[count] >>> 2);
  const stringCount = exports.tableRows(strings) >>> 0;
  const stringOffsets = kernels.takeU32(exports.tableOffsets(strings), stringCount + 1);
  const bytes = kernels.takeU8(exports.tableBytes(strings) >>> 0, stringOffsets[stringCount]);
  const textOf = (row: number): Uint8Array => bytes.subarray(stringOffsets[row], stringOffsets[row + 1]);
  const bytesBefore = labelBytesBefore(offsets, pairs, stringOffsets);
  const rankOf = new Uint32Array(stringCount);
  for (const { start, end } of pageRanges(count, (row) => bytesBefore[row])) {
    const ofPage = pairs.subarray(offsets[start] >>> 2, offsets[end] >>> 2);
    const used = [...new Set(ofPage)].sort((a, b) => Buffer.compare(textOf(a), textOf(b)));
    for (const [rank, row] of used.entries()) rankOf[row] = rank;
    const columns = new ColumnWriter();
    columns.number(used.length);
    columns.strings(joinedTexts(used.map(textOf)), 0, used.length);
    columns.u32(countsOf(offsets, start, end).map((length) => length >>> 3));
    for (const side of [0, 1]) {
      columns.u32(Uint32Array.from({ length: ofPage.length / 2 }, (_, i) => rankOf[ofPage[2 * i + side]]));
    }
    writer.page({ section: Section.series }, end - start, columns.written());
  }
}

/** About how many bytes the labels of series 0 .. row take. */
function labelBytesBefore(offsets: Uint32Array, pairs: Uint32Array, stringOffsets: Uint32Array): Float64Array {
  const before = new Float64Array(offsets.length);
  let bytes = 0;
  for (let row = 0; row + 1 < offsets.length; row++) {
    for (let i = offsets[row] >>> 2; i < offsets[row + 1] >>> 2; i++) {
      bytes += stringOffsets[pairs[i] + 1] - stringOffsets[pairs[i]] + 4;
    }
    before[row + 1] = bytes;
  }
  return before;
}

function joinedTexts(texts: readonly Uint8Array[]): ByteStrings {
  const offsets = new Uint32Array(texts.length + 1);
  for (const [i, { length }] of texts.entries()) offsets[i + 1] = offsets[i] + length;
  return { bytes: Uint8Array.from(Buffer.concat(texts)), offsets };
}

function firstRunsOf(runSamples: readonly Uint32Array[]): number[] {
  const first: number[] = [];
  let count = 0;
  for (const { length } of runSamples) {
    first.push(count);
    count += length;
  }
  return first;
}

/** Numbers of rows in their order. Rows that are equal in both keep it. */
function bySeriesThenTime(
  kernels: KernelInstance,
  series: Uint32Array,
  push: Uint32Array,
  timeNanos: BigInt64Array,
): Uint32Array {
  const { exports } = kernels;
  const n = series.length;
  const [order, spare, keys] = [4, 4, 8].map((width) => exports.allocScratch(n * width) >>> 0);
  exports.ascending(order, n);
  exports.gatherU64(keys, kernels.putColumn(sortableTimes(timeNanos)), kernels.putColumn(push), n);
  exports.sortRows(order, keys, spare, n);
  const wide = new Uint32Array(2 * n);
  for (let i = 0; i < n; i++) wide[2 * i] = series[i];
  exports.sortRows(order, kernels.putColumn(wide), spare, n);
  return kernels.takeU32(order, n);
}

/** Times as numbers without a sign that are in the same order: with the sign bit flipped. */
function sortableTimes(timeNanos: BigInt64Array): Uint32Array {
  const halves = new Uint32Array(timeNanos.slice().buffer);
  for (let i = 1; i < halves.length; i += 2) halves[i] ^= 0x80000000;
  return halves;
}

function ranksOf(order: Uint32Array): Uint32Array {
  const ranks = new Uint32Array(order.length);
  for (let rank = 0; rank < order.length; rank++) ranks[order[rank]] = rank;
  return ranks;
}
