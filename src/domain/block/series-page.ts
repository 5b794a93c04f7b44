import type { Label, Labels } from '#src/domain/model/labels.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { Page } from './chunk-table.ts';
import type { ColumnReader } from './column-reader.ts';
import type { ColumnWriter } from './column-writer.ts';
import { corruptedBlock } from './corrupted-block.ts';
import { placeOf } from './page-place.ts';
import { addOffsets } from './row-counts.ts';
import { seriesStrings } from './series-strings.ts';

/**
 * The label sets of a page of series as numbers: labels of series i are rows offsets[i] .. offsets[i + 1] of name and
 * value, which are rows of the strings. So a condition is tried once per distinct value, not once per series.
 *
 * @shapes offsets [n + 1]; name, value [labels]
 */
export type SeriesPage = {
  readonly strings: ByteStrings;
  readonly offsets: Uint32Array;
  readonly name: Uint32Array;
  readonly value: Uint32Array;
};

/** Each page has its own strings, so that it is read alone. */
export function writeSeriesPage(columns: ColumnWriter, series: readonly Labels[]): void {
  const { strings, rowOf } = seriesStrings(series);
  const labels = series.flat();
  columns.number(strings.offsets.length - 1);
  columns.strings(strings, 0, strings.offsets.length - 1);
  columns.u32(Uint32Array.from(series, (set) => set.length));
  columns.u32(Uint32Array.from(labels, ({ name }) => rowOf.get(name) ?? 0));
  columns.u32(Uint32Array.from(labels, ({ value }) => rowOf.get(value) ?? 0));
}

/** @throws StoreError 'corrupted' when a label is not one of the strings, and what `ColumnReader` throws */
export function readSeriesPage(page: Page, columns: ColumnReader): SeriesPage {
  const count = columns.number();
  columns.claim(count);
  const strings = columns.strings(count, STRING_BYTES_MAX);
  const counts = new Uint32Array(page.rowCount);
  const offsets = new Uint32Array(page.rowCount + 1);
  columns.u32(counts);
  const labelCount = addOffsets(counts, offsets, 0);
  columns.claim(labelCount);
  const name = new Uint32Array(labelCount);
  const value = new Uint32Array(labelCount);
  columns.u32(name);
  columns.u32(value);
  columns.end();
  for (const column of [name, value]) {
    for (let i = 0; i < labelCount; i++) {
      if (column[i] < count) continue;
      const details = { ...placeOf(page), value: column[i], limit: count };
      throw corruptedBlock('page: a label is not a row of the strings', details);
    }
  }
  return { strings, offsets, name, value };
}

/** The strings of a page as text. @throws StoreError 'corrupted' when one is not UTF-8 */
export function seriesTexts(page: Page, { strings }: SeriesPage): string[] {
  // Labels are valid UTF-8 when they are written, so what is not was not written by us.
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return Array.from({ length: strings.offsets.length - 1 }, (_, row) => {
    try {
      return utf8.decode(strings.bytes.subarray(strings.offsets[row], strings.offsets[row + 1]));
    } catch {
      throw corruptedBlock('page: a label is not UTF-8', { ...placeOf(page), row });
    }
  });
}

export function labelsOfSeries({ offsets, name, value }: SeriesPage, texts: readonly string[], row: number): Labels {
  const labels: Label[] = [];
  for (let i = offsets[row]; i < offsets[row + 1]; i++) labels.push({ name: texts[name[i]], value: texts[value[i]] });
  return labels;
}

/** A label has at most a few kilobytes, but its limits can be lifted. */
const STRING_BYTES_MAX = 64 << 20;
