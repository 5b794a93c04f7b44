import { datasetTable } from '#src/domain/block/chunk-table.ts';
import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
import { cutTree } from '#src/domain/profile/truncate.ts';
import { type LabelSetColumns, LabelSetTable } from '#src/domain/query/label-set-table.ts';
import { type BucketedSeries, SeriesBuckets } from '#src/domain/query/series-buckets.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import type { StackProfile } from '#src/domain/symbols/stack-profile.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { BlockDataset, type SeriesOfPage } from '#src/kernels/read-dataset.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { SymbolSpaceBuilder } from '#src/kernels/symbol-space-builder.ts';
import { forEachSymbolSpace } from './block-spaces.ts';
import { BoundedTree, isFull } from './bounded-tree.ts';
import { labelSetsOf } from './label-sets.ts';
import type { NodeAnswer, NodeQuery, NodeReport, NodeTask } from './query-messages.ts';
import { reportBytes } from './report-bytes.ts';
import { profilesOf } from './selected-profiles.ts';
import { threadMatcher } from './thread-matcher.ts';

type SampleQuery = Extract<NodeQuery, { kind: 'tree' | 'profile' }>;

/** The flag that sets the limit, for messages and metrics. */
const RESULT_LIMIT = 'query-backend.result-bytes-max';

/**
 * Computes a node of a query plan: reads datasets, or merges the reports of other nodes, to one report. Trees are
 * merged whole, and cut once, when the answer is written; but those that are larger than memory or a result may be are
 * cut before, so that there is a flame graph of whatever could be pushed.
 *
 * @throws StoreError 'too-large' when the report is larger than a result may be
 */
export function* runQueryNode(kernels: KernelInstance, task: NodeTask, decompress: Decompress): Steps<NodeAnswer> {
  const { resultBytesMax, roomBytes } = task.limits;
  let cut = false;
  const onCut = (): void => {
    cut = true;
  };
  const whole = yield* reportOf({ kernels, decompress, onCut, ...task });
  const report =
    whole.kind === 'tree' ? { ...whole, tree: yield* treeWithin(whole.tree, resultBytesMax, onCut) } : whole;
  const sizeBytes = sizeOf(report);
  if (sizeBytes > resultBytesMax) {
    const message = `the result takes more memory than --${RESULT_LIMIT}: limit ${sizeText(resultBytesMax)}, actual at least ${sizeText(sizeBytes)}`;
    throw new StoreError('too-large', message, { limit: RESULT_LIMIT, value: resultBytesMax, actual: sizeBytes });
  }
  return { report: sizeBytes <= roomBytes ? report : undefined, sizeBytes, cut };
}

/** Label sets count as what an answer is made of them: a text that all share is one string in memory, and a gigabyte there. */
function sizeOf(report: NodeReport): Bytes {
  return reportBytes(report) + (report.kind === 'label-sets' ? report.labelSets.textBytes : 0);
}

/** Of a tree, what a result may be: half as many nodes, again and again, because most of it may be a few long names. */
function* treeWithin(tree: FunctionTree, bytesMax: Bytes, onCut: () => void): Steps<FunctionTree> {
  let cut = tree;
  for (let nodes = tree.parent.length; reportBytes(cut) > bytesMax && nodes > 2 * NODES_MIN; ) {
    nodes >>>= 1;
    onCut();
    cut = yield* cutTree(cut, nodes);
  }
  return cut;
}

/** The root, a node, and a bar of what is left out for each. */
const NODES_MIN = 4;

/** What a node has to work on. */
type Work = Pick<NodeTask, 'query' | 'reads' | 'reports'> & {
  readonly kernels: KernelInstance;
  readonly decompress: Decompress;
  /** Is told when there is no room for all nodes of a tree. */
  readonly onCut: () => void;
};

