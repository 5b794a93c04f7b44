import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import type { ErrorCode, StoreError } from '#src/domain/errors.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import type { Log } from '#src/platform/log.ts';
import { metrics } from '#src/platform/metrics.ts';
import { QueryBackend, type QueryBackendOptions } from '#src/services/query-backend/query-backend.ts';
import type {
  MetadataQuery,
  MetadataReader,
  PlannedQuery,
  PlanRunner,
  Reply,
  SelectRequest,
  SelectSeriesRequest,
  Wire,
} from '#src/services/query-frontend/ports.ts';
import { QueryFrontend, type QueryFrontendOptions } from '#src/services/query-frontend/query-frontend.ts';
import { ProfileSchema } from '#src/transports/gen/google/v1/profile_pb.ts';
import type { NodeReport } from '#src/workers/query-messages.ts';
import { FakeClock, settle } from '../../../fixtures/fake-clock.ts';
import { InlinePool } from '../../../fixtures/inline-pool.ts';
import { testKernels } from '../../../fixtures/kernels.ts';
import { columnsOf } from '../../../fixtures/label-set-columns.ts';
import { labelList, labelText } from '../../../fixtures/labels.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';
import { CPU_TYPE, cpuLabelsOf, FakeObjectReader, type Segment, segmentOf } from '../../../fixtures/segments.ts';
import { silentLog } from '../../../fixtures/silent-log.ts';

const kernels = testKernels();
const HOUR_MS = 3_600_000;
const NOW_MS = 1_790_000_000_000;
const json: Wire = { codec: 'json', gzip: false };
const stays = new AbortController().signal;
const range = { startMs: NOW_MS - HOUR_MS, endMs: NOW_MS };
const longAgo = { startMs: NOW_MS - 1000 * HOUR_MS, endMs: NOW_MS - 999 * HOUR_MS };

const options: QueryFrontendOptions = {
  maxQueryLookbackMs: 7 * 24 * HOUR_MS,
  maxQueryLengthMs: 24 * HOUR_MS,
  maxFlamegraphNodesDefault: 8192,
  maxFlamegraphNodesMax: 100_000,
  maxFlamegraphNodesOnSelectMergeProfile: false,
};

const backendOptions: QueryBackendOptions = {
  readNodesMax: 2,
  memoryBytesMax: 64 << 20,
  resultBytesMax: 16 << 20,
  cacheBytesMax: 0,
};

const segment = segmentOf(kernels, [
  {
    ...cpuLabelsOf('shop', { pod: 'a' }),
    profile: pprof({
      timeNanos: BigInt(NOW_MS - HOUR_MS / 2) * 1_000_000n,
      samples: [
        { stack: 'main;work', v: [30] },
        { stack: 'main', v: [12] },
      ],
    }),
  },
]);

type Recorded = {
  readonly metadata: MetadataQuery[];
  readonly labels: (MetadataQuery & { readonly labelNames: readonly string[] })[];
  readonly runs: (PlannedQuery & { readonly signal: AbortSignal })[];
};

type Found = {
  blocks?: readonly BlockMeta[];
  labels?: readonly Labels[];
  report?: NodeReport;
};

/** A frontend on an index and a backend that answer what the test says; by default there is one block. */
function setUp(
  { blocks = [segment.meta], labels = [], report }: Found = {},
  changed: Partial<QueryFrontendOptions> = {},
) {
  const asked: Recorded = { metadata: [], labels: [], runs: [] };
  const inline = new InlinePool(kernels);
  const pool = inline.asPool();
  const backend = new QueryBackend(backendOptions, { objects: new FakeObjectReader([segment]), pool });
  const metadata: MetadataReader = {
    queryMetadata: async (query) => {
      asked.metadata.push(query);
      return [...blocks];
    },
    queryLabels: async (query) => {
      asked.labels.push(query);
      return [...labels];
    },
  };
  const runner: PlanRunner = {
    run: async (queries, signal) => {
      asked.runs.push(...queries.map((planned) => ({ ...planned, signal })));
      if (report === undefined) return backend.run(queries, signal);
      return { reports: queries.map(() => report), missingBlocks: [], release: () => {} };
    },
  };
  const clock = new FakeClock(NOW_MS);
  return {
    asked,
    handed: (task: string) => {
      const call = inline.calls.find(({ name }) => name === task);
      ok(call !== undefined);
      return call;
    },
    ran: (task: string) => inline.calls.filter(({ name }) => name === task).length,
    frontend: new QueryFrontend({ ...options, ...changed }, { clock, log: silentLog, metadata, backend: runner, pool }),
  };
}

