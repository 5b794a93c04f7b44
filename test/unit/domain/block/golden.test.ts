import { deepEqual, equal, throws } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compactedZstdLevel } from '#src/domain/block/chunk-writer.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart } from '#src/domain/block/part-writer.ts';
import { typeColumnsOf } from '#src/domain/block/type-columns.ts';
import { goldenBlock, goldenInput } from './golden-object.ts';
import { decodeObject } from './small-object.ts';

// Objects that were stored once are read for ever. Where the format changes, a new version gets a file of its own:
//
//     GOLDEN=write npm test -- test/unit/domain/block/golden.test.ts

const root = `${import.meta.dirname}/../../../..`;
const path = `${root}/test/data/block-v1.bin`;
const written = (): Uint8Array => {
  const { parts } = joinParts([encodePart(goldenInput, compactedZstdLevel)], goldenBlock);
  return Uint8Array.from(Buffer.concat(parts));
};
if (process.env['GOLDEN'] === 'write') writeFileSync(path, written());
const golden = new Uint8Array(readFileSync(path));

describe('the object of version 1 that is kept', () => {
  test('is read', () => {
    const { meta, datasets } = decodeObject(golden);

    const [dataset] = goldenInput.datasets;
    const { tenant, symbols } = goldenInput;
    deepEqual(datasets, [{ tenant, symbols, ...dataset, types: typeColumnsOf(dataset.columns) }]);
    const { id, shard, level, minTimeMs, maxTimeMs, sizeBytes } = meta;
    deepEqual({ id, shard, tenant: meta.tenant, level }, goldenBlock);
    deepEqual([minTimeMs, maxTimeMs, sizeBytes], [1_712_345_678_000, 1_712_345_693_000, golden.length]);
  });

  // A writer that gives other bytes is a change of the format, or of zstd: the samples are compressed.
  test('is what the writer gives', () => {
    deepEqual(written(), golden);
  });

  test('is what the format page explains', () => {
    const page = readFileSync(`${root}/docs/formats/block-v1.md`, 'utf8');
    const lines = [...page.matchAll(/^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: |$)/gm)];
    let offset = 0;
    for (const [, at, hex] of lines) {
      equal(Number.parseInt(at ?? '', 16), offset);
      const bytes = Buffer.from((hex ?? '').replaceAll(' ', ''), 'hex');
      deepEqual(Uint8Array.from(bytes), golden.slice(offset, offset + bytes.length), `the line of ${at}`);
      offset += bytes.length;
    }
    equal(offset, golden.length);
  });
});

describe('the object of version 0 that is kept', () => {
  test('is refused by its version, which was never released', () => {
    const unreleased = new Uint8Array(readFileSync(`${root}/test/data/block-v0.bin`));
    throws(() => decodeObject(unreleased), {
      code: 'unimplemented',
      message: 'block footer: version 0 is unknown, this program reads version 1 only',
    });
  });
});
