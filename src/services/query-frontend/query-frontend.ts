import { Counter } from 'prom-client';
import { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, LabelName, type Labels } from '#src/domain/model/labels.ts';
import { type ProfileType, parseProfileType } from '#src/domain/model/profile-type.ts';
import type { DurationMs, TimeRange } from '#src/domain/model/units.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { checkLabelNames, LABEL_NAMES_LIMIT } from '#src/domain/query/label-name-limit.ts';
import { exportMaxNodes, validateDiffMaxNodes, validateMaxNodes } from '#src/domain/query/max-nodes.ts';
import { planQuery, type QueryPlan } from '#src/domain/query/plan.ts';
import {
  parseProfileId,
  parseSpanId,
  parseTraceId,
  refuseSpansWithTraces,
} from '#src/domain/query/profile-selectors.ts';
import { requireProfileType } from '#src/domain/query/render-query.ts';
import { type BucketedSeries, type BucketQuery, readRangeOf, stepMsOf } from '#src/domain/query/series-buckets.ts';
import type { ShownNames } from '#src/domain/query/shown-labels.ts';
import { profileTypesRange, validateTimeRange } from '#src/domain/query/time-range.ts';
import { timelineStepSeconds } from '#src/domain/query/timeline.ts';
import { checkExpressionLimits } from '#src/domain/series/expression-limits.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { compileMatcher } from '#src/domain/series/matchers.ts';
import { parseSelector } from '#src/domain/series/selector.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { assert } from '#src/platform/assert.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Log } from '#src/platform/log.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { Pool } from '#src/workers/pool.ts';
import type { AnswerTask, Folding, NodeQuery, NodeReport, ProfileSelection } from '#src/workers/query-messages.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import { MissingBlocks } from './missing-blocks.ts';
import type {
  MetadataReader,
  PlanRunner,
  Querier,
  QueryResult,
  Reply,
  SelectRequest,
  SelectSeriesRequest,
  SeriesRequest,
  Wire,
} from './ports.ts';

export type QueryFrontendOptions = {
  /** Older data is not looked at. 0: no limit. */
  readonly maxQueryLookbackMs: DurationMs;
  /** 0: no limit. */
  readonly maxQueryLengthMs: DurationMs;
  /** 0: all. */
  readonly maxFlamegraphNodesDefault: number;
  /** 0: no limit. */
  readonly maxFlamegraphNodesMax: number;
  readonly maxFlamegraphNodesOnSelectMergeProfile: boolean;
};

export type QueryFrontendDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly metadata: MetadataReader;
  readonly backend: PlanRunner;
  readonly pool: Pool;
};

type Tenants = readonly string[];

/** Distinguishes over the union, which plain Omit does not. */
type WithoutGzip<T> = T extends unknown ? Omit<T, 'gzip'> : never;

/** Something to read for an answer. */
type Part = {
  /** undefined: all of it is before the lookback, so that nothing is looked for. */
  readonly range: TimeRange | undefined;
  readonly matchers: readonly Matcher[];
  /** Called when there is something to read: what it refuses is an error only then, as always in this API. */
  readonly queryOf: () => NodeQuery;
};

/** One report for each part, undefined where nothing was to be read. */
type Readout = Omit<QueryResult, 'reports'> & { readonly reports: readonly (NodeReport | undefined)[] };

/** Nothing can be there, whatever the range. */
const NOTHING: Part = {
  range: undefined,
  matchers: [],
  queryOf: () => {
    throw new StoreError('invalid-argument', 'there is nothing to read');
  },
};

/** How often a request is planned: compaction replaces an object once in a while, not all the time. */
const PLANS_MAX = 2;

/** Costlier expressions are compiled in a thread: this much takes the main loop a millisecond. */
const COMPILED_COST_MAX = 256;

const refusedExpressions = new Counter({
  name: 'kiln_query_frontend_refused_expressions_total',
  help: 'Queries refused because of the length, the number or the cost of their expressions.',
  labelNames: ['limit'],
  registers: [metrics],
});

const refusedLabelNames = new Counter({
  name: 'kiln_query_frontend_refused_label_names_total',
  help: 'Queries refused because of the number of names of labels that they list.',
  labelNames: ['limit'],
  registers: [metrics],
});

const beforeLookbackAnswers = new Counter({
  name: 'kiln_query_frontend_before_lookback_answers_total',
  help: 'Answers to queries of a range that ended before the lookback: nothing was looked for in it.',
  registers: [metrics],
});

