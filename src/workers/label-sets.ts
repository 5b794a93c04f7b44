import type { Label, Labels } from '#src/domain/model/labels.ts';
import { mapKey } from '#src/domain/model/map-key.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { BlockDataset, SeriesOfPage } from '#src/kernels/read-dataset.ts';

/** Labels of rows of profiles: those of row i are `labels[setOfRow[i]]`. */
export type LabelSets = { readonly labels: readonly Labels[]; readonly setOfRow: Uint32Array };

/** Series whose labels are looked at in one step. */
const STEP_SERIES = STEP_ROWS / 8;

/** Strings of a page among which a name is looked for in one step: their lengths mostly tell. */
const STEP_STRINGS = 4 * STEP_ROWS;

/**
 * The labels of the series of rows. Texts are made only of labels that are asked for, and once for all series of a page
 * that agree on them.
 *
 * @param series  rising, as rows of profiles are sorted
 * @param named   only the labels with one of these names; undefined: all, one set per series
 * @shapes series Uint32Array[n], setOfRow Uint32Array[n]
 * @cost   O(rows + labels of the series + named * strings of the pages)
 */
export function* labelSetsOf(
  dataset: BlockDataset,
  series: Uint32Array,
  named: readonly string[] | undefined,
): Steps<LabelSets> {
  const pages = yield* dataset.openSeries();
  const labels: Labels[] = [];
  const setOfRow = new Uint32Array(series.length);
  let [page, work] = [-1, 0];
  let projection: PageProjection | undefined;
  for (let i = 0; i < series.length; i++) {
    if (i > 0 && series[i] === series[i - 1]) {
      setOfRow[i] = setOfRow[i - 1];
      continue;
    }
    if (++work % STEP_SERIES === 0) yield;
    while (page + 1 < pages.length && pages[page + 1].page.firstRow <= series[i]) {
      page++;
      projection = named && (yield* PageProjection.of(pages[page], named));
    }
    const row = series[i] - pages[page].page.firstRow;
    setOfRow[i] = projection?.setOf(row, labels) ?? labels.push(pages[page].labelsOf(row)) - 1;
  }
  return { labels, setOfRow };
}

/** The labels of a page with certain names, as numbers until a set of them is met for the first time. */
class PageProjection {
  readonly #page: SeriesOfPage;
  /** Rows of the names among the strings of the page. */
  readonly #names: ReadonlySet<number>;
  readonly #sets = new Map<string, number>();

  private constructor(page: SeriesOfPage, names: ReadonlySet<number>) {
    this.#page = page;
    this.#names = names;
  }

  /** @cost O(named * strings of the page) */
  static *of(page: SeriesOfPage, named: readonly string[]): Steps<PageProjection> {
    const names = new Set<number>();
    let work = 0;
    for (const name of new Set(named)) {
      names.add(page.rowOf(Buffer.from(name)));
      work += page.stringCount;
      if (work < STEP_STRINGS) continue;
      work = 0;
      yield;
    }
    return new PageProjection(page, names);
  }

  /** @param labels  gets a set that was not met yet @returns its place there */
  setOf(row: number, labels: Labels[]): number {
    const { offsets, name, value } = this.#page;
    let text = '';
    for (let i = offsets[row]; i < offsets[row + 1]; i++)
      if (this.#names.has(name[i])) text += `${name[i]}=${value[i]} `;
    const key = mapKey(text);
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = labels.push(this.#labelsOf(row)) - 1;
      this.#sets.set(key, set);
    }
    return set;
  }

  #labelsOf(row: number): Labels {
    const page = this.#page;
    const labels: Label[] = [];
    for (let i = page.offsets[row]; i < page.offsets[row + 1]; i++) {
      if (this.#names.has(page.name[i]))
        labels.push({ name: page.textOf(page.name[i]), value: page.textOf(page.value[i]) });
    }
    return labels;
  }
}
