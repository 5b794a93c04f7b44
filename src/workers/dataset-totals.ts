import { Section } from '#src/domain/block/block-format.ts';
import type { DatasetPlace } from '#src/domain/block/block-meta.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import type { SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { BlockDataset, SeriesOfPage } from '#src/kernels/read-dataset.ts';
import type { ProfileSelection } from './query-messages.ts';

/** A value column of a family, all of whose samples a query is about. */
export type WholeColumn = { readonly family: number; readonly column: number };

/**
 * Finds the value columns whose totals are what a query asks for, so that it reads neither profiles nor samples.
 *
 * @returns undefined when the totals do not tell: the query takes a part of the time or of the series of a type, asks
 *          for profiles, spans or traces, or the dataset has samples without totals
 * @cost    O(labels)
 */
export function wholeColumnsOf(
  dataset: BlockDataset,
  meta: DatasetPlace,
  matcher: SeriesMatcher,
  selection: ProfileSelection,
): WholeColumn[] | undefined {
  const { profileIds, spanIds, traceIds, startMs, endMs } = selection;
  if (profileIds.length + spanIds.length + traceIds.length > 0) return undefined;
  // The last profile is anywhere in its millisecond.
  if (meta.minTimeMs < startMs || meta.maxTimeMs >= Math.floor(endMs)) return undefined;
  const { family, column, series } = dataset.types();
  const withTotals = new Set(family);
  if (dataset.table.pages.some((page) => page.section === Section.runs && !withTotals.has(page.family))) {
    return undefined;
  }
  const types = typesOf(dataset.series, matcher);
  const whole: WholeColumn[] = [];
  for (let row = 0; row < series.length; row++) {
    const type = types.ofSeries[series[row]];
    const selected = types.selected.get(type) ?? 0;
    if (selected === 0) continue;
    if (selected !== types.all.get(type)) return undefined;
    whole.push({ family: family[row], column: column[row] });
  }
  return whole;
}

/** Profile types of all series, and by type how many there are and how many match. */
function typesOf(
  pages: readonly SeriesOfPage[],
  matcher: SeriesMatcher,
): {
  readonly ofSeries: readonly string[];
  readonly all: ReadonlyMap<string, number>;
  readonly selected: ReadonlyMap<string, number>;
} {
  const ofSeries: string[] = [];
  const all = new Map<string, number>();
  const selected = new Map<string, number>();
  for (const page of pages) {
    const matching = matcher.select(page);
    const name = nameRowOf(page);
    for (let row = 0; row < matching.length; row++) {
      let type = '';
      for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
        if (page.name[i] === name) type = page.textOf(page.value[i]);
      }
      ofSeries.push(type);
      all.set(type, (all.get(type) ?? 0) + 1);
      if (matching[row] === 1) selected.set(type, (selected.get(type) ?? 0) + 1);
    }
  }
  return { ofSeries, all, selected };
}

/** The string of a page that is the name of the label with the profile type; -1 for none. */
function nameRowOf(page: SeriesOfPage): number {
  const wanted = Buffer.from(LabelName.profileType);
  for (let row = 0; row < page.stringCount; row++) if (wanted.equals(page.bytesOf(row))) return row;
  return -1;
}