/** The labels that the metadata index has of every dataset: conditions on them pick datasets without reading any. */
const DATASET_LABELS: ReadonlySet<string> = new Set([LabelName.serviceName, LabelName.profileType]);

/** Names of the two lists of applications that clients ask for all the time; the index has what they need. */
const APP_LIST_NAMES: readonly (readonly string[])[] = [
  ['__profile_type__', 'service_name'],
  ['__name__', '__profile_type__', '__type__', 'pyroscope_app', 'service_name'],
];

/**
 * Answers queries: checks them, asks the metastore which datasets they are about, plans, has the plan run, and has the
 * answer written. Everything that grows with the data happens in pool threads.
 */
export class QueryFrontend implements Querier {
  readonly #options: QueryFrontendOptions;
  readonly #deps: QueryFrontendDeps;
  readonly #missing: MissingBlocks;

  constructor(options: QueryFrontendOptions, deps: QueryFrontendDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#missing = new MissingBlocks(deps);
  }

  async profileTypes(tenants: Tenants, asked: TimeRange, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const range = this.#validRange(profileTypesRange(asked, this.#deps.clock.now()));
    const ids = range === undefined ? [] : await this.#datasetLabels(tenants, range, [LabelName.profileType], signal);
    const profileTypes = ids.flatMap(([label]) => parseProfileType(label?.value ?? '') ?? []);
    profileTypes.sort((a, b) => compareUtf8(a.id, b.id));
    const reply = await this.#write({ kind: 'profile-types', codec: codecOf(wire), profileTypes }, wire, signal);
    return range === undefined ? this.#beforeLookback(reply) : reply;
  }

