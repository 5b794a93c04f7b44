import { Section } from '#src/domain/block/block-format.ts';
import { columnCountOf, pagesOf, rowCountOf } from '#src/domain/block/chunk-table.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { type ArenaPages, pageFault } from './arena-pages.ts';
import type { Pointer } from './instance.ts';
import { checkReferences, readPages, roomFor } from './read-columns.ts';
import type { BlockDataset } from './read-dataset.ts';

/** All samples of a family of a dataset, in scratch. */
export type BlockSamples = {
  readonly count: number;
  /** u32[count], places in the sampled stacks of the family. */
  readonly stack: Pointer;
  /** i64[count] per value column. */
  readonly values: readonly Pointer[];
  readonly spanCount: number;
  /** u32[spanCount], rising; u64[spanCount]; u8[16 spanCount] */
  readonly spanSample: Pointer;
  readonly spanId: Pointer;
  readonly spanTrace: Pointer;
};

/**
 * @param sampledCount  of the family, in the symbol space
 * @order  lives until the next `resetScratch`
 * @throws StoreError 'corrupted' when something is not what the format promises; 'limit-exceeded' inside of `guard`
 * @source docs/formats/block-v1.md, "Dataset"
 */
export function* readSamples(
  pages: ArenaPages,
  dataset: BlockDataset,
  family: number,
  sampledCount: number,
): Steps<BlockSamples> {
  const { kernels } = pages;
  const { table } = dataset;
  const count = rowCountOf(table, Section.sampleStacks, family);
  const stack = roomFor(kernels, count, 4);
  yield* readPages(pages, pagesOf(table, Section.sampleStacks, family), (columns, start, n, page) => {
    columns.u32Deltas(n, stack + start * 4);
    checkReferences(kernels, page, 'stack', stack + start * 4, n, sampledCount);
  });
  const values: Pointer[] = [];
  for (let column = 0; column < columnCountOf(table, Section.sampleValues, family); column++) {
    const value = roomFor(kernels, count, 8);
    const of = dataset.samplePages(family, column).map((pair) => pair.values);
    yield* readPages(pages, of, (columns, start, n, page) => {
      columns.values(n, value + start * 8);
      if (kernels.exports.hasTooLarge(value + start * 8, n) !== 0) throw pageFault(page, 'a value is negative', 0);
    });
    values.push(value);
  }
  return { count, stack, values, ...(yield* readSpans(pages, dataset, family, count)) };
}

function* readSpans(
  pages: ArenaPages,
  { table }: BlockDataset,
  family: number,
  sampleCount: number,
): Steps<Pick<BlockSamples, 'spanCount' | 'spanSample' | 'spanId' | 'spanTrace'>> {
  const { kernels } = pages;
  const of = pagesOf(table, Section.spans, family);
  const spanCount = rowCountOf(table, Section.spans, family);
  const [spanSample, spanId, spanTrace] = [4, 8, 16].map((width) => roomFor(kernels, spanCount, width));
  yield* readPages(pages, of, (columns, start, n, page) => {
    columns.u32Deltas(n, spanSample + start * 4);
    checkReferences(kernels, page, 'sample', spanSample + start * 4, n, sampleCount);
    const ids = columns.raw(n * 8);
    const traces = columns.raw(n * 16);
    kernels.u8().copyWithin(spanId + start * 8, ids, ids + n * 8);
    kernels.u8().copyWithin(spanTrace + start * 16, traces, traces + n * 16);
  });
  const fall = kernels.exports.firstNotRising(spanSample, spanCount);
  if (fall >= 0) throw pageFault(of[0], 'samples do not rise', fall);
  return { spanCount, spanSample, spanId, spanTrace };
}
