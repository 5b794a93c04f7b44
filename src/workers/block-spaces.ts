import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { symbolsOfFamily } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { stacksAtCallSite } from '#src/domain/query/call-site.ts';
import { SeriesMatcher } from '#src/domain/series/match-series.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import { BlockStacks, FamilySums, type SpanTest } from '#src/kernels/block-stacks.ts';
import { FoldedSums, hasFunctionTrees, readNames } from '#src/kernels/folded-sums.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { BlockDataset, type SampleRange } from '#src/kernels/read-dataset.ts';
import { readFamily, readSource } from '#src/kernels/read-space.ts';
import type { SummedStacks } from '#src/kernels/stack-sums.ts';
import { type WholeColumn, wholeColumnsOf } from './dataset-totals.ts';
import type { NodeQuery, ObjectRead, ProfileSelection } from './query-messages.ts';
import { profilesOf, spanTestOf } from './selected-profiles.ts';

type SampleQuery = Extract<NodeQuery, { kind: 'tree' | 'profile' }>;

/** What a query is about in a dataset: samples by family, or all samples of some value columns. */
type Selected =
  | { readonly dataset: BlockDataset; readonly ranges: ReadonlyMap<number, readonly SampleRange[]> }
  | { readonly dataset: BlockDataset; readonly whole: readonly WholeColumn[] };

/** Gets what lives until it returns. */
export type AddSums = {
  stacks(stacks: SummedStacks): void;
  /** Undefined for a query that needs stacktraces: of compacted blocks it gets those, too. */
  readonly folded: ((tree: FoldedSums) => void) | undefined;
};

/** Sums the samples of all datasets that share a symbol space, family by family, before any name is looked at. */
export function forEachSymbolSpace(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  query: SampleQuery,
  decompress: Decompress,
  add: AddSums,
): void {
  const matcher = new SeriesMatcher(query.selection.matchers);
  const spans = spanTestOf(query.selection);
  for (const { datasets, fetched } of reads) {
    for (const sharing of groupedBySymbols(datasets)) {
      kernels.exports.resetScratch();
      const pages = new ArenaPages(kernels, fetched, decompress);
      const table = symbolTable(sharing[0], fetched);
      const { folded } = add;
      const isFolded = folded !== undefined && hasFunctionTrees(table);
      const selected = sharing.flatMap((meta): Selected[] => {
        const dataset = new BlockDataset(pages, datasetTable(meta, fetched));
        const whole = isFolded ? wholeColumnsOf(dataset, meta, matcher, query.selection) : undefined;
        if (whole !== undefined) return whole.length === 0 ? [] : [{ dataset, whole }];
        const ranges = selectedRanges(dataset, matcher, query.selection);
        return ranges.size === 0 ? [] : [{ dataset, ranges }];
      });
      if (selected.length === 0) continue;
      if (isFolded) forEachTree(pages, table, selected, { query, spans }, folded);
      else forEachFamily(pages, table, selected, { query, spans }, (stacks) => add.stacks(stacks));
    }
  }
}

/** By family: where the samples are that a query is about. */
function selectedRanges(
  dataset: BlockDataset,
  matcher: SeriesMatcher,
  selection: ProfileSelection,
): ReadonlyMap<number, readonly SampleRange[]> {
  const profiles = profilesOf(dataset, matcher, selection);
  return profiles === undefined || profiles.length === 0 ? new Map() : profiles.sampleRanges(dataset.sampleOffsets());
}

/** What decides which samples of the selected runs count. */
type Wanted = { readonly query: SampleQuery; readonly spans: SpanTest | undefined };

function familiesOf(selected: readonly Selected[]): Set<number> {
  return new Set(
    selected.flatMap((one) => ('whole' in one ? one.whole.map(({ family }) => family) : [...one.ranges.keys()])),
  );
}

function addRanges(sums: FamilySums, selected: readonly Selected[], family: number, spans: SpanTest | undefined): void {
  for (const one of selected) {
    const own = 'ranges' in one ? one.ranges.get(family) : undefined;
    if (own === undefined) continue;
    if (spans === undefined) sums.add(one.dataset, own);
    else sums.addSpans(one.dataset, own, spans);
  }
}

/** Over stacktraces: names, functions, locations and stacks are read. */
function forEachFamily(
  pages: ArenaPages,
  table: ChunkTable,
  selected: readonly Selected[],
  { query, spans }: Wanted,
  add: (stacks: SummedStacks) => void,
): void {
  const source = readSource(pages, table, query.kind === 'profile');
  for (const family of familiesOf(selected)) {
    const stacks = readFamily(pages, table, family, source.locationCount);
    const sums = new FamilySums(pages, family, stacks.sampledCount);
    addRanges(sums, selected, family, spans);
    const summed = new BlockStacks(pages.kernels, source, stacks, sums.sums);
    if (query.callSite.length > 0) {
      const space = decodeSymbolSpace(table, pages.fetched);
      summed.keep(stacksAtCallSite(symbolsOfFamily(space, family), query.callSite));
    }
    add(summed);
  }
}

/** Over the function trees of compacted blocks: of the symbols only names are read. */
function forEachTree(
  pages: ArenaPages,
  table: ChunkTable,
  selected: readonly Selected[],
  { query, spans }: Wanted,
  add: (tree: FoldedSums) => void,
): void {
  const names = readNames(pages, table);
  for (const family of familiesOf(selected)) {
    const tree = new FoldedSums(pages, table, family, names);
    if (selected.some((one) => 'ranges' in one && one.ranges.has(family))) {
      const sums = new FamilySums(pages, family, tree.sampledCount);
      addRanges(sums, selected, family, spans);
      tree.addStacks(sums.sums);
    }
    for (const one of selected) {
      if (!('whole' in one)) continue;
      for (const of of one.whole) if (of.family === family) tree.addTotals(one.dataset, of.column);
    }
    if (query.callSite.length > 0) tree.keep(query.callSite);
    add(tree);
  }
}

function groupedBySymbols(datasets: readonly DatasetMeta[]): DatasetMeta[][] {
  const groups = new Map<number, DatasetMeta[]>();
  for (const dataset of datasets) {
    const group = groups.get(dataset.symbols.offset);
    if (group === undefined) groups.set(dataset.symbols.offset, [dataset]);
    else group.push(dataset);
  }
  return [...groups.values()];
}