  async labelNames(
    tenants: Tenants,
    request: TimeRange & { readonly matchers: readonly string[]; readonly utf8Names: boolean },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const range = this.#validRange(request);
    const matchers = parseAll(request.matchers);
    const part: Part = { range, matchers, queryOf: () => ({ kind: 'label-names', matchers }) };
    return this.#answer(tenants, [part], wire, signal, ([report]) => ({
      kind: 'names',
      codec: codecOf(wire),
      names: namesOf(report),
      shown: shownOf(request),
    }));
  }

  async labelValues(
    tenants: Tenants,
    request: TimeRange & { readonly name: string; readonly matchers: readonly string[] },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const range = this.#validRange(request);
    if (request.name === '') throw new StoreError('invalid-argument', 'the name of the label is required');
    const matchers = parseAll(request.matchers);
    const part: Part = { range, matchers, queryOf: () => ({ kind: 'label-values', matchers, name: request.name }) };
    return this.#answer(tenants, [part], wire, signal, ([report]) => ({
      kind: 'names',
      codec: codecOf(wire),
      names: namesOf(report),
      shown: 'all',
    }));
  }

  async series(tenants: Tenants, request: SeriesRequest, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const range = this.#validRange(request);
    const matchers = parseAll(request.matchers);
    const codec = codecOf(wire);
    const distinct = new Set(request.labelNames);
    checkNames([...distinct], 'label_names');
    const names = [...distinct].sort(compareUtf8);
    if (range !== undefined && matchers.length === 0 && APP_LIST_NAMES.some((list) => list.join() === names.join())) {
      const labelSets = await this.#appList(tenants, range, names, signal);
      return this.#write({ kind: 'app-list', codec, labelSets }, wire, signal);
    }
    const labelNames = names.length === 0 ? undefined : names;
    const part: Part = { range, matchers, queryOf: () => ({ kind: 'series-labels', matchers, labelNames }) };
    return this.#answer(tenants, [part], wire, signal, ([report]) => ({
      kind: 'label-sets',
      codec,
      labelSets: report?.kind === 'label-sets' ? report.labelSets : undefined,
      shown: shownOf(request),
    }));
  }

  async selectMergeStacktraces(
    tenants: Tenants,
    request: SelectRequest & { readonly format: 'flamegraph' | 'tree' | 'pprof' },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    refuseSpansWithTraces(request.spanIds ?? [], request.traceIds ?? []);
    if (request.format === 'pprof') return this.#profile(tenants, request, 'response', wire, signal);
    const range = this.#validRange(request);
    const maxNodes = validateMaxNodes(request.maxNodes, this.#nodeLimits());
    const codec = codecOf(wire);
    const part = treePart(range, matchersOf(request), request);
    return this.#answer(tenants, [part], wire, signal, ([report]) => {
      const tree = treeOf(report);
      return request.format === 'tree'
        ? { kind: 'tree', codec, tree, maxNodes }
        : { kind: 'flamegraph', codec, tree, folding: foldingOf(request, maxNodes) };
    });
  }

  selectMergeProfile(tenants: Tenants, request: SelectRequest, wire: Wire, signal: AbortSignal): Promise<Reply> {
    return this.#profile(tenants, request, 'bare', wire, signal);
  }

  async selectSeries(tenants: Tenants, request: SelectSeriesRequest, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const range = this.#validRange(request);
    const stepMs = stepMsOf(request.stepSeconds);
    const matchers = matchersOf(request);
    if (request.exemplars === 'span') {
      throw new StoreError('invalid-argument', 'exemplars of spans are not available for series');
    }
    const { groupBy, limit } = request;
    checkNames(groupBy, 'group_by');
    const buckets = { groupBy, exemplars: request.exemplars === 'individual' };
    const part = stepMs === undefined ? NOTHING : seriesPart(range, matchers, { ...buckets, stepMs });
    return this.#answer(tenants, [part], wire, signal, ([report]) => ({
      kind: 'series',
      codec: codecOf(wire),
      series: seriesOf(report),
      limit,
    }));
  }

  async diff(
    tenants: Tenants,
    request: { readonly left: SelectRequest; readonly right: SelectRequest },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { parts, maxNodes } = this.#bothSides(request);
    return this.#answer(tenants, parts, wire, signal, ([left, right]) => ({
      kind: 'diff',
      codec: codecOf(wire),
      left: treeOf(left),
      right: treeOf(right),
      maxNodes,
    }));
  }

  async render(
    tenants: Tenants,
    request: SelectRequest & { readonly groupBy: readonly string[] },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const range = this.#validRange(request);
    const maxNodes = validateMaxNodes(request.maxNodes, this.#nodeLimits());
    const profileType = requireProfileType(request.profileTypeId);
    const { groupBy } = request;
    const stepMs = timelineStepSeconds(request) * 1000;
    const matchers = matchersOf(request);
    checkNames(groupBy, 'group_by');
    const parts = [
      treePart(range, matchers, request),
      seriesPart(range, matchers, { stepMs, groupBy, exemplars: false }),
    ];
    return this.#answer(tenants, parts, wire, signal, ([tree, series]) => ({
      kind: 'render',
      tree: treeOf(tree),
      series: seriesOf(series),
      profileType,
      range: { startMs: request.startMs, endMs: request.endMs },
      grouped: groupBy.length > 0,
      folding: foldingOf(request, maxNodes),
    }));
  }

  async renderDiff(
    tenants: Tenants,
    request: { readonly left: SelectRequest; readonly right: SelectRequest },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const profileType = requireProfileType(request.left.profileTypeId);
    if (requireProfileType(request.right.profileTypeId).id !== profileType.id) {
      throw new StoreError('invalid-argument', 'the profile types of the two queries must be equal');
    }
    const { parts, maxNodes } = this.#bothSides(request);
    return this.#answer(tenants, parts, wire, signal, ([left, right]) => ({
      kind: 'render-diff',
      left: treeOf(left),
      right: treeOf(right),
      profileType,
      maxNodes,
    }));
  }

  #bothSides(request: { readonly left: SelectRequest; readonly right: SelectRequest }): {
    parts: Part[];
    maxNodes: number;
  } {
    const maxNodes = validateDiffMaxNodes(request.left.maxNodes, request.right.maxNodes, this.#nodeLimits());
    const sides = [request.left, request.right];
    for (const side of sides) requireProfileType(side.profileTypeId);
    const ranges = sides.map((side) => this.#validRange(side));
    return { parts: sides.map((side, i) => treePart(ranges[i], matchersOf(side), side)), maxNodes };
  }

  async #profile(
    tenants: Tenants,
    request: SelectRequest,
    frame: 'bare' | 'response',
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const range = this.#validRange(request);
    const maxNodes = this.#options.maxFlamegraphNodesOnSelectMergeProfile
      ? validateMaxNodes(request.maxNodes, this.#nodeLimits())
      : exportMaxNodes(request.maxNodes);
    const profileType = requireProfileType(request.profileTypeId);
    const matchers = matchersOf(request);
    const callSite = request.stackTraceSelector?.callSite ?? [];
    const queryOf = (): NodeQuery => ({ kind: 'profile', selection: selectionOf(request, range, matchers), callSite });
    return this.#answer(tenants, [{ range, matchers, queryOf }], wire, signal, ([report]) => ({
      kind: 'profile',
      codec: codecOf(wire),
      frame,
      profile: report?.kind === 'profile' ? report.profile : undefined,
      profileType,
      endMs: request.endMs,
      maxNodes,
    }));
  }

  /** What the lists of applications show, from the index alone: the parts of the profile type are labels too. */
  async #appList(tenants: Tenants, range: TimeRange, names: readonly string[], signal: AbortSignal): Promise<Labels[]> {
    const found = await this.#datasetLabels(tenants, range, [LabelName.profileType, LabelName.serviceName], signal);
    if (names.length === 2) return found;
    return found.map((labels) => {
      const type = parseProfileType(labels.find(({ name }) => name === LabelName.profileType)?.value ?? '');
      const parts: Labels = type === undefined ? [] : partsOf(type);
      return [...labels, ...parts].sort((a, b) => compareUtf8(a.name, b.name));
    });
  }

  #datasetLabels(
    tenants: Tenants,
    range: TimeRange,
    labelNames: readonly string[],
    signal: AbortSignal,
  ): Promise<Labels[]> {
    // A header of nothing but separators names nobody, and finds nothing.
    if (tenants.length === 0) return Promise.resolve([]);
    return this.#deps.metadata.queryLabels({ ...range, tenants, matchers: [], labelNames }, signal);
  }

  /** Reads all parts of a request, and has its answer written from their reports. */
  async #answer(
    tenants: Tenants,
    parts: readonly Part[],
    wire: Wire,
    signal: AbortSignal,
    taskOf: (reports: readonly (NodeReport | undefined)[]) => WithoutGzip<AnswerTask>,
  ): Promise<Reply> {
    // A bad expression is the caller's fault whether or not there is data, and is found here once, not in each thread.
    await this.#checkExpressions(parts, signal);
    const { reports, missingBlocks, release } = await this.#read(tenants, parts, signal);
    try {
      const reply = { ...(await this.#write(taskOf(reports), wire, signal)), missingObjects: missingBlocks.length };
      const before = parts.some((part) => part !== NOTHING && part.range === undefined);
      return before ? this.#beforeLookback(reply) : reply;
    } finally {
      release();
    }
  }

  /** The body is that of an empty success, because clients know no other: what else is said tells why. */
  #beforeLookback(reply: Reply): Reply {
    beforeLookbackAnswers.inc();
    return { ...reply, lookbackMs: this.#options.maxQueryLookbackMs };
  }

  /** @throws StoreError 'invalid-argument' when expressions are over a limit, or one is not one of RE2's */
  async #checkExpressions(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    const matchers = distinctExpressions(parts.flatMap((part) => part.matchers));
    let cost: number;
    try {
      cost = checkExpressionLimits(matchers);
    } catch (error) {
      if (error instanceof StoreError) refusedExpressions.inc({ limit: String(error.details['limit']) });
      throw error;
    }
    if (cost > COMPILED_COST_MAX) await this.#deps.pool.run('checkExpressions', matchers, { lane: 'query', signal });
    else for (const matcher of matchers) compileMatcher(matcher);
  }

  /**
   * Has the parts read together. When an object is gone, all of it is planned once more: what replaced the object is in
   * the metastore by now. What is gone even then is left out.
   */
  async #read(tenants: Tenants, parts: readonly Part[], signal: AbortSignal): Promise<Readout> {
    for (let attempt = 1; ; attempt++) {
      const plans = await Promise.all(parts.map((part) => this.#plan(tenants, part, signal)));
      const planned = plans.flatMap((plan, i) => (plan.length > 0 ? [{ plan, query: parts[i].queryOf() }] : []));
      if (planned.length === 0) return { reports: [], missingBlocks: [], release: () => {} };
      const result = await this.#deps.backend.run(planned, signal);
      const { missingBlocks } = result;
      if (missingBlocks.length === 0 || attempt === PLANS_MAX) {
        if (missingBlocks.length > 0) this.#missing.report(missingBlocks);
        const reports = result.reports.values();
        return { ...result, reports: plans.map((plan) => (plan.length > 0 ? reports.next().value : undefined)) };
      }
      result.release();
    }
  }

  async #plan(tenants: Tenants, { range, matchers }: Part, signal: AbortSignal): Promise<QueryPlan> {
    if (range === undefined || tenants.length === 0) return [];
    const onDatasets = matchers.filter(({ name }) => DATASET_LABELS.has(name));
    return planQuery(await this.#deps.metadata.queryMetadata({ ...range, tenants, matchers: onDatasets }, signal));
  }

  /** @returns undefined when all of it is before the lookback, which is an empty success */
  #validRange(asked: TimeRange): TimeRange | undefined {
    const { maxQueryLookbackMs, maxQueryLengthMs } = this.#options;
    const limits = { lookbackMs: maxQueryLookbackMs, lengthMs: maxQueryLengthMs };
    const range = validateTimeRange(asked, limits, this.#deps.clock.now());
    return range.empty ? undefined : { startMs: range.startMs, endMs: range.endMs };
  }

  #nodeLimits(): { nodesDefault: number; nodesMax: number } {
    const { maxFlamegraphNodesDefault, maxFlamegraphNodesMax } = this.#options;
    return { nodesDefault: maxFlamegraphNodesDefault, nodesMax: maxFlamegraphNodesMax };
  }

  async #write(task: WithoutGzip<AnswerTask>, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const whole = { ...task, gzip: wire.gzip } as AnswerTask; // What was left out is back.
    const answer = await this.#deps.pool.run('writeAnswer', whole, {
      lane: 'query',
      transfer: buffersOf(task),
      signal,
    });
    return { body: answer.pieces, missingObjects: 0 };
  }
}