function bodyOf(reply: Reply): Record<string, unknown> {
  return JSON.parse(Buffer.concat(reply.body).toString()) as Record<string, unknown>;
}

const select: SelectRequest & { format: 'flamegraph' } = {
  ...range,
  profileTypeId: CPU_TYPE,
  labelSelector: '{service_name="shop"}',
  maxNodes: undefined,
  format: 'flamegraph',
};
const selectSeries: SelectSeriesRequest = {
  ...range,
  profileTypeId: CPU_TYPE,
  labelSelector: '{}',
  groupBy: [],
  stepSeconds: 15,
  limit: undefined,
  exemplars: 'none',
};
const labelsRequest = { ...range, matchers: [], utf8Names: true };

type Frontend = QueryFrontend;
type Call = (frontend: Frontend, change?: object) => Promise<Reply>;

/** Every method with a request that is right, to be changed. */
const methods = {
  profileTypes: (f, change = {}) => f.profileTypes(['a'], { ...range, ...change }, json, stays),
  labelNames: (f, change = {}) => f.labelNames(['a'], { ...labelsRequest, ...change }, json, stays),
  labelValues: (f, change = {}) => f.labelValues(['a'], { ...labelsRequest, name: 'pod', ...change }, json, stays),
  series: (f, change = {}) => f.series(['a'], { ...labelsRequest, labelNames: [], ...change }, json, stays),
  selectMergeStacktraces: (f, change = {}) => f.selectMergeStacktraces(['a'], { ...select, ...change }, json, stays),
  selectMergeProfile: (f, change = {}) => f.selectMergeProfile(['a'], { ...select, ...change }, json, stays),
  selectSeries: (f, change = {}) => f.selectSeries(['a'], { ...selectSeries, ...change }, json, stays),
  render: (f, change = {}) => f.render(['a'], { ...select, groupBy: [], ...change }, json, stays),
  diff: (f, change = {}) => f.diff(['a'], { left: select, right: { ...select, ...change } }, json, stays),
  renderDiff: (f, change = {}) => f.renderDiff(['a'], { left: select, right: { ...select, ...change } }, json, stays),
} as const satisfies Record<string, Call>;
const names = Object.keys(methods) as (keyof typeof methods)[];
const selects = [
  'selectMergeStacktraces',
  'selectMergeProfile',
  'selectSeries',
  'render',
  'diff',
  'renderDiff',
] as const;

async function refused(name: keyof typeof methods, change: object, message: RegExp): Promise<void> {
  const { asked, frontend } = setUp();
  const code: ErrorCode = 'invalid-argument';
  await rejects(async () => methods[name](frontend, change), { code, message }, `${name} ${JSON.stringify(change)}`);
  equal(asked.runs.length, 0, `${name} read although its request is wrong`);
}

async function refusedExpressions(limit: string | undefined): Promise<number> {
  const metric = await metrics.getSingleMetric('kiln_query_frontend_refused_expressions_total')?.get();
  return metric?.values.find(({ labels }) => labels['limit'] === limit)?.value ?? 0;
}

async function refusedLabelNames(): Promise<number> {
  const metric = await metrics.getSingleMetric('kiln_query_frontend_refused_label_names_total')?.get();
  return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
}

