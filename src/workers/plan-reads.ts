import { Section } from '#src/domain/block/block-format.ts';
import type { ByteRange, DatasetPlace } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, headerReads, type Page, pagesOf, symbolTable } from '#src/domain/block/chunk-table.ts';
import { coalesced, missingReads, pagesWith } from '#src/domain/block/read-plan.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { SeriesMatcher } from '#src/domain/series/match-series.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import { hasFunctionTrees } from '#src/kernels/folded-sums.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import type { SampleRange } from '#src/kernels/read-dataset.ts';
import type { SampleQuery } from './block-spaces.ts';
import type { ObjectRead } from './query-messages.ts';
import { spanTestOf } from './selected-profiles.ts';
import {
  familiesOf,
  groupedBySymbols,
  type KnownColumns,
  knownColumnsOf,
  type Selected,
  selectSamples,
} from './selected-samples.ts';
import { threadMatcher } from './thread-matcher.ts';

export type ReadsPlan = {
  /** What of some objects was read. */
  readonly reads: readonly ObjectRead[];
  /** What a query still needs of each: no range touches another. */
  readonly more: readonly (readonly ByteRange[])[];
  /** Whether that is all. Otherwise there are headers among it, which tell the rest. */
  readonly complete: boolean;
};

export type PlanReadsTask = { readonly query: SampleQuery; readonly reads: readonly ObjectRead[] };

/**
 * Finds out which chunks a query needs of objects whose heads were read: those with samples of profiles that match, and
 * of the symbols what it shows. Nothing more is asked for when nothing is missing.
 *
 * @returns the reads again, whose buffers the caller gave away, with what was found out of datasets taken whole
 * @throws  StoreError as `BlockDataset`
 */
export function* planReads(kernels: KernelInstance, task: PlanReadsTask, decompress: Decompress): Steps<ReadsPlan> {
  const matcher = threadMatcher(task.query.selection.matchers);
  const more: ByteRange[][] = [];
  let complete = true;
  const reads: ObjectRead[] = [];
  for (const read of task.reads) {
    const wanted: ByteRange[] = [];
    const known = knownColumnsOf(read);
    for (const sharing of groupedBySymbols(read.datasets)) {
      const headers = headerReads(sharing[0], read.fetched);
      if (headers.length > 0) {
        wanted.push(...headers);
        complete = false;
        continue;
      }
      const pages = new ArenaPages(kernels, read.fetched, decompress);
      for (const range of yield* readsOf(pages, sharing, task.query, matcher, known)) wanted.push(range);
      yield;
    }
    more.push(coalesced(missingReads(wanted, read.fetched), 0));
    reads.push({ ...read, whole: read.datasets.map((dataset) => known.get(dataset)) });
  }
  return { reads, more, complete };
}

function* readsOf(
  pages: ArenaPages,
  sharing: readonly DatasetPlace[],
  query: SampleQuery,
  matcher: SeriesMatcher,
  known: KnownColumns,
): Steps<ByteRange[]> {
  pages.kernels.exports.resetScratch();
  const table = yield* symbolTable(sharing[0], pages.fetched);
  const isFolded = query.kind === 'tree' && hasFunctionTrees(table);
  const selected = yield* selectSamples(pages, sharing, matcher, query.selection, isFolded, known);
  if (selected.length === 0) return [];
  const withSpans = spanTestOf(query.selection) !== undefined;
  const wanted = selected.flatMap((one) => ('whole' in one ? totalsPages(one) : samplePages(one, withSpans)));
  const symbols = isFolded ? foldReads(table, familiesOf(selected)) : symbolReads(table, familiesOf(selected));
  return [...wanted.map(({ chunk }) => chunk.range), ...symbols];
}

function totalsPages({ dataset, whole }: Extract<Selected, { whole: unknown }>): Page[] {
  return whole.flatMap(({ family, column }) => pagesOf(dataset.table, Section.totals, family, column));
}

function samplePages({ dataset, ranges }: Extract<Selected, { ranges: unknown }>, withSpans: boolean): Page[] {
  const wanted: Page[] = [];
  for (const [family, ofFamily] of ranges) {
    for (const [column, own] of byColumn(ofFamily)) {
      const pairs = dataset.samplePages(family, column);
      const stacks = pagesWith(
        pairs.map((pair) => pair.stacks),
        own,
      );
      // Both are in the order of the pages.
      let next = 0;
      for (const pair of pairs) {
        if (pair.stacks !== stacks[next]) continue;
        wanted.push(pair.stacks, pair.values);
        next++;
      }
    }
    if (withSpans) for (const page of pagesOf(dataset.table, Section.spans, family)) wanted.push(page);
  }
  return wanted;
}

/** @param ranges  sorted by column */
function byColumn(ranges: readonly SampleRange[]): Map<number, SampleRange[]> {
  const columns = new Map<number, SampleRange[]>();
  for (const range of ranges) {
    const own = columns.get(range.column);
    if (own === undefined) columns.set(range.column, [range]);
    else own.push(range);
  }
  return columns;
}

function symbolReads(table: ChunkTable, families: ReadonlySet<number>): ByteRange[] {
  return table.pages
    .filter(({ section, family }) => section < Section.stacks || families.has(family))
    .map(({ chunk }) => chunk.range);
}

/** Of a space with function trees: no stack, location or function. */
function foldReads(table: ChunkTable, families: ReadonlySet<number>): ByteRange[] {
  return table.pages
    .filter(({ section, family }) => {
      return section === Section.names || (FOLD_SECTIONS.has(section) && families.has(family));
    })
    .map(({ chunk }) => chunk.range);
}

const FOLD_SECTIONS = new Set<Section>([Section.functionTree, Section.foldedStacks]);
