import { Section } from '#src/domain/block/block-format.ts';
import type { DatasetPlace } from '#src/domain/block/block-meta.ts';
import { familyCountOf, rowCountOf } from '#src/domain/block/chunk-table.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import type { Steps } from '#src/domain/model/steps.ts';
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
export function* wholeColumnsOf(
  dataset: BlockDataset,
  meta: DatasetPlace,
  matcher: SeriesMatcher,
  selection: ProfileSelection,
): Steps<WholeColumn[] | undefined> {
  const { profileIds, spanIds, traceIds, startMs, endMs } = selection;
  if (profileIds.length + spanIds.length + traceIds.length > 0) return undefined;
  // The last profile is anywhere in its millisecond.
  if (meta.minTimeMs < startMs || meta.maxTimeMs >= Math.floor(endMs)) return undefined;
  const { family, column, series } = yield* dataset.types();
  const withTotals = new Set(family);
  const families = familyCountOf(dataset.table, Section.runs);
  for (let of = 0; of < families; of++) {
    if (rowCountOf(dataset.table, Section.runs, of) > 0 && !withTotals.has(of)) return undefined;
  }
  const selected = yield* dataset.selectedSeries(matcher);
  if (!selected.includes(1)) return [];
  const { types, count } = yield* typesOf(dataset.series, selected.length);
  const hasTotals = new Uint8Array(count);
  for (const row of series) hasTotals[types[row]] = 1;
  const [chosen, left] = [new Uint8Array(count), new Uint8Array(count)];
  for (let row = 0; row < selected.length; row++) {
    const type = types[row];
    if (hasTotals[type] === 0) continue;
    (selected[row] === 1 ? chosen : left)[type] = 1;
    if (chosen[type] === 1 && left[type] === 1) return undefined;
  }
  const whole: WholeColumn[] = [];
  for (let row = 0; row < series.length; row++) {
    if (chosen[types[series[row]]] === 1) whole.push({ family: family[row], column: column[row] });
  }
  return whole;
}

/**
 * The profile types of the series of a dataset as numbers below `count`: 0 for a series without one.
 *
 * @shapes Uint32Array[series]
 * @cost   O(labels), a look-up of a text per distinct value and page
 */
function* typesOf(pages: readonly SeriesOfPage[], seriesCount: number): Steps<{ types: Uint32Array; count: number }> {
  const types = new Uint32Array(seriesCount);
  const numbers = new Map([['', 0]]);
  for (const [i, page] of pages.entries()) {
    if (i > 0) yield;
    const name = page.rowOf(TYPE_NAME);
    if (name < 0) continue;
    const ofValue = new Int32Array(page.stringCount).fill(-1);
    for (let row = 0; row < page.page.rowCount; row++) {
      for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
        if (page.name[i] !== name) continue;
        const value = page.value[i];
        if (ofValue[value] < 0) ofValue[value] = numberOf(page.textOf(value));
        types[page.page.firstRow + row] = ofValue[value];
        break;
      }
    }
  }
  return { types, count: numbers.size };

  function numberOf(text: string): number {
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  }
}

const TYPE_NAME = Buffer.from(LabelName.profileType);
