import { Section } from '#src/domain/block/block-format.ts';
import type { ChunkWriter } from '#src/domain/block/chunk-writer.ts';
import type { SampledStacks } from './encode-space.ts';
import type { HeadSamples } from './head-samples.ts';
import type { KernelInstance } from './instance.ts';
import type { PageEncoder } from './page-encoder.ts';

/**
 * Writes the samples of one family of a dataset as the plain writer does: the same pages, with the same bytes.
 *
 * @cost   O(samples); what it lays out stays in scratch until the next `resetScratch`
 * @throws StoreError 'limit-exceeded' inside of `guard`, when scratch is full
 * @source docs/formats/block-v1.md, "Dataset"
 */
export function encodeSamples(
  kernels: KernelInstance,
  samples: HeadSamples,
  { place }: SampledStacks,
  family: number,
  pages: PageEncoder,
  writer: ChunkWriter,
): void {
  const { exports } = kernels;
  const { count, stack, values, spanCount, spanSample, spanId, spanTrace } = samples;
  const ordinals = exports.allocScratch(count * 4) >>> 0;
  exports.placesOf(ordinals, place, stack, count);
  pages.write(writer, { section: Section.sampleStacks, family }, count, (columns, start, n) => {
    columns.u32Deltas(ordinals + start * 4, n);
  });
  for (const [column, value] of values.entries()) {
    pages.write(writer, { section: Section.sampleValues, family, column }, count, (columns, start, n) => {
      columns.values(value + start * 8, n);
    });
  }
  pages.write(writer, { section: Section.spans, family }, spanCount, (columns, start, n) => {
    columns.u32Deltas(spanSample + start * 4, n);
    columns.raw(spanId + start * 8, n * 8);
    columns.raw(spanTrace + start * 16, n * 16);
  });
}