describe('QueryFrontend, what it refuses', () => {
  for (const name of names) {
    test(`${name} refuses a range without an end, with swapped ends, and one that is too long`, async () => {
      await refused(name, { startMs: 0 }, /missing time range/);
      await refused(name, { startMs: NOW_MS, endMs: NOW_MS - 1 }, /is after end/);
      await refused(
        name,
        { startMs: NOW_MS - 25 * HOUR_MS },
        /longer than --querier.max-query-length: limit 1d, actual 1d1h$/,
      );
    });
  }

  for (const name of selects) {
    test(`${name} refuses a profile type and a selector that cannot be read`, async () => {
      await refused(name, { profileTypeId: 'cpu' }, /profile type must have the form/);
      await refused(name, { labelSelector: '{service_name=' }, /selector/);
      await refused(name, { labelSelector: '{service_name=~"("}' }, /"service_name" is not valid/);
    });
  }

  for (const name of ['labelNames', 'labelValues', 'series'] as const) {
    test(`${name} refuses matchers that cannot be read`, async () => {
      await refused(name, { matchers: ['{}', '{a='] }, /selector/);
      await refused(name, { matchers: ['{a=~"["}'] }, /"a" is not valid/);
    });
  }

  for (const name of ['selectMergeStacktraces', 'render', 'diff', 'renderDiff'] as const) {
    test(`${name} refuses more nodes than the limit`, async () => {
      await refused(
        name,
        { maxNodes: 100_001 },
        /max_nodes is more than --querier.max-flamegraph-nodes-max: limit 100000, actual 100001/,
      );
    });
  }

  test('refuses expressions that would take seconds to compile or to match, and counts them', async () => {
    const { frontend, asked } = setUp();
    for (const [value, limit] of [
      ['.*'.repeat(60_000), 'expression-word-list-length-max'],
      ['.*'.repeat(2_100), 'expression-length-max'],
      ['(a{0,900}|b)'.repeat(40), 'expression-cost-max'],
      ['(a?){1000}(a?){1000}(a?){1000}b', 'expression-cost-max'],
    ]) {
      const before = await refusedExpressions(limit);
      const labelSelector = `{service_name=~"${value}"}`;
      await rejects(methods.selectMergeStacktraces(frontend, { labelSelector }), (error: StoreError) => {
        equal(error.code, 'invalid-argument');
        equal(error.details['limit'], limit);
        match(error.message, new RegExp(`the limit is ${error.details['value']} \\(${limit}\\)`));
        return true;
      });
      equal(await refusedExpressions(limit), before + 1);
    }
    equal(asked.metadata.length, 0);
  });

  test('refuses more names of labels than a request may list, and counts them', async () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `name_${i}`);
    for (const [name, field, change] of [
      ['selectSeries', 'group_by', { groupBy: names(129) }],
      ['selectSeries', 'group_by', { groupBy: new Array(129).fill('pod') }],
      ['render', 'group_by', { groupBy: names(129) }],
      ['series', 'label_names', { labelNames: names(129) }],
    ] as const) {
      const before = await refusedLabelNames();
      await refused(name, change, new RegExp(`${field} has 129 names; the limit is 128 \\(label-names-max\\)`));
      equal(await refusedLabelNames(), before + 1);
    }

    const { frontend } = setUp();
    for (const name of ['selectSeries', 'render'] as const) await methods[name](frontend, { groupBy: names(128) });
    await methods.series(frontend, { labelNames: [...names(128), ...names(128)] });
  });

  test('has a thread look at costly expressions, whether or not there is data', async () => {
    const { frontend, ran } = setUp({ blocks: [] });
    const costly = '(?:[a-z]{2,90}|x)-';
    await methods.labelNames(frontend, { matchers: [`{pod=~"${costly.repeat(3)}"}`] });
    deepEqual(ran('checkExpressions'), 1);
    await rejects(methods.labelNames(frontend, { matchers: [`{pod=~"${costly.repeat(3)}("}`] }), {
      code: 'invalid-argument',
      message: /missing closing \)/,
    });
    await methods.labelNames(frontend, { matchers: ['{pod=~"a.*"}'] });
    deepEqual(ran('checkExpressions'), 2, 'what is cheap is looked at here');
  });

  test('names the first thing that is wrong, in the order in which Pyroscope looks', async () => {
    const wrong = { ...longAgo, startMs: 0, maxNodes: 1e9, profileTypeId: 'x', labelSelector: '{' };
    const ids = { spanIds: ['x'], traceIds: ['y'] };

    await refused('selectMergeStacktraces', { ...wrong, ...ids }, /cannot be combined/);
    await refused('selectMergeStacktraces', wrong, /missing time range/);
    await refused('selectMergeStacktraces', { ...wrong, ...range }, /max_nodes/);
    await refused('selectMergeStacktraces', { ...wrong, ...range, maxNodes: 1 }, /profile type/);
    await refused('selectMergeStacktraces', { ...range, labelSelector: '{', maxNodes: 1 }, /selector/);
    await refused('selectSeries', { startMs: 0, stepSeconds: 0, profileTypeId: 'x' }, /missing time range/);
    await refused('selectSeries', { stepSeconds: 0, profileTypeId: 'x' }, /step 0 s is below the minimum/);
    await refused('selectSeries', { profileTypeId: 'x', exemplars: 'span' }, /profile type/);
    await refused('selectSeries', { exemplars: 'span' }, /exemplars of spans/);
    await refused('labelValues', { name: '', matchers: ['{'] }, /name of the label is required/);
    await refused('renderDiff', { profileTypeId: 'a:b:c:d:e' }, /must be equal/);
  });

  test('leaves no failure of the other side behind when one side of a difference is wrong', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);

    for (const [left, right] of [
      [{ labelSelector: '{a=~"("}' }, { startMs: 0 }],
      [{ startMs: 0 }, { labelSelector: '{a=~"("}' }],
      [{ labelSelector: '{a=~"("}' }, { labelSelector: '{' }],
    ]) {
      const request = { left: { ...select, ...left }, right: { ...select, ...right } };
      await rejects(setUp().frontend.diff(['a'], request, json, stays), { code: 'invalid-argument' });
      await rejects(setUp().frontend.renderDiff(['a'], request, json, stays), { code: 'invalid-argument' });
      await settle();
    }

    process.off('unhandledRejection', hear);
    deepEqual(unheard, []);
  });

  test('refuses ids that cannot be read where there is something to read, and only there', async () => {
    for (const change of [{ spanIds: ['x'] }, { traceIds: ['x'] }, { profileIds: ['x'] }]) {
      await refused('selectMergeStacktraces', change, /"x" is not/);

      const { frontend } = setUp({ blocks: [] });
      ok(bodyOf(await methods.selectMergeStacktraces(frontend, change))['flamegraph']);
    }
  });
});