function* reportOf(work: Work): Steps<NodeReport> {
  const { query } = work;
  switch (query.kind) {
    case 'label-names':
      return { kind: 'names', names: yield* labelNames(work, query.matchers) };
    case 'label-values':
      return { kind: 'names', names: yield* labelValues(work, query.matchers, query.name) };
    case 'series-labels':
      return { kind: 'label-sets', labelSets: yield* distinctLabelSets(work, query) };
    case 'time-series':
      return { kind: 'time-series', series: yield* timeSeries(work, query) };
    case 'tree':
      return { kind: 'tree', tree: yield* functionTree(work, query) };
    case 'profile':
      return { kind: 'profile', profile: yield* stackProfile(work, query) };
  }
}

/** Every dataset that was read, one after the other: each lives until the next one. */
function* forEachDataset(
  { kernels, reads, decompress }: Work,
  use: (dataset: BlockDataset) => Steps<void>,
): Steps<void> {
  for (const { datasets, fetched } of reads) {
    for (const dataset of datasets) {
      kernels.exports.resetScratch();
      yield* use(new BlockDataset(new ArenaPages(kernels, fetched, decompress), yield* datasetTable(dataset, fetched)));
      yield;
    }
  }
}

/** Labels that are looked at in one step: they become texts, and part of a key. */
const STEP_LABELS = STEP_ROWS / 4;

/** A series costs as much as so many labels, whether it matches or not. */
const LABELS_OF_SERIES = 4;

/** Series that satisfy the matchers. There is no filter by time here: a dataset that overlaps counts as a whole. */
function forEachSeries(
  work: Work,
  matchers: readonly Matcher[],
  use: (page: SeriesOfPage, row: number) => void,
): Steps<void> {
  const matcher = threadMatcher(matchers);
  return forEachDataset(work, function* (dataset) {
    let work = 0;
    for (const page of yield* dataset.openSeries()) {
      const selected = matcher.select(page);
      for (let row = 0; row < selected.length; row++) {
        work += LABELS_OF_SERIES + (selected[row] === 1 ? page.offsets[row + 1] - page.offsets[row] : 0);
        if (work >= STEP_LABELS) {
          work = 0;
          yield;
        }
        if (selected[row] === 1) use(page, row);
      }
    }
  });
}

function* labelNames(work: Work, matchers: readonly Matcher[]): Steps<ByteStrings> {
  const distinct = yield* reportedNames(work.reports);
  let of: SeriesOfPage | undefined;
  let seen = new Uint8Array(0);
  yield* forEachSeries(work, matchers, (page, row) => {
    if (page !== of) [of, seen] = [page, new Uint8Array(page.stringCount)];
    for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
      const name = page.name[i];
      if (seen[name] === 1) continue;
      seen[name] = 1;
      distinct.internText(page.textOf(name));
    }
  });
  return distinct.toByteStrings();
}

function* labelValues(work: Work, matchers: readonly Matcher[], name: string): Steps<ByteStrings> {
  const distinct = yield* reportedNames(work.reports);
  yield* forEachSeries(work, matchers, (page, row) => {
    for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
      if (page.textOf(page.name[i]) === name) distinct.internText(page.textOf(page.value[i]));
    }
  });
  return distinct.toByteStrings();
}

function* reportedNames(reports: readonly NodeReport[]): Steps<NameTable> {
  const names = new NameTable();
  for (const report of reports) if (report.kind === 'names') yield* names.internAll(report.names);
  return names;
}

function* distinctLabelSets(
  work: Work,
  { matchers, labelNames: names }: Extract<NodeQuery, { kind: 'series-labels' }>,
): Steps<LabelSetColumns> {
  const asked = names === undefined ? undefined : new Set(names);
  const table = new LabelSetTable();
  for (const report of work.reports) if (report.kind === 'label-sets') yield* table.addColumns(report.labelSets);
  let of: SeriesOfPage | undefined;
  /** Numbers of the strings of a page, one more than they are. 0: not known yet. */
  let [nameNumbers, valueNumbers] = [new Int32Array(0), new Int32Array(0)];
  yield* forEachSeries(work, matchers, (page, row) => {
    if (page !== of) {
      of = page;
      [nameNumbers, valueNumbers] = [new Int32Array(page.stringCount), new Int32Array(page.stringCount)];
    }
    const pairs: number[] = [];
    for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
      const [name, value] = [page.name[i], page.value[i]];
      if (nameNumbers[name] === 0) {
        const text = page.textOf(name);
        nameNumbers[name] = asked?.has(text) === false ? NOT_ASKED : table.numberOf(text) + 1;
      }
      if (nameNumbers[name] === NOT_ASKED) continue;
      if (valueNumbers[value] === 0) valueNumbers[value] = table.numberOf(page.textOf(value)) + 1;
      pairs.push(nameNumbers[name] - 1, valueNumbers[value] - 1);
    }
    table.add(pairs);
  });
  return yield* table.take();
}

