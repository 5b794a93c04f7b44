import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { familiesMax, Section } from '#src/domain/block/block-format.ts';
import type { ByteRange } from '#src/domain/block/block-meta.ts';
import { symbolTable } from '#src/domain/block/chunk-table.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { nameText } from '#src/domain/profile/name-table.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { ArenaPages } from '#src/kernels/arena-pages.ts';
import type { SampleQuery } from '#src/workers/block-spaces.ts';
import { planReads } from '#src/workers/plan-reads.ts';
import type { NodeQuery, NodeReport, ObjectRead, ProfileSelection } from '#src/workers/query-messages.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { stackTexts } from '../../fixtures/canonical.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { INGEST_NOW_MS } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelSetsOfColumns, textsOf } from '../../fixtures/label-set-columns.ts';
import { labelList } from '../../fixtures/labels.ts';
import { decodedBlock, mergedBlock } from '../../fixtures/merged.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { RANDOM_SERVICES, randomSegments } from '../../fixtures/random-segments.ts';
import { CPU_TYPE, cpuLabelsOf, type Pushed, type Segment, segmentOf, wholeRead } from '../../fixtures/segments.ts';
import { mergeBucketedSeries } from '../../fixtures/series-buckets.ts';

const seed = runSeed();
const ingesting = testKernels();
const merging = testKernels();
const querying = testKernels();

const limits = { resultBytesMax: 256 << 20, roomBytes: 256 << 20 };
const everything: ProfileSelection = {
  startMs: 0,
  endMs: 4e12,
  matchers: [],
  profileIds: [],
  spanIds: [],
  traceIds: [],
};

function answer(blocks: readonly Segment[], query: NodeQuery, readOf = wholeRead): NodeReport {
  const reads = blocks.map(readOf);
  const { report } = runSteps(runQueryNode(querying, { query, reads, reports: [], limits }, decompress));
  ok(report !== undefined);
  return report;
}

/** A report as text that does not depend on the order of rows. */
function canonical(report: NodeReport): unknown {
  switch (report.kind) {
    case 'names':
      return textsOf(report.names).sort();
    case 'label-sets':
      return labelSetsOfColumns(report.labelSets)
        .map((labels) => JSON.stringify(labels))
        .sort();
    case 'time-series':
      return mergeBucketedSeries([report.series]);
    case 'tree': {
      const { parent, name, self, names } = report.tree;
      const paths = [''];
      for (let i = 1; i < parent.length; i++) paths.push(`${paths[parent[i]]};${nameText(names, name[i])}`);
      return paths.map((path, i) => `${path} ${self[i]}`).sort();
    }
    case 'profile': {
      const { symbols, values } = report.profile;
      const texts = stackTexts(symbols);
      return texts.flatMap((text, i) => (values[i] === 0n ? [] : [`${text} ${values[i]}`])).sort();
    }
  }
}

function typed(type: string, more: readonly Matcher[] = []): readonly Matcher[] {
  return [...more, { name: '__profile_type__', operator: '=', value: type }];
}

/** The profile types of blocks. */
function typesOf(blocks: readonly Segment[]): string[] {
  const labels = blocks.flatMap(({ meta }) => meta.datasets.flatMap((dataset) => dataset.labels.flat()));
  return [...new Set(labels.flatMap(({ name, value }) => (name === '__profile_type__' ? [value] : [])))].sort();
}

/** What people ask, over one type. */
function queriesOf(random: Random, type: string): NodeQuery[] {
  const middle = INGEST_NOW_MS - 1_800_000;
  const selections: ProfileSelection[] = [
    { ...everything, matchers: typed(type) },
    { ...everything, matchers: typed(type, [{ name: 'service_name', operator: '=', value: 'shop' }]) },
    { ...everything, matchers: typed(type, [{ name: 'pod', operator: '=~', value: 'a|c' }]) },
    { ...everything, matchers: typed(type), endMs: middle },
    { ...everything, matchers: typed(type), startMs: middle },
    { ...everything, matchers: typed(type), spanIds: [Buffer.from('0102030405060708', 'hex').readBigUInt64LE()] },
  ];
  const callSite = random.pick([['f0'], ['f1', 'f2'], ['f3'], ['inlined0'], ['nobody'], ['libc.so+0x26c0']]);
  return selections.flatMap((selection): NodeQuery[] => [
    { kind: 'tree', selection, callSite: [] },
    { kind: 'tree', selection, callSite },
    { kind: 'profile', selection, callSite: [] },
    { kind: 'profile', selection, callSite },
    {
      kind: 'time-series',
      selection,
      buckets: { startMs: 0, endMs: 4e12, stepMs: 60_000, groupBy: ['pod'], exemplars: false },
    },
  ]);
}