async function beforeLookbackCount(): Promise<number> {
  const counter = await metrics.getSingleMetric('kiln_query_frontend_before_lookback_answers_total')?.get();
  return counter?.values[0]?.value ?? 0;
}

describe('QueryFrontend, when there is nothing to read', () => {
  for (const name of names) {
    test(`${name} answers a range before the lookback with an empty success, without asking anybody`, async () => {
      const { asked, frontend } = setUp();
      const call = () => methods[name](frontend, longAgo);

      const countedBefore = await beforeLookbackCount();
      const reply = await call();

      ok(typeof bodyOf(reply) === 'object');
      equal(reply.lookbackMs, 7 * 24 * HOUR_MS);
      equal(await beforeLookbackCount(), countedBefore + 1);
      // The other side of a difference is in the present.
      const sides = name === 'diff' || name === 'renderDiff' ? 1 : 0;
      deepEqual([asked.metadata.length, asked.labels.length, asked.runs.length], [sides, 0, sides]);
    });

    test(`${name} answers nobody's question with an empty success`, async () => {
      const { asked, frontend } = setUp({ labels: [labelList({ service_name: 'shop' })] });
      const nobody = new Proxy(frontend, {
        get:
          (target, key) =>
          (_tenants: unknown, ...rest: unknown[]) => {
            const method = Reflect.get(target, key) as (...args: unknown[]) => unknown;
            return method.call(target, [], ...rest);
          },
      });

      await methods[name](nobody);

      deepEqual([asked.metadata.length, asked.labels.length, asked.runs.length], [0, 0, 0]);
    });
  }

  test('still refuses what is wrong', async () => {
    await refused('selectMergeStacktraces', { ...longAgo, labelSelector: '{a=~"("}' }, /not valid/);
    await refused('labelNames', { ...longAgo, matchers: ['{a=~"("}'] }, /not valid/);
    await refused('selectSeries', { ...longAgo, stepSeconds: 0 }, /step/);
    await refused('selectSeries', { ...longAgo, labelSelector: '{a=~"("}' }, /not valid/);
  });

  test('reads only what the lookback leaves of a range', async () => {
    const { asked, frontend } = setUp({}, { maxQueryLengthMs: 0, maxQueryLookbackMs: HOUR_MS });

    await methods.selectMergeStacktraces(frontend, { startMs: 1 });

    equal(asked.metadata[0].startMs, NOW_MS - HOUR_MS);
    const { query } = asked.runs[0];
    equal(query.kind === 'tree' && query.selection.startMs, NOW_MS - HOUR_MS);
  });

  test('says nothing of the lookback where it did not keep anything from being looked for', async () => {
    for (const name of names) equal('lookbackMs' in (await methods[name](setUp().frontend)), false);
    const { frontend } = setUp();
    equal('lookbackMs' in (await methods.selectSeries(frontend, { stepSeconds: Number.POSITIVE_INFINITY })), false);
  });

  test('answers series of a step that nothing fits in', async () => {
    const { asked, frontend } = setUp();

    deepEqual(bodyOf(await methods.selectSeries(frontend, { stepSeconds: Number.POSITIVE_INFINITY })), {});
    equal(asked.metadata.length, 0);
  });
});