/** In place of the number of a name that is not among those asked for. */
const NOT_ASKED = -1;

function* timeSeries(
  work: Work,
  { selection, buckets }: Extract<NodeQuery, { kind: 'time-series' }>,
): Steps<BucketedSeries> {
  const sums = new SeriesBuckets();
  for (const report of work.reports) if (report.kind === 'time-series') yield* sums.addReport(report.series);
  const matcher = threadMatcher(selection.matchers);
  yield* forEachDataset(work, function* (dataset) {
    const rows = yield* profilesOf(dataset, matcher, selection);
    if (rows === undefined || rows.length === 0) return;
    const n = rows.length;
    const profileIds = buckets.exemplars ? new Uint8Array(16 * n) : undefined;
    if (profileIds !== undefined) {
      yield* inSteps(0, n, (start, end) => {
        for (let i = start; i < end; i++) profileIds.set(rows.profileId(i), 16 * i);
      });
    }
    // The labels that are not grouped by are only shown with exemplars.
    const named = buckets.exemplars ? undefined : buckets.groupBy;
    const { labels, setOfRow } = yield* labelSetsOf(dataset, rows.series(), named);
    yield* sums.addPoints(
      { labels, series: setOfRow, timeMs: rows.timesMs(), value: rows.totals(), profileIds },
      buckets,
    );
  });
  return yield* sums.take();
}

/** The whole tree, or its heaviest nodes when it does not fit into the memory of an answer. */
function* functionTree(work: Work, query: SampleQuery): Steps<FunctionTree> {
  try {
    return yield* work.kernels.guardSteps(wholeTree(work, query));
  } catch (error) {
    if (!isFull(error)) throw error;
  }
  work.onCut();
  return yield* boundedTree(work, query);
}

function* boundedTree({ kernels, reads, reports, decompress }: Work, query: SampleQuery): Steps<FunctionTree> {
  const tree = new BoundedTree(kernels);
  for (const report of reports) {
    if (report.kind !== 'tree') continue;
    kernels.exports.resetScratch();
    yield* tree.addTree(report.tree);
  }
  yield* forEachSymbolSpace(kernels, reads, query, decompress, {
    stacks: (stacks) => tree.addStacks(stacks),
    folded: (folded) => tree.addFolded(folded),
  });
  return tree.take();
}

function* wholeTree({ kernels, reads, reports, decompress }: Work, query: SampleQuery): Steps<FunctionTree> {
  const builder = new FunctionTreeBuilder(kernels);
  for (const report of reports) {
    if (report.kind !== 'tree') continue;
    kernels.exports.resetScratch();
    yield* builder.addTree(report.tree);
    yield;
  }
  yield* forEachSymbolSpace(kernels, reads, query, decompress, {
    stacks: (stacks) => builder.addStacks(stacks),
    folded: (tree) => builder.addFolded(tree),
  });
  return builder.take();
}

function* stackProfile({ kernels, reads, reports, decompress }: Work, query: SampleQuery): Steps<StackProfile> {
  const builder = new SymbolSpaceBuilder(kernels);
  for (const report of reports) {
    if (report.kind !== 'profile') continue;
    kernels.exports.resetScratch();
    const { symbols, values } = report.profile;
    const stacks = new StackSums(kernels, symbols);
    stacks.add({ stack: Uint32Array.from(values, (_, i) => i), value: values });
    yield* builder.addStacks(stacks);
    yield;
  }
  yield* forEachSymbolSpace(kernels, reads, query, decompress, {
    stacks: (stacks) => builder.addStacks(stacks),
    folded: undefined,
  });
  return builder.take();
}
