import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import type { ByteStrings, SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import type { Random } from '../../../fixtures/random.ts';

// Columns with the invariants of their types and otherwise anything: also values that no profile has.

export type SymbolSizes = {
  readonly strings: number;
  readonly functions: number;
  readonly mappings: number;
  readonly locations: number;
  readonly stacks: number;
};

export function randomSymbols(random: Random, sizes: SymbolSizes): SymbolColumns {
  const { strings, functions, mappings, locations, stacks } = sizes;
  const lineOffsets = new Uint32Array(locations + 1);
  for (let i = 1; i < locations; i++) lineOffsets[i + 1] = lineOffsets[i] + random.int(0, 3);
  const lines = lineOffsets[locations];
  const rows = (n: number, count: number) => fromSecond(new Uint32Array(n), () => random.int(0, count - 1));
  return {
    strings: byteStrings(Array.from({ length: strings }, (_, i) => random.bytes(i === 0 ? 0 : random.int(0, 9)))),
    functions: {
      name: rows(functions, strings),
      systemName: rows(functions, strings),
      filename: rows(functions, strings),
      startLine: fromSecond(new BigInt64Array(functions), () => anyInt64(random)),
    },
    mappings: {
      memoryStart: fromSecond(new BigUint64Array(mappings), () => anyInt64(random)),
      memoryLimit: fromSecond(new BigUint64Array(mappings), () => anyInt64(random)),
      fileOffset: fromSecond(new BigUint64Array(mappings), () => anyInt64(random)),
      filename: rows(mappings, strings),
      buildId: rows(mappings, strings),
      flags: fromSecond(new Uint8Array(mappings), () => random.int(0, 15)),
    },
    locations: {
      mapping: rows(locations, mappings),
      address: fromSecond(new BigUint64Array(locations), () => anyInt64(random)),
      folded: fromSecond(new Uint8Array(locations), () => random.int(0, 1)),
      lineOffsets,
      lineFunction: Uint32Array.from({ length: lines }, () => random.int(0, functions - 1)),
      line: BigInt64Array.from({ length: lines }, () => anyInt64(random)),
    },
    stacks: {
      parent: Int32Array.from({ length: stacks }, (_, i) => (i === 0 ? -1 : random.int(Math.max(0, i - 9), i - 1))),
      location: fromSecond(new Uint32Array(stacks), () => random.int(1, locations - 1)),
    },
  };
}

export type DatasetSizes = {
  readonly series: number;
  readonly profiles: number;
  readonly samples: number;
  readonly spans: number;
};

/** @param stackCount rows of the stacks that samples may name */
export function randomDataset(random: Random, sizes: DatasetSizes, stackCount: number): DatasetColumns {
  const { series, profiles, samples, spans } = sizes;
  const seriesRows = Uint32Array.from({ length: profiles }, () => random.int(0, series - 1)).sort();
  const sampleOffsets = Uint32Array.from({ length: profiles + 1 }, () => random.int(0, samples)).sort();
  sampleOffsets[0] = 0;
  sampleOffsets[profiles] = samples;
  return {
    series: Array.from({ length: series }, (_, i) => seriesLabels(random, i)),
    profiles: {
      series: seriesRows,
      timeNanos: BigInt64Array.from({ length: profiles }, (_, i) => BigInt(i - 5) * 1_234_567_890_123n),
      durationNanos: BigInt64Array.from({ length: profiles }, () => anyInt64(random)),
      period: BigInt64Array.from({ length: profiles }, () => 10_000_000n),
      total: BigInt64Array.from({ length: profiles }, () => anyInt64(random)),
      id: random.bytes(profiles * 16),
      sampleOffsets,
    },
    samples: {
      stack: Uint32Array.from({ length: samples }, () => random.int(0, stackCount - 1)),
      value: BigInt64Array.from({ length: samples }, () => anyInt64(random)),
    },
    spans: {
      sample: randomSubset(random, samples, spans),
      spanId: BigUint64Array.from({ length: spans }, () => BigInt.asUintN(64, anyInt64(random))),
      traceId: random.bytes(spans * 16),
    },
  };
}

export function byteStrings(list: readonly (string | Uint8Array)[]): ByteStrings {
  const parts = list.map((item) => (typeof item === 'string' ? Buffer.from(item) : item));
  const offsets = new Uint32Array(parts.length + 1);
  parts.forEach((part, i) => {
    offsets[i + 1] = offsets[i] + part.length;
  });
  return { bytes: Uint8Array.from(Buffer.concat(parts)), offsets };
}

/** Values of any magnitude and sign; the extremes more often than chance would have it. */
export function anyInt64(random: Random): bigint {
  const extremes = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 2n ** 32n, -(2n ** 31n)];
  if (random.chance(0.1)) return random.pick(extremes);
  const bits = (BigInt(random.int(0, 0xffffffff)) << 32n) | BigInt(random.int(0, 0xffffffff));
  return BigInt.asIntN(64, bits) >> BigInt(random.int(0, 63));
}

function seriesLabels(random: Random, row: number): Labels {
  const type = random.pick(['process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'memory:inuse_space:bytes:space:bytes']);
  return sortedLabels([
    { name: '__profile_type__', value: type },
    { name: 'service_name', value: 'shop' },
    { name: 'pod', value: `pod-${row}` },
    { name: 'größe', value: random.pick(['', '\u{1f600}', 'groß', '\ufeffmark']) },
  ]);
}

/** Row 0 stays "none". */
function fromSecond<Column extends { readonly length: number; [row: number]: number | bigint }>(
  column: Column,
  value: () => Column[number],
): Column {
  for (let i = 1; i < column.length; i++) column[i] = value();
  return column;
}

/** `count` of the rows below `n`, in order. */
function randomSubset(random: Random, n: number, count: number): Uint32Array {
  const subset = new Uint32Array(count);
  let taken = 0;
  for (let row = 0; row < n && taken < count; row++) {
    if (random.chance((count - taken) / (n - row))) subset[taken++] = row;
  }
  return subset;
}
