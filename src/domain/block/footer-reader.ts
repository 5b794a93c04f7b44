import { crc32 } from 'node:zlib';
import { ByteBuffer } from 'flatbuffers';
import { compareUtf8, type Label, type Labels } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import { BLOCK_VERSION, footerBytesMax, headerBytesFor, Magic, TRAILER_BYTES } from './block-format.ts';
import type { BlockMeta, ByteRange, DatasetMeta } from './block-meta.ts';
import { corruptedBlock, unknownBlockVersion } from './corrupted-block.ts';
import { checkFooter } from './footer-check.ts';
import { BlockFooter } from './gen/block-footer.ts';
import type { ByteRange as ByteRangeStruct } from './gen/byte-range.ts';
import type { Dataset } from './gen/dataset.ts';
import type { LabelSet } from './gen/label-set.ts';

/** How much of the end of an object to fetch first: the footer of a segment of a hundred services fits. */
export const footerTailBytes: Bytes = 32 << 10;

/** Either the metadata, or how many bytes of the tail it takes to have all of it. */
export type FooterRead =
  | { readonly meta: BlockMeta; readonly need?: undefined }
  | { readonly need: Bytes; readonly meta?: undefined };

/**
 * Finds the metadata at the end of an object.
 *
 *     | FlatBuffers BlockFooter | magic | version | length of the first |  CRC-32 |
 *     |         n bytes         |  u32  |   u32   |      u32            |   u32   |
 *     '------------------------- covered ---------------------------- '
 *
 * The trailer has this shape in all versions, so that a flipped bit and a later version are told apart.
 *
 * @param tail         the last bytes of the object, as many as were fetched
 * @param objectBytes  the size of the object
 * @throws StoreError 'corrupted' when the length, the checksum or the metadata is wrong, 'unimplemented' when this
 *         program does not know the version
 * @source docs/formats/block-v1.md, "Footer"
 */
export function readFooter(tail: Uint8Array, objectBytes: Bytes): FooterRead {
  assert(tail.length <= objectBytes, `a tail of ${tail.length} bytes of an object of ${objectBytes}`);
  if (objectBytes < TRAILER_BYTES) throw corruptedBlock('footer: the object is too short', { offset: 0, objectBytes });
  if (tail.length < TRAILER_BYTES) return { need: Math.min(objectBytes, footerTailBytes) };

  const offset = objectBytes - TRAILER_BYTES;
  const trailer = new DataView(tail.buffer, tail.byteOffset + tail.length - TRAILER_BYTES, TRAILER_BYTES);
  const magic = trailer.getUint32(0, true);
  const version = trailer.getUint32(4, true);
  const metadataBytes = trailer.getUint32(8, true);
  const expected = trailer.getUint32(12, true);
  if (magic !== Magic.footer)
    throw corruptedBlock('footer: this is no block', { offset, magic, expected: Magic.footer });

  const need = metadataBytes + TRAILER_BYTES;
  if (need > objectBytes || metadataBytes > footerBytesMax) {
    throw corruptedBlock('footer: its length exceeds the object', { offset, need, objectBytes, max: footerBytesMax });
  }
  if (need > tail.length) return { need };

  const footer = tail.subarray(tail.length - need);
  const actual = crc32(footer.subarray(0, need - 4));
  if (actual !== expected) throw corruptedBlock('footer: checksum differs', { offset, expected, actual });
  if (version !== BLOCK_VERSION) throw unknownBlockVersion('footer', version, offset);
  return { meta: decodeMetadata(footer.subarray(0, metadataBytes), objectBytes, version) };
}

function decodeMetadata(bytes: Uint8Array, objectBytes: Bytes, version: number): BlockMeta {
  const footerOffset = objectBytes - bytes.length - TRAILER_BYTES;
  checkFooter(bytes, footerOffset);
  const footer = BlockFooter.getRootAsBlockFooter(new ByteBuffer(bytes));
  const fail = (problem: string, value: number | bigint, expected: number) =>
    corruptedBlock(`footer: ${problem}`, { offset: footerOffset, value: String(value), expected });

  if (footer.formatVersion() !== version) throw fail('it has two versions', footer.formatVersion(), version);
  if (footer.sizeBytes() !== BigInt(objectBytes)) {
    throw fail('the object has another size', footer.sizeBytes(), objectBytes);
  }
  const datasets = Array.from({ length: footer.datasetsLength() }, (_, i) =>
    datasetOf(present(footer.datasets(i)), footerOffset),
  );
  if (datasets.length === 0) throw fail('it has no dataset', 0, 1);
  checkCover(datasets, footerOffset);
  return {
    id: present(footer.id()),
    shard: footer.shard(),
    tenant: present(footer.tenant()),
    level: footer.level(),
    ...timesOf(footer, footerOffset),
    sizeBytes: objectBytes,
    datasets,
  };
}