describe('QueryFrontend, what it asks the index', () => {
  test('passes on the conditions on what datasets have, and no others', async () => {
    const { asked, frontend } = setUp();
    const labelSelector = '{service_name=~"sh.*", pod!="b", __profile_type__!="x", region="eu"}';

    await methods.selectMergeStacktraces(frontend, { labelSelector });

    deepEqual(asked.metadata[0], {
      ...range,
      tenants: ['a'],
      matchers: [
        { name: 'service_name', operator: '=~', value: 'sh.*' },
        { name: '__profile_type__', operator: '!=', value: 'x' },
        { name: '__profile_type__', operator: '=', value: CPU_TYPE },
      ],
    });
    const { query } = asked.runs[0];
    equal(query.kind === 'tree' && query.selection.matchers.length, 5);
  });

  test('asks for a step more before the range of series', async () => {
    const { asked, frontend } = setUp();

    await methods.selectSeries(frontend, { stepSeconds: 60 });

    deepEqual([asked.metadata[0].startMs, asked.metadata[0].endMs], [range.startMs - 60_000, range.endMs]);
  });

  test('finds profile types in the index alone, of the last hour when no range is named', async () => {
    const types = ['z:a:b:c:d', 'no profile type', CPU_TYPE].map((value) => labelList({ __profile_type__: value }));
    const { asked, frontend } = setUp({ labels: types });

    const body = bodyOf(await methods.profileTypes(frontend, { startMs: 0, endMs: 0 }));

    deepEqual(
      (body['profileTypes'] as { ID: string }[]).map(({ ID }) => ID),
      [CPU_TYPE, 'z:a:b:c:d'],
    );
    deepEqual(asked.labels, [{ ...range, tenants: ['a'], matchers: [], labelNames: ['__profile_type__'] }]);
    equal(asked.metadata.length, 0);
  });

  for (const labelNames of [
    ['service_name', '__profile_type__'],
    ['pyroscope_app', 'service_name', '__profile_type__', '__type__', '__name__'],
  ]) {
    test(`finds the series of ${labelNames.length} labels that lists of applications ask for in the index alone`, async () => {
      const { asked, frontend } = setUp({ labels: [labelList({ __profile_type__: CPU_TYPE, service_name: 'shop' })] });

      const body = bodyOf(await methods.series(frontend, { labelNames }));

      equal(asked.metadata.length, 0);
      const [{ labels }] = body['labelsSet'] as { labels: { name: string; value: string }[] }[];
      const parts = labelNames.length === 2 ? '' : '__name__=process_cpu, ';
      const type = labelNames.length === 2 ? '' : '__type__=cpu, ';
      equal(labelText(labels), `${parts}__profile_type__=${CPU_TYPE}, ${type}service_name=shop`);
    });
  }

  test('reads blocks for the same labels when there are conditions, and for other labels', async () => {
    for (const change of [
      { labelNames: ['service_name', '__profile_type__'], matchers: ['{pod="a"}'] },
      { labelNames: ['service_name'] },
      { labelNames: [] },
    ]) {
      const { asked, frontend } = setUp();
      await methods.series(frontend, change);
      deepEqual([asked.metadata.length, asked.labels.length], [1, 0]);
    }
  });

  test('plans all blocks that the index names', async () => {
    const blocks = Array.from({ length: 70 }, (_, i) => ({ ...segment.meta, id: String(i) }));
    const { asked, frontend } = setUp({ blocks, report: { kind: 'names', names: namesOf([]) } });

    await methods.labelNames(frontend);

    const { plan } = asked.runs[0];
    deepEqual(
      plan.flatMap((node) => node.blocks),
      blocks,
    );
  });

  test('passes the signal of the caller on', async () => {
    const { asked, frontend } = setUp();
    const { signal } = new AbortController();

    await frontend.selectMergeStacktraces(['a'], select, json, signal);

    equal(asked.runs[0].signal, signal);
  });
});

