// A block's metadata as bytes, in commands and in the rows of the state: `Block` and `Dataset` of
// proto/kiln/metastore/v1/command.proto.
//
// Field by field and not by generated code: equal blocks must give equal bytes on every replica and in every version,
// which protobuf promises nobody, and what is read becomes a BlockMeta without a second set of objects between.
// test/unit/services/metastore/command-schema.test.ts holds it against the generated code.

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { Label, Labels } from '#src/domain/model/labels.ts';

const VARINT = 0;
const LENGTH_DELIMITED = 2;

const BlockTag = {
  id: tag(1, LENGTH_DELIMITED),
  shard: tag(2, VARINT),
  level: tag(3, VARINT),
  tenant: tag(4, VARINT),
  minTimeMs: tag(5, VARINT),
  maxTimeMs: tag(6, VARINT),
  sizeBytes: tag(7, VARINT),
  strings: tag(8, LENGTH_DELIMITED),
  datasets: tag(9, LENGTH_DELIMITED),
} as const;

const DatasetTag = {
  tenant: tag(1, VARINT),
  service: tag(2, VARINT),
  minTimeMs: tag(3, VARINT),
  maxTimeMs: tag(4, VARINT),
  offset: tag(5, VARINT),
  sizeBytes: tag(6, VARINT),
  headBytes: tag(7, VARINT),
  symbolsOffset: tag(8, VARINT),
  symbolsSizeBytes: tag(9, VARINT),
  labels: tag(10, LENGTH_DELIMITED),
} as const;

/** The same bytes for the same block, always. */
export function encodeBlock(block: BlockMeta): Uint8Array {
  const strings = new StringRows();
  const tenant = strings.rowOf(block.tenant);
  const datasets = block.datasets.map((dataset) => encodeDataset(dataset, strings));

  const writer = new BinaryWriter()
    .uint32(BlockTag.id)
    .string(block.id)
    .uint32(BlockTag.shard)
    .uint32(block.shard)
    .uint32(BlockTag.level)
    .uint32(block.level)
    .uint32(BlockTag.tenant)
    .uint32(tenant)
    .uint32(BlockTag.minTimeMs)
    .int64(block.minTimeMs)
    .uint32(BlockTag.maxTimeMs)
    .int64(block.maxTimeMs)
    .uint32(BlockTag.sizeBytes)
    .uint64(block.sizeBytes);
  for (const text of strings.list) writer.uint32(BlockTag.strings).string(text);
  for (const dataset of datasets) writer.uint32(BlockTag.datasets).bytes(dataset);
  return writer.finish();
}

function encodeDataset(dataset: DatasetMeta, strings: StringRows): Uint8Array {
  const writer = new BinaryWriter()
    .uint32(DatasetTag.tenant)
    .uint32(strings.rowOf(dataset.tenant))
    .uint32(DatasetTag.service)
    .uint32(strings.rowOf(dataset.service))
    .uint32(DatasetTag.minTimeMs)
    .int64(dataset.minTimeMs)
    .uint32(DatasetTag.maxTimeMs)
    .int64(dataset.maxTimeMs)
    .uint32(DatasetTag.offset)
    .uint64(dataset.range.offset)
    .uint32(DatasetTag.sizeBytes)
    .uint64(dataset.range.sizeBytes)
    .uint32(DatasetTag.headBytes)
    .uint64(dataset.headBytes)
    .uint32(DatasetTag.symbolsOffset)
    .uint64(dataset.symbols.offset)
    .uint32(DatasetTag.symbolsSizeBytes)
    .uint64(dataset.symbols.sizeBytes);
  writer.uint32(DatasetTag.labels).fork();
  for (const labels of dataset.labels) {
    writer.uint32(labels.length);
    for (const { name, value } of labels) writer.uint32(strings.rowOf(name)).uint32(strings.rowOf(value));
  }
  return writer.join().finish();
}

class StringRows {
  readonly list: string[] = [];
  readonly #rows = new Map<string, number>();

  constructor() {
    this.rowOf('');
  }

  rowOf(text: string): number {
    let row = this.#rows.get(text);
    if (row === undefined) {
      row = this.list.push(text) - 1;
      this.#rows.set(text, row);
    }
    return row;
  }
}

