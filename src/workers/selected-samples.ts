import type { DatasetPlace } from '#src/domain/block/block-meta.ts';
import { datasetTable } from '#src/domain/block/chunk-table.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { ArenaPages } from '#src/kernels/arena-pages.ts';
import { BlockDataset, type SampleRange } from '#src/kernels/read-dataset.ts';
import { type WholeColumn, wholeColumnsOf } from './dataset-totals.ts';
import type { ObjectRead, ProfileSelection } from './query-messages.ts';
import { profilesOf } from './selected-profiles.ts';

/** What a query is about in a dataset: samples by family, or all samples of some value columns. */
export type Selected =
  | { readonly dataset: BlockDataset; readonly ranges: ReadonlyMap<number, readonly SampleRange[]> }
  | { readonly dataset: BlockDataset; readonly whole: readonly WholeColumn[] };

/** The value columns that a query takes whole of a dataset; none where nothing matches. */
export type KnownColumns = Map<DatasetPlace, readonly WholeColumn[]>;

const NOTHING: readonly WholeColumn[] = [];

/** What a plan of reads has found out. */
export function knownColumnsOf({ datasets, whole = [] }: ObjectRead): KnownColumns {
  return new Map(
    datasets.flatMap((dataset, i): [DatasetPlace, readonly WholeColumn[]][] => {
      const of = whole[i];
      return of === undefined ? [] : [[dataset, of]];
    }),
  );
}

/**
 * Selects in the datasets that share a symbol space. What has nothing that matches is left out.
 *
 * @param withTotals  whether totals do in place of samples: for a tree, of a space that has function trees
 * @param known       what is known of datasets, whose heads are not looked at then; gets what is found
 */
export function* selectSamples(
  pages: ArenaPages,
  sharing: readonly DatasetPlace[],
  matcher: SeriesMatcher,
  selection: ProfileSelection,
  withTotals: boolean,
  known: KnownColumns,
): Steps<Selected[]> {
  const all: Selected[] = [];
  for (const meta of sharing) {
    const dataset = new BlockDataset(pages, yield* datasetTable(meta, pages.fetched));
    let whole = known.get(meta);
    if (whole === undefined && withTotals) whole = yield* wholeColumnsOf(dataset, meta, matcher, selection);
    if (whole === undefined) {
      const profiles = yield* profilesOf(dataset, matcher, selection);
      const matches = profiles !== undefined && profiles.length > 0;
      const ranges = matches ? yield* profiles.sampleRanges(yield* dataset.sampleOffsets()) : undefined;
      if (ranges !== undefined && ranges.size > 0) {
        all.push({ dataset, ranges });
        continue;
      }
      whole = NOTHING;
    }
    known.set(meta, whole);
    if (whole.length > 0) all.push({ dataset, whole });
  }
  return all;
}

export function familiesOf(selected: readonly Selected[]): Set<number> {
  return new Set(
    selected.flatMap((one) => ('whole' in one ? one.whole.map(({ family }) => family) : [...one.ranges.keys()])),
  );
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
