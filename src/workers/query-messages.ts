import type { DatasetPlace } from '#src/domain/block/block-meta.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import type { ProfileType } from '#src/domain/model/profile-type.ts';
import type { Bytes, TimeRange, UnixMs } from '#src/domain/model/units.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import type { LabelSetColumns } from '#src/domain/query/label-set-table.ts';
import type { BucketedSeries, BucketQuery } from '#src/domain/query/series-buckets.ts';
import type { ShownNames } from '#src/domain/query/shown-labels.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import type { StackProfile } from '#src/domain/symbols/stack-profile.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { WholeColumn } from './dataset-totals.ts';

/** Which rows of a dataset a query is about. Both ends of the range belong to it. */
export type ProfileSelection = TimeRange & {
  /** The selector's, and one for the profile type. */
  readonly matchers: readonly Matcher[];
  /** 16 bytes each. Empty: all. */
  readonly profileIds: readonly Uint8Array[];
  /** Of samples. Empty: all. */
  readonly spanIds: readonly bigint[];
  /** 16 bytes each. Empty: all. */
  readonly traceIds: readonly Uint8Array[];
};

/** What a node of a query plan computes. */
export type NodeQuery =
  | { readonly kind: 'label-names'; readonly matchers: readonly Matcher[] }
  | { readonly kind: 'label-values'; readonly matchers: readonly Matcher[]; readonly name: string }
  /** `labelNames` undefined: all labels. */
  | {
      readonly kind: 'series-labels';
      readonly matchers: readonly Matcher[];
      readonly labelNames: readonly string[] | undefined;
    }
  | { readonly kind: 'time-series'; readonly selection: ProfileSelection; readonly buckets: BucketQuery }
  /** `callSite`: function names, root first; only stacktraces that begin with them count. */
  | { readonly kind: 'tree'; readonly selection: ProfileSelection; readonly callSite: readonly string[] }
  | { readonly kind: 'profile'; readonly selection: ProfileSelection; readonly callSite: readonly string[] };

/** What a node answers: partial until the root has merged it. */
export type NodeReport =
  /** No name twice, in no order. */
  | { readonly kind: 'names'; readonly names: ByteStrings }
  | { readonly kind: 'label-sets'; readonly labelSets: LabelSetColumns }
  | { readonly kind: 'time-series'; readonly series: BucketedSeries }
  | { readonly kind: 'tree'; readonly tree: FunctionTree }
  | { readonly kind: 'profile'; readonly profile: StackProfile };

/** What was read of one object for a node. */
export type ObjectRead = {
  readonly datasets: readonly DatasetPlace[];
  readonly fetched: readonly FetchedRange[];
  /** By dataset: the value columns that it takes whole, where a plan of reads has found that out; undefined: look. */
  readonly whole?: readonly (readonly WholeColumn[] | undefined)[];
};

/** Reads or reports of others, to be made one report. */
export type NodeTask = {
  readonly query: NodeQuery;
  readonly reads: readonly ObjectRead[];
  readonly reports: readonly NodeReport[];
  readonly limits: ReportLimits;
};

export type ReportLimits = {
  /** Of any report: a partial one is never larger than the whole. */
  readonly resultBytesMax: Bytes;
  /** What the caller has room for right now. */
  readonly roomBytes: Bytes;
};

/**
 * What a node answers. `report` is undefined when there is no room for its `sizeBytes`. `cut` says that it is a tree of
 * which memory had room for the heaviest nodes alone.
 */
export type NodeAnswer = { readonly report: NodeReport | undefined; readonly sizeBytes: Bytes; readonly cut: boolean };

/** How many nodes a flame graph has, and whether the request said so: then its bars are folded once more. */
export type Folding = { readonly maxNodes: number; readonly asked: boolean };

/** What the root of a query becomes. `undefined` reports stand for "no block was there". */
export type AnswerTask = { readonly gzip: boolean } & (
  | { readonly kind: 'profile-types'; readonly codec: 'proto' | 'json'; readonly profileTypes: readonly ProfileType[] }
  | {
      readonly kind: 'names';
      readonly codec: 'proto' | 'json';
      readonly names: ByteStrings | undefined;
      readonly shown: ShownNames;
    }
  | {
      readonly kind: 'label-sets';
      readonly codec: 'proto' | 'json';
      readonly labelSets: LabelSetColumns | undefined;
      readonly shown: ShownNames;
    }
  /** Label sets that the index knows: one for each service and profile type. */
  | { readonly kind: 'app-list'; readonly codec: 'proto' | 'json'; readonly labelSets: readonly Labels[] }
  | {
      readonly kind: 'series';
      readonly codec: 'proto' | 'json';
      readonly series: BucketedSeries | undefined;
      readonly limit: number | undefined;
    }
  | {
      readonly kind: 'flamegraph';
      readonly codec: 'proto' | 'json';
      readonly tree: FunctionTree | undefined;
      readonly folding: Folding;
    }
  | {
      readonly kind: 'tree';
      readonly codec: 'proto' | 'json';
      readonly tree: FunctionTree | undefined;
      readonly maxNodes: number;
    }
  | {
      readonly kind: 'profile';
      readonly codec: 'proto' | 'json';
      readonly frame: 'bare' | 'response';
      readonly profile: StackProfile | undefined;
      readonly profileType: ProfileType;
      readonly endMs: UnixMs;
      readonly maxNodes: number;
    }
  | {
      readonly kind: 'diff';
      readonly codec: 'proto' | 'json';
      readonly left: FunctionTree | undefined;
      readonly right: FunctionTree | undefined;
      readonly maxNodes: number;
    }
  | {
      readonly kind: 'render';
      readonly tree: FunctionTree | undefined;
      readonly series: BucketedSeries | undefined;
      readonly profileType: ProfileType;
      readonly range: TimeRange;
      readonly grouped: boolean;
      readonly folding: Folding;
    }
  | {
      readonly kind: 'render-diff';
      readonly left: FunctionTree | undefined;
      readonly right: FunctionTree | undefined;
      readonly profileType: ProfileType;
      readonly maxNodes: number;
    }
);

/** The body, in pieces. */
export type Answer = { readonly pieces: readonly Uint8Array[] };
