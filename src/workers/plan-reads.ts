import { Section } from '#src/domain/block/block-format.ts';
import type { ByteRange, DatasetPlace } from '#src/domain/block/block-meta.ts';
import {
  type ChunkTable,
  datasetTable,
  headerReads,
  type Page,
  pagesOf,
  symbolTable,
} from '#src/domain/block/chunk-table.ts';
import { coalesced, missingReads, pagesWith } from '#src/domain/block/read-plan.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { SeriesMatcher } from '#src/domain/series/match-series.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { BlockDataset } from '#src/kernels/read-dataset.ts';
import { groupedBySymbols, type SampleQuery, selectedRanges } from './block-spaces.ts';
import type { ObjectRead } from './query-messages.ts';
import { spanTestOf } from './selected-profiles.ts';
import { threadMatcher } from './thread-matcher.ts';

/** What of some objects was read, and what a query still needs of each. */
export type ReadsPlan = { readonly reads: readonly ObjectRead[]; readonly more: readonly (readonly ByteRange[])[] };

export type PlanReadsTask = { readonly query: SampleQuery; readonly reads: readonly ObjectRead[] };

/**
 * Finds out which chunks a query needs of objects whose heads were read: those with samples of profiles that match, and
 * of the symbols what it shows. Nothing more is asked for when nothing is missing.
 *
 * @returns the reads again, whose buffers the caller gave away
 * @throws  StoreError as `BlockDataset`
 */
export function* planReads(kernels: KernelInstance, task: PlanReadsTask, decompress: Decompress): Steps<ReadsPlan> {
  const matcher = threadMatcher(task.query.selection.matchers);
  const more: ByteRange[][] = [];
  for (const read of task.reads) {
    const wanted: ByteRange[] = [];
    for (const sharing of groupedBySymbols(read.datasets)) {
      for (const range of readsOf(kernels, read, sharing, task.query, matcher, decompress)) wanted.push(range);
      yield;
    }
    more.push(coalesced(missingReads(wanted, read.fetched)));
  }
  return { reads: task.reads, more };
}

function readsOf(
  kernels: KernelInstance,
  { fetched }: ObjectRead,
  sharing: readonly DatasetPlace[],
  query: SampleQuery,
  matcher: SeriesMatcher,
  decompress: Decompress,
): ByteRange[] {
  kernels.exports.resetScratch();
  const pages = new ArenaPages(kernels, fetched, decompress);
  const withSpans = spanTestOf(query.selection) !== undefined;
  const families = new Set<number>();
  const wanted: Page[] = [];
  for (const meta of sharing) {
    const dataset = new BlockDataset(pages, datasetTable(meta, fetched));
    for (const [family, ranges] of selectedRanges(dataset, matcher, query.selection)) {
      families.add(family);
      for (const column of new Set(ranges.map((range) => range.column))) {
        const own = ranges.filter((range) => range.column === column);
        const pairs = dataset.samplePages(family, column);
        for (const page of pagesWith(
          pairs.map(({ stacks }) => stacks),
          own,
        )) {
          wanted.push(page, ...pairs.filter(({ stacks }) => stacks === page).map(({ values }) => values));
        }
      }
      if (withSpans) wanted.push(...pagesOf(dataset.table, Section.spans, family));
    }
  }
  if (families.size === 0) return [];
  const ranges = wanted.map(({ chunk }) => chunk.range);
  const header = headerReads(sharing[0], fetched);
  if (header.length > 0) return [...ranges, ...header];
  return [...ranges, ...symbolReads(symbolTable(sharing[0], fetched), query, families)];
}

/** A call site is found by the plain reader, which reads everything. */
function symbolReads(table: ChunkTable, { callSite }: SampleQuery, families: ReadonlySet<number>): ByteRange[] {
  if (callSite.length > 0) return [table.range];
  return table.pages
    .filter(({ section, family }) => section < Section.stacks || families.has(family))
    .map(({ chunk }) => chunk.range);
}