describe('QueryFrontend, when objects are gone', () => {
  const [old, replacement, other] = [1, 2, 3].map((number) =>
    segmentOf(
      kernels,
      [
        {
          ...cpuLabelsOf('shop', { pod: `pod-${number}` }),
          profile: pprof({
            timeNanos: BigInt(NOW_MS - HOUR_MS / 2) * 1_000_000n,
            samples: [{ stack: `main;work${number}`, v: [10 * number] }],
          }),
        },
      ],
      number,
    ),
  ) as [Segment, Segment, Segment];

  /** A metastore that names `first`, and whatever `then` says when it is asked again. */
  function setUpLoss(first: readonly Segment[], then: readonly Segment[]) {
    const clock = new FakeClock(NOW_MS);
    const warnings: Record<string, unknown>[] = [];
    const log: Log = { ...silentLog, warn: (_, fields) => void warnings.push(fields ?? {}) };
    const objects = new FakeObjectReader([old, replacement, other]);
    objects.lose(old);
    const inline = new InlinePool(kernels);
    const pool = inline.asPool();
    const backend = new QueryBackend(backendOptions, { objects, pool });
    let asked = 0;
    const metadata: MetadataReader = {
      queryMetadata: async () => (asked++ === 0 ? first : then).map(({ meta }) => meta),
      queryLabels: async () => [],
    };
    const frontend = new QueryFrontend(options, { clock, log, metadata, backend, pool });
    return { clock, warnings, backend, frontend, asked: () => asked };
  }

  test('plans once more, and answers from what replaced them', async () => {
    const { asked, backend, frontend, warnings } = setUpLoss([old, other], [replacement, other]);

    const reply = await methods.labelValues(frontend);

    deepEqual(bodyOf(reply), { names: ['pod-2', 'pod-3'] });
    deepEqual([reply.missingObjects, asked(), warnings.length, backend.memoryBytes], [0, 2, 0, 0]);
  });

  test('says how many are missing when they are gone for good, and warns with their ids once in a while', async () => {
    const { asked, backend, clock, frontend, warnings } = setUpLoss([old, other], [old, other]);

    const reply = await methods.labelValues(frontend);

    deepEqual(bodyOf(reply), { names: ['pod-3'] });
    deepEqual([reply.missingObjects, asked(), backend.memoryBytes], [1, 2, 0]);
    deepEqual(warnings, [{ blocks: [old.meta.id], missingObjects: 1, answersBefore: 0 }]);

    await methods.labelValues(frontend);
    await methods.labelValues(frontend);
    equal(warnings.length, 1);
    await clock.turn(10_000);
    await methods.labelValues(frontend);
    deepEqual(warnings.slice(1), [{ blocks: [old.meta.id], missingObjects: 1, answersBefore: 2 }]);
  });

  test('plans both sides of a difference anew, so that they are of one moment', async () => {
    const { asked, frontend } = setUpLoss([old], [replacement]);

    const reply = await methods.diff(frontend);

    deepEqual([reply.missingObjects, asked()], [0, 4]);
    match(JSON.stringify(bodyOf(reply)), /"leftTicks":"20".*"rightTicks":"20"/);
  });

  test('gives the memory of a query back when its answer cannot be written', async () => {
    const { backend, frontend } = setUpLoss([other], []);
    const client = new AbortController();

    const running = frontend.labelValues(['a'], { ...labelsRequest, name: 'pod' }, json, client.signal);
    client.abort();

    await rejects(running, { code: 'aborted' });
    equal(backend.memoryBytes, 0);
  });
});