/** @throws StoreError 'corrupted' when the bytes are not a block. Whether it makes sense: block-check.ts. */
export function decodeBlock(bytes: Uint8Array): BlockMeta {
  try {
    return readBlock(new BinaryReader(bytes));
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError(
      'corrupted',
      'the metadata of a block does not decode',
      { sizeBytes: bytes.length },
      { cause },
    );
  }
}

function readBlock(reader: BinaryReader): BlockMeta {
  const block = { id: '', shard: 0, level: 0, minTimeMs: 0, maxTimeMs: 0, sizeBytes: 0 };
  const strings: string[] = [];
  const datasets: Uint8Array[] = [];
  let tenant = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    switch (tag(field, wireType)) {
      case BlockTag.id:
        block.id = reader.string(true);
        break;
      case BlockTag.shard:
        block.shard = reader.uint32();
        break;
      case BlockTag.level:
        block.level = reader.uint32();
        break;
      case BlockTag.tenant:
        tenant = reader.uint32();
        break;
      case BlockTag.minTimeMs:
        block.minTimeMs = safe(reader.int64());
        break;
      case BlockTag.maxTimeMs:
        block.maxTimeMs = safe(reader.int64());
        break;
      case BlockTag.sizeBytes:
        block.sizeBytes = safe(reader.uint64());
        break;
      case BlockTag.strings:
        strings.push(reader.string(true));
        break;
      case BlockTag.datasets:
        datasets.push(reader.bytes());
        break;
      default:
        reader.skip(wireType, field);
    }
  }
  return {
    ...block,
    tenant: stringAt(strings, tenant),
    datasets: datasets.map((dataset) => readDataset(new BinaryReader(dataset), strings)),
  };
}

function readDataset(reader: BinaryReader, strings: readonly string[]): DatasetMeta {
  const range = { offset: 0, sizeBytes: 0 };
  const symbols = { offset: 0, sizeBytes: 0 };
  const numbers = { minTimeMs: 0, maxTimeMs: 0, headBytes: 0 };
  let tenant = 0;
  let service = 0;
  let labels: Labels[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    switch (tag(field, wireType)) {
      case DatasetTag.tenant:
        tenant = reader.uint32();
        break;
      case DatasetTag.service:
        service = reader.uint32();
        break;
      case DatasetTag.minTimeMs:
        numbers.minTimeMs = safe(reader.int64());
        break;
      case DatasetTag.maxTimeMs:
        numbers.maxTimeMs = safe(reader.int64());
        break;
      case DatasetTag.offset:
        range.offset = safe(reader.uint64());
        break;
      case DatasetTag.sizeBytes:
        range.sizeBytes = safe(reader.uint64());
        break;
      case DatasetTag.headBytes:
        numbers.headBytes = safe(reader.uint64());
        break;
      case DatasetTag.symbolsOffset:
        symbols.offset = safe(reader.uint64());
        break;
      case DatasetTag.symbolsSizeBytes:
        symbols.sizeBytes = safe(reader.uint64());
        break;
      case DatasetTag.labels:
        labels = readLabelSets(new BinaryReader(reader.bytes()), strings);
        break;
      default:
        reader.skip(wireType, field);
    }
  }
  return { tenant: stringAt(strings, tenant), service: stringAt(strings, service), ...numbers, range, symbols, labels };
}

function readLabelSets(reader: BinaryReader, strings: readonly string[]): Labels[] {
  const sets: Labels[] = [];
  while (reader.pos < reader.len) {
    const set: Label[] = [];
    // The reader ends the loop: a count beyond the bytes runs into their end.
    for (let count = reader.uint32(); count > 0; count--) {
      set.push({ name: stringAt(strings, reader.uint32()), value: stringAt(strings, reader.uint32()) });
    }
    sets.push(set);
  }
  return sets;
}

function stringAt(strings: readonly string[], row: number): string {
  if (row < strings.length) return strings[row];
  throw new StoreError('corrupted', `block metadata: string ${row} of ${strings.length}`);
}

function safe(value: bigint | string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new StoreError('corrupted', `block metadata: ${value} is beyond 2^53`);
}

function tag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}
