import { deepEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Codec, Section } from '#src/domain/block/block-format.ts';
import { ColumnReader } from '#src/domain/block/column-reader.ts';
import { ColumnWriter } from '#src/domain/block/column-writer.ts';
import { labelsOfSeries, readSeriesPage, seriesTexts, writeSeriesPage } from '#src/domain/block/series-page.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { byteStrings } from './random-columns.ts';

const pageOf = (rowCount: number) => ({
  section: Section.series,
  family: 0,
  column: 0,
  chunk: { codec: Codec.none, range: { offset: 1000, sizeBytes: 0 }, rawBytes: 0, crc32: 0 },
  offset: 0,
  rawBytes: 0,
  firstRow: 0,
  rowCount,
});

function read(rowCount: number, write: (columns: ColumnWriter) => void): Labels[] {
  const columns = new ColumnWriter();
  write(columns);
  const page = pageOf(rowCount);
  const series = readSeriesPage(page, new ColumnReader(page, columns.written()));
  const texts = seriesTexts(page, series);
  return Array.from({ length: rowCount }, (_, row) => labelsOfSeries(series, texts, row));
}

/** A page of one series with one label, whose name and value are these rows of the strings. */
function oneLabel(strings: readonly (string | Uint8Array)[], name: number, value: number, labels = 1) {
  return (columns: ColumnWriter) => {
    columns.number(strings.length);
    columns.strings(byteStrings(strings), 0, strings.length);
    columns.u32(Uint32Array.of(labels));
    columns.u32(Uint32Array.of(name));
    columns.u32(Uint32Array.of(value));
  };
}

describe('a page of series', () => {
  test('keeps labels of any script, also empty ones and series without labels', () => {
    const series: Labels[] = [
      [
        { name: 'a', value: '' },
        { name: 'größe', value: '\ufeff\u{1f600}' },
      ],
      [],
      [{ name: 'a', value: 'a' }],
    ];
    deepEqual(
      read(3, (columns) => writeSeriesPage(columns, series)),
      series,
    );
    deepEqual(read(1, oneLabel(['n', 'v'], 0, 1)), [[{ name: 'n', value: 'v' }]]);
  });

  const broken: Record<string, [write: (columns: ColumnWriter) => void, message: RegExp]> = {
    'a name that is no string': [oneLabel(['n', 'v'], 2, 1), /not a row of the strings/],
    'a value that is no string': [oneLabel(['n', 'v'], 0, 2), /not a row of the strings/],
    'text that is not UTF-8': [oneLabel(['n', Uint8Array.of(0xff)], 0, 1), /not UTF-8/],
    'more labels than bytes': [oneLabel(['n', 'v'], 0, 1, 2 ** 32 - 1), /more values are claimed/],
    'fewer labels than there are': [oneLabel(['n', 'v'], 0, 1, 0), /planes is wrong|bytes are left/],
    'more strings than bytes': [(columns) => columns.number(2 ** 32 - 1), /more values are claimed/],
    'bytes behind the last column': [
      (columns) => {
        oneLabel(['n', 'v'], 0, 1)(columns);
        columns.raw(Uint8Array.of(0));
      },
      /bytes are left/,
    ],
  };
  for (const [name, [write, message]] of Object.entries(broken)) {
    test(`with ${name} is refused`, () => {
      throws(() => read(1, write), { code: 'corrupted', message });
    });
  }
});
