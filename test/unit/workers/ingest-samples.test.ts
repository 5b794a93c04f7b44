import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { familiesMax } from '#src/domain/block/block-format.ts';
import { type DatasetColumns, familyOfRun, firstRuns } from '#src/domain/block/dataset-columns.ts';
import type { PartInput } from '#src/domain/block/part-writer.ts';
import { valueOf } from '#src/domain/model/labels.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { parseSelector } from '#src/domain/series/selector.ts';
import { Head } from '#src/workers/head.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { canonicalHead } from '../../fixtures/canonical.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { encodedAndDecoded } from '../../fixtures/encoded-head.ts';
import { bothResults, INGEST_NOW_MS, ingestItem, openLimits, plainResult } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { encodePprof, plainPprof, pprof, type SampleDescription } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { segmentOf, wholeRead } from '../../fixtures/segments.ts';
import { takenHead } from '../../fixtures/taken-head.ts';
import { pathsOf } from '../domain/profile/folded-tree.ts';

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
        for (const { datasets } of takenHead(kernels, head)) for (const { columns } of datasets) assertSorted(columns);
      });
    }
  }
});

describe('ingestProfile, trace ids', () => {
  // Rows are sorted by insertion below 48 of them, by radix from there on.
  for (const rounds of [2, 40]) {
    for (const [differing, traceIds] of [
      ['first', ['11112222333344445555666677778888', '21112222333344445555666677778888']],
      ['second', ['11112222333344445555666677778888', '11112222333344446555666677778888']],
    ] as const) {
      test(`${2 * rounds} samples in turn are two when only the ${differing} half of the id differs`, () => {
        const samples = Array.from({ length: 2 * rounds }, (_, i) => ({
          stack: 'main;work',
          v: [i % 2 === 0 ? 1 : 100],
          labels: { trace_id: traceIds[i % 2] },
        }));
        const profile = pprof({ samples });
        bothResults(kernels, profile);

        const head = new Head(kernels);
        ingestProfile(kernels, head, ingestItem(profile), openLimits, INGEST_NOW_MS);

        const [{ values }] = takenHead(kernels, head)[0].datasets[0].columns.families;
        deepEqual([...values[0]].sort(), [BigInt(rounds), BigInt(100 * rounds)].sort());
      });
    }
  }
});

/** Within a run: by stack, then span id, then trace id, and no two the same. */
function assertSorted({ families }: DatasetColumns): void {
  for (const { sampleOffsets, stack, spans } of families) {
    const spanOf = new Map(Array.from(spans.sample, (sample, row) => [sample, row]));
    const keyOf = (sample: number): [number, bigint] => {
      const row = spanOf.get(sample);
      return [stack[sample], row === undefined ? 0n : spans.spanId[row]];
    };
    for (let run = 0; run + 1 < sampleOffsets.length; run++) {
      for (let i = sampleOffsets[run] + 1; i < sampleOffsets[run + 1]; i++) {
        const [before, after] = [keyOf(i - 1), keyOf(i)];
        ok(before[0] < after[0] || (before[0] === after[0] && before[1] <= after[1]), `samples ${i - 1} and ${i}`);
      }
    }
  }
}

