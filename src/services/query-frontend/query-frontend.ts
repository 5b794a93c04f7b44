import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, LabelName, type Labels } from '#src/domain/model/labels.ts';
import { type ProfileType, parseProfileType } from '#src/domain/model/profile-type.ts';
import type { DurationMs, TimeRange } from '#src/domain/model/units.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { exportMaxNodes, validateDiffMaxNodes, validateMaxNodes } from '#src/domain/query/max-nodes.ts';
import { planQuery } from '#src/domain/query/plan.ts';
import {
  parseProfileId,
  parseSpanId,
  parseTraceId,
  refuseSpansWithTraces,
} from '#src/domain/query/profile-selectors.ts';
import { requireProfileType } from '#src/domain/query/render-query.ts';
import {
  type BucketedSeries,
  type BucketQuery,
  compareLabelLists,
  readRangeOf,
  stepMsOf,
} from '#src/domain/query/series-buckets.ts';
import { profileTypesRange, validateTimeRange } from '#src/domain/query/time-range.ts';
import { timelineStepSeconds } from '#src/domain/query/timeline.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { compileMatcher } from '#src/domain/series/matchers.ts';
import { parseSelector } from '#src/domain/series/selector.ts';
import type { StackProfile } from '#src/domain/symbols/stack-profile.ts';
import { assert } from '#src/platform/assert.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Pool } from '#src/workers/pool.ts';
import type { AnswerTask, Folding, NodeQuery, NodeReport, ProfileSelection } from '#src/workers/query-messages.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import type {
  MetadataReader,
  PlanRunner,
  Querier,
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
  readonly metadata: MetadataReader;
  readonly backend: PlanRunner;
  readonly pool: Pool;
};

type Tenants = readonly string[];

/** Distinguishes over the union, which plain Omit does not. */
type WithoutGzip<T> = T extends unknown ? Omit<T, 'gzip'> : never;

/** The labels that the metadata index has of every dataset: conditions on them pick datasets without reading any. */
const DATASET_LABELS: ReadonlySet<string> = new Set([LabelName.serviceName, LabelName.profileType]);

