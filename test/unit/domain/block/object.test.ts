import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { datasetFault } from '#src/domain/block/dataset-faults.ts';
import { familySizesOf } from '#src/domain/block/part-writer.ts';
import { spaceFault } from '#src/domain/block/space-faults.ts';
import { typeColumnsOf } from '#src/domain/block/type-columns.ts';
import { StoreError } from '#src/domain/errors.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { repairChecksums } from './repaired-checksums.ts';
import { decodeObject, objectOf, smallInputs } from './small-object.ts';

const seed = runSeed();

describe('an object', () => {
  test(`reads back what was written, by way of its footer (seed ${seed})`, () => {
    const inputs = smallInputs(new Random(seed));
    const { bytes, meta } = objectOf(inputs);

    const decoded = decodeObject(bytes);

    deepEqual(decoded.meta, meta);
    equal(meta.sizeBytes, bytes.length);
    const expected = inputs.flatMap(({ tenant, symbols, datasets }) =>
      datasets.map(({ service, columns }) => ({ tenant, service, symbols, types: typeColumnsOf(columns), columns })),
    );
    deepEqual(decoded.datasets, expected);
  });

  test('shares the symbols of a tenant, and not between tenants', () => {
    const { meta } = objectOf(smallInputs());

    const [shop, cart, other] = meta.datasets;

    deepEqual(shop?.symbols, cart?.symbols);
    equal(shop?.symbols.offset, 0);
    equal(other?.symbols.offset, (cart?.range.offset ?? 0) + (cart?.range.sizeBytes ?? 0));
  });

  test('shows every flipped bit before it reaches an answer', () => {
    const { bytes } = objectOf(smallInputs().slice(1));
    decodeObject(bytes);

    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      throws(() => decodeObject(flipped), StoreError, `bit ${bit & 7} of byte ${bit >> 3} of ${bytes.length}`);
    }
  });

  test('that is cut short anywhere is corrupted', () => {
    const { bytes } = objectOf(smallInputs().slice(1));
    for (let length = 0; length < bytes.length; length++) {
      throws(
        () => decodeObject(bytes.subarray(0, length)),
        { code: 'corrupted' },
        `${length} of ${bytes.length} bytes`,
      );
      throws(() => decodeObject(bytes.slice(bytes.length - length)), { code: 'corrupted' }, `the last ${length} bytes`);
    }
  });

  // What a bug, or somebody with access to the bucket, may write: the checksums are right and the content is not.
  test(`with any bytes and right checksums is read with all its invariants, or refused (seed ${seed})`, () => {
    const random = new Random(seed);
    const { bytes, meta } = objectOf(smallInputs().slice(1));
    const ranges = meta.datasets.flatMap(({ symbols, range }) => [symbols, range]);
    let refused = 0;
    for (let round = 0; round < 5_000; round++) {
      const changed = bytes.slice();
      for (let i = random.int(1, 3); i > 0; i--)
        changed[random.int(0, bytes.length - 1)] = random.pick([0, 1, 2, 127, 255]);
      for (const { offset, sizeBytes } of ranges) repairChecksums(changed.subarray(offset, offset + sizeBytes));
      const end = changed.length - 4;
      const view = new DataView(changed.buffer);
      const footerBytes = bytes.length - (ranges.at(-1)?.offset ?? 0) - (ranges.at(-1)?.sizeBytes ?? 0);
      view.setUint32(end, crc32(changed.subarray(bytes.length - footerBytes, end)), true);
      try {
        for (const { symbols, columns } of decodeObject(changed).datasets) {
          equal(spaceFault(symbols), undefined);
          equal(datasetFault(columns, familySizesOf(symbols)), undefined);
        }
      } catch (error) {
        ok(error instanceof StoreError, `round ${round}: ${error instanceof Error ? error.stack : error}`);
        ok(error.code === 'corrupted' || error.code === 'unimplemented', error.message);
        refused++;
      }
    }
    ok(refused > 1_000, `the changes never bit: ${refused} refused`);
  });
});
