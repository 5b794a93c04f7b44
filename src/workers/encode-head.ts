import type { ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { ChunkWriter, type Compress, segmentZstdLevel } from '#src/domain/block/chunk-writer.ts';
import { finishDataset, writeDatasetHead } from '#src/domain/block/dataset-writer.ts';
import type { BlockPart } from '#src/domain/block/part-writer.ts';
import { addOffsets } from '#src/domain/block/row-counts.ts';
import { noTypes } from '#src/domain/block/type-columns.ts';
import { encodeSamples } from '#src/kernels/encode-samples.ts';
import { encodeSpace, laySpace, sampledStacksOf } from '#src/kernels/encode-space.ts';
import { type HeadSamples, headSamplesOf } from '#src/kernels/head-samples.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { PageEncoder } from '#src/kernels/page-encoder.ts';
import { type Head, type HeadTenant, headColumns } from './head.ts';

/**
 * Encodes a head, a part per tenant: what `encodePart` makes of it, straight from where it lies.
 *
 * @cost   O(bytes), two thirds of it in zstd
 * @throws StoreError 'limit-exceeded' when what is laid out takes more scratch than a task may
 * @source docs/formats/block-v1.md, "Object"
 */
export function encodeHead(kernels: KernelInstance, head: Head, compress: Compress): BlockPart[] {
  return kernels.guard(() => head.tenants().map((tenant) => encodeTenant(kernels, tenant, compress)));
}

function encodeTenant(kernels: KernelInstance, { tenant, space, datasets }: HeadTenant, compress: Compress): BlockPart {
  kernels.exports.resetScratch();
  const pages = new PageEncoder(kernels);
  const samples = datasets.map(({ dataset }) =>
    Array.from({ length: space.familyCount }, (_, family) => headSamplesOf(kernels, dataset.pointer, family)),
  );
  const families = Array.from({ length: space.familyCount }, (_, family) => {
    const tree = kernels.exports.spaceFamily(space.pointer, family) >>> 0;
    const columns = samples.flatMap((ofDataset) => ofDataset[family] ?? []);
    return sampledStacksOf(kernels, tree, columns);
  });
  const symbols = new ChunkWriter('symbols', segmentZstdLevel, compress);
  encodeSpace(kernels, space.pointer, laySpace(kernels, space.pointer), families, pages, symbols);

  const bytes: Uint8Array[] = [symbols.finish().bytes];
  const symbolRange: ByteRange = { offset: 0, sizeBytes: bytes[0].length };
  const metas: DatasetMeta[] = [];
  let offset = bytes[0].length;
  for (const [i, { service, dataset }] of datasets.entries()) {
    const writer = new ChunkWriter('dataset', segmentZstdLevel, compress);
    const head = headColumns(dataset, samples[i].map(sampleOffsetsOf));
    writeDatasetHead(writer, { ...head, types: noTypes });
    for (const [family, ofFamily] of samples[i].entries()) {
      if (ofFamily !== undefined) encodeSamples(kernels, ofFamily, families[family], family, pages, writer);
      writer.closeChunk();
    }
    const { bytes: encoded, ...found } = finishDataset(writer, service, head);
    metas.push({ tenant, service, range: { offset, sizeBytes: encoded.length }, symbols: symbolRange, ...found });
    bytes.push(encoded);
    offset += encoded.length;
  }
  return { bytes, datasets: metas };
}

function sampleOffsetsOf(samples: HeadSamples | undefined): Uint32Array {
  const counts = samples?.runSamples ?? new Uint32Array(0);
  const offsets = new Uint32Array(counts.length + 1);
  addOffsets(counts, offsets, 0);
  return offsets;
}
