import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { valueOf } from '#src/domain/model/labels.ts';
import { Head } from '#src/workers/head.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { bothResults, INGEST_NOW_MS, ingestItem, openLimits, plainResult } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { encodePprof, plainPprof, pprof, type SampleDescription } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';

const kernels = testKernels();

function randomSamples(random: Random, count: number, spans: boolean): SampleDescription[] {
  const spanIds = ['0102030405060708', 'ffffffffffffffff', '0000000000000001', 'not a span'];
  const traceIds = ['0123456789abcdef0123456789abcdef', 'ffffffffffffffff0000000000000000', 'short'];
  return Array.from({ length: count }, () => ({
    stack: Array.from({ length: random.int(0, 5) }, () => `f${random.int(0, 12)}`),
    v: [random.int(0, 3), random.int(0, 2 ** 40)],
    labels: {
      ...(random.chance(0.5) ? { endpoint: `/${random.int(0, 3)}` } : {}),
      ...(spans && random.chance(0.7) ? { span_id: random.pick(spanIds) } : {}),
      ...(spans && random.chance(0.3) ? { trace_id: random.pick(traceIds) } : {}),
    },
  }));
}

describe('ingestProfile, the order of samples', () => {
  // Rows are sorted by insertion below 48 of them, by radix from there on.
  for (const count of [0, 1, 2, 3, 47, 48, 49, 255, 256, 257, 4000]) {
    for (const spans of [false, true]) {
      test(`sorts and sums ${count} samples ${spans ? 'with spans' : 'without spans'}`, (t) => {
        const seed = Number(process.env['SEED'] ?? count);
        t.diagnostic(`seed ${seed}`);
        const samples = randomSamples(new Random(seed), count, spans);
        const profile = pprof({ types: ['samples/count', 'cpu/nanoseconds'], samples });

        bothResults(kernels, profile);

        const head = new Head(kernels);
        ingestProfile(kernels, head, ingestItem(profile), openLimits, INGEST_NOW_MS);
        for (const { datasets } of head.take()) for (const { columns } of datasets) assertSorted(columns);
      });
    }
  }
});

type Columns = ReturnType<Head['take']>[number]['datasets'][number]['columns'];

/** Within a profile row: by stack, then span id, then trace id, and no two the same. */
function assertSorted({ profiles, samples, spans }: Columns): void {
  const spanOf = new Map(Array.from(spans.sample, (sample, row) => [sample, row]));
  const keyOf = (sample: number): [number, bigint] => {
    const row = spanOf.get(sample);
    return [samples.stack[sample], row === undefined ? 0n : spans.spanId[row]];
  };
  for (let row = 0; row < profiles.series.length; row++) {
    for (let i = profiles.sampleOffsets[row] + 1; i < profiles.sampleOffsets[row + 1]; i++) {
      const [before, after] = [keyOf(i - 1), keyOf(i)];
      ok(before[0] < after[0] || (before[0] === after[0] && before[1] <= after[1]), `samples ${i - 1} and ${i}`);
    }
  }
}

