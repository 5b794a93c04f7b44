import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { encodeProfileJson, encodeProfileProto, exportProfile } from '#src/domain/pprof/encode-profile.ts';
import { diffFlamegraph, type FlameGraphDiff } from '#src/domain/profile/diff.ts';
import type { FlameGraph } from '#src/domain/profile/flame-layout.ts';
import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import { truncateTwice } from '#src/domain/profile/truncate.ts';
import { encodeFlamegraphJson, encodeFlamegraphProto } from '#src/domain/query/encode-flamegraph.ts';
import { encodeDiffJson, encodeDiffProto } from '#src/domain/query/encode-flamegraph-diff.ts';
import {
  encodeNamesJson,
  encodeNamesProto,
  encodeProfileTypesJson,
  encodeProfileTypesProto,
  encodeSeriesLabelsJson,
  encodeSeriesLabelsProto,
} from '#src/domain/query/encode-labels.ts';
import { encodeRender, encodeRenderDiff, type RenderGroups } from '#src/domain/query/encode-render.ts';
import { encodeSelectSeriesJson, encodeSelectSeriesProto } from '#src/domain/query/encode-series.ts';
import { encodeTreeJson, encodeTreeProto } from '#src/domain/query/encode-tree.ts';
import { type LabelSetColumns, LabelSetTable, STEP_LABELS } from '#src/domain/query/label-set-table.ts';
import { type BucketedSeries, type Series, topSeries } from '#src/domain/query/series-buckets.ts';
import { shownLabelSets, shownNames } from '#src/domain/query/shown-labels.ts';
import { type Timeline, timelineOf } from '#src/domain/query/timeline.ts';
import { encodeTree } from '#src/domain/query/tree-bytes.ts';
import { gzipped } from './gzipped.ts';
import type { Answer, AnswerTask, Folding } from './query-messages.ts';

/** Writes the bytes of an answer, so that the main loop only has to send them. */
export function* writeAnswer(task: AnswerTask, secret: HashSecret): Steps<Answer> {
  const pieces = yield* piecesOf(task, secret);
  yield;
  return { pieces: task.gzip ? yield* gzipped(pieces) : pieces };
}

function* piecesOf(task: AnswerTask, secret: HashSecret): Steps<Uint8Array[]> {
  switch (task.kind) {
    case 'profile-types':
      return task.codec === 'proto'
        ? encodeProfileTypesProto(task.profileTypes)
        : encodeProfileTypesJson(task.profileTypes);
    case 'names':
      return yield* namePieces(task);
    case 'label-sets':
    case 'app-list':
      return yield* labelSetPieces(task);
    case 'series': {
      const series = seriesOf(task.series, task.limit);
      return yield* task.codec === 'proto' ? encodeSelectSeriesProto(series) : encodeSelectSeriesJson(series);
    }
    case 'flamegraph': {
      const graph = yield* foldedFlamegraph(task.tree, task.folding);
      return yield* task.codec === 'proto' ? encodeFlamegraphProto(graph) : encodeFlamegraphJson(graph);
    }
    case 'tree': {
      const bytes = yield* encodeTree(yield* cut(task.tree, task.maxNodes));
      return task.codec === 'proto' ? encodeTreeProto(bytes) : yield* encodeTreeJson(bytes);
    }
    case 'profile': {
      const { profile, profileType, endMs, maxNodes, frame } = task;
      const exported =
        profile === undefined
          ? undefined
          : yield* exportProfile(profile.symbols, profile.values, { profileType, endMs, maxNodes }, secret);
      return yield* task.codec === 'proto' ? encodeProfileProto(exported, frame) : encodeProfileJson(exported, frame);
    }
    case 'diff': {
      const graph = yield* foldedDiff(task);
      return yield* task.codec === 'proto' ? encodeDiffProto(graph) : encodeDiffJson(graph);
    }
    case 'render': {
      const graph = yield* foldedFlamegraph(task.tree, task.folding);
      const { timeline, groups } = timelinesOf(task);
      return yield* encodeRender(graph, task.profileType, timeline, groups);
    }
    case 'render-diff':
      return yield* encodeRenderDiff(yield* foldedDiff(task), task.profileType);
  }
}

function* namePieces({ names, shown, codec }: Extract<AnswerTask, { kind: 'names' }>): Steps<Uint8Array[]> {
  const sorted = yield* shownNames(names ?? namesOf([]), shown);
  return yield* codec === 'proto' ? encodeNamesProto(sorted) : encodeNamesJson(sorted);
}

function* labelSetPieces(task: Extract<AnswerTask, { kind: 'label-sets' | 'app-list' }>): Steps<Uint8Array[]> {
  const sorted = yield* task.kind === 'app-list'
    ? shownLabelSets(yield* columnsOf(task.labelSets), 'all')
    : shownLabelSets(task.labelSets ?? (yield* columnsOf([])), task.shown);
  return yield* task.codec === 'proto' ? encodeSeriesLabelsProto(sorted) : encodeSeriesLabelsJson(sorted);
}

function* columnsOf(labelSets: readonly Labels[]): Steps<LabelSetColumns> {
  const table = new LabelSetTable();
  let work = 0;
  for (const labels of labelSets) {
    table.addLabels(labels);
    work += labels.length;
    if (work < STEP_LABELS) continue;
    work = 0;
    yield;
  }
  return yield* table.take();
}

const EMPTY_TREE: FunctionTree = {
  parent: Int32Array.of(-1),
  name: new Uint32Array(1),
  self: new BigInt64Array(1),
  names: namesOf(['']),
};

/** The bars are folded once more only where the request names a number; that shows where totals tie. */
function* foldedFlamegraph(tree: FunctionTree | undefined, { maxNodes, asked }: Folding): Steps<FlameGraph> {
  return yield* flamegraph(yield* cut(tree, maxNodes), asked ? maxNodes : 0);
}

function* foldedDiff({
  left,
  right,
  maxNodes,
}: Extract<AnswerTask, { kind: 'diff' | 'render-diff' }>): Steps<FlameGraphDiff> {
  return yield* diffFlamegraph(yield* cut(left, maxNodes), yield* cut(right, maxNodes), maxNodes);
}

function* cut(tree: FunctionTree | undefined, maxNodes: number): Steps<FunctionTree> {
  return tree === undefined ? EMPTY_TREE : yield* truncateTwice(tree, maxNodes);
}

function seriesOf(series: BucketedSeries | undefined, limit: number | undefined): Series[] {
  return series === undefined ? [] : topSeries(series, limit);
}

/** The whole timeline is there only when one series has all the values; groups are named by their first label. */
function timelinesOf({ series, range, grouped }: Extract<AnswerTask, { kind: 'render' }>): {
  timeline: Timeline;
  groups: RenderGroups | undefined;
} {
  const all = seriesOf(series, undefined);
  const nothing = { timeMs: new Float64Array(0), value: new BigInt64Array(0) };
  const timeline = timelineOf(all.length === 1 ? all[0] : nothing, range);
  if (!grouped) return { timeline, groups: undefined };
  return { timeline, groups: new Map(all.map((one) => [one.labels[0]?.value ?? '*', timelineOf(one, range)])) };
}