/** What is shown of names to clients that know only the old ones. */
const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

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

  constructor(options: QueryFrontendOptions, deps: QueryFrontendDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async profileTypes(tenants: Tenants, asked: TimeRange, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const range = this.#validRange(profileTypesRange(asked, this.#deps.clock.now()));
    const ids = range === undefined ? [] : await this.#datasetLabels(tenants, range, [LabelName.profileType], signal);
    const profileTypes = ids.flatMap(([label]) => parseProfileType(label?.value ?? '') ?? []);
    profileTypes.sort((a, b) => compareUtf8(a.id, b.id));
    return this.#write({ kind: 'profile-types', codec: codecOf(wire), profileTypes }, wire, signal);
  }

  async labelNames(
    tenants: Tenants,
    request: TimeRange & { readonly matchers: readonly string[]; readonly utf8Names: boolean },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const range = this.#validRange(request);
    const matchers = parseAll(request.matchers);
    const names = await this.#labelNames(tenants, range, matchers, signal);
    const shown = request.utf8Names ? names : names.filter((name) => LEGACY_NAME.test(name));
    return this.#write({ kind: 'names', codec: codecOf(wire), names: shown }, wire, signal);
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
    const report = await this.#run(
      tenants,
      range,
      matchers,
      () => ({ kind: 'label-values', matchers, name: request.name }),
      signal,
    );
    const names = report?.kind === 'names' ? [...report.names].sort(compareUtf8) : [];
    return this.#write({ kind: 'names', codec: codecOf(wire), names }, wire, signal);
  }

  async series(tenants: Tenants, request: SeriesRequest, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const range = this.#validRange(request);
    const matchers = parseAll(request.matchers);
    const labelSets = await this.#series(tenants, range, request, matchers, signal);
    const sorted = [...labelSets].sort(compareLabelLists);
    return this.#write({ kind: 'label-sets', codec: codecOf(wire), labelSets: sorted }, wire, signal);
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
    const tree = await this.#tree(tenants, range, matchersOf(request), request, signal);
    const codec = codecOf(wire);
    return request.format === 'tree'
      ? this.#write({ kind: 'tree', codec, tree, maxNodes }, wire, signal)
      : this.#write({ kind: 'flamegraph', codec, tree, folding: foldingOf(request, maxNodes) }, wire, signal);
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
    const series =
      range === undefined || stepMs === undefined
        ? undefined
        : await this.#timeSeries(
            tenants,
            matchers,
            { ...range, stepMs, groupBy: request.groupBy, exemplars: request.exemplars === 'individual' },
            signal,
          );
    return this.#write({ kind: 'series', codec: codecOf(wire), series, limit: request.limit }, wire, signal);
  }

  async diff(
    tenants: Tenants,
    request: { readonly left: SelectRequest; readonly right: SelectRequest },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { left, right, maxNodes } = await this.#bothTrees(tenants, request, signal);
    return this.#write({ kind: 'diff', codec: codecOf(wire), left, right, maxNodes }, wire, signal);
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
    const [tree, series] = await Promise.all([
      this.#tree(tenants, range, matchers, request, signal),
      range === undefined
        ? undefined
        : this.#timeSeries(tenants, matchers, { ...range, stepMs, groupBy, exemplars: false }, signal),
    ]);
    const drawn = { startMs: request.startMs, endMs: request.endMs };
    const grouped = groupBy.length > 0;
    const folding = foldingOf(request, maxNodes);
    return this.#write({ kind: 'render', tree, series, profileType, range: drawn, grouped, folding }, wire, signal);
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
    const { left, right, maxNodes } = await this.#bothTrees(tenants, request, signal);
    return this.#write({ kind: 'render-diff', left, right, profileType, maxNodes }, wire, signal);
  }

  async #bothTrees(
    tenants: Tenants,
    request: { readonly left: SelectRequest; readonly right: SelectRequest },
    signal: AbortSignal,
  ): Promise<{ left: FunctionTree | undefined; right: FunctionTree | undefined; maxNodes: number }> {
    const maxNodes = validateDiffMaxNodes(request.left.maxNodes, request.right.maxNodes, this.#nodeLimits());
    const sides = [request.left, request.right];
    for (const side of sides) requireProfileType(side.profileTypeId);
    // Both are checked before either is read: what throws between two reads leaves the first one without anybody who
    // hears of its failure, and that ends the process.
    const ranges = sides.map((side) => this.#validRange(side));
    const matchers = sides.map(matchersOf);
    checkExpressions(matchers.flat());
    const [left, right] = await Promise.all(
      sides.map((side, i) => this.#tree(tenants, ranges[i], matchers[i], side, signal)),
    );
    return { left, right, maxNodes };
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
    const profile = await this.#stackProfile(tenants, range, request, signal);
    const { endMs } = request;
    return this.#write(
      { kind: 'profile', codec: codecOf(wire), frame, profile, profileType, endMs, maxNodes },
      wire,
      signal,
    );
  }

  async #stackProfile(
    tenants: Tenants,
    range: TimeRange | undefined,
    request: SelectRequest,
    signal: AbortSignal,
  ): Promise<StackProfile | undefined> {
    const matchers = matchersOf(request);
    const callSite = request.stackTraceSelector?.callSite ?? [];
    const query = (): NodeQuery => ({ kind: 'profile', selection: selectionOf(request, range, matchers), callSite });
    const report = await this.#run(tenants, range, matchers, query, signal);
    return report?.kind === 'profile' ? report.profile : undefined;
  }

  async #tree(
    tenants: Tenants,
    range: TimeRange | undefined,
    matchers: readonly Matcher[],
    request: SelectRequest,
    signal: AbortSignal,
  ): Promise<FunctionTree | undefined> {
    const callSite = request.stackTraceSelector?.callSite ?? [];
    const query = (): NodeQuery => ({ kind: 'tree', selection: selectionOf(request, range, matchers), callSite });
    const report = await this.#run(tenants, range, matchers, query, signal);
    return report?.kind === 'tree' ? report.tree : undefined;
  }

  async #timeSeries(
    tenants: Tenants,
    matchers: readonly Matcher[],
    buckets: BucketQuery,
    signal: AbortSignal,
  ): Promise<BucketedSeries | undefined> {
    // The first point stands for the step before it.
    const range = readRangeOf(buckets);
    const selection = selectionOf({}, range, matchers);
    const report = await this.#run(
      tenants,
      range,
      matchers,
      () => ({ kind: 'time-series', selection, buckets }),
      signal,
    );
    return report?.kind === 'time-series' ? report.series : undefined;
  }

  async #labelNames(
    tenants: Tenants,
    range: TimeRange | undefined,
    matchers: readonly Matcher[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const report = await this.#run(tenants, range, matchers, () => ({ kind: 'label-names', matchers }), signal);
    return report?.kind === 'names' ? [...report.names].sort(compareUtf8) : [];
  }

  async #series(
    tenants: Tenants,
    range: TimeRange | undefined,
    request: SeriesRequest,
    matchers: readonly Matcher[],
    signal: AbortSignal,
  ): Promise<readonly Labels[]> {
    if (range === undefined) return [];
    const names = [...new Set(request.labelNames)].sort(compareUtf8);
    if (matchers.length === 0 && APP_LIST_NAMES.some((list) => list.join() === names.join())) {
      return this.#appList(tenants, range, names, signal);
    }
    const labelNames = request.utf8Names || names.length > 0 ? names : undefined;
    const query: NodeQuery = {
      kind: 'series-labels',
      matchers,
      labelNames: labelNames === undefined || labelNames.length === 0 ? undefined : labelNames,
    };
    const report = await this.#run(tenants, range, matchers, () => query, signal);
    if (report?.kind !== 'label-sets') return [];
    return request.utf8Names ? report.labelSets : withLegacyNames(report.labelSets);
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

  /**
   * @param queryOf  called when there is something to read: what it refuses is an error only then, as always in this API
   * @returns        undefined when there is nothing to read
   */
  async #run(
    tenants: Tenants,
    range: TimeRange | undefined,
    matchers: readonly Matcher[],
    queryOf: () => NodeQuery,
    signal: AbortSignal,
  ): Promise<NodeReport | undefined> {
    // A bad expression is the caller's fault whether or not there is data, and is found here once, not in each thread.
    checkExpressions(matchers);
    if (range === undefined || tenants.length === 0) return undefined;
    const onDatasets = matchers.filter(({ name }) => DATASET_LABELS.has(name));
    const blocks: BlockMeta[] = await this.#deps.metadata.queryMetadata(
      { ...range, tenants, matchers: onDatasets },
      signal,
    );
    const plan = planQuery(blocks);
    return plan === undefined ? undefined : this.#deps.backend.run(plan, queryOf(), signal);
  }

  /** @returns undefined when nothing can be there, which is an empty success */
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
    return answer.pieces;
  }
}

/** The selector's conditions and the one on the profile type. */
function matchersOf(request: { readonly profileTypeId: string; readonly labelSelector: string }): Matcher[] {
  const profileType = requireProfileType(request.profileTypeId);
  const matchers = parseSelector(request.labelSelector);
  return [...matchers, { name: LabelName.profileType, operator: '=', value: profileType.id }];
}

/** @throws StoreError 'invalid-argument' when an expression is not one of RE2's */
function checkExpressions(matchers: readonly Matcher[]): void {
  for (const matcher of matchers) compileMatcher(matcher);
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

/** Sets that differ only in names that are not shown become one. */
function withLegacyNames(labelSets: readonly Labels[]): Labels[] {
  const distinct = new Map<string, Labels>();
  for (const labels of labelSets) {
    const shown = labels.filter(({ name }) => LEGACY_NAME.test(name));
    if (shown.length > 0) distinct.set(JSON.stringify(shown), shown);
  }
  return [...distinct.values()];
}