describe('ingestProfile, numbers of 64 bits', () => {
  const LARGEST = 2n ** 63n - 1n;

  for (const values of [
    [2n ** 53n, 1n],
    [2n ** 53n + 1n, 2n ** 53n + 1n],
    [LARGEST],
    [LARGEST, 1n],
    [LARGEST, LARGEST, LARGEST],
    [LARGEST - 1n, 1n],
  ]) {
    test(`sums ${values.join(' and ')} for one stacktrace`, () => {
      const samples = values.map((value) => ({ stack: 'main;work', v: [value] }));
      const sum = values.reduce((total, value) => total + value, 0n);

      const lines = bothResults(kernels, pprof({ samples }));

      const stored = sum > LARGEST ? LARGEST : sum;
      equal(lines.filter((line) => line.includes(`total ${stored}`)).length, 1);
      equal(lines.filter((line) => line.includes(` ${stored} 0 `)).length, 1);
    });

    test(`totals ${values.join(' and ')} of several stacktraces`, () => {
      const lines = bothResults(
        kernels,
        pprof({ samples: values.map((value, i) => ({ stack: `f${i}`, v: [value] })) }),
      );

      const sum = values.reduce((total, value) => total + value, 0n);
      equal(lines.filter((line) => line.includes(`total ${sum > LARGEST ? LARGEST : sum}`)).length, 1);
    });
  }

  const EDGES = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n + 1n, 2n ** 62n, LARGEST - 1n, LARGEST];

  // Below and above 48 samples, where the kernels sort in different ways.
  for (const count of [1, 2, 3, 10, 47, 48, 200]) {
    for (const spans of [false, true]) {
      test(`totals and sums of ${count} samples ${spans ? 'with spans ' : ''}are the true ones, or the largest`, (t) => {
        const seed = runSeed() + count;
        t.diagnostic(`seed ${seed}`);
        const random = new Random(seed);
        const samples = Array.from({ length: count }, () => ({
          stack: random.pick(['main', 'main;work', 'other']),
          labels: {
            endpoint: random.pick(['/a', '/b']),
            ...(spans ? { span_id: random.pick(['0102030405060708', 'ffffffffffffffff']) } : {}),
          },
          v: [random.pick(EDGES), random.pick(EDGES)],
        }));
        const profile = pprof({ types: ['samples/count', 'cpu/nanoseconds'], samples });

        bothResults(kernels, profile);

        const head = new Head(kernels);
        ingestProfile(kernels, head, ingestItem(profile), openLimits, INGEST_NOW_MS);
        deepEqual(storedTotals(head.take()), trueTotals(samples));
      });
    }
  }

  test('leaves out a sample with a negative value, and one whose values are all zero', () => {
    const types = ['a/count', 'b/count'];
    const samples = [
      { stack: 'main', v: [5, 0] },
      { stack: 'gone', v: [5, -1] },
      { stack: 'gone', v: [0, 0] },
      { stack: 'gone', v: [-(2n ** 63n), 7n] },
    ];

    const lines = bothResults(kernels, pprof({ types, period: null, samples }));

    equal(lines.length, 2);
    ok(lines.every((line) => !line.includes('gone')));
  });
});

type EdgeSample = { readonly v: readonly bigint[]; readonly labels: { readonly endpoint: string } };

/** What the totals should be, by sample type and endpoint: sums without a bound, then cut. */
function trueTotals(samples: readonly EdgeSample[]): Record<string, bigint> {
  const totals: Record<string, bigint> = {};
  for (const { v, labels } of samples) {
    for (const [type, value] of [['samples', v[0]] as const, ['cpu', v[1]] as const]) {
      const key = `${type} ${labels.endpoint}`;
      if (value > 0n) totals[key] = (totals[key] ?? 0n) + value;
    }
  }
  const cut = ([key, total]: [string, bigint]): [string, bigint] => [key, total < 2n ** 63n ? total : 2n ** 63n - 1n];
  return Object.fromEntries(Object.entries(totals).map(cut).sort());
}