describe('QueryFrontend, what it answers', () => {
  test('shows names that old clients do not know only to those who say that they do', async () => {
    const report: NodeReport = { kind: 'names', names: namesOf(['größe', 'b', 'a.b', '_a9']) };
    const shown = async (utf8Names: boolean) =>
      bodyOf(await methods.labelNames(setUp({ report }).frontend, { utf8Names }));

    deepEqual(await shown(true), { names: ['_a9', 'a.b', 'b', 'größe'] });
    deepEqual(await shown(false), { names: ['_a9', 'b'] });
  });

  test('makes one label set of those that differ only in names that are not shown', async () => {
    const labelSets = [labelList({ a: '1', 'b.c': '1' }), labelList({ a: '1', 'b.c': '2' }), labelList({ 'b.c': '3' })];
    const report: NodeReport = { kind: 'label-sets', labelSets: columnsOf(labelSets) };
    const shown = async (utf8Names: boolean) => {
      const body = bodyOf(await methods.series(setUp({ report }).frontend, { utf8Names }));
      return (body['labelsSet'] as { labels: { name: string; value: string }[] }[]).map(({ labels }) =>
        labelText(labels),
      );
    };

    deepEqual(await shown(false), ['a=1']);
    equal((await shown(true)).length, 3);
  });

  test('hands names and label sets to the thread that writes them as it got them, without a copy', async () => {
    const pods = namesOf(['b', 'a']);
    const labelSets = columnsOf([labelList({ b: '1' }), labelList({ a: '1' })]);
    for (const [name, report, columns] of [
      ['labelNames', { kind: 'names', names: pods }, [pods.bytes, pods.offsets]],
      ['labelValues', { kind: 'names', names: pods }, [pods.bytes, pods.offsets]],
      ['series', { kind: 'label-sets', labelSets }, [labelSets.ends, labelSets.name, labelSets.value]],
    ] as const) {
      const { frontend, handed } = setUp({ report });
      const body = bodyOf(await methods[name](frontend));

      const { input, options } = handed('writeAnswer');
      const written = input as { names?: unknown; labelSets?: unknown };
      equal(written.names ?? written.labelSets, report.kind === 'names' ? report.names : report.labelSets);
      for (const { buffer } of columns)
        ok(options.transfer?.includes(buffer as ArrayBuffer), `${name} copies a column`);
      match(JSON.stringify(body), /a.*b/, 'sorted by the thread');
    }
  });

  test('sorts values and label sets', async () => {
    const values = setUp({ report: { kind: 'names', names: namesOf(['é', 'b', 'Z', '10', '9']) } }).frontend;

    deepEqual(bodyOf(await methods.labelValues(values)), { names: ['10', '9', 'Z', 'b', 'é'] });
  });

  test('draws a flame graph, and folds it to as many nodes as are asked for or else to the default', async () => {
    const body = bodyOf(await methods.selectMergeStacktraces(setUp().frontend));
    match(JSON.stringify(body), /"total":"42"/);
    match(JSON.stringify(body), /"work"/);

    const folded = JSON.stringify(bodyOf(await methods.selectMergeStacktraces(setUp().frontend, { maxNodes: 1 })));
    ok(!folded.includes('work') && folded.includes('other'));
    const byDefault = setUp({}, { maxFlamegraphNodesDefault: 1 }).frontend;
    ok(!JSON.stringify(bodyOf(await methods.selectMergeStacktraces(byDefault))).includes('work'));
  });

  test('exports a profile, bare or in a response', async () => {
    const proto: Wire = { codec: 'proto', gzip: false };
    const bare = await setUp().frontend.selectMergeProfile(['a'], select, proto, stays);
    const profile = fromBinary(ProfileSchema, Buffer.concat(bare.body));
    equal(
      profile.sample.reduce((sum, { value }) => sum + (value[0] ?? 0n), 0n),
      42n,
    );

    const framed = await setUp().frontend.selectMergeStacktraces(['a'], { ...select, format: 'pprof' }, proto, stays);
    ok(Buffer.concat(framed.body).includes(Buffer.concat(bare.body)));
  });

  test('limits the nodes of an exported profile only where the options say so', async () => {
    const asked = { maxNodes: 100_001 };
    ok(await methods.selectMergeProfile(setUp().frontend, asked));

    const limited = setUp({}, { maxFlamegraphNodesOnSelectMergeProfile: true }).frontend;
    await rejects(methods.selectMergeProfile(limited, asked), { code: 'invalid-argument', message: /max_nodes/ });
  });

  test('draws the same series in every way of asking', async () => {
    const body = bodyOf(await methods.selectSeries(setUp().frontend, { groupBy: ['pod'] }));
    match(JSON.stringify(body), /"value":42/);

    const page = bodyOf(await methods.render(setUp().frontend, { groupBy: ['pod'] }));
    deepEqual(Object.keys(page['groups'] as object), ['a']);
    const { samples } = page['timeline'] as { samples: number[] };
    equal(
      samples.reduce((sum, value) => sum + value, 0),
      42,
    );
  });

  test('compares two queries, with the nodes of the one that asks for more', async () => {
    const { asked, frontend } = setUp();

    const body = await frontend.diff(
      ['a'],
      { left: { ...select, maxNodes: 1 }, right: { ...select, maxNodes: 100 } },
      json,
      stays,
    );

    equal(asked.runs.length, 2);
    match(JSON.stringify(bodyOf(body)), /work/);
  });

  test('compresses an answer when it is asked to', async () => {
    const reply = await setUp().frontend.labelNames(['a'], labelsRequest, { codec: 'json', gzip: true }, stays);

    deepEqual([...Buffer.concat(reply.body).subarray(0, 2)], [0x1f, 0x8b]);
  });
});
