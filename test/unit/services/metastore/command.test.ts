import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import { decodeBlock, encodeBlock } from '#src/services/metastore/block-codec.ts';
import { decodeCommand, encodeAddBlock } from '#src/services/metastore/command.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomBlock } from './random-blocks.ts';

const block: BlockMeta = {
  id: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  shard: 7,
  tenant: '',
  level: 0,
  minTimeMs: 1_700_000_000_000,
  maxTimeMs: 1_700_000_000_500,
  sizeBytes: 300,
  datasets: [
    {
      tenant: 'a',
      service: 'web',
      minTimeMs: 1_700_000_000_000,
      maxTimeMs: 1_700_000_000_500,
      range: { offset: 0, sizeBytes: 200 },
      headBytes: 50,
      symbols: { offset: 200, sizeBytes: 60 },
      labels: [[{ name: 'service_name', value: 'web' }]],
    },
  ],
};

// Logs and states on disks hold these bytes: they are read for ever.
const GOLDEN = [
  '0001000100000000', // AddBlock, version 1, no flags
  '0a70', // block
  '0a1a30314152 5a334e44454b545356345252464651363947354641 56', // id
  '1007', // shard
  '1800', // level
  '2000', // tenant ""
  '2880d095ffbc31 30f4d395ffbc31', // times
  '38ac02', // size
  '4200 420161 4203776562 420c736572766963655f6e616d65', // "", a, web, service_name
  '4a23', // dataset
  '0801 1002', // tenant a, service web
  '1880d095ffbc31 20f4d395ffbc31',
  '2800 30c801 3832', // offset, size, head
  '40c801 483c', // symbols
  '52 03 01 03 02', // one set of one label: service_name, web
]
  .join('')
  .replaceAll(' ', '');

describe('the AddBlock command', () => {
  test('has these bytes', () => {
    equal(Buffer.from(encodeAddBlock(block)).toString('hex'), GOLDEN);
  });

  test('is read from these bytes', () => {
    deepEqual(decodeCommand(Buffer.from(GOLDEN, 'hex')).block, block);
  });

  const seed = runSeed();
  test(`gives random blocks back (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let i = 0; i < 200; i++) {
      const some = randomBlock(random);
      const { block, blockBytes } = decodeCommand(encodeAddBlock(some));
      deepEqual(block, some);
      deepEqual(Buffer.from(blockBytes), Buffer.from(encodeBlock(some)));
    }
  });

  test('of a later version is refused by name, not guessed at', () => {
    for (const at of [1, 3, 7]) {
      const bytes = Buffer.from(encodeAddBlock(block));
      bytes[at] ^= 2;
      throws(() => decodeCommand(bytes), { code: 'unimplemented', message: /later version/ });
    }
  });

  test(`damaged anywhere is refused as corrupted, or is another block: it never throws anything else (seed ${seed})`, () => {
    const random = new Random(seed);
    const whole = encodeBlock(block);
    for (let i = 0; i < 5_000; i++) {
      const bytes = random.chance(0.2) ? whole.slice(0, random.int(0, whole.length - 1)) : whole.slice();
      if (bytes.length > 0) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      try {
        decodeBlock(bytes);
      } catch (error) {
        equal(error instanceof StoreError && error.code, 'corrupted', String(error));
      }
    }
  });

  test('with a string that is not there is refused', () => {
    const bytes = Buffer.from(GOLDEN, 'hex');
    bytes[bytes.length - 1] = 9;
    throws(() => decodeCommand(bytes), { code: 'corrupted', message: /string 9 of 4/ });
  });

  test('cut short is refused', () => {
    const whole = encodeAddBlock(block);
    for (let length = 0; length < whole.length; length++) {
      throws(() => decodeCommand(whole.subarray(0, length)), { code: 'corrupted' }, `${length} bytes`);
    }
  });
});
