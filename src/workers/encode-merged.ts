import { familiesMax } from '#src/domain/block/block-format.ts';
import type { ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { ChunkWriter, type Compress, compactedZstdLevel } from '#src/domain/block/chunk-writer.ts';
import { finishDatasetOf } from '#src/domain/block/dataset-writer.ts';
import type { BlockPart } from '#src/domain/block/part-writer.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { encodeMergedSamples } from '#src/kernels/encode-merged-samples.ts';
import {
  encodeSpace,
  type FoldedTree,
  laySpace,
  type SampledStacks,
  sampledStacksOf,
} from '#src/kernels/encode-space.ts';
import { foldFamily, internMadeNames } from '#src/kernels/fold-stacks.ts';
import { type HeadSamples, headSamplesOf } from '#src/kernels/head-samples.ts';
import { Arena, type Pointer } from '#src/kernels/instance.ts';
import { PageEncoder } from '#src/kernels/page-encoder.ts';
import { SpaceProjector } from '#src/kernels/project-space.ts';
import { orderMerged, typesOfMerged, writeMergedHead } from './encode-merged-head.ts';
import type { MergedDataset, MergeTarget } from './merge-target.ts';

/**
 * Services share a symbol space when a stacktrace or location belongs to so many of them on average. Then a query for
 * one reads what others need as well, which is less than what all of them together would store several times.
 *
 * Twenty services with two kinds of profile each have 3.5 (bench/merge.ts, `--kinds 2`): sharing takes 0.58 of the bytes
 * and half of the CPU of a flame graph over all, and a flame graph of one service costs the same.
 */
export const sharedSymbolsMin = 2;

/** What is to be followed by a pause, however many bytes it was. */
const wholeStep: Bytes = Number.POSITIVE_INFINITY;

/** To order, compress and write a byte costs so many times what it costs to read one. */
const WRITE_FACTOR = 2;

type Merged = {
  readonly service: string;
  readonly dataset: MergedDataset;
  /** By family. */
  readonly samples: readonly (HeadSamples | undefined)[];
};

/**
 * Encodes what was merged: one part, or one per service where they have little in common.
 *
 * @yields  work done since, as stored bytes of a source that cost as much to read; or `wholeStep`
 * @order   scratch is its own until it is done
 * @throws  StoreError 'limit-exceeded' inside of `guard`, when it takes more memory than a merge may
 * @source  docs/formats/block-v1.md
 */
export function* encodeMerged(
  target: MergeTarget,
  tenant: string,
  compress: Compress,
): Generator<Bytes, BlockPart[], undefined> {
  const { kernels, families } = target;
  kernels.exports.resetScratch();
  const merged = target.datasets().map(({ service, dataset }) => ({
    service,
    dataset,
    samples: Array.from({ length: families.count }, (_, family) => headSamplesOf(kernels, dataset.pointer, family)),
  }));
  const projector = new SpaceProjector(kernels, target.space, families.count);
  const parts: BlockPart[] = [];
  const groups = grouped(projector, merged);
  yield wholeStep;
  for (const group of groups) {
    const top = kernels.exports.arenaTop(Arena.scratch) >>> 0;
    parts.push(yield* encodeGroup(target, projector, tenant, group, compress));
    kernels.exports.releaseScratch(top);
  }
  return parts;
}

/** Datasets that get a symbol space together. */
function grouped(projector: SpaceProjector, merged: readonly Merged[]): readonly (readonly Merged[])[] {
  if (merged.length < 2) return merged.length === 0 ? [] : [merged];
  const ofEach = merged.reduce((sum, { samples }) => sum + projector.symbolCountOf(samples), 0);
  return ofEach >= sharedSymbolsMin * projector.symbolCount ? [merged] : merged.map((one) => [one]);
}

function* encodeGroup(
  target: MergeTarget,
  projector: SpaceProjector,
  tenant: string,
  group: readonly Merged[],
  compress: Compress,
): Generator<Bytes, BlockPart, undefined> {
  const { kernels } = target;
  const space = projector.project(group.map(({ samples }) => samples));
  yield wholeStep;
  const laid = laySpace(kernels, space);
  const made = internMadeNames(kernels, space, laid);
  const families = Array.from({ length: target.families.count }, (_, family) => {
    const tree = kernels.exports.spaceFamily(space, family) >>> 0;
    const sampled = sampledStacksOf(
      kernels,
      tree,
      group.flatMap(({ samples }) => samples[family] ?? []),
    );
    return { ...sampled, folded: foldFamily(kernels, laid, sampled, made) };
  });
  const symbols = new ChunkWriter('symbols', compactedZstdLevel, compress);
  encodeSpace(kernels, space, laid, families, new PageEncoder(kernels), symbols);
  const bytes: Uint8Array[] = [symbols.finish().bytes];
  const symbolRange: ByteRange = { offset: 0, sizeBytes: bytes[0].length };
  yield WRITE_FACTOR * symbolRange.sizeBytes;

  const metas: DatasetMeta[] = [];
  let offset = symbolRange.sizeBytes;
  for (const one of group) {
    const top = kernels.exports.arenaTop(Arena.scratch) >>> 0;
    const { bytes: encoded, ...found } = encodeDataset(target, one, families, compress);
    kernels.exports.releaseScratch(top);
    const range = { offset, sizeBytes: encoded.length };
    metas.push({ tenant, service: one.service, range, symbols: symbolRange, ...found });
    bytes.push(encoded);
    offset += encoded.length;
    yield WRITE_FACTOR * encoded.length;
  }
  return { bytes, datasets: metas };
}

function encodeDataset(
  { kernels, strings }: MergeTarget,
  { service, dataset, samples }: Merged,
  families: readonly (SampledStacks & { readonly folded: FoldedTree })[],
  compress: Compress,
): ReturnType<typeof finishDatasetOf> {
  const { exports } = kernels;
  const pages = new PageEncoder(kernels);
  const writer = new ChunkWriter('dataset', compactedZstdLevel, compress);
  const order = orderMerged(kernels, dataset);
  const runSamples = families.map((_, family) => ranked(samples[family]?.runSamples, order.runRanks[family]));
  // In the family of late ones a value column has no one type.
  const types = typesOfMerged(order.rows, (family) => family < familiesMax);
  const { series } = dataset;
  const top = exports.arenaTop(Arena.scratch) >>> 0;
  writeMergedHead(kernels, { strings, series }, dataset, order, runSamples, types, pages, writer);
  for (const [family, sampled] of families.entries()) {
    const of = samples[family];
    if (of === undefined) continue;
    const withTotals = new Set(types.column.filter((_, row) => types.family[row] === family));
    exports.releaseScratch(top);
    encodeMergedSamples(
      kernels,
      of,
      sampled,
      order.runRanks[family],
      { family, withTotals },
      new PageEncoder(kernels),
      writer,
    );
  }
  const texts = new Set([...new Set(dataset.types)].map((row) => textOf(kernels, strings, row)));
  return finishDatasetOf(writer, service, { timeNanos: order.timeNanos, types: texts });
}

function ranked(runSamples: Uint32Array | undefined, ranks: Uint32Array | undefined): Uint32Array {
  const counts = new Uint32Array(runSamples?.length ?? 0);
  if (runSamples === undefined || ranks === undefined) return counts;
  for (let run = 0; run < counts.length; run++) counts[ranks[run]] = runSamples[run];
  return counts;
}

function textOf(kernels: MergeTarget['kernels'], strings: Pointer, row: number): string {
  const [start, end] = kernels.takeU32((kernels.exports.tableOffsets(strings) >>> 0) + row * 4, 2);
  return Buffer.from(kernels.takeU8((kernels.exports.tableBytes(strings) >>> 0) + start, end - start)).toString();
}
