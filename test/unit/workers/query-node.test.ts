import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { namesOf, nameText } from '#src/domain/profile/name-table.ts';
import { topSeries } from '#src/domain/query/series-buckets.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import type { NodeQuery, NodeReport, ObjectRead, ProfileSelection } from '#src/workers/query-messages.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { stackTexts } from '../../fixtures/canonical.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { columnsOf, labelSetsOfColumns, textsOf } from '../../fixtures/label-set-columns.ts';
import { labelList, labelText } from '../../fixtures/labels.ts';
import { foldedSamples, pprof, type SampleDescription } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { CPU_TYPE, cpuLabelsOf, type Pushed, type Segment, segmentOf, wholeRead } from '../../fixtures/segments.ts';
import { repairChecksums } from '../domain/block/repaired-checksums.ts';

const seed = runSeed();
const kernels = testKernels();
const MS = 1_000_000n;
const NO_LIMIT = { resultBytesMax: 2 ** 40, roomBytes: 2 ** 40 };

type Kind<K extends NodeQuery['kind']> = Extract<NodeQuery, { kind: K }>;

function selection(change: Partial<ProfileSelection> = {}): ProfileSelection {
  return {
    ...{ startMs: 0, endMs: 1_000_000, matchers: [] },
    ...{ profileIds: [], spanIds: [], traceIds: [] },
    ...change,
  };
}

function where(name: string, operator: Matcher['operator'], value: string): Pick<ProfileSelection, 'matchers'> {
  return { matchers: [{ name, operator, value }] };
}

function treeOf(change: Partial<ProfileSelection> = {}, callSite: readonly string[] = []): Kind<'tree'> {
  return { kind: 'tree', selection: selection(change), callSite };
}

function profileOf(change: Partial<ProfileSelection> = {}, callSite: readonly string[] = []): Kind<'profile'> {
  return { kind: 'profile', selection: selection(change), callSite };
}

function seriesOf(
  change: Partial<Kind<'time-series'>['buckets']> = {},
  of: Partial<ProfileSelection> = {},
): Kind<'time-series'> {
  const buckets = { startMs: 1000, endMs: 4000, stepMs: 1000, groupBy: [], exemplars: false, ...change };
  return { kind: 'time-series', selection: selection(of), buckets };
}

function reportOf(
  query: NodeQuery,
  reads: readonly ObjectRead[],
  reports: readonly NodeReport[] = [],
  of: KernelInstance = kernels,
): NodeReport {
  const { report } = runSteps(of.guardSteps(runQueryNode(of, { query, reads, reports, limits: NO_LIMIT }, decompress)));
  ok(report !== undefined);
  return report;
}

/** A report as lines of text that do not depend on row numbers. */
function linesOf(report: NodeReport): string[] {
  switch (report.kind) {
    case 'names':
      return textsOf(report.names).sort();
    case 'label-sets':
      return labelSetsOfColumns(report.labelSets)
        .map((labels) => labelText(labels))
        .sort();
    case 'tree':
      return foldedTree(report.tree);
    case 'profile': {
      const texts = stackTexts(report.profile.symbols);
      const values = [...report.profile.values].map((value, row) => `${texts[row]} ${value}`);
      return values.filter((_, row) => report.profile.values[row] !== 0n).sort();
    }
    case 'time-series':
      return topSeries(report.series, 0).flatMap(({ labels, timeMs, value, exemplars }) =>
        Array.from(timeMs, (time, i) => {
          const exemplar = exemplars[i];
          const shown =
            exemplar === undefined
              ? ''
              : ` ${exemplar.profileId.slice(0, 2)}@${exemplar.timeMs}=${exemplar.value} {${labelText(exemplar.labels)}}`;
          return `{${labelText(labels)}} ${time} ${value[i]}${shown}`;
        }),
      );
  }
}

/** `main;work 3`, where a node has a value of its own. */
function foldedTree({ parent, name, self, names }: FunctionTree): string[] {
  const paths: string[] = [];
  const lines: string[] = [];
  for (let i = 0; i < parent.length; i++) {
    const own = i === 0 ? '' : nameText(names, name[i]);
    paths.push(i > 0 && parent[i] > 0 ? `${paths[parent[i]]};${own}` : own);
    if (self[i] !== 0n) lines.push(`${paths[i]} ${self[i]}`);
  }
  return lines.sort();
}

