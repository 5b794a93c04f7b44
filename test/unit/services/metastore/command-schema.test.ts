import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Label } from '#src/domain/model/labels.ts';
import { decodeBlock } from '#src/services/metastore/block-codec.ts';
import { encodeAddBlock } from '#src/services/metastore/command.ts';
import { AddBlockCommandSchema, type Block } from '../../../fixtures/gen/kiln/metastore/v1/command_pb.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomBlock } from './random-blocks.ts';

/** Command, version and flags stand before the message. */
const ENVELOPE_BYTES = 8;

const seed = runSeed();

describe(`command.proto and the codec written by hand (seed ${seed})`, () => {
  test('what the codec writes reads the same by the schema', () => {
    const random = new Random(seed);
    for (let i = 0; i < 200; i++) {
      const block = randomBlock(random);

      const command = fromBinary(AddBlockCommandSchema, encodeAddBlock(block).subarray(ENVELOPE_BYTES));

      deepEqual(fieldsOf(command.block!), block);
    }
  });

  test('what is written by the schema is what the codec reads', () => {
    const random = new Random(seed);
    for (let i = 0; i < 200; i++) {
      const block = randomBlock(random);
      const command = fromBinary(AddBlockCommandSchema, encodeAddBlock(block).subarray(ENVELOPE_BYTES));

      const blockBytes = withoutTagAndLength(toBinary(AddBlockCommandSchema, command));

      deepEqual(decodeBlock(blockBytes), block);
    }
  });
});

/** The message with its strings looked up. */
function fieldsOf({ strings, datasets, ...block }: Block): unknown {
  return {
    id: block.id,
    shard: block.shard,
    level: block.level,
    tenant: strings[block.tenant],
    minTimeMs: Number(block.minTimeMs),
    maxTimeMs: Number(block.maxTimeMs),
    sizeBytes: Number(block.sizeBytes),
    datasets: datasets.map((dataset) => ({
      tenant: strings[dataset.tenant],
      service: strings[dataset.service],
      minTimeMs: Number(dataset.minTimeMs),
      maxTimeMs: Number(dataset.maxTimeMs),
      range: { offset: Number(dataset.offset), sizeBytes: Number(dataset.sizeBytes) },
      headBytes: Number(dataset.headBytes),
      symbols: { offset: Number(dataset.symbolsOffset), sizeBytes: Number(dataset.symbolsSizeBytes) },
      labels: labelSetsOf(dataset.labels, strings),
    })),
  };
}

function labelSetsOf(rows: readonly number[], strings: readonly string[]): Label[][] {
  const sets: Label[][] = [];
  for (let at = 0; at < rows.length; ) {
    const end = at + 1 + 2 * rows[at]!;
    const set: Label[] = [];
    for (at++; at < end; at += 2) set.push({ name: strings[rows[at]!]!, value: strings[rows[at + 1]!]! });
    sets.push(set);
  }
  return sets;
}

/** An AddBlockCommand is its block, behind one byte of tag and a varint of length. */
function withoutTagAndLength(message: Uint8Array): Uint8Array {
  let at = 1;
  while (message[at]! >= 0x80) at++;
  return message.subarray(at + 1);
}
