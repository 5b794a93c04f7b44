import { assert } from '#src/platform/assert.ts';
import type { ByteRange, DatasetMeta } from './block-meta.ts';
import { segmentZstdLevel } from './chunk-writer.ts';
import type { DatasetColumns } from './dataset-columns.ts';
import type { FamilySizes } from './dataset-faults.ts';
import { encodeDataset } from './dataset-writer.ts';
import type { SpaceColumns } from './space-columns.ts';
import { encodeSymbolSpace } from './symbol-space-writer.ts';

export type PartInput = {
  readonly tenant: string;
  readonly symbols: SpaceColumns;
  readonly datasets: readonly { readonly service: string; readonly columns: DatasetColumns }[];
};

/** A piece of an object, made by one worker for one tenant. Plain data, so that it can be sent between threads. */
export type BlockPart = {
  /** What comes one after the other in the object. Each has a buffer of its own, to be transferred. */
  readonly bytes: readonly Uint8Array[];
  /** Offsets count from the start of the part. */
  readonly datasets: readonly DatasetMeta[];
};

/**
 * Encodes a tenant's symbols and the datasets that refer to them.
 *
 *     | symbol space | dataset | dataset | ...
 *
 * @throws AssertionError when there is no dataset, or columns break an invariant
 * @throws StoreError 'limit-exceeded' when a section is larger than a reader accepts
 * @source docs/formats/block-v1.md, "Object"
 */
export function encodePart(input: PartInput, zstdLevel: number = segmentZstdLevel): BlockPart {
  assert(input.datasets.length > 0, 'a part has a dataset');
  const { tenant, symbols } = input;
  const encodedSpace = encodeSymbolSpace(symbols, zstdLevel);
  const symbolRange: ByteRange = { offset: 0, sizeBytes: encodedSpace.length };
  const space = familySizesOf(symbols);

  const bytes = [encodedSpace];
  const datasets: DatasetMeta[] = [];
  let offset = encodedSpace.length;
  for (const { service, columns } of input.datasets) {
    const { bytes: encoded, ...found } = encodeDataset({ service, columns, space }, zstdLevel);
    const range = { offset, sizeBytes: encoded.length };
    datasets.push({ tenant, service, range, symbols: symbolRange, ...found });
    bytes.push(encoded);
    offset += encoded.length;
  }
  return { bytes, datasets };
}

export function familySizesOf({ families }: SpaceColumns): FamilySizes[] {
  return families.map(({ sampledStacks, folded }) => ({
    sampledStackCount: sampledStacks.length,
    nodeCount: folded === undefined ? 0 : folded.parent.length,
  }));
}
