import { crc32 } from 'node:zlib';
import { Builder, ByteBuffer } from 'flatbuffers';
import { StoreError } from '#src/domain/errors.ts';
import type { Label, Labels } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { BLOCK_VERSION, footerBytesMax, Magic, TRAILER_BYTES } from './block-format.ts';
import type { BlockMeta, ByteRange, DatasetMeta } from './block-meta.ts';
import { BlockFooter } from './gen/block-footer.ts';
import { ByteRange as ByteRangeStruct } from './gen/byte-range.ts';
import { Dataset } from './gen/dataset.ts';
import { Label as LabelTable } from './gen/label.ts';
import { LabelSet } from './gen/label-set.ts';

/** A reference into the buffer that is being built. */
type Offset = number;

/**
 * Encodes the footer: the metadata, and the trailer that a reader starts from.
 *
 *     | FlatBuffers BlockFooter | magic | version | length of the first |  CRC-32 |
 *     |         n bytes         |  u32  |   u32   |      u32            |   u32   |
 *     '------------------------- covered ---------------------------- '
 *
 * @param block         what it says; the size of the object it finds by itself
 * @param contentBytes  of the object before the footer
 * @throws StoreError 'limit-exceeded' when it is larger than a reader accepts
 * @cost   O(datasets and their labels)
 * @source docs/formats/block-v1.md, "Footer"
 */
export function encodeFooter(block: Omit<BlockMeta, 'sizeBytes'>, contentBytes: Bytes): Uint8Array {
  const builder = new Builder(1024 + block.datasets.length * 256);
  BlockFooter.finishBlockFooterBuffer(builder, writeBlock(builder, block));
  const metadata = builder.asUint8Array();
  if (metadata.length > footerBytesMax) {
    throw new StoreError('limit-exceeded', 'block footer: it is too large', {
      sizeBytes: metadata.length,
      sizeBytesMax: footerBytesMax,
      datasets: block.datasets.length,
    });
  }

  const footer = new Uint8Array(metadata.length + TRAILER_BYTES);
  footer.set(metadata);
  setObjectBytes(footer, contentBytes + footer.length);
  const trailer = new DataView(footer.buffer, metadata.length);
  trailer.setUint32(0, Magic.footer, true);
  trailer.setUint32(4, BLOCK_VERSION, true);
  trailer.setUint32(8, metadata.length, true);
  trailer.setUint32(12, crc32(footer.subarray(0, metadata.length + 12)), true);
  return footer;
}

/** Stands where the size of the object comes: a field of 0 would be left out. */
const SIZE_UNKNOWN = 1n;

/** The slot of `size_bytes` in proto/block.fbs, as an entry of the vtable. */
const SIZE_ENTRY = 4 + 2 * 7;

/** The object ends with the footer, so its size is known when the footer is there. */
function setObjectBytes(footer: Uint8Array, sizeBytes: Bytes): void {
  const bytes = new ByteBuffer(footer);
  const { bb_pos: table } = BlockFooter.getRootAsBlockFooter(bytes);
  bytes.writeInt64(table + bytes.__offset(table, SIZE_ENTRY), BigInt(sizeBytes));
}

function writeBlock(builder: Builder, meta: Omit<BlockMeta, 'sizeBytes'>): Offset {
  const id = sharedString(builder, meta.id);
  const tenant = sharedString(builder, meta.tenant);
  const offsets = meta.datasets.map((dataset) => writeDataset(builder, dataset));
  const datasets = BlockFooter.createDatasetsVector(builder, offsets);
  return BlockFooter.createBlockFooter(
    builder,
    BLOCK_VERSION,
    id,
    meta.shard,
    tenant,
    meta.level,
    BigInt(meta.minTimeMs),
    BigInt(meta.maxTimeMs),
    SIZE_UNKNOWN,
    datasets,
  );
}

function writeDataset(builder: Builder, dataset: DatasetMeta): Offset {
  const tenant = sharedString(builder, dataset.tenant);
  const service = sharedString(builder, dataset.service);
  const sets = dataset.labels.map((labels) => writeLabels(builder, labels));
  const labels = Dataset.createLabelsVector(builder, sets);
  Dataset.startDataset(builder);
  Dataset.addTenant(builder, tenant);
  Dataset.addService(builder, service);
  Dataset.addMinTimeMs(builder, BigInt(dataset.minTimeMs));
  Dataset.addMaxTimeMs(builder, BigInt(dataset.maxTimeMs));
  Dataset.addRange(builder, writeRange(builder, dataset.range));
  Dataset.addHeadBytes(builder, BigInt(dataset.headBytes));
  Dataset.addSymbols(builder, writeRange(builder, dataset.symbols));
  Dataset.addLabels(builder, labels);
  return Dataset.endDataset(builder);
}

function writeLabels(builder: Builder, labels: Labels): Offset {
  const offsets = labels.map((label) => writeLabel(builder, label));
  const vector = LabelSet.createLabelsVector(builder, offsets);
  return LabelSet.createLabelSet(builder, vector);
}

function writeLabel(builder: Builder, { name, value }: Label): Offset {
  const nameOffset = sharedString(builder, name);
  const valueOffset = sharedString(builder, value);
  return LabelTable.createLabel(builder, nameOffset, valueOffset);
}

function writeRange(builder: Builder, { offset, sizeBytes }: ByteRange): Offset {
  return ByteRangeStruct.createByteRange(builder, BigInt(offset), BigInt(sizeBytes));
}

/** Once in the buffer, however often it is named. The builder's own takes the empty string for no string. */
function sharedString(builder: Builder, text: string): Offset {
  return text === '' ? builder.createString(text) : builder.createSharedString(text);
}
