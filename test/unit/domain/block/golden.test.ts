import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart } from '#src/domain/block/part-writer.ts';
import { goldenBlock, goldenInput } from './golden-object.ts';
import { decodeObject } from './small-object.ts';

const root = `${import.meta.dirname}/../../../..`;
const golden = new Uint8Array(readFileSync(`${root}/test/data/block-v0.bin`));

describe('the object of version 0 that is kept', () => {
  test('is read', () => {
    const { meta, datasets } = decodeObject(golden);

    const [dataset] = goldenInput.datasets;
    const { tenant, symbols } = goldenInput;
    deepEqual(datasets, [{ tenant, symbols, ...dataset }]);
    const { id, shard, level, minTimeMs, maxTimeMs, sizeBytes } = meta;
    deepEqual({ id, shard, tenant: meta.tenant, level }, goldenBlock);
    deepEqual([minTimeMs, maxTimeMs, sizeBytes], [1_712_345_678_000, 1_712_345_693_000, golden.length]);
  });

  // A writer that gives other bytes is a change of the format, or of zstd: the samples are compressed.
  test('is what the writer gives', () => {
    const { parts } = joinParts([encodePart(goldenInput)], goldenBlock);
    deepEqual(Uint8Array.from(Buffer.concat(parts)), golden);
  });

  test('is what the format page explains', () => {
    const page = readFileSync(`${root}/docs/formats/block.md`, 'utf8');
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