describe('ingestProfile, sample types', () => {
  /** What the profiles leave in an empty head. */
  const takenOf = (...profiles: readonly Uint8Array[]) => {
    const head = new Head(kernels);
    for (const profile of profiles) ingestProfile(kernels, head, ingestItem(profile), openLimits, INGEST_NOW_MS);
    return takenHead(kernels, head);
  };
  const typesOf = (count: number, prefix = 't') => Array.from({ length: count }, (_, i) => `${prefix}${i}/count`);

  test('share the stacktraces of a push, and have a value column each, with 0 where there is none', () => {
    const profile = pprof({
      types: ['objects/count', 'space/bytes'],
      samples: [
        { stack: 'main', v: [1, 0] },
        { stack: 'main;work', v: [0, 20] },
        { stack: 'main;work;more', v: [3, 30] },
      ],
    });

    const [{ symbols, datasets }] = takenOf(profile);

    equal(symbols.families.length, 1);
    const [{ stack, values, sampleOffsets }] = datasets[0].columns.families;
    deepEqual([...stack], [0, 1, 2]);
    deepEqual(values, [BigInt64Array.of(1n, 0n, 3n), BigInt64Array.of(0n, 20n, 30n)]);
    deepEqual([...sampleOffsets], [0, 3]);
    const { run, column, total } = datasets[0].columns.profiles;
    deepEqual(
      [[...run], [...column], [...total]],
      [
        [0, 0],
        [0, 1],
        [4n, 50n],
      ],
    );
    bothResults(kernels, profile);
  });

  test('of which a push has nothing have no profile, and those that are equal have one family', () => {
    const of = (v: readonly number[]) => pprof({ types: ['a/count', 'b/count'], samples: [{ stack: 'main', v }] });

    const [{ symbols, datasets }] = takenOf(of([1, 0]), of([0, 2]), of([3, 4]));

    equal(symbols.families.length, 1);
    const { pushes, profiles } = datasets[0].columns;
    equal(pushes.timeNanos.length, 3);
    deepEqual([...profiles.total].sort(), [1n, 2n, 3n, 4n]);
  });

  for (const [count, parts] of [
    [32, [32]],
    [33, [32, 1]],
    [64, [32, 32]],
    [65, [32, 32, 1]],
  ] as const) {
    test(`of ${count} are stored in parts of at most 32`, () => {
      const profile = pprof({
        types: typesOf(count),
        period: null,
        samples: [
          { stack: 'main', v: typesOf(count).map((_, i) => i + 1) },
          { stack: 'main;first', v: typesOf(count).map((_, i) => (i === 0 ? 7 : 0)) },
          { stack: 'main;last', v: typesOf(count).map((_, i) => (i === count - 1 ? 9 : 0)) },
        ],
      });

      const [{ symbols, datasets }] = takenOf(profile);

      const { families, profiles } = datasets[0].columns;
      equal(symbols.families.length, parts.length);
      deepEqual(
        families.map(({ values }) => values.length),
        parts,
      );
      // A sample is in those parts that it has a value in.
      const last = parts.length - 1;
      deepEqual(
        families.map(({ stack }) => stack.length),
        parts.map((_, part) => 1 + Number(part === 0) + Number(part === last)),
      );
      equal(profiles.series.length, count);
      bothResults(kernels, profile);
      const inBlock = canonicalHead(encodedAndDecoded([{ tenant: 'anonymous', symbols, datasets }]));
      deepEqual(inBlock, [...plainResult(profile)]);
    });
  }

  test('of more kinds of profiles than there are families share the last one', () => {
    const kinds = Array.from({ length: familiesMax + 3 }, (_, i) =>
      pprof({
        types: typesOf(1 + (i % 3), `k${i}_`),
        period: null,
        samples: [{ stack: `main;f${i}`, v: [1, 2, 3].slice(0, 1 + (i % 3)) }],
      }),
    );

    const tenants = takenOf(...kinds, kinds[0], kinds[familiesMax + 1]);

    const [{ symbols, datasets }] = tenants;
    equal(symbols.families.length, familiesMax + 1);
    const { families } = datasets[0].columns;
    const runsOf = ({ sampleOffsets }: (typeof families)[number]) => sampleOffsets.length - 1;
    deepEqual(families.map(runsOf), [2, ...Array(familiesMax - 1).fill(1), 4]);
    equal(families[familiesMax].values.length, 3);
    const expected = [...kinds, kinds[0], kinds[familiesMax + 1]].flatMap((kind) => [...plainResult(kind)]).sort();
    deepEqual(canonicalHead(tenants), expected);
    deepEqual(canonicalHead(encodedAndDecoded(tenants)), expected);
  });

  test('of one profile that comes late may be several parts of the shared family', () => {
    const early = Array.from({ length: familiesMax }, (_, i) =>
      pprof({ types: [`k${i}/count`], period: null, samples: [{ stack: 'main', v: [1] }] }),
    );
    const late = pprof({
      types: typesOf(65),
      period: null,
      samples: Array.from({ length: 300 }, (_, s) => ({ stack: `main;f${s}`, v: typesOf(65).map((_of, i) => s + i) })),
    });

    const tenants = takenOf(...early, late);

    const family = tenants[0].datasets[0].columns.families[familiesMax];
    equal(family.sampleOffsets.length - 1, 3);
    equal(family.values.length, 32);
    const expected = [...early, late].flatMap((profile) => [...plainResult(profile)]).sort();
    deepEqual(canonicalHead(encodedAndDecoded(tenants)), expected);
  });

  test('of the shared family are found again by queries, each by its own', () => {
    const kindOf = (i: number) => ({
      profile: pprof({
        types: [`k${i}/count`],
        period: ['p/count', 1],
        timeNanos: BigInt(INGEST_NOW_MS) * 1_000_000n,
        samples: [{ stack: `main;f${i}`, v: [i + 1] }],
      }),
    });
    const count = familiesMax + 4;
    const segment = segmentOf(
      kernels,
      Array.from({ length: count }, (_, i) => kindOf(i)),
    );

    for (const i of [0, familiesMax - 1, familiesMax, familiesMax + 1, count - 1]) {
      const { report } = runSteps(
        runQueryNode(
          testKernels(),
          {
            query: {
              kind: 'tree',
              selection: {
                matchers: parseSelector(`{__profile_type__="process_cpu:k${i}:count:p:count"}`),
                startMs: INGEST_NOW_MS - 1,
                endMs: INGEST_NOW_MS + 1,
                spanIds: [],
                traceIds: [],
                profileIds: [],
              },
              callSite: [],
            },
            reads: [wholeRead(segment)],
            reports: [],
            limits: { resultBytesMax: 1 << 20, roomBytes: 1 << 20 },
          },
          decompress,
        ),
      );

      ok(report?.kind === 'tree');
      deepEqual(pathsOf(report.tree), [`main ${i + 1}/0`, `main;f${i} ${i + 1}/${i + 1}`]);
    }
  });
});

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
        deepEqual(storedTotals(takenHead(kernels, head)), trueTotals(samples));
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
function storedTotals(tenants: readonly PartInput[]): Record<string, bigint> {
  const totals: [string, bigint][] = [];
  for (const { columns } of tenants.flatMap(({ datasets }) => datasets)) {
    const { series, profiles, families } = columns;
    const firstRunOf = firstRuns(families);
    for (let row = 0; row < profiles.series.length; row++) {
      const family = familyOfRun(firstRunOf, profiles.run[row]);
      const { sampleOffsets, values: valuesOf } = families[family];
      const run = profiles.run[row] - firstRunOf[family];
      const values = [...valuesOf[profiles.column[row]].subarray(sampleOffsets[run], sampleOffsets[run + 1])];
      const sum = values.reduce((total, value) => total + value, 0n);
      ok(values.every((value) => value >= 0n));
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
