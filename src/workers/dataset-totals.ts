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
  const selected = dataset.selectedSeries(matcher);
  if (!selected.includes(1)) return [];
  const types = new ProfileTypes(dataset.series);
  const [chosen, left] = [new Set<string>(), new Set<string>()];
  const typesWithTotals = new Set(Array.from(series, (row) => types.of(row)));
  for (const [row, isSelected] of selected.entries()) {
    const type = types.of(row);
    if (!typesWithTotals.has(type)) continue;
    (isSelected ? chosen : left).add(type);
    if (chosen.has(type) && left.has(type)) return undefined;
  }
  const whole: WholeColumn[] = [];
  for (let row = 0; row < series.length; row++) {
    if (chosen.has(types.of(series[row]))) whole.push({ family: family[row], column: column[row] });
  }
  return whole;
}

/** The profile type of each series of a dataset. */
class ProfileTypes {
  readonly #pages: readonly SeriesOfPage[];
  /** By page: the string that is the name of the label with the profile type; -1 for none. */
  readonly #names: readonly number[];

  constructor(pages: readonly SeriesOfPage[]) {
    const name = Buffer.from(LabelName.profileType);
    this.#pages = pages;
    this.#names = pages.map((page) => page.rowOf(name));
  }

  /** The empty string for a series without one. */
  of(series: number): string {
    const at = this.#pages.findLastIndex(({ page }) => page.firstRow <= series);
    if (at === -1) return '';
    const page = this.#pages[at];
    const row = series - page.page.firstRow;
    for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
      if (page.name[i] === this.#names[at]) return page.textOf(page.value[i]);
    }
    return '';
  }
}
