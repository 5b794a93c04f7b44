import type { DatasetColumns, FamilySamples, ProfileColumns } from '#src/domain/block/dataset-columns.ts';
import { firstRuns } from '#src/domain/block/dataset-columns.ts';
import type { FamilySizes } from '#src/domain/block/dataset-faults.ts';
import type { FamilyColumns, SpaceColumns } from '#src/domain/block/space-columns.ts';
import { type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { Random } from '../../../fixtures/random.ts';

// Columns with the invariants of their types and otherwise anything: also values that no profile has.

/** Rows of a stack table, and of the lists beside it. Nodes make it a compacted one. */
export type FamilySize = { readonly stacks: number; readonly sampled: number; readonly nodes?: number };

export type SpaceSizes = {
  readonly names: number;
  readonly texts: number;
  readonly functions: number;
  readonly mappings: number;
  readonly locations: number;
  readonly families: readonly FamilySize[];
};

export function randomSpace(random: Random, sizes: SpaceSizes): SpaceColumns {
  const { names, texts, functions, mappings, locations, families } = sizes;
  const lineOffsets = new Uint32Array(locations + 1);
  for (let i = 1; i < locations; i++) lineOffsets[i + 1] = lineOffsets[i] + random.int(0, 3);
  const lines = lineOffsets[locations];
  const rows = (n: number, count: number) => fromSecond(new Uint32Array(n), () => random.int(0, count - 1));
  return {
    names: randomStrings(random, names),
    texts: randomStrings(random, texts),
    functions: {
      name: rows(functions, names),
      systemName: rows(functions, names),
      filename: rows(functions, texts),
      startLine: fromSecond(new BigInt64Array(functions), () => anyInt64(random)),
    },
    mappings: {
      memoryStart: fromSecond(new BigUint64Array(mappings), () => anyInt64(random)),
      memoryLimit: fromSecond(new BigUint64Array(mappings), () => anyInt64(random)),
      fileOffset: fromSecond(new BigUint64Array(mappings), () => anyInt64(random)),
      filename: rows(mappings, texts),
      buildId: rows(mappings, texts),
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
    families: families.map((size) => randomFamily(random, size, names, locations)),
  };
}

export type DatasetSizes = {
  readonly series: number;
  readonly pushes: number;
  readonly profiles: number;
  /** By family of the symbol space; one without runs has no samples. The last one has some. */
  readonly families: readonly SamplesSize[];
};

export type SamplesSize = {
  readonly runs: number;
  readonly samples: number;
  readonly columns: number;
  readonly spans: number;
};

/** @param space  what the samples may refer to; families with nodes get totals */
export function randomDataset(random: Random, sizes: DatasetSizes, space: readonly FamilySizes[]): DatasetColumns {
  const { series, pushes, profiles } = sizes;
  const families = sizes.families.map((size, i) => randomSamples(random, size, space[i]));
  return {
    series: Array.from({ length: series }, (_, i) => seriesLabels(random, i)),
    pushes: {
      timeNanos: BigInt64Array.from({ length: pushes }, (_, i) => BigInt(i - 5) * 1_234_567_890_123n),
      durationNanos: BigInt64Array.from({ length: pushes }, () => anyInt64(random)),
      period: BigInt64Array.from({ length: pushes }, () => 10_000_000n),
      id: random.bytes(pushes * 16),
    },
    profiles: randomProfiles(random, profiles, series, pushes, families),
    families,
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

function randomStrings(random: Random, n: number): ByteStrings {
  return byteStrings(Array.from({ length: n }, (_, i) => random.bytes(i === 0 ? 0 : random.int(0, 9))));
}

function randomFamily(random: Random, size: FamilySize, names: number, locations: number): FamilyColumns {
  const { stacks: n, sampled, nodes = 0 } = size;
  const stacks = {
    parent: randomParents(random, n),
    location: fromSecond(new Uint32Array(n), () => random.int(1, locations - 1)),
  };
  const sampledStacks = randomSubset(random, n, sampled);
  if (nodes === 0) return { stacks, sampledStacks };
  const folded = {
    parent: randomParents(random, nodes),
    name: fromSecond(new Uint32Array(nodes), () => random.int(0, names - 1)),
    node: Uint32Array.from({ length: sampled }, () => random.int(0, nodes - 1)),
  };
  return { stacks, sampledStacks, folded };
}

function randomParents(random: Random, n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => (i === 0 ? -1 : random.int(Math.max(0, i - 9), i - 1)));
}

function randomSamples(
  random: Random,
  { runs, samples, columns, spans }: SamplesSize,
  { sampledStackCount, nodeCount }: FamilySizes,
): FamilySamples {
  const sampleOffsets = new Uint32Array(runs + 1);
  if (runs > 0) {
    sampleOffsets.set(
      randomSubset(random, samples - 1, runs - 1).map((row) => row + 1),
      1,
    );
    sampleOffsets[runs] = samples;
  }
  const family = {
    sampleOffsets,
    stack: Uint32Array.from({ length: samples }, () => random.int(0, sampledStackCount - 1)),
    values: Array.from({ length: columns }, () => randomValues(random, samples)),
    spans: {
      sample: randomSubset(random, samples, spans),
      spanId: BigUint64Array.from({ length: spans }, () => BigInt.asUintN(64, anyInt64(random))),
      traceId: random.bytes(spans * 16),
    },
  };
  if (nodeCount === 0 || columns === 0) return family;
  const totals = Array.from({ length: columns }, () => {
    const node = randomSubset(random, nodeCount, random.int(1, nodeCount));
    return { node, value: randomValues(random, node.length) };
  });
  return { ...family, totals };
}

/** Never negative, and often with a common divisor. */
function randomValues(random: Random, n: number): BigInt64Array {
  if (random.chance(0.5)) return BigInt64Array.from({ length: n }, () => BigInt(random.int(0, 900)) * 10_000_000n);
  return BigInt64Array.from({ length: n }, () => BigInt.asUintN(63, anyInt64(random)));
}

function randomProfiles(
  random: Random,
  n: number,
  series: number,
  pushes: number,
  families: readonly FamilySamples[],
): ProfileColumns {
  const order = Array.from({ length: n }, () => [random.int(0, series - 1), random.int(0, pushes - 1)]).sort(
    ([a = 0, timeA = 0], [b = 0, timeB = 0]) => a - b || timeA - timeB,
  );
  const firstRunOf = firstRuns(families);
  const used = families.flatMap(({ values }, family) => (values.length > 0 ? [family] : []));
  const runs = Array.from({ length: n }, () => {
    const family = random.pick(used);
    const run = random.int(firstRunOf[family], firstRunOf[family + 1] - 1);
    return { run, column: random.int(0, families[family].values.length - 1) };
  });
  return {
    series: Uint32Array.from(order, ([row = 0]) => row),
    push: Uint32Array.from(order, ([, push = 0]) => push),
    run: Uint32Array.from(runs, ({ run }) => run),
    column: Uint32Array.from(runs, ({ column }) => column),
    total: BigInt64Array.from({ length: n }, () => anyInt64(random)),
  };
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