function datasetOf(dataset: Dataset, footerOffset: Bytes): DatasetMeta {
  const range = rangeOf(present(dataset.range()), footerOffset);
  const symbols = rangeOf(present(dataset.symbols()), footerOffset);
  const headBytes = Number(dataset.headBytes());
  if (headBytes < headerBytesFor(0, 0) || headBytes > range.sizeBytes) {
    throw corruptedBlock('footer: the head of a dataset does not fit', {
      offset: footerOffset,
      headBytes,
      datasetBytes: range.sizeBytes,
    });
  }
  return {
    tenant: present(dataset.tenant()),
    service: present(dataset.service()),
    ...timesOf(dataset, footerOffset),
    range,
    headBytes,
    symbols,
    labels: Array.from({ length: dataset.labelsLength() }, (_, i) =>
      labelsOf(present(dataset.labels(i)), footerOffset),
    ),
  };
}

function labelsOf(set: LabelSet, footerOffset: Bytes): Labels {
  const labels: Label[] = [];
  for (let i = 0; i < set.labelsLength(); i++) {
    const label = present(set.labels(i));
    const name = present(label.name());
    const last = labels.at(-1);
    if (last !== undefined && compareUtf8(last.name, name) >= 0) {
      throw corruptedBlock('footer: label names do not rise', { offset: footerOffset });
    }
    labels.push({ name, value: present(label.value()) });
  }
  return labels;
}

/** Both are Unix milliseconds; a Date reaches 8.64 · 10^15 of them, a number counts 9 · 10^15 exactly. */
function timesOf(
  table: { minTimeMs(): bigint; maxTimeMs(): bigint },
  footerOffset: Bytes,
): Pick<BlockMeta, 'minTimeMs' | 'maxTimeMs'> {
  const minTimeMs = Number(table.minTimeMs());
  const maxTimeMs = Number(table.maxTimeMs());
  if (Number.isSafeInteger(minTimeMs) && Number.isSafeInteger(maxTimeMs) && minTimeMs <= maxTimeMs) {
    return { minTimeMs, maxTimeMs };
  }
  throw corruptedBlock('footer: a range of time is wrong', { offset: footerOffset, minTimeMs, maxTimeMs });
}

function rangeOf(range: ByteRangeStruct, footerOffset: Bytes): ByteRange {
  const offset = range.offset();
  const sizeBytes = range.sizeBytes();
  if (offset + sizeBytes <= BigInt(footerOffset)) return { offset: Number(offset), sizeBytes: Number(sizeBytes) };
  throw corruptedBlock('footer: a range reaches into it', {
    offset: footerOffset,
    rangeOffset: String(offset),
    rangeBytes: String(sizeBytes),
  });
}

/** Symbol spaces and datasets lie one behind the other from the start to the footer: nothing is without a checksum. */
function checkCover(datasets: readonly DatasetMeta[], footerOffset: Bytes): void {
  const symbolSizes = new Map(datasets.map(({ symbols }) => [symbols.offset, symbols]));
  const ranges = [...symbolSizes.values(), ...datasets.map(({ range }) => range)];
  ranges.sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { offset, sizeBytes } of ranges) {
    if (offset !== end || sizeBytes < headerBytesFor(0, 0)) {
      throw corruptedBlock('footer: ranges do not follow each other', { offset, expected: end, sizeBytes });
    }
    end += sizeBytes;
  }
  const torn = datasets.find(({ symbols }) => symbolSizes.get(symbols.offset)?.sizeBytes !== symbols.sizeBytes);
  if (end === footerOffset && torn === undefined) return;
  throw corruptedBlock('footer: ranges do not end where it starts', { offset: end, expected: footerOffset });
}

/** What `checkFooter` found to be there. */
function present<T>(value: T | null): T {
  assert(value !== null, 'checkFooter refuses absent fields');
  return value;
}
