import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import type { DurationMs, TimeRange } from '#src/domain/model/units.ts';
import type { QueryPlan } from '#src/domain/query/plan.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import type { NodeQuery, NodeReport } from '#src/workers/query-messages.ts';

export type MetadataQuery = TimeRange & {
  readonly tenants: readonly string[];
  /** On labels that datasets have (`service_name`, `__profile_type__`). A label set of a dataset must satisfy all. */
  readonly matchers: readonly Matcher[];
};

/** What the query-frontend needs from the metastore. Linearizable: sees every block whose push was answered. */
export interface MetadataReader {
  /**
   * Overlapping blocks, each with only its matching datasets, sorted by tenant, shard, id. Where an expression would
   * take too long to say what matches, datasets that do not are among them.
   */
  queryMetadata(query: MetadataQuery, signal: AbortSignal): Promise<BlockMeta[]>;
  /** The distinct label sets of matching datasets, likewise, projected to `labelNames`, sorted. */
  queryLabels(
    query: MetadataQuery & { readonly labelNames: readonly string[] },
    signal: AbortSignal,
  ): Promise<Labels[]>;
}

/** How the answer is written. The bytes are made in the pool; the main loop only sends them. */
export type Wire = {
  /** `render` is the JSON of `/pyroscope/render`: numbers, not strings, and no omitted zeros. */
  readonly codec: 'proto' | 'json' | 'render';
  readonly gzip: boolean;
};

/** The bytes of an answer, in pieces. */
export type Body = readonly Uint8Array[];

export type Reply = {
  readonly body: Body;
  /** Objects that the metastore names and that are not there: so much is missing in the answer. */
  readonly missingObjects: number;
  /** How far back queries look, where a range that was asked for ended before: nothing was looked for in it. */
  readonly lookbackMs?: DurationMs;
};

export type StackTraceSelector = {
  /** Function names, root first. */
  readonly callSite: readonly string[];
};

export type SelectRequest = TimeRange & {
  readonly profileTypeId: string;
  readonly labelSelector: string;
  /** undefined or 0: the default. */
  readonly maxNodes: number | undefined;
  readonly stackTraceSelector?: StackTraceSelector;
  readonly profileIds?: readonly string[];
  readonly spanIds?: readonly string[];
  readonly traceIds?: readonly string[];
};

export type SeriesRequest = TimeRange & {
  readonly matchers: readonly string[];
  readonly labelNames: readonly string[];
  /** The client understands names that are not `[a-zA-Z_][a-zA-Z0-9_]*`. */
  readonly utf8Names: boolean;
};

export type SelectSeriesRequest = TimeRange & {
  readonly profileTypeId: string;
  readonly labelSelector: string;
  readonly groupBy: readonly string[];
  readonly stepSeconds: number;
  /** <= 0 or undefined: all. */
  readonly limit: number | undefined;
  readonly exemplars: 'none' | 'individual' | 'span';
};

/** What transports call. Every method validates, and throws StoreError 'invalid-argument' naming what is wrong. */
export interface Querier {
  profileTypes(tenants: readonly string[], range: TimeRange, wire: Wire, signal: AbortSignal): Promise<Reply>;
  labelNames(
    tenants: readonly string[],
    request: TimeRange & { readonly matchers: readonly string[]; readonly utf8Names: boolean },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  labelValues(
    tenants: readonly string[],
    request: TimeRange & { readonly name: string; readonly matchers: readonly string[] },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  series(tenants: readonly string[], request: SeriesRequest, wire: Wire, signal: AbortSignal): Promise<Reply>;
  selectMergeStacktraces(
    tenants: readonly string[],
    request: SelectRequest & { readonly format: 'flamegraph' | 'tree' | 'pprof' },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  /** Answers with a bare `google.v1.Profile`. */
  selectMergeProfile(
    tenants: readonly string[],
    request: SelectRequest,
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  selectSeries(
    tenants: readonly string[],
    request: SelectSeriesRequest,
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  diff(
    tenants: readonly string[],
    request: { readonly left: SelectRequest; readonly right: SelectRequest },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  /** `/pyroscope/render`: flame graph and timeline. */
  render(
    tenants: readonly string[],
    request: SelectRequest & { readonly groupBy: readonly string[] },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
  renderDiff(
    tenants: readonly string[],
    request: { readonly left: SelectRequest; readonly right: SelectRequest },
    wire: Wire,
    signal: AbortSignal,
  ): Promise<Reply>;
}

/** A plan with at least one read, and what is to be made of it. */
export type PlannedQuery = { readonly plan: QueryPlan; readonly query: NodeQuery };

export type QueryResult = {
  /** One for each query. */
  readonly reports: readonly NodeReport[];
  /** Ids of blocks whose object is gone; the reports are without them. */
  readonly missingBlocks: readonly string[];
  /** Gives the memory of the reports back. To be called in any case, when the answer is written. */
  release(): void;
};

/** What the query-frontend needs from query-backends: the plans of one request, run. */
export interface PlanRunner {
  /**
   * Runs all plans of a request together. One after the other, requests could hold results and wait for each other.
   *
   * @throws StoreError 'too-large' when the request needs more memory than there is or its result is larger than it may
   *         be, 'corrupted' when an object is, 'unavailable' when one cannot be read or all threads are taken,
   *         'aborted' and others as the signal says
   */
  run(queries: readonly PlannedQuery[], signal: AbortSignal): Promise<QueryResult>;
}
