import { type ChunkTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import { BlockStacks, FamilySums, type SpanTest } from '#src/kernels/block-stacks.ts';
import { CallSiteNames } from '#src/kernels/call-site-names.ts';
import { FoldedSums, hasFunctionTrees, readNames } from '#src/kernels/folded-sums.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { readFamily, readSource, type StringRows } from '#src/kernels/read-space.ts';
import type { SummedStacks } from '#src/kernels/summed-stacks.ts';
import type { NodeQuery, ObjectRead } from './query-messages.ts';
import { spanTestOf } from './selected-profiles.ts';
import { familiesOf, groupedBySymbols, knownColumnsOf, type Selected, selectSamples } from './selected-samples.ts';
import { threadMatcher } from './thread-matcher.ts';

export type SampleQuery = Extract<NodeQuery, { kind: 'tree' | 'profile' }>;

/** Gets what lives until it is done. */
export type AddSums = {
  stacks(stacks: SummedStacks): Steps<void>;
  /** Undefined for a query that needs stacktraces: of compacted blocks it gets those, too. */
  readonly folded: ((tree: FoldedSums) => Steps<void>) | undefined;
};

/**
 * Sums the samples of all datasets that share a symbol space, family by family, before any name is looked at.
 */
export function* forEachSymbolSpace(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  query: SampleQuery,
  decompress: Decompress,
  add: AddSums,
): Steps<void> {
  const matcher = threadMatcher(query.selection.matchers);
  const spans = spanTestOf(query.selection);
  for (const read of reads) {
    const { datasets, fetched } = read;
    const known = knownColumnsOf(read);
    for (const sharing of groupedBySymbols(datasets)) {
      kernels.exports.resetScratch();
      const pages = new ArenaPages(kernels, fetched, decompress);
      const table = yield* symbolTable(sharing[0], fetched);
      const { folded } = add;
      const isFolded = folded !== undefined && hasFunctionTrees(table);
      const selected = yield* selectSamples(pages, sharing, matcher, query.selection, isFolded, known);
      if (selected.length === 0) continue;
      if (isFolded) yield* forEachTree(pages, table, selected, { query, spans }, folded);
      else yield* forEachFamily(pages, table, selected, { query, spans }, (stacks) => add.stacks(stacks));
      yield;
    }
  }
}

/** What decides which samples of the selected runs count. */
type Wanted = { readonly query: SampleQuery; readonly spans: SpanTest | undefined };

function* addRanges(
  sums: FamilySums,
  selected: readonly Selected[],
  family: number,
  spans: SpanTest | undefined,
): Steps<void> {
  for (const one of selected) {
    const own = 'ranges' in one ? one.ranges.get(family) : undefined;
    if (own === undefined) continue;
    if (spans === undefined) yield* sums.add(one.dataset, own);
    else yield* sums.addSpans(one.dataset, own, spans);
  }
}

/** Over stacktraces: names, functions, locations and stacks are read. */
function* forEachFamily(
  pages: ArenaPages,
  table: ChunkTable,
  selected: readonly Selected[],
  { query, spans }: Wanted,
  add: (stacks: SummedStacks) => Steps<void>,
): Steps<void> {
  const source = yield* readSource(pages, table, query.kind === 'profile');
  const callSite = callSiteIn(pages, source.names, query);
  for (const family of familiesOf(selected)) {
    yield;
    const stacks = yield* readFamily(pages, table, family, source.locationCount);
    const sums = new FamilySums(pages, family, stacks.sampledCount);
    yield* addRanges(sums, selected, family, spans);
    const summed = new BlockStacks(pages.kernels, source, stacks, sums.sums);
    if (callSite !== undefined) yield* summed.keepCallSite(callSite);
    yield* add(summed);
  }
}

/** Over the function trees of compacted blocks: of the symbols only names are read. */
function* forEachTree(
  pages: ArenaPages,
  table: ChunkTable,
  selected: readonly Selected[],
  { query, spans }: Wanted,
  add: (tree: FoldedSums) => Steps<void>,
): Steps<void> {
  const names = yield* readNames(pages, table);
  const callSite = callSiteIn(pages, names, query);
  for (const family of familiesOf(selected)) {
    yield;
    const tree = yield* FoldedSums.read(pages, table, family, names);
    if (selected.some((one) => 'ranges' in one && one.ranges.has(family))) {
      const sums = new FamilySums(pages, family, tree.sampledCount);
      yield* addRanges(sums, selected, family, spans);
      yield* tree.addStacks(sums.sums);
    }
    for (const one of selected) {
      if (!('whole' in one)) continue;
      for (const of of one.whole) if (of.family === family) yield* tree.addTotals(one.dataset, of.column);
    }
    if (callSite !== undefined) yield* tree.keep(callSite);
    yield* add(tree);
  }
}

/** @returns undefined for a query that is about all stacktraces */
function callSiteIn({ kernels }: ArenaPages, names: StringRows, { callSite }: SampleQuery): CallSiteNames | undefined {
  return callSite.length === 0 ? undefined : new CallSiteNames(kernels, names, callSite);
}
