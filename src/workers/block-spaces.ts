import type { DatasetPlace } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { symbolsOfFamily } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { stacksAtCallSite } from '#src/domain/query/call-site.ts';
import type { SeriesMatcher } from '#src/domain/series/match-series.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import { BlockStacks, FamilySums, type SpanTest } from '#src/kernels/block-stacks.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { BlockDataset, type SampleRange } from '#src/kernels/read-dataset.ts';
import { readFamily, readSource } from '#src/kernels/read-space.ts';
import type { SummedStacks } from '#src/kernels/stack-sums.ts';
import type { NodeQuery, ObjectRead, ProfileSelection } from './query-messages.ts';
import { profilesOf, spanTestOf } from './selected-profiles.ts';
import { threadMatcher } from './thread-matcher.ts';

export type SampleQuery = Extract<NodeQuery, { kind: 'tree' | 'profile' }>;

/** A dataset with the samples that a query is about, by family. */
type Selected = { readonly dataset: BlockDataset; readonly ranges: ReadonlyMap<number, readonly SampleRange[]> };

/**
 * Sums the samples of all datasets that share a symbol space, family by family, before any name is looked at. A step is
 * a family.
 *
 * @param add  gets stacktraces that live until it returns
 */
export function* forEachSymbolSpace(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  query: SampleQuery,
  decompress: Decompress,
  add: (stacks: SummedStacks) => void,
): Steps<void> {
  const matcher = threadMatcher(query.selection.matchers);
  const spans = spanTestOf(query.selection);
  for (const { datasets, fetched } of reads) {
    for (const sharing of groupedBySymbols(datasets)) {
      kernels.exports.resetScratch();
      const pages = new ArenaPages(kernels, fetched, decompress);
      const selected = sharing.flatMap((meta) => {
        const dataset = new BlockDataset(pages, datasetTable(meta, fetched));
        const ranges = selectedRanges(dataset, matcher, query.selection);
        return ranges.size === 0 ? [] : [{ dataset, ranges }];
      });
      if (selected.length === 0) continue;
      const space = new QueriedSpace(pages, symbolTable(sharing[0], fetched), query, spans);
      const families = new Set(selected.flatMap(({ ranges }) => [...ranges.keys()]));
      for (const family of families) {
        yield;
        add(space.stacksOf(family, selected));
      }
      yield;
    }
  }
}

/** By family: where the samples are that a query is about. */
export function selectedRanges(
  dataset: BlockDataset,
  matcher: SeriesMatcher,
  selection: ProfileSelection,
): ReadonlyMap<number, readonly SampleRange[]> {
  const profiles = profilesOf(dataset, matcher, selection);
  return profiles === undefined || profiles.length === 0 ? new Map() : profiles.sampleRanges(dataset.sampleOffsets());
}

/** A symbol space, read once for all families that a query is about. */
class QueriedSpace {
  readonly #pages: ArenaPages;
  readonly #table: ChunkTable;
  readonly #query: SampleQuery;
  readonly #spans: SpanTest | undefined;
  readonly #source: ReturnType<typeof readSource>;

  constructor(pages: ArenaPages, table: ChunkTable, query: SampleQuery, spans: SpanTest | undefined) {
    this.#pages = pages;
    this.#table = table;
    this.#query = query;
    this.#spans = spans;
    this.#source = readSource(pages, table, query.kind === 'profile');
  }

  stacksOf(family: number, selected: readonly Selected[]): SummedStacks {
    const { kernels } = this.#pages;
    const stacks = readFamily(this.#pages, this.#table, family, this.#source.locationCount);
    const sums = new FamilySums(this.#pages, family, stacks.sampledCount);
    for (const { dataset, ranges } of selected) {
      const own = ranges.get(family);
      if (own === undefined) continue;
      if (this.#spans === undefined) sums.add(dataset, own);
      else sums.addSpans(dataset, own, this.#spans);
    }
    const summed = new BlockStacks(kernels, this.#source, stacks, sums.sums);
    const { callSite } = this.#query;
    if (callSite.length > 0) {
      const space = decodeSymbolSpace(this.#table, this.#pages.fetched);
      summed.keep(stacksAtCallSite(symbolsOfFamily(space, family), callSite));
    }
    return summed;
  }
}

/** Datasets that share a symbol space follow each other in an object. */
export function groupedBySymbols(datasets: readonly DatasetPlace[]): DatasetPlace[][] {
  const groups = new Map<number, DatasetPlace[]>();
  for (const dataset of datasets) {
    const group = groups.get(dataset.symbols.offset);
    if (group === undefined) groups.set(dataset.symbols.offset, [dataset]);
    else group.push(dataset);
  }
  return [...groups.values()];
}
