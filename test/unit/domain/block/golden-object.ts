import type { PartInput } from '#src/domain/block/part-writer.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { byteStrings } from './random-columns.ts';

// What test/data/block-v0.bin holds: as small as an object can be that has every section, and both codecs.

export const goldenBlock = { id: '01HV0000000000000000000000', shard: 7, tenant: '', level: 0 };

const labels: Labels = [
  { name: '__profile_type__', value: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds' },
  { name: 'service_name', value: 'shop' },
];

export const goldenInput: PartInput = {
  tenant: 'alpha',
  symbols: {
    strings: byteStrings(['', 'main', 'pay', 'shop.go', '/bin/shop']),
    functions: {
      name: Uint32Array.of(0, 1, 2),
      systemName: Uint32Array.of(0, 1, 2),
      filename: Uint32Array.of(0, 3, 3),
      startLine: BigInt64Array.of(0n, 10n, 40n),
    },
    mappings: {
      memoryStart: BigUint64Array.of(0n, 0x40_0000n),
      memoryLimit: BigUint64Array.of(0n, 0x80_0000n),
      fileOffset: BigUint64Array.of(0n, 0n),
      filename: Uint32Array.of(0, 4),
      buildId: Uint32Array.of(0, 0),
      flags: Uint8Array.of(0, 15),
    },
    locations: {
      mapping: Uint32Array.of(0, 1, 1),
      address: BigUint64Array.of(0n, 0x40_1000n, 0x40_1010n),
      folded: Uint8Array.of(0, 0, 1),
      lineOffsets: Uint32Array.of(0, 0, 1, 3),
      lineFunction: Uint32Array.of(1, 2, 1),
      line: BigInt64Array.of(12n, 41n, 13n),
    },
    stacks: { parent: Int32Array.of(-1, 0, 1, 0), location: Uint32Array.of(0, 1, 2, 2) },
  },
  datasets: [
    {
      service: 'shop',
      columns: {
        series: [labels],
        profiles: {
          series: Uint32Array.of(0, 0),
          timeNanos: BigInt64Array.of(1_712_345_678_000_000_001n, 1_712_345_693_000_000_000n),
          durationNanos: BigInt64Array.of(15_000_000_000n, 15_000_000_000n),
          period: BigInt64Array.of(10_000_000n, 10_000_000n),
          total: BigInt64Array.of(-20_000_000n, 700_000_000n),
          id: Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + (i >> 4)),
          sampleOffsets: Uint32Array.of(0, 1, 71),
        },
        samples: {
          stack: Uint32Array.from({ length: 71 }, (_, i) => (i < 36 ? 2 : 3)),
          value: BigInt64Array.from({ length: 71 }, (_, i) => (i === 0 ? -20_000_000n : 10_000_000n)),
        },
        spans: {
          sample: Uint32Array.of(1),
          spanId: BigUint64Array.of(0x0807060504030201n),
          traceId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
        },
      },
    },
  ],
};