function folded(text: string, more: Partial<Parameters<typeof pprof>[0]> = {}): Uint8Array {
  return pprof({ samples: foldedSamples(text), timeNanos: 2000n * MS, ...more });
}

function id(byte: number): Uint8Array {
  return new Uint8Array(16).fill(byte);
}

/** Two services, one of them with two pods and two times. */
const pushed: readonly Pushed[] = [
  { ...cpuLabelsOf('shop', { pod: 'a' }), id: id(1), profile: folded('main;work 3\nmain;idle 1') },
  { ...cpuLabelsOf('shop', { pod: 'b' }), id: id(2), profile: folded('main;work 5\nmain;work;deep 2') },
  { ...cpuLabelsOf('shop', { pod: 'a' }), id: id(3), profile: folded('gc 7', { timeNanos: 3000n * MS }) },
  { ...cpuLabelsOf('cart'), id: id(4), profile: folded('main;work 100') },
];
const whole = wholeRead(segmentOf(testKernels(), pushed));

describe('a tree of a read node', () => {
  const of = (change: Partial<ProfileSelection> = {}, callSite: readonly string[] = []) =>
    linesOf(reportOf(treeOf(change, callSite), [whole]));

  test('has the samples of all profiles by their function names', () => {
    deepEqual(of(), ['gc 7', 'main;idle 1', 'main;work 108', 'main;work;deep 2']);
  });

  test('has only those of the series that match', () => {
    deepEqual(of(where('pod', '=', 'a')), ['gc 7', 'main;idle 1', 'main;work 3']);
    deepEqual(of(where('pod', '!=', 'a')), ['main;work 105', 'main;work;deep 2']);
    deepEqual(of(where('pod', '=~', 'a|b')), ['gc 7', 'main;idle 1', 'main;work 8', 'main;work;deep 2']);
    deepEqual(of(where('service_name', '=', 'cart')), ['main;work 100']);
    deepEqual(of(where('pod', '=', 'c')), []);
  });

  test('has only those of the time', () => {
    deepEqual(of({ startMs: 2001, endMs: 3000 }), ['gc 7']);
    deepEqual(of({ startMs: 0, endMs: 1999 }), []);
  });

  test('has only those of the profiles that are named', () => {
    deepEqual(of({ profileIds: [id(2), id(3)] }), ['gc 7', 'main;work 5', 'main;work;deep 2']);
    deepEqual(of({ profileIds: [id(9)] }), []);
  });

  test('has only the stacktraces of a call site', () => {
    deepEqual(of({}, ['main', 'work']), ['main;work 108', 'main;work;deep 2']);
    deepEqual(of({}, ['main', 'work', 'deep']), ['main;work;deep 2']);
    deepEqual(of({}, ['work']), []);
  });

  test('has one value per profile type of those that share stacktraces', () => {
    const heap = folded('main;parse 1 10 0 0\nmain;keep 2 20 3 30', {
      types: ['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'],
      period: ['space/bytes', 512],
    });
    const labels = {
      labels: [
        { name: '__name__', value: 'memory' },
        { name: 'service_name', value: 'shop' },
      ],
    };
    const read = wholeRead(segmentOf(testKernels(), [{ ...labels, profile: heap }, ...pushed.slice(0, 1)]));
    const ofType = (type: string) => linesOf(reportOf(treeOf(where('__profile_type__', '=', type)), [read]));

    deepEqual(ofType('memory:alloc_space:bytes:space:bytes'), ['main;keep 20', 'main;parse 10']);
    deepEqual(ofType('memory:inuse_objects:count:space:bytes'), ['main;keep 3']);
    deepEqual(ofType(CPU_TYPE), ['main;idle 1', 'main;work 3']);
  });

  test('names frames without symbols by where they are', () => {
    const stack = [{ fn: 'main' }, { addr: 0x1234, mapping: 1 }, { addr: 0x99, mapping: 0 }];
    const mappings = [{ file: '/lib/libc.so.6', start: 0x1000, limit: 0x9000, offset: 0x10, functions: false }];
    const profile = pprof({ samples: [{ stack, v: [4] }], mappings, timeNanos: 2000n * MS });
    const read = wholeRead(segmentOf(testKernels(), [{ profile }]));

    const [line = '', ...others] = linesOf(reportOf(treeOf(), [read]));

    equal(others.length, 0);
    ok(/^main;libc\.so\.6\+0x[0-9a-f]+;0x[0-9a-f]+ 4$/.test(line), line);
  });

  const spanned = (stack: string, value: number, labels: Readonly<Record<string, string>>): SampleDescription => ({
    stack,
    v: [value],
    labels,
  });
  const traced = wholeRead(
    segmentOf(testKernels(), [
      {
        profile: pprof({
          timeNanos: 2000n * MS,
          samples: [
            spanned('main;a', 1, { span_id: '0102030405060708' }),
            spanned('main;b', 2, { span_id: '0000000000000009', trace_id: '05'.repeat(16) }),
            spanned('main;c', 4, { trace_id: '05'.repeat(16) }),
            spanned('main;d', 8, {}),
          ],
        }),
      },
    ]),
  );
  const spanId = (hex: string): bigint => Buffer.from(hex, 'hex').readBigUInt64LE();

  test('has only the samples of spans and traces that are named', () => {
    const ofSpans = (change: Partial<ProfileSelection>) => linesOf(reportOf(treeOf(change), [traced]));

    deepEqual(ofSpans({}), ['main;a 1', 'main;b 2', 'main;c 4', 'main;d 8']);
    deepEqual(ofSpans({ spanIds: [spanId('0102030405060708')] }), ['main;a 1']);
    deepEqual(ofSpans({ spanIds: [spanId('0102030405060708'), spanId('0000000000000009')] }), ['main;a 1', 'main;b 2']);
    deepEqual(ofSpans({ traceIds: [id(5)] }), ['main;b 2', 'main;c 4']);
    deepEqual(ofSpans({ spanIds: [0n] }), []);
    deepEqual(linesOf(reportOf(treeOf({ spanIds: [7n] }), [whole])), []);
  });
});

