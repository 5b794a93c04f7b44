// Series of many blocks as rows of one table: labels are pairs of rows of a table of strings, a series is a record of
// pairs, and equal records are one row.
//
//   series   per label: name u32, value u32 (rows of the strings)

import { allocScratch } from './arena';
import { intern, internTail, tableBytes, tableOffsets, tableRows, tableTail } from './intern-table';
import { UNKNOWN } from './source';

/**
 * Interns the series of a page.
 *
 * @param strings        intern table, series likewise
 * @param stringOffsets  u32[stringCount + 1], into `bytes`: the strings of the page
 * @param offsets        u32[n + 1]: the labels of each series; name u32[labels], value u32[labels], strings of the page
 * @param rows           u32[n], out: the row of each series; 0 for one without labels
 * @cost  O(labels), and the strings once
 */
export function internSeries(
  strings: usize, series: usize, stringOffsets: usize, bytes: usize, stringCount: u32, offsets: usize, name: usize,
  value: usize, n: u32, rows: usize,
): void {
  const known = allocScratch(<usize>stringCount << 2);
  memory.fill(known, 0xff, <usize>stringCount << 2);
  let last: u32 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const start = load<u32>(offsets + (i << 2));
    const end = load<u32>(offsets + (i << 2), 4);
    const length = (end - start) << 3;
    let record = tableTail(series, length);
    for (let label = <usize>start; label < <usize>end; label++) {
      store<u32>(record, stringRow(strings, known, stringOffsets, bytes, load<u32>(name + (label << 2))));
      store<u32>(record, stringRow(strings, known, stringOffsets, bytes, load<u32>(value + (label << 2))), 4);
      record += 8;
    }
    last = length == 0 ? 0 : internTail(series, length, last + 1);
    store<u32>(rows + (i << 2), last);
  }
}

function stringRow(strings: usize, known: usize, offsets: usize, bytes: usize, index: u32): u32 {
  const at = known + (<usize>index << 2);
  const row = load<u32>(at);
  if (row != UNKNOWN) return row;
  const start = load<u32>(offsets + (<usize>index << 2));
  const added = intern(strings, bytes + start, load<u32>(offsets + (<usize>index << 2), 4) - start);
  store<u32>(at, added);
  return added;
}

/**
 * The value of a label in series `firstRow` .. of a table; 0 for those that do not have it.
 *
 * @param name    a row of the strings
 * @param target  u32[rows - firstRow], out
 * @cost O(labels of these series)
 */
export function labelOfSeries(series: usize, name: u32, firstRow: u32, target: usize): void {
  const rows = tableRows(series);
  const offsets = tableOffsets(series);
  const bytes = tableBytes(series);
  for (let row = firstRow; row < rows; row++) {
    const end = bytes + load<u32>(offsets + (<usize>row << 2), 4);
    let value: u32 = 0;
    for (let at = bytes + load<u32>(offsets + (<usize>row << 2)); at < end; at += 8) {
      if (load<u32>(at) == name) value = load<u32>(at, 4);
    }
    store<u32>(target + (<usize>(row - firstRow) << 2), value);
  }
}
