import type { PartInput } from '#src/domain/block/part-writer.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { byteStrings } from './random-columns.ts';

// What test/data/block-v1.bin holds: as small as an object can be that has every section, and both codecs.

export const goldenBlock = { id: '01HV0000000000000000000000', shard: 7, tenant: 'alpha', level: 1 };

const labelsOf = (type: string): Labels => [
  { name: '__profile_type__', value: `memory:${type}:space:bytes` },
  { name: 'service_name', value: 'shop' },
];

export const goldenInput: PartInput = {
  tenant: 'alpha',
  symbols: {
    names: byteStrings(['', 'main', 'pay', 'payAll']),
    texts: byteStrings(['', 'shop.go', '/bin/shop']),
    functions: {
      name: Uint32Array.of(0, 1, 2, 3),
      systemName: Uint32Array.of(0, 1, 2, 3),
      filename: Uint32Array.of(0, 1, 1, 1),
      startLine: BigInt64Array.of(0n, 10n, 40n, 60n),
    },
    mappings: {
      memoryStart: BigUint64Array.of(0n, 0x40_0000n),
      memoryLimit: BigUint64Array.of(0n, 0x80_0000n),
      fileOffset: BigUint64Array.of(0n, 0n),
      filename: Uint32Array.of(0, 2),
      buildId: Uint32Array.of(0, 0),
      flags: Uint8Array.of(0, 15),
    },
    locations: {
      mapping: Uint32Array.of(0, 1, 1),
      address: BigUint64Array.of(0n, 0x40_1000n, 0x40_1010n),
      folded: Uint8Array.of(0, 0, 1),
      lineOffsets: Uint32Array.of(0, 0, 1, 3),
      lineFunction: Uint32Array.of(1, 2, 3),
      line: BigInt64Array.of(12n, 41n, 63n),
    },
    families: [
      {
        // main; main > payAll > pay, the last two as one location; payAll > pay.
        stacks: { parent: Int32Array.of(-1, 0, 1, 0), location: Uint32Array.of(0, 1, 2, 2) },
        sampledStacks: Uint32Array.of(2, 3),
        folded: {
          parent: Int32Array.of(-1, 0, 1, 2, 0, 4),
          name: Uint32Array.of(0, 1, 3, 2, 3, 2),
          node: Uint32Array.of(3, 5),
        },
      },
    ],
  },
  datasets: [
    {
      service: 'shop',
      columns: {
        series: [labelsOf('alloc_objects:count'), labelsOf('alloc_space:bytes')],
        pushes: {
          timeNanos: BigInt64Array.of(1_712_345_678_000_000_001n, 1_712_345_693_000_000_000n),
          durationNanos: BigInt64Array.of(0n, 15_000_000_000n),
          period: BigInt64Array.of(524_288n, 524_288n),
          id: Uint8Array.from({ length: 32 }, (_, i) => i * 7),
        },
        profiles: {
          series: Uint32Array.of(0, 0, 1),
          push: Uint32Array.of(0, 1, 1),
          run: Uint32Array.of(0, 1, 1),
          column: Uint32Array.of(0, 0, 1),
          total: BigInt64Array.of(2n, 140n, 71_680n),
        },
        families: [
          {
            sampleOffsets: Uint32Array.of(0, 1, 71),
            stack: Uint32Array.from({ length: 71 }, (_, i) => (i < 36 ? 0 : 1)),
            values: [
              new BigInt64Array(71).fill(2n),
              BigInt64Array.from({ length: 71 }, (_, i) => (i === 0 ? 0n : 1024n)),
            ],
            spans: {
              sample: Uint32Array.of(1),
              spanId: BigUint64Array.of(0x0807060504030201n),
              traceId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
            },
            totals: [
              { node: Uint32Array.of(3, 5), value: BigInt64Array.of(72n, 70n) },
              { node: Uint32Array.of(3, 5), value: BigInt64Array.of(35_840n, 35_840n) },
            ],
          },
        ],
      },
    },
  ],
};
