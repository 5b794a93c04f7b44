import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Builder } from 'flatbuffers';
import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { checkFooter } from '#src/domain/block/footer-check.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { encodeFooter } from '#src/domain/block/footer-writer.ts';
import { BlockFooter } from '#src/domain/block/gen/block-footer.ts';
import { ByteRange } from '#src/domain/block/gen/byte-range.ts';
import { Dataset } from '#src/domain/block/gen/dataset.ts';
import { Label as LabelTable } from '#src/domain/block/gen/label.ts';
import { LabelSet } from '#src/domain/block/gen/label-set.ts';
import { StoreError } from '#src/domain/errors.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { objectOf, smallInputs } from './small-object.ts';

const seed = runSeed();
const { bytes, meta } = objectOf(smallInputs());
const last = meta.datasets[2];
const dataBytes = (last?.range.offset ?? 0) + (last?.range.sizeBytes ?? 0);
const footer = bytes.slice(dataBytes);

/** An object of zeros, with these bytes as its FlatBuffers part and a right trailer. */
function withMetadata(metadata: Uint8Array, version = 1): Uint8Array {
  const end = new Uint8Array(metadata.length + 16);
  end.set(metadata);
  const view = new DataView(end.buffer, metadata.length);
  view.setUint32(0, 0x4b4c424b, true);
  view.setUint32(4, version, true);
  view.setUint32(8, metadata.length, true);
  view.setUint32(12, crc32(end.subarray(0, metadata.length + 12)), true);
  return end;
}

describe('readFooter', () => {
  test('asks for as much of the tail as it needs', () => {
    equal(readFooter(bytes.subarray(bytes.length - 3), bytes.length).need, Math.min(bytes.length, 32 << 10));
    equal(readFooter(bytes.subarray(bytes.length - 16), bytes.length).need, footer.length);
    equal(readFooter(bytes.subarray(bytes.length - footer.length + 1), bytes.length).need, footer.length);
    deepEqual(readFooter(footer, bytes.length), { meta });
    deepEqual(readFooter(bytes, bytes.length), { meta });
  });

  for (const version of [0, 2, 7]) {
    test(`refuses version ${version} by its name`, () => {
      const other = withMetadata(footer.subarray(0, footer.length - 16), version);
      throws(() => readFooter(other, bytes.length), {
        code: 'unimplemented',
        message: new RegExp(`version ${version} is unknown, this program reads version 1 only`),
      });
    });
  }

  test('refuses an object of another size than was written', () => {
    throws(() => readFooter(footer, bytes.length + 8), { code: 'corrupted', message: /another size/ });
  });

  const [first, ...others] = meta.datasets;
  if (first === undefined) throw new Error('there is a dataset');
  const wrong: Record<string, [datasets: DatasetMeta[], message: RegExp]> = {
    'leave bytes that none covers': [[first], /do not end where it starts/],
    overlap: [[{ ...first, range: { ...first.range, offset: first.range.offset - 1 } }, ...others], /follow/],
    'leave a gap': [[{ ...first, range: { ...first.range, offset: first.range.offset + 1 } }, ...others], /follow/],
    'reach into the footer': [[{ ...first, range: { offset: 0, sizeBytes: bytes.length } }, ...others], /reaches into/],
    'give one symbol space two lengths': [
      [{ ...first, symbols: { ...first.symbols, sizeBytes: first.symbols.sizeBytes - 1 } }, ...others],
      /do not (follow|end)/,
    ],
    'are shorter than their head': [[{ ...first, headBytes: first.range.sizeBytes + 1 }, ...others], /head/],
  };
  for (const [name, [datasets, message]] of Object.entries(wrong)) {
    test(`refuses ranges that ${name}`, () => {
      const changed = encodeFooter({ ...meta, datasets }, dataBytes);
      throws(() => readFooter(changed, dataBytes + changed.length), { code: 'corrupted', message });
    });
  }

  test('keeps times before 1970 and names of any script', () => {
    const datasets = meta.datasets.map((dataset) => ({ ...dataset, service: 'größe \u{1f600}', minTimeMs: -5 }));
    const [input] = smallInputs();
    if (input === undefined) throw new Error('there is an input');
    const renamed = objectOf([
      { ...input, datasets: input.datasets.map((set) => ({ ...set, service: 'größe \u{1f600}' })) },
    ]);
    equal(readFooter(renamed.bytes, renamed.bytes.length).meta?.datasets[0]?.service, datasets[0]?.service);
    ok(renamed.meta.minTimeMs < 0);
    deepEqual(readFooter(renamed.bytes, renamed.bytes.length).meta, renamed.meta);
  });

  test(`refuses random bytes whose checksum is right (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 3_000; round++) {
      const hostile = withMetadata(random.bytes(random.int(0, 200)));
      throws(() => readFooter(hostile, hostile.length), { code: 'corrupted' }, `round ${round}`);
    }
  });

  test(`reads or refuses every changed footer, and fails in no other way (seed ${seed})`, () => {
    const random = new Random(seed);
    const metadata = footer.subarray(0, footer.length - 16);
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const changed = metadata.slice();
      for (let i = random.int(1, 4); i > 0; i--) {
        changed[random.int(0, changed.length - 1)] = random.pick([0, 1, 4, 8, 127, 128, 255, random.int(0, 255)]);
      }
      try {
        readFooter(withMetadata(changed), bytes.length);
      } catch (error) {
        ok(error instanceof StoreError && error.code === 'corrupted', `round ${round}: ${error}`);
        ok(typeof error.details['offset'] === 'number');
        refused++;
      }
    }
    ok(refused > 10_000, `the changes never bit: ${refused} refused`);
  });

  // A vector may name one table many times, and a table one string: reading takes as long as if they were many.
  test('refuses tables that are named more often than there is room for tables', () => {
    const once = metadataOf({ sets: 1, datasets: 1, value: 'x' });
    const often = metadataOf({ sets: 200, datasets: 200, value: 'x' });
    checkFooter(once, 0);
    throws(() => checkFooter(often, 0), { code: 'corrupted', message: /more tables than fit/ });
  });

  test('refuses strings that are too long when all their uses are counted', () => {
    const value = 'x'.repeat(1 << 20);
    checkFooter(metadataOf({ sets: 250, datasets: 1, value }), 0);
    const often = metadataOf({ sets: 260, datasets: 1, value });
    throws(() => checkFooter(often, 0), { code: 'corrupted', message: /strings are too long/ });
  });
});

/** FlatBuffers whose vectors name one dataset, and one label set, again and again. */
function metadataOf({ sets, datasets, value }: { sets: number; datasets: number; value: string }): Uint8Array {
  const builder = new Builder();
  const text = builder.createString(value);
  const empty = builder.createString('');
  const labels = LabelSet.createLabelsVector(builder, [LabelTable.createLabel(builder, empty, text)]);
  const set = LabelSet.createLabelSet(builder, labels);
  const setVector = Dataset.createLabelsVector(builder, Array(sets).fill(set));
  Dataset.startDataset(builder);
  Dataset.addTenant(builder, empty);
  Dataset.addService(builder, empty);
  Dataset.addRange(builder, ByteRange.createByteRange(builder, 0n, 0n));
  Dataset.addSymbols(builder, ByteRange.createByteRange(builder, 0n, 0n));
  Dataset.addLabels(builder, setVector);
  const dataset = Dataset.endDataset(builder);
  const vector = BlockFooter.createDatasetsVector(builder, Array(datasets).fill(dataset));
  builder.finish(BlockFooter.createBlockFooter(builder, 1, empty, 0, empty, 0, 0n, 0n, 1n, vector));
  return builder.asUint8Array();
}