function sameAnswers(segments: readonly Segment[], blocks: readonly Segment[], queries: readonly NodeQuery[]): number {
  let rows = 0;
  for (const query of queries) {
    const expected = canonical(answer(segments, query));
    if (Array.isArray(expected)) rows += expected.length;
    const text = JSON.stringify(query, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
    deepEqual(canonical(answer(blocks, query)), expected, text);
    if (query.kind !== 'tree' && query.kind !== 'profile') continue;
    deepEqual(canonical(answer(blocks, query, narrowRead(query))), expected, `of what is planned: ${text}`);
  }
  return rows;
}

/** Reads of a block what the plan says, byte by byte: nothing that is near comes along. */
function narrowRead(query: SampleQuery): (block: Segment) => ObjectRead {
  return ({ meta: { datasets }, bytes }) => {
    const bytesOf = (range: ByteRange): FetchedRange => {
      return { range, bytes: bytes.slice(range.offset, range.offset + range.sizeBytes) };
    };
    const heads = datasets.map(({ range, headBytes }) => ({ offset: range.offset, sizeBytes: headBytes }));
    const starts = new Map(datasets.map(({ symbols: { offset } }) => [offset, { offset, sizeBytes: 20 }]));
    let read: ObjectRead = { datasets, fetched: [...heads, ...starts.values()].map(bytesOf) };
    for (let round = 0; ; round++) {
      const { more, reads, complete } = runSteps(planReads(querying, { query, reads: [read] }, decompress));
      ok(round < 2, 'a plan without end');
      read = { ...reads[0], fetched: [...read.fetched, ...more[0].map(bytesOf)] };
      if (complete) return read;
    }
  };
}

function pushAt(pod: string, timeNanos: bigint, stack = 'main;work'): Pushed {
  const profile = pprof({ timeNanos, samples: [{ stack, v: [1] }] });
  return { ...cpuLabelsOf('api', { pod }), profile, id: new Random(Number(timeNanos % 1_000_000_007n)).bytes(16) };
}

describe(`queries over merged blocks (seed ${seed})`, () => {
  test('answer as over the segments', () => {
    const random = new Random(seed);
    let rows = 0;
    for (let round = 0; round < 4; round++) {
      const services = random.pick([RANDOM_SERVICES, ['shop']]);
      const segments = randomSegments(ingesting, random, 4, services);
      const merged = mergedBlock(merging, segments);
      const twice = mergedBlock(merging, [mergedBlock(merging, segments.slice(0, 2)), ...segments.slice(2)]);
      const labels: NodeQuery[] = [
        { kind: 'label-names', matchers: [] },
        { kind: 'label-values', matchers: [], name: 'pod' },
        { kind: 'series-labels', matchers: [], labelNames: undefined },
      ];
      const types = typesOf(segments).filter(() => random.chance(0.4));
      const queries = [...types.flatMap((type) => queriesOf(random, type)), ...labels];

      rows += sameAnswers(segments, [merged], queries);
      sameAnswers(segments, [twice], queries);
    }
    ok(rows > 200, `${rows} rows`);
  });

  test('answer as over the segments of real profiles', () => {
    const corpus = new URL('../../data/corpus/', import.meta.url);
    const random = new Random(7);
    const pushed = readdirSync(corpus)
      .filter((name) => /^(go-heap|python-cpu|node-heap|rust-cpu)\.pb\.gz$/.test(name))
      .flatMap((name, i): Pushed[] => {
        const service = ['api', 'shop'][i % 2];
        const profile = readFileSync(new URL(name, corpus));
        return ['a', 'b'].map((pod) => {
          const labels = labelList({ __name__: name.split('.')[0], service_name: service, pod });
          return { service, labels, profile, id: random.bytes(16) };
        });
      });
    const segments = [segmentOf(ingesting, pushed, 1), segmentOf(ingesting, [...pushed].reverse().slice(1), 2)];
    const pods: Matcher = { name: 'pod', operator: '=', value: 'a' };
    // A part of a type has no totals: its samples are read, and what their stacktraces are folded to.
    const queries = typesOf(segments).flatMap((type) =>
      [typed(type), typed(type, [pods])].flatMap((matchers): NodeQuery[] => [
        { kind: 'tree', selection: { ...everything, matchers }, callSite: [] },
        { kind: 'profile', selection: { ...everything, matchers }, callSite: [] },
      ]),
    );
    // Every profile is there twice, and counts once when it is merged: so what is compared is the first.
    const merged = mergedBlock(merging, segments);

    ok(sameAnswers(segments.slice(0, 1), [merged], queries) > 3000);
  });

  test('read neither stacktraces nor functions where there are function trees, nor samples where there are totals', () => {
    const first = BigInt(INGEST_NOW_MS) * 1_000_000n;
    const block = mergedBlock(merging, [segmentOf(ingesting, [pushAt('a', first), pushAt('b', first + 5_000_000n)])]);
    const all: NodeQuery = { kind: 'tree', selection: { ...everything, matchers: typed(CPU_TYPE) }, callSite: [] };
    const sections = (query: NodeQuery): Set<number> => sectionsRead(block, query);

    // names, function tree | series, types, totals
    deepEqual([...sections(all)].sort(byNumber), [1, 10, 16, 17, 24]);
    const late = { ...all, selection: { ...all.selection, startMs: INGEST_NOW_MS + 1 } };
    // names, function tree, folded stacks | series, types for the test, pushes, profiles, runs, samples
    deepEqual([...sections(late)].sort(byNumber), [1, 10, 11, 16, 18, 19, 20, 21, 22]);
  });

  test('look at no head again whose totals a plan of reads has found to be what is asked for', () => {
    const first = BigInt(INGEST_NOW_MS) * 1_000_000n;
    const block = mergedBlock(merging, [segmentOf(ingesting, [pushAt('a', first), pushAt('b', first + 5_000_000n)])]);
    const all: NodeQuery = { kind: 'tree', selection: { ...everything, matchers: typed(CPU_TYPE) }, callSite: [] };
    const none = { ...all, selection: { ...all.selection, matchers: typed('no:such:type:of:profile') } };
    const plannedOf = (query: typeof all) => (of: Segment) => {
      const { reads } = runSteps(planReads(querying, { query, reads: [wholeRead(of)] }, decompress));
      return reads[0];
    };

    deepEqual(canonical(answer([block], all, plannedOf(all))), canonical(answer([block], all)));
    deepEqual([...sectionsRead(block, all, plannedOf(all)(block))].sort(byNumber), [1, 10, 24]);
    deepEqual([...sectionsRead(block, none, plannedOf(none)(block))], []);
  });

  test('read what stacktraces are folded to where it has chunks of its own', () => {
    const samples = Array.from({ length: 15_000 }, (_, i) => ({
      stack: `main;f${i % 700};g${i % 11_000};h${i}`,
      v: [i],
    }));
    const profile = pprof({ samples });
    const pushed = ['a', 'b'].map((pod, i) => ({
      ...cpuLabelsOf('api', { pod }),
      profile,
      id: new Random(i).bytes(16),
    }));
    const segments = [segmentOf(ingesting, pushed)];
    const block = mergedBlock(merging, segments);
    const { pages } = runSteps(symbolTable(block.meta.datasets[0], wholeRead(block).fetched));
    const chunksOf = (section: Section) => pages.filter((page) => page.section === section).map(({ chunk }) => chunk);
    const trees = new Set(chunksOf(Section.functionTree));
    ok(chunksOf(Section.foldedStacks).some((chunk) => !trees.has(chunk)));
    const pod: Matcher = { name: 'pod', operator: '=', value: 'a' };

    const matchers = typed(CPU_TYPE, [pod]);
    ok(
      sameAnswers(segments, [block], [{ kind: 'tree', selection: { ...everything, matchers }, callSite: [] }]) > 15_000,
    );
  });

  test('take totals only where all of the time and all series of the type are asked for', () => {
    const first = BigInt(INGEST_NOW_MS) * 1_000_000n;
    // The last one is half a millisecond after the end of its millisecond's start.
    const segments = [segmentOf(ingesting, [pushAt('a', first), pushAt('b', first + 5_500_000n, 'main;other')])];
    const block = mergedBlock(merging, segments);
    const of = (changed: Partial<ProfileSelection>): NodeQuery => ({
      kind: 'tree',
      selection: { ...everything, matchers: typed(CPU_TYPE), ...changed },
      callSite: [],
    });
    const usesTotals = (query: NodeQuery): boolean => sectionsRead(block, query).has(24);
    const pod: Matcher = { name: 'pod', operator: '=', value: 'a' };
    const cases: [Partial<ProfileSelection>, boolean][] = [
      [{}, true],
      [{ startMs: INGEST_NOW_MS, endMs: INGEST_NOW_MS + 6 }, true],
      [{ startMs: INGEST_NOW_MS, endMs: INGEST_NOW_MS + 5 }, false],
      [{ startMs: INGEST_NOW_MS + 1 }, false],
      [{ matchers: typed(CPU_TYPE, [pod]) }, false],
      [{ matchers: typed(CPU_TYPE, [{ ...pod, operator: '=~', value: 'a|b' }]) }, true],
      [{ matchers: typed('another:type:of:a:profile') }, false],
      [{ spanIds: [5n] }, false],
      [{ profileIds: [new Uint8Array(16)] }, false],
    ];
    for (const [changed, expected] of cases) {
      equal(usesTotals(of(changed)), expected, Object.keys(changed).join());
      deepEqual(canonical(answer([block], of(changed))), canonical(answer(segments, of(changed))));
    }
  });

  test('count types that have no totals, because a block has too many types', () => {
    const pushed = Array.from({ length: familiesMax + 8 }, (_, i): Pushed => {
      const profile = pprof({ types: [`t${i}/count`], samples: [{ stack: `main;f${i % 5}`, v: [i + 1] }] });
      const labels = labelList({ __name__: `t${i}`, service_name: 'api' });
      return { service: 'api', labels, profile, id: new Uint8Array(16).fill(i + 1) };
    });
    const segments = [segmentOf(ingesting, pushed)];
    const block = mergedBlock(merging, segments);
    const [{ columns }] = decodedBlock(block)[0].datasets;
    equal(columns.families[familiesMax].totals, undefined);
    const name = (value: string): NodeQuery => {
      const selection = { ...everything, matchers: [{ name: '__name__', operator: '=~', value }] } as const;
      return { kind: 'tree', selection, callSite: [] };
    };

    // All types; one with totals; one without; some of both.
    ok(sameAnswers(segments, [block], ['.*', 't3', `t${familiesMax + 6}`, 't6.*'].map(name)) > 0);
  });

  test('count the samples of a dataset that was taken over without some of its pushes and its totals', () => {
    const first = BigInt(INGEST_NOW_MS) * 1_000_000n;
    const known = pushAt('a', first);
    const wide = pprof({
      timeNanos: first + 5_000_000n,
      samples: Array.from({ length: 6000 }, (_, i) => ({ stack: `main;f${i}`, v: [i + 1] })),
    });
    const large = { ...cpuLabelsOf('api', { pod: 'b' }), profile: wide, id: new Uint8Array(16).fill(9) };
    const sources = [
      segmentOf(ingesting, [known]),
      mergedBlock(merging, [segmentOf(ingesting, [known, large])]),
    ] as const;
    // There is no room to merge the second one.
    const block = mergedBlock(testKernels({ headBytesMax: 600 << 10 }), sources);
    const totals = decodedBlock(block).map(({ datasets }) => datasets[0].columns.families[0].totals === undefined);
    deepEqual(totals, [false, true]);

    const pods = (value: string): NodeQuery => {
      const matchers = typed(CPU_TYPE, [{ name: 'pod', operator: '=~', value }]);
      return { kind: 'tree', selection: { ...everything, matchers }, callSite: [] };
    };
    const segments = [segmentOf(ingesting, [known]), segmentOf(ingesting, [large])];

    ok(sameAnswers(segments, [block], ['.*', 'a', 'b'].map(pods)) > 12_000);
  });

  test('make up names for frames that have none, also where a call site begins with one', () => {
    const profile = pprof({
      mappings: [{ file: '/lib/libc.so', start: 4096, limit: 65_536, functions: false }],
      samples: [{ stack: [{ addr: 8192, mapping: 1 }, { fn: 'work' }], v: [3] }],
    });
    const segments = [segmentOf(ingesting, [{ ...cpuLabelsOf('api'), profile }])];
    const block = mergedBlock(merging, segments);
    const tree = (...callSite: string[]): NodeQuery => ({
      kind: 'tree',
      selection: { ...everything, matchers: typed(CPU_TYPE) },
      callSite,
    });

    const expected = canonical(answer(segments, tree()));
    ok(JSON.stringify(expected).includes('libc.so+0x'), JSON.stringify(expected));
    deepEqual(canonical(answer([block], tree())), expected);
    const [{ symbols }] = decodedBlock(block);
    const unnamed = Array.from(symbols.names.offsets.keys()).map((row) => nameText(symbols.names, row));
    const made = unnamed.find((name) => name.startsWith('libc.so+0x')) ?? '';
    deepEqual(canonical(answer([block], tree(made))), canonical(answer(segments, tree(made))));
  });
});

const byNumber = (a: number, b: number): number => a - b;

/** The sections of which a query opens pages. */
function sectionsRead(block: Segment, query: NodeQuery, of = wholeRead(block)): Set<number> {
  const read = new Set<number>();
  const original = ArenaPages.prototype.open;
  ArenaPages.prototype.open = function (page) {
    read.add(page.section);
    return original.call(this, page);
  };
  try {
    answer([block], query, () => of);
  } finally {
    ArenaPages.prototype.open = original;
  }
  return read;
}