/** What they are. Checks on the way that no sample is below zero, and that the samples of a row add up to its total. */
function storedTotals(tenants: ReturnType<Head['take']>): Record<string, bigint> {
  const totals: [string, bigint][] = [];
  for (const { columns } of tenants.flatMap(({ datasets }) => datasets)) {
    const { series, profiles, samples } = columns;
    for (let row = 0; row < profiles.series.length; row++) {
      const values = [...samples.value.subarray(profiles.sampleOffsets[row], profiles.sampleOffsets[row + 1])];
      const sum = values.reduce((total, value) => total + value, 0n);
      ok(values.every((value) => value > 0n));
      equal(profiles.total[row], sum < 2n ** 63n ? sum : 2n ** 63n - 1n);
      const labels = series[profiles.series[row]];
      totals.push([`${valueOf(labels, '__type__')} ${valueOf(labels, 'endpoint') ?? ''}`, profiles.total[row]]);
    }
  }
  return Object.fromEntries(totals.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('ingestProfile, ids', () => {
  const description = plainPprof({
    samples: Array.from({ length: 60 }, (_, i) => ({ stack: `main;f${i % 13};g${i % 7}`, v: [i + 1] })),
  });
  /** The same profile under other ids. */
  const withIds = (renumbered: (id: bigint) => bigint): Uint8Array => {
    const of = (id: bigint): bigint => (id === 0n ? 0n : renumbered(id));
    return encodePprof({
      ...description,
      samples: description.samples.map((sample) => ({ ...sample, locationIds: sample.locationIds.map(of) })),
      mappings: description.mappings.map((mapping) => ({ ...mapping, id: of(mapping.id) })),
      functions: description.functions.map((fn) => ({ ...fn, id: of(fn.id) })),
      locations: description.locations.map((location) => ({
        ...location,
        id: of(location.id),
        mappingId: of(location.mappingId),
        lines: location.lines.map((line) => ({ ...line, functionId: of(line.functionId) })),
      })),
    });
  };
  const expected = plainResult(withIds((id) => id));

  for (const [name, renumbered] of [
    ['from 1 on', (id) => id],
    ['backwards', (id) => 1000n - id],
    ['with gaps that an array still holds', (id) => id * 50n],
    ['with gaps that take a hash table', (id) => id * 1_000_003n],
    ['of addresses', (id) => 0x7f00_0000_0000n + id * 16n],
    ['up to the largest', (id) => 2n ** 64n - id],
    ['that differ in their high bits only', (id) => id << 56n],
  ] as const satisfies readonly (readonly [string, (id: bigint) => bigint])[]) {
    test(`finds what has ids ${name}`, () => {
      const profile = withIds(renumbered);

      deepEqual(bothResults(kernels, profile), expected);
    });
  }

  test('takes the last of two rows with one id, as a map would', () => {
    for (const factor of [1n, 1_000_003n]) {
      const profile = plainPprof({ samples: [{ stack: 'a;b;c', v: [1] }] });
      const ids = <T extends { readonly id: bigint }>(rows: readonly T[]): T[] =>
        rows.map((row) => ({ ...row, id: (row.id === 2n ? 1n : row.id) * factor }));
      bothResults(
        kernels,
        encodePprof({
          ...profile,
          samples: profile.samples.map((s) => ({
            ...s,
            locationIds: s.locationIds.map((id) => (id === 2n ? 1n : id) * factor),
          })),
          mappings: ids(profile.mappings),
          functions: ids(profile.functions),
          locations: ids(profile.locations).map((location) => ({
            ...location,
            mappingId: location.mappingId * factor,
            lines: location.lines.map((line) => ({
              ...line,
              functionId: (line.functionId === 2n ? 1n : line.functionId) * factor,
            })),
          })),
        }),
      );
    }
  });

  test('leaves out a sample whose location, function or mapping does not exist', () => {
    const base = plainPprof({
      samples: [
        { stack: 'main', v: [1] },
        { stack: 'main;work', v: [2] },
      ],
    });
    const [first, ...others] = base.locations;
    const line = { functionId: 99n, line: 1n };

    bothResults(
      kernels,
      encodePprof({ ...base, samples: [...base.samples, { locationIds: [77n], values: [3n], labels: [] }] }),
    );
    bothResults(kernels, encodePprof({ ...base, locations: [first, ...others.map((o) => ({ ...o, lines: [line] }))] }));
    bothResults(
      kernels,
      encodePprof({ ...base, locations: [first, ...others.map((o) => ({ ...o, mappingId: 2n ** 63n }))] }),
    );
    bothResults(
      kernels,
      encodePprof({ ...base, locations: [first, ...others.map((o) => ({ ...o, lines: [], address: 0n }))] }),
    );
  });
});