function checkNames(names: readonly string[], field: 'group_by' | 'label_names'): void {
  try {
    checkLabelNames(names, field);
  } catch (error) {
    refusedLabelNames.inc({ limit: LABEL_NAMES_LIMIT });
    throw error;
  }
}

/** The selector's conditions and the one on the profile type. */
function matchersOf(request: { readonly profileTypeId: string; readonly labelSelector: string }): Matcher[] {
  const profileType = requireProfileType(request.profileTypeId);
  const matchers = parseSelector(request.labelSelector);
  return [...matchers, { name: LabelName.profileType, operator: '=', value: profileType.id }];
}

function treePart(range: TimeRange | undefined, matchers: readonly Matcher[], request: SelectRequest): Part {
  const callSite = request.stackTraceSelector?.callSite ?? [];
  return {
    range,
    matchers,
    queryOf: () => ({ kind: 'tree', selection: selectionOf(request, range, matchers), callSite }),
  };
}

function seriesPart(
  range: TimeRange | undefined,
  matchers: readonly Matcher[],
  steps: Omit<BucketQuery, keyof TimeRange>,
): Part {
  if (range === undefined) return { ...NOTHING, matchers };
  const buckets = { ...range, ...steps };
  // The first point stands for the step before it.
  const readRange = readRangeOf(buckets);
  const queryOf = (): NodeQuery => ({ kind: 'time-series', selection: selectionOf({}, readRange, matchers), buckets });
  return { range: readRange, matchers, queryOf };
}

