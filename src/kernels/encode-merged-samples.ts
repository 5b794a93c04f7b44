import { Section } from '#src/domain/block/block-format.ts';
import type { ChunkWriter } from '#src/domain/block/chunk-writer.ts';
import type { FoldedTree, SampledStacks } from './encode-space.ts';
import type { HeadSamples } from './head-samples.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import type { PageEncoder } from './page-encoder.ts';

/**
 * Writes the samples of one family of a merged dataset: run after run in the order of their ranks, each by stacktrace;
 * and before them the totals of the dataset.
 *
 * @param runRanks    by run in order of arrival
 * @param withTotals  the value columns whose totals are stored
 * @cost   O(samples), sorted by radix, and O(nodes) per value column
 * @throws StoreError 'limit-exceeded' inside of `guard`, when scratch is full
 * @source docs/formats/block-v1.md, "Dataset"
 */
export function encodeMergedSamples(
  kernels: KernelInstance,
  samples: HeadSamples,
  sampled: SampledStacks & { readonly folded: FoldedTree },
  runRanks: Uint32Array,
  { family, withTotals }: { readonly family: number; readonly withTotals: ReadonlySet<number> },
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const { exports } = kernels;
  const { count, values } = samples;
  const alloc = (bytes: number): Pointer => exports.allocScratch(bytes) >>> 0;
  const place = alloc(count * 4);
  exports.placesOf(place, sampled.place, samples.stack, count);
  writeTotals(kernels, samples, place, sampled.folded, { family, withTotals }, pages, writer);

  const [order, spare, keys] = [alloc(count * 4), alloc(count * 4), alloc(count * 8)];
  const ofRuns = kernels.putColumn(samples.runSamples);
  exports.sampleKeys(keys, kernels.putColumn(runRanks), ofRuns, samples.runSamples.length, place);
  exports.ascending(order, count);
  exports.sortRows(order, keys, spare, count);
  const ordinals = spare;
  exports.gatherU32(ordinals, place, order, count);
  pages.write(writer, { section: Section.sampleStacks, family }, count, (columns, start, n) => {
    columns.u32Deltas(ordinals + start * 4, n);
  });
  const ordered = keys;
  for (const [column, value] of values.entries()) {
    exports.gatherU64(ordered, value, order, count);
    pages.write(writer, { section: Section.sampleValues, family, column }, count, (columns, start, n) => {
      columns.values(ordered + start * 8, n);
    });
  }
  writeSpans(kernels, samples, order, family, pages, writer);
  writer.closeChunk();
}

function writeTotals(
  kernels: KernelInstance,
  { count, values }: HeadSamples,
  place: Pointer,
  { tree, node }: FoldedTree,
  { family, withTotals }: { readonly family: number; readonly withTotals: ReadonlySet<number> },
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const { exports } = kernels;
  const nodes = exports.treeRows(tree) >>> 0;
  const [sums, value] = [exports.allocScratch(nodes * 8) >>> 0, exports.allocScratch(nodes * 8) >>> 0];
  const row = exports.allocScratch(nodes * 4) >>> 0;
  const nodeOfSample = exports.allocScratch(count * 4) >>> 0;
  exports.gatherU32(nodeOfSample, node, place, count);
  for (const [column, of] of values.entries()) {
    if (!withTotals.has(column)) continue;
    kernels.u8().fill(0, sums, sums + nodes * 8);
    exports.sumSamples(sums, nodeOfSample, of, count);
    const found = exports.nonZeroValues(sums, nodes, row, value) >>> 0;
    pages.write(writer, { section: Section.totals, family, column }, found, (columns, start, n) => {
      columns.u32Deltas(row + start * 4, n);
      columns.values(value + start * 8, n);
    });
  }
  writer.closeChunk();
}

function writeSpans(
  kernels: KernelInstance,
  { count, spanCount, spanSample, spanId, spanTrace }: HeadSamples,
  order: Pointer,
  family: number,
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  if (spanCount === 0) return;
  const { exports } = kernels;
  const alloc = (bytes: number): Pointer => exports.allocScratch(bytes) >>> 0;
  const at = alloc(count * 4);
  kernels.u8().fill(0, at, at + count * 4);
  const [sample, id, trace] = [alloc(spanCount * 4), alloc(spanCount * 8), alloc(spanCount * 16)];
  exports.orderSpans(order, count, at, spanSample, spanId, spanTrace, spanCount, sample, id, trace);
  pages.write(writer, { section: Section.spans, family }, spanCount, (columns, start, n) => {
    columns.u32Deltas(sample + start * 4, n);
    columns.raw(id + start * 8, n * 8);
    columns.raw(trace + start * 16, n * 16);
  });
}