describe('a profile of a read node', () => {
  test('has whole locations, and agrees with the tree', () => {
    const lines = linesOf(reportOf(profileOf(where('pod', '=', 'a')), [whole]));

    equal(lines.length, 3);
    ok(lines.every((line) => line.includes('[app ')));
    ok(
      lines.some((line) => /work\|work\|.* < .*main\|main\|.* 3$/.test(line)),
      lines.join('\n'),
    );
  });

  test('is of a call site, of a time and of profiles like a tree', () => {
    equal(linesOf(reportOf(profileOf({}, ['main', 'work', 'deep']), [whole])).length, 1);
    equal(linesOf(reportOf(profileOf({ startMs: 2001 }), [whole])).length, 1);
    equal(linesOf(reportOf(profileOf({ profileIds: [id(1)] }), [whole])).length, 2);
    deepEqual(linesOf(reportOf(profileOf({ profileIds: [id(9)] }), [whole])), []);
  });
});

describe('a time series of a read node', () => {
  test('has the totals of the profiles in each step', () => {
    deepEqual(linesOf(reportOf(seriesOf(), [whole])), ['{} 2000 111', '{} 3000 7']);
  });

  test('has a series per group', () => {
    deepEqual(linesOf(reportOf(seriesOf({ groupBy: ['service_name', 'pod'] }), [whole])), [
      '{service_name=cart} 2000 100',
      '{service_name=shop, pod=a} 2000 4',
      '{service_name=shop, pod=a} 3000 7',
      '{service_name=shop, pod=b} 2000 7',
    ]);
  });

  test('has the profile with the highest value as an exemplar of each point', () => {
    const series = seriesOf({ groupBy: ['service_name'], exemplars: true }, where('service_name', '=', 'shop'));
    const lines = linesOf(reportOf(series, [whole])).map((line) => line.replace(/__[a-z_]+__=[^,}]*(, )?/g, ''));

    equal(lines.length, 2);
    ok(/^\{service_name=shop\} 2000 11 02@2000=7 \{.*pod=b/.test(lines[0] ?? ''), lines[0]);
    ok(/^\{service_name=shop\} 3000 7 03@3000=7 \{.*pod=a/.test(lines[1] ?? ''), lines[1]);
  });

  test('has only the profiles that match', () => {
    deepEqual(linesOf(reportOf(seriesOf({}, where('pod', '=', 'b')), [whole])), ['{} 2000 7']);
    deepEqual(linesOf(reportOf(seriesOf({}, { profileIds: [id(3)] }), [whole])), ['{} 3000 7']);
    deepEqual(linesOf(reportOf(seriesOf({}, where('pod', '=', 'c')), [whole])), []);
  });
});

describe('labels of a read node', () => {
  const pods = where('pod', '!=', '').matchers;

  test('are the names of the series that match', () => {
    const all = linesOf(reportOf({ kind: 'label-names', matchers: [] }, [whole]));
    const ofCart = linesOf(reportOf({ kind: 'label-names', ...where('service_name', '=', 'cart') }, [whole]));

    ok(all.includes('pod') && all.includes('service_name') && all.includes('__profile_type__'));
    deepEqual(
      ofCart,
      all.filter((name) => name !== 'pod'),
    );
  });

  test('are the values of a name', () => {
    const valuesOf = (name: string, matchers: readonly Matcher[]) =>
      linesOf(reportOf({ kind: 'label-values', name, matchers }, [whole]));

    deepEqual(valuesOf('pod', []), ['a', 'b']);
    deepEqual(valuesOf('service_name', []), ['cart', 'shop']);
    deepEqual(valuesOf('service_name', pods), ['shop']);
    deepEqual(valuesOf('nobody', []), []);
  });

  test('are label sets, each once', () => {
    const sets = (matchers: readonly Matcher[], labelNames?: readonly string[]) =>
      linesOf(reportOf({ kind: 'series-labels', matchers, labelNames }, [whole]));

    deepEqual(sets([], ['service_name', 'pod']), [
      'pod=a, service_name=shop',
      'pod=b, service_name=shop',
      'service_name=cart',
    ]);
    deepEqual(sets([], ['service_name']), ['service_name=cart', 'service_name=shop']);
    deepEqual(sets(pods, ['pod']), ['pod=a', 'pod=b']);
    deepEqual(sets([], ['nobody']), []);
    equal(sets([]).length, 3);
  });
});

/** One of each kind. */
const queries: Readonly<Record<string, NodeQuery>> = {
  tree: treeOf(),
  'a tree of a call site': treeOf({}, ['main']),
  'a tree of spans': treeOf({ spanIds: [1n] }),
  profile: profileOf(),
  'time series': seriesOf({ groupBy: ['pod'], exemplars: true }),
  'label names': { kind: 'label-names', matchers: [] },
  'label values': { kind: 'label-values', name: 'pod', ...where('service_name', '=', 'shop') },
  'label sets': { kind: 'series-labels', matchers: [], labelNames: undefined },
};

describe('a node', () => {
  const half = pushed.length / 2;
  const [first, second] = [pushed.slice(0, half), pushed.slice(half)].map((part, i) =>
    segmentOf(testKernels(), part, i + 1),
  ) as [Segment, Segment];

  for (const [name, query] of Object.entries(queries)) {
    test(`reports of two blocks what it reports of one with both: ${name}`, () => {
      const expected = linesOf(reportOf(query, [whole]));

      deepEqual(linesOf(reportOf(query, [wholeRead(first), wholeRead(second)])), expected);
      deepEqual(linesOf(reportOf(query, [wholeRead(second), wholeRead(first)])), expected);
    });

    test(`merges reports to what it reports of all they were made of: ${name}`, () => {
      const reports = [first, second].map((segment) => reportOf(query, [wholeRead(segment)]));

      const expected = linesOf(reportOf(query, [whole]));
      deepEqual(linesOf(reportOf(query, [], reports)), expected);
      deepEqual(linesOf(reportOf(query, [wholeRead(second)], reports.slice(0, 1))), expected);
    });
  }

  test('has the root alone where nothing is read, and nothing to merge', () => {
    deepEqual(linesOf(reportOf(treeOf(), [])), []);
    deepEqual(linesOf(reportOf(profileOf(), [])), []);
    deepEqual(linesOf(reportOf(seriesOf(), [])), []);
  });

  test('reads only the datasets of an object that it is given', () => {
    const tenants = [
      { ...pushed[0], tenant: 'one', profile: folded('main;one 1') },
      { ...pushed[1], tenant: 'two', profile: folded('main;two 2') },
      { ...pushed[3], tenant: 'two', profile: folded('main;two;cart 3') },
    ];
    const segment = segmentOf(testKernels(), tenants);
    const { datasets, fetched } = wholeRead(segment);
    const of = (tenant: string) => {
      const own = segment.meta.datasets.filter((dataset) => dataset.tenant === tenant);
      return linesOf(reportOf(treeOf(), [{ datasets: own, fetched }]));
    };

    deepEqual(of('one'), ['main;one 1']);
    deepEqual(of('two'), ['main;two 2', 'main;two;cart 3']);
    deepEqual(linesOf(reportOf(treeOf(), [{ datasets, fetched }])), ['main;one 1', 'main;two 2', 'main;two;cart 3']);
  });

  test('keeps a report that there is no room for to itself, and says how large it is', () => {
    const task = { query: treeOf(), reads: [whole], reports: [], limits: { resultBytesMax: 2 ** 40, roomBytes: 1 } };
    const { report, sizeBytes } = runSteps(runQueryNode(kernels, task, decompress));

    equal(report, undefined);
    ok(sizeBytes > 1);
  });

  test('counts a text that many label sets share as often as an answer has it', () => {
    const text = 'x'.repeat(1000);
    const labelSets = columnsOf(Array.from({ length: 100 }, (_, i) => labelList({ a: text, b: `${i}` })));
    const query: NodeQuery = { kind: 'series-labels', matchers: [], labelNames: undefined };
    const reports: NodeReport[] = [{ kind: 'label-sets', labelSets }];
    const run = (resultBytesMax: number) =>
      runQueryNode(kernels, { query, reads: [], reports, limits: { resultBytesMax, roomBytes: 2 ** 40 } }, decompress);

    throws(() => runSteps(run(100_000)), { code: 'too-large' });
    ok(runSteps(run(110_000)).sizeBytes > 100_000);
  });

  test('looks at the labels of series in steps, however many a series has', () => {
    const names = Array.from({ length: 24 }, (_, i) => `label_${i}`);
    const samples = Array.from({ length: 2000 }, (_, i) => ({
      stack: 'main',
      v: [1],
      labels: Object.fromEntries(names.map((name) => [name, `${i}`])),
    }));
    const read = wholeRead(segmentOf(testKernels(), [{ ...cpuLabelsOf('shop'), profile: pprof({ samples }) }]));
    const pausesOf = (matchers: readonly Matcher[]): number => {
      // Nothing is kept, so that what comes after takes the same pauses.
      const query: NodeQuery = { kind: 'series-labels', matchers, labelNames: ['nobody'] };
      const steps = runQueryNode(kernels, { query, reads: [read], reports: [], limits: NO_LIMIT }, decompress);
      let pauses = 0;
      while (!steps.next().done) pauses++;
      return pauses;
    };

    const none = pausesOf(where('service_name', '=', 'nobody').matchers);
    ok(pausesOf([]) - none >= 3, `${pausesOf([])} pauses, ${none} where nothing matches`);
  });

  test('merges very many names and label sets in steps', () => {
    const texts = Array.from({ length: 100_000 }, (_, i) => `${i}`);
    const labelSets = columnsOf(texts.map((value) => labelList({ pod: value })));
    const pausesOf = (query: NodeQuery, report: NodeReport): number => {
      const reports = [report, report];
      const steps = runQueryNode(kernels, { query, reads: [], reports, limits: NO_LIMIT }, decompress);
      let pauses = 0;
      while (!steps.next().done) pauses++;
      return pauses;
    };

    ok(pausesOf({ kind: 'label-names', matchers: [] }, { kind: 'names', names: namesOf(texts) }) >= 12);
    const query: NodeQuery = { kind: 'series-labels', matchers: [], labelNames: undefined };
    ok(pausesOf(query, { kind: 'label-sets', labelSets }) >= 36);
  });

  test('refuses a report that is larger than a result may be, naming the limit', () => {
    const limits = { resultBytesMax: 100, roomBytes: 2 ** 40 };

    throws(
      () => runSteps(runQueryNode(kernels, { query: treeOf(), reads: [whole], reports: [], limits }, decompress)),
      {
        code: 'too-large',
        message: /more memory than --query-backend\.result-bytes-max: limit 100 bytes, actual at least /,
      },
    );
  });
});

describe('a tree that has no room', () => {
  const leaves = Array.from({ length: 8000 }, (_, i) => `main;f${i} 1`);
  const samples = [...foldedSamples(['main;heavy 500', ...leaves].join('\n')), { stack: [], v: [7] }];
  const read = wholeRead(
    segmentOf(testKernels(), [{ ...cpuLabelsOf('shop'), profile: pprof({ samples, timeNanos: 2000n * MS }) }]),
  );
  const answerOf = (headBytesMax: number, resultBytesMax = NO_LIMIT.resultBytesMax) => {
    const tight = testKernels({ headBytesMax });
    const task = { query: treeOf(), reads: [read], reports: [], limits: { ...NO_LIMIT, resultBytesMax } };
    const { report, cut } = runSteps(tight.guardSteps(runQueryNode(tight, task, decompress)));
    ok(report?.kind === 'tree');
    return { tree: report.tree, cut };
  };
  const sumOf = ({ self }: FunctionTree): bigint => self.reduce((sum, own) => sum + own, 0n);

  test('is cut to its heaviest nodes, says so, and has the values of all that have a stacktrace', () => {
    const whole = answerOf(64 << 20);
    const noMemory = answerOf(300 << 10);
    const noResult = answerOf(64 << 20, 30_000);

    equal(whole.cut, false);
    equal(whole.tree.parent.length, 1 + 2 + 8000);
    for (const { tree, cut } of [noMemory, noResult]) {
      equal(cut, true);
      ok(tree.parent.length < 2000, `${tree.parent.length} nodes`);
      ok(foldedTree(tree).includes('main;heavy 500'));
    }
    for (const { tree } of [whole, noMemory, noResult]) {
      equal(sumOf(tree), 8500n);
      equal(tree.self[0], 0n);
    }
  });
});

describe('a node that reads a damaged object', () => {
  const segment = segmentOf(testKernels(), pushed);
  const small = testKernels({ scratchBytesMax: 4 << 20, headBytesMax: 4 << 20 });
  const contentBytes = Math.max(...segment.meta.datasets.map(({ range }) => range.offset + range.sizeBytes));
  const expected = new Map(Object.entries(queries).map(([name, query]) => [name, linesOf(reportOf(query, [whole]))]));

  /** @returns undefined when it was refused as a damaged object must be */
  function answerOf(bytes: Uint8Array, query: NodeQuery): string[] | undefined {
    try {
      // What was asked for is known from metadata, whatever came.
      const range = { offset: 0, sizeBytes: segment.bytes.length };
      const read = { datasets: segment.meta.datasets, fetched: [{ range, bytes }] };
      return linesOf(reportOf(query, [read], [], small));
    } catch (error) {
      ok(error instanceof StoreError, error instanceof Error ? error.stack : String(error));
      ok(['corrupted', 'unimplemented', 'limit-exceeded'].includes(error.code), `${error.code}: ${error.message}`);
      return undefined;
    }
  }

  test('answers what is right, or refuses it, whichever byte is wrong', () => {
    let refused = 0;
    for (let at = 0; at < contentBytes; at++) {
      const bytes = segment.bytes.slice();
      bytes[at] ^= 1 << (at & 7);
      for (const [name, query] of Object.entries(queries)) {
        const answer = answerOf(bytes, query);
        if (answer === undefined) refused++;
        else deepEqual(answer, expected.get(name), `${name}, byte ${at}`);
      }
    }
    ok(refused > contentBytes * 2);
  });

  test(`does not fail otherwise, whatever the bytes are under right checksums (seed ${seed})`, () => {
    const random = new Random(seed);
    let refused = 0;
    for (let round = 0; round < 600; round++) {
      const bytes = segment.bytes.slice();
      for (let i = random.int(1, 3); i > 0; i--)
        bytes[random.int(0, contentBytes - 1)] = random.pick([0, 1, 2, 127, 255]);
      for (const { symbols, range } of segment.meta.datasets) {
        for (const { offset, sizeBytes } of [symbols, range])
          repairChecksums(bytes.subarray(offset, offset + sizeBytes));
      }
      for (const query of Object.values(queries)) if (answerOf(bytes, query) === undefined) refused++;
    }
    ok(refused > 600, `${refused} refused`);
  });

  test('refuses one that is shorter than its metadata says', () => {
    for (const query of Object.values(queries)) {
      equal(answerOf(segment.bytes.subarray(0, 100), query), undefined);
    }
  });

  test('reads a good one after that', () => {
    for (const [name, query] of Object.entries(queries)) deepEqual(answerOf(segment.bytes, query), expected.get(name));
  });
});