function namesOf(report: NodeReport | undefined): ByteStrings | undefined {
  return report?.kind === 'names' ? report.names : undefined;
}

function shownOf({ utf8Names }: { readonly utf8Names: boolean }): ShownNames {
  return utf8Names ? 'all' : 'legacy';
}

function treeOf(report: NodeReport | undefined): FunctionTree | undefined {
  return report?.kind === 'tree' ? report.tree : undefined;
}

function seriesOf(report: NodeReport | undefined): BucketedSeries | undefined {
  return report?.kind === 'time-series' ? report.series : undefined;
}

/** Conditions with an expression, one for each: both sides of a difference mostly have the same. */
function distinctExpressions(matchers: readonly Matcher[]): Matcher[] {
  const withExpression = matchers.filter(({ operator }) => operator === '=~' || operator === '!~');
  return [...new Map(withExpression.map((matcher) => [matcher.value, matcher])).values()];
}

function selectionOf(
  request: Pick<SelectRequest, 'profileIds' | 'spanIds' | 'traceIds'>,
  range: TimeRange | undefined,
  matchers: readonly Matcher[],
): ProfileSelection {
  assert(range !== undefined, 'a query without a range has nothing to read');
  return {
    startMs: range.startMs,
    endMs: range.endMs,
    matchers,
    profileIds: (request.profileIds ?? []).map(parseProfileId),
    spanIds: (request.spanIds ?? []).map(parseSpanId),
    traceIds: (request.traceIds ?? []).map(parseTraceId),
  };
}

function foldingOf(request: SelectRequest, maxNodes: number): Folding {
  return { maxNodes, asked: (request.maxNodes ?? 0) > 0 };
}

function codecOf({ codec }: Wire): 'proto' | 'json' {
  return codec === 'proto' ? 'proto' : 'json';
}

/** Several selectors are one: all their conditions must hold. */
function parseAll(selectors: readonly string[]): Matcher[] {
  return selectors.flatMap((selector) => parseSelector(selector));
}

function partsOf({ name, sampleType }: ProfileType): Labels {
  return [
    { name: LabelName.name, value: name },
    { name: LabelName.type, value: sampleType },
  ];
}
