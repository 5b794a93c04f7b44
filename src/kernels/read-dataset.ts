import { columnsMax, familiesMax, Section } from '#src/domain/block/block-format.ts';
import {
  type ChunkTable,
  columnCountOf,
  familyCountOf,
  type Page,
  pagesOf,
  rowCountOf,
} from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import { placeOf } from '#src/domain/block/page-place.ts';
import type { TypeColumns } from '#src/domain/block/type-columns.ts';
import type { StoreError } from '#src/domain/errors.ts';
import type { Label, Labels } from '#src/domain/model/labels.ts';
import { sortedNumbers } from '#src/domain/model/sorted-numbers.ts';
import { inSteps, runSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { NumberedSeries, SeriesMatcher } from '#src/domain/series/match-series.ts';
import { type ArenaPages, pageFault } from './arena-pages.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { checkReferences, readPages, roomFor } from './read-columns.ts';

/** The series of a page, in scratch: labels of series i are rows offsets[i] .. offsets[i + 1] of name and value. */
export type SeriesColumns = {
  readonly stringCount: number;
  /** u32[stringCount + 1], into `stringBytes`. */
  readonly stringOffsets: Pointer;
  readonly stringBytes: Pointer;
  /** u32[series + 1] */
  readonly offsets: Pointer;
  readonly labels: number;
  /** u32[labels] each, rows of the strings. */
  readonly name: Pointer;
  readonly value: Pointer;
};

/** @throws StoreError 'corrupted' when a column or a reference is not what the format promises */
export function readSeries(pages: ArenaPages, page: Page): SeriesColumns {
  const { kernels } = pages;
  const columns = pages.open(page);
  const stringCount = columns.number();
  const strings = columns.strings(stringCount, STRING_BYTES_MAX);
  const counts = columns.u32(page.rowCount);
  const offsets = roomFor(kernels, page.rowCount + 1, 4);
  if (kernels.exports.offsetsOfCounts(offsets, counts, page.rowCount) === 0) {
    throw pageFault(page, 'there are too many labels', 0);
  }
  const labels = kernels.u32()[(offsets >>> 2) + page.rowCount];
  columns.claim(labels);
  const [name, value] = [columns.u32(labels), columns.u32(labels)];
  columns.end();
  for (const column of [name, value]) checkReferences(kernels, page, 'label', column, labels, stringCount);
  return { stringCount, stringOffsets: strings.offsets, stringBytes: strings.bytes, offsets, labels, name, value };
}

/** Of all strings of a page of series. A label has at most a few kilobytes, but its limits can be lifted. */
const STRING_BYTES_MAX = 64 << 20;

/** One page of the series of a dataset. */
export class SeriesOfPage implements NumberedSeries {
  readonly page: Page;
  readonly offsets: Uint32Array;
  readonly name: Uint32Array;
  readonly value: Uint32Array;
  readonly stringCount: number;
  readonly #bytes: Uint8Array;
  readonly #stringOffsets: Uint32Array;
  readonly #texts: (string | undefined)[] = [];

  constructor(pages: ArenaPages, page: Page) {
    const { kernels } = pages;
    const columns = readSeries(pages, page);
    this.page = page;
    this.stringCount = columns.stringCount;
    this.#stringOffsets = kernels.takeU32(columns.stringOffsets, columns.stringCount + 1);
    this.#bytes = kernels.takeU8(columns.stringBytes, this.#stringOffsets[columns.stringCount]);
    this.offsets = kernels.takeU32(columns.offsets, page.rowCount + 1);
    this.name = kernels.takeU32(columns.name, columns.labels);
    this.value = kernels.takeU32(columns.value, columns.labels);
  }

  rowOf(bytes: Uint8Array): number {
    const offsets = this.#stringOffsets;
    for (let row = 0; row < this.stringCount; row++) {
      if (offsets[row + 1] - offsets[row] === bytes.length && this.#startsWith(offsets[row], bytes)) return row;
    }
    return -1;
  }

  #startsWith(at: number, bytes: Uint8Array): boolean {
    for (let i = 0; i < bytes.length; i++) if (this.#bytes[at + i] !== bytes[i]) return false;
    return true;
  }

  textOf(row: number): string {
    let text = this.#texts[row];
    if (text === undefined) {
      try {
        text = utf8.decode(this.#bytes.subarray(this.#stringOffsets[row], this.#stringOffsets[row + 1]));
      } catch {
        throw corruptedBlock('page: a label is not UTF-8', { ...placeOf(this.page), row });
      }
      this.#texts[row] = text;
    }
    return text;
  }

  /** @param row  of the page */
  labelsOf(row: number): Labels {
    const labels: Label[] = [];
    for (let i = this.offsets[row]; i < this.offsets[row + 1]; i++) {
      labels.push({ name: this.textOf(this.name[i]), value: this.textOf(this.value[i]) });
    }
    return labels;
  }
}

// Labels are valid UTF-8 when they are written, so what is not was not written by us.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Pages of stacks and of a value column, of the same rows. */
export type SamplePages = { readonly stacks: Page; readonly values: Page };

/** Consecutive samples of a value column. */
export type SampleRange = { readonly column: number; readonly start: number; readonly end: number };

/**
 * A dataset of a block, of which only what a query needs is read. Everything that kernels follow is checked.
 *
 * Every method throws StoreError 'corrupted' when a checksum differs or a value is not what the format promises, and
 * 'limit-exceeded' inside of `guard`.
 *
 * @order  lives until the next `resetScratch`; what a method reads was fetched
 * @source docs/formats/block-v1.md, "Dataset"
 */
export class BlockDataset {
  readonly table: ChunkTable;
  readonly #pages: ArenaPages;
  readonly #kernels: KernelInstance;
  #series: readonly SeriesOfPage[] | undefined;
  #selectedBy: SeriesMatcher | undefined;
  #selected = new Uint8Array(0);

  constructor(pages: ArenaPages, table: ChunkTable) {
    this.table = table;
    this.#pages = pages;
    this.#kernels = pages.kernels;
  }

  /** Reads the series, page by page. Asked again, they are the same. */
  *openSeries(): Steps<readonly SeriesOfPage[]> {
    if (this.#series !== undefined) return this.#series;
    const series: SeriesOfPage[] = [];
    for (const page of pagesOf(this.table, Section.series)) {
      series.push(new SeriesOfPage(this.#pages, page));
      if (this.#pages.spend(page)) yield;
    }
    this.#series = series;
    return series;
  }

  /** The series, read at one go where they are not open yet. */
  get series(): readonly SeriesOfPage[] {
    return this.#series ?? runSteps(this.openSeries());
  }

  labelsOf(row: number): Labels {
    const ofPage = this.series.findLast(({ page }) => page.firstRow <= row);
    return ofPage === undefined ? [] : ofPage.labelsOf(row - ofPage.page.firstRow);
  }

  /**
   * 1 for each series that matches. Asked again by the same matcher, it is the same list.
   *
   * @shapes Uint8Array[series]
   */
  *selectedSeries(matcher: SeriesMatcher): Steps<Uint8Array> {
    if (this.#selectedBy === matcher) return this.#selected;
    const selected = new Uint8Array(rowCountOf(this.table, Section.series));
    for (const series of yield* this.openSeries()) {
      selected.set(matcher.select(series), series.page.firstRow);
      if (this.#pages.spend(series.page)) yield;
    }
    this.#selected = selected;
    this.#selectedBy = matcher;
    return selected;
  }

  /** @returns 1 for each series that matches, in scratch; 0 when none does */
  *matchingSeries(matcher: SeriesMatcher): Steps<Pointer> {
    const wanted = yield* this.selectedSeries(matcher);
    return wanted.includes(1) ? this.#kernels.put(wanted) : 0;
  }

  /** The rows of profiles of certain series in a range of time, both ends included. */
  *profiles(wanted: Pointer, startNanos: bigint, endNanos: bigint): Steps<SelectedRows> {
    const { exports } = this.#kernels;
    const pushes = yield* this.#pushes();
    const profiles = yield* this.#profiles(pushes.rows);
    const rows = roomFor(this.#kernels, profiles.rows, 4);
    const { series, push } = profiles;
    const n = exports.selectRows(series, push, profiles.rows, wanted, pushes.time, startNanos, endNanos, rows) >>> 0;
    const pages = pagesOf(this.table, Section.profiles);
    return new SelectedRows(this.#kernels, { ...pushes, ...profiles }, pages, this.#kernels.takeU32(rows, n));
  }

  /** All pushes and all rows of profiles. */
  *rows(): Steps<{ readonly pushes: PushRows; readonly profiles: ProfileRows }> {
    const pushes = yield* this.#pushes();
    return { pushes, profiles: yield* this.#profiles(pushes.rows) };
  }

  /** The value columns that have totals, each with a series of its profile type; none in a segment. */
  *types(): Steps<TypeColumns> {
    const rows = rowCountOf(this.table, Section.types);
    const [family, column, series] = [4, 4, 4].map((width) => roomFor(this.#kernels, rows, width));
    const limits = [familiesMax, columnsMax, rowCountOf(this.table, Section.series)];
    yield* readPages(this.#pages, pagesOf(this.table, Section.types), (columns, start, n, page) => {
      for (const [i, target] of [family, column, series].entries()) {
        columns.u32(n, target + start * 4);
        checkReferences(this.#kernels, page, 'type', target + start * 4, n, limits[i]);
      }
    });
    const take = (target: Pointer): Uint32Array => this.#kernels.takeU32(target, rows);
    return { family: take(family), column: take(column), series: take(series) };
  }

  /** By family: where the samples of runs are, as the first sample of each and of the one behind the last. */
  *sampleOffsets(): Steps<readonly Uint32Array[]> {
    const families = familyCountOf(this.table, Section.runs);
    const offsets: Uint32Array[] = [];
    for (let family = 0; family < families; family++) offsets.push(yield* this.#sampleOffsets(family));
    return offsets;
  }

  /** The pages of the stacks of a family and of one of its value columns, in pairs with the same rows. */
  samplePages(family: number, column: number): readonly SamplePages[] {
    const stacks = pagesOf(this.table, Section.sampleStacks, family);
    const values = pagesOf(this.table, Section.sampleValues, family, column);
    const same = stacks.length === values.length && stacks.every((page, i) => page.rowCount === values[i].rowCount);
    if (!same) {
      const columns = columnCountOf(this.table, Section.sampleValues, family);
      const details = { offset: this.table.range.offset, family, column, columns };
      throw corruptedBlock('page table: values do not stand beside the stacks', details);
    }
    return stacks.map((page, i) => ({ stacks: page, values: values[i] }));
  }

  *#sampleOffsets(family: number): Steps<Uint32Array> {
    const kernels = this.#kernels;
    const of = pagesOf(this.table, Section.runs, family);
    const n = rowCountOf(this.table, Section.runs, family);
    const counts = roomFor(kernels, n, 4);
    yield* readPages(this.#pages, of, (columns, start, rows) => columns.u32(rows, counts + start * 4));
    const offsets = roomFor(kernels, n + 1, 4);
    const fits = kernels.exports.offsetsOfCounts(offsets, counts, n) !== 0;
    const taken = kernels.takeU32(offsets, n + 1);
    const limit = rowCountOf(this.table, Section.sampleStacks, family);
    if (!fits || taken[n] !== limit) {
      const details = { offset: this.table.range.offset, family, value: fits ? taken[n] : 2 ** 32, limit };
      throw corruptedBlock('page: runs name another number of samples than there are', details);
    }
    return taken;
  }

  *#pushes(): Steps<PushRows> {
    const kernels = this.#kernels;
    const rows = rowCountOf(this.table, Section.pushes);
    const [time, duration, period, id] = [8, 8, 8, 16].map((width) => roomFor(kernels, rows, width));
    yield* readPages(this.#pages, pagesOf(this.table, Section.pushes), (columns, start, n) => {
      for (const column of [time, duration, period]) columns.i64Deltas(n, column + start * 8);
      const bytes = columns.raw(n * 16);
      kernels.u8().copyWithin(id + start * 16, bytes, bytes + n * 16);
    });
    return { rows, time, duration, period, id };
  }

  *#profiles(pushCount: number): Steps<ProfileRows> {
    const kernels = this.#kernels;
    const rows = rowCountOf(this.table, Section.profiles);
    const seriesCount = rowCountOf(this.table, Section.series);
    const [series, push, run, column] = [4, 4, 4, 4].map((width) => roomFor(kernels, rows, width));
    const total = roomFor(kernels, rows, 8);
    const of = pagesOf(this.table, Section.profiles);
    yield* readPages(this.#pages, of, (columns, start, n, page) => {
      const at = start * 4;
      columns.u32Deltas(n, series + at);
      checkReferences(kernels, page, 'series', series + at, n, seriesCount);
      columns.u32Deltas(n, push + at);
      checkReferences(kernels, page, 'push', push + at, n, pushCount);
      columns.u32Deltas(n, run + at);
      columns.u32(n, column + at);
      columns.i64(n, total + start * 8);
    });
    if (kernels.exports.rises(series, rows) === 0) throw pageFault(of[0], 'series fall', 0);
    return { rows, series, push, run, column, total };
  }
}

/** i64[rows] each, id u8[16 rows]. */
export type PushRows = {
  readonly rows: number;
  readonly time: Pointer;
  readonly duration: Pointer;
  readonly period: Pointer;
  readonly id: Pointer;
};

/** u32[rows] each, total i64[rows]. Whether run and column exist is not checked: that takes the samples. */
export type ProfileRows = {
  readonly rows: number;
  readonly series: Pointer;
  readonly push: Pointer;
  readonly run: Pointer;
  readonly column: Pointer;
  readonly total: Pointer;
};

/**
 * Rows of profiles that a query is about, with what it may ask of them.
 *
 * @order lives until the next `resetScratch`, and each answer takes of scratch what it has
 */
export class SelectedRows {
  /** Rising. @shapes Uint32Array[n] */
  readonly rows: Uint32Array;
  readonly #kernels: KernelInstance;
  readonly #columns: ProfileRows & { readonly time: Pointer; readonly id: Pointer };
  /** Of the profiles. */
  readonly #pages: readonly Page[];
  /** The rows in scratch, once a kernel needs them. */
  #at: Pointer = 0;

  constructor(
    kernels: KernelInstance,
    columns: ProfileRows & { time: Pointer; id: Pointer },
    pages: readonly Page[],
    rows: Uint32Array,
  ) {
    this.#kernels = kernels;
    this.#columns = columns;
    this.#pages = pages;
    this.rows = rows;
  }

  get length(): number {
    return this.rows.length;
  }

  /** Those rows alone whose push has one of the ids. @param ids  as hexadecimal text */
  *withIds(ids: ReadonlySet<string>): Steps<SelectedRows> {
    const rows = new Uint32Array(this.length);
    let n = 0;
    for (let i = 0; i < this.length; i++) {
      if (i % STEP_IDS === STEP_IDS - 1) yield;
      if (ids.has(Buffer.from(this.profileId(i)).toString('hex'))) rows[n++] = this.rows[i];
    }
    return new SelectedRows(this.#kernels, this.#columns, this.#pages, rows.slice(0, n));
  }

  /** The series of each row. @shapes Uint32Array[n] */
  series(): Uint32Array {
    return this.#gathered(this.#columns.series);
  }

  /** 16 bytes, good until the next call of a kernel. */
  profileId(i: number): Uint8Array {
    const push = this.#kernels.u32()[(this.#columns.push >>> 2) + this.rows[i]];
    const at = this.#columns.id + push * 16;
    return this.#kernels.u8().subarray(at, at + 16);
  }

  /** @shapes Float64Array[n] */
  timesMs(): Float64Array {
    const kernels = this.#kernels;
    const times = roomFor(kernels, this.length, 8);
    kernels.exports.timesOfRows(times, this.#inScratch(), this.#columns.push, this.#columns.time, this.length);
    return new Float64Array(kernels.takeU8(times, this.length * 8).buffer);
  }

  /** @shapes BigInt64Array[n] */
  totals(): BigInt64Array {
    const kernels = this.#kernels;
    const totals = roomFor(kernels, this.length, 8);
    kernels.exports.gatherU64(totals, this.#columns.total, this.#inScratch(), this.length);
    return kernels.takeI64(totals, this.length);
  }

  /**
   * By family: where the samples of the rows are, by column, then by start, those that follow each other as one. A run
   * that several rows name is there as often, so ends do not fall.
   *
   * @param sampleOffsets  of the dataset
   */
  *sampleRanges(sampleOffsets: readonly Uint32Array[]): Steps<Map<number, SampleRange[]>> {
    const byFamily = new Map<number, SampleRange[]>();
    for (const { family, column, runs } of yield* this.#runsByColumn(sampleOffsets)) {
      const ranges = byFamily.get(family) ?? [];
      byFamily.set(family, ranges);
      const offsets = sampleOffsets[family];
      const sorted = yield* sortedNumbers(runs);
      let last: { column: number; start: number; end: number } | undefined;
      for (let i = 0; i < sorted.length; i++) {
        if (i % STEP_ROWS === STEP_ROWS - 1) yield;
        const [start, end] = [offsets[sorted[i]], offsets[sorted[i] + 1]];
        if (last?.end === start) last.end = end;
        else {
          last = { column, start, end };
          ranges.push(last);
        }
      }
    }
    return byFamily;
  }

  /** The runs of the rows, families in the order in which rows name them, their columns rising. */
  *#runsByColumn(
    sampleOffsets: readonly Uint32Array[],
  ): Steps<{ family: number; column: number; runs: Uint32Array }[]> {
    const runs = this.#gathered(this.#columns.run);
    const columns = this.#gathered(this.#columns.column);
    const places = new Uint32Array(this.length);
    const counts = new Uint32Array(sampleOffsets.length * columnsMax);
    const families = new Set<number>();
    yield* inSteps(0, this.length, (start, end) => {
      for (let i = start; i < end; i++) {
        const family = familyOfRun(sampleOffsets, runs, i);
        if (family === sampleOffsets.length) {
          throw this.#fault('run is not a row', i, this.#kernels.u32()[(this.#columns.run >>> 2) + this.rows[i]]);
        }
        if (columns[i] >= columnsMax) throw this.#fault('there is no such value column', i, columns[i]);
        places[i] = family * columnsMax + columns[i];
        if (counts[places[i]]++ === 0) families.add(family);
      }
    });
    const byPlace = Array.from(counts, (count) => (count === 0 ? undefined : new Uint32Array(count)));
    counts.fill(0);
    yield* inSteps(0, this.length, (start, end) => {
      for (let i = start; i < end; i++) {
        const of = byPlace[places[i]];
        if (of !== undefined) of[counts[places[i]]++] = runs[i];
      }
    });
    return [...families].flatMap((family) =>
      byPlace
        .slice(family * columnsMax, (family + 1) * columnsMax)
        .flatMap((of, column) => (of === undefined ? [] : [{ family, column, runs: of }])),
    );
  }

  #fault(what: string, i: number, value: number): StoreError {
    const row = this.rows[i];
    const page = this.#pages.findLast(({ firstRow }) => firstRow <= row) ?? this.#pages[0];
    return pageFault(page, what, row - page.firstRow, { value });
  }

  #gathered(column: Pointer): Uint32Array {
    const kernels = this.#kernels;
    const target = roomFor(kernels, this.length, 4);
    kernels.exports.gatherU32(target, column, this.#inScratch(), this.length);
    return kernels.takeU32(target, this.length);
  }

  #inScratch(): Pointer {
    if (this.#at === 0) this.#at = this.#kernels.putColumn(this.rows);
    return this.#at;
  }
}

/** Ids that are compared in one step: each becomes a text. */
const STEP_IDS = STEP_ROWS / 8;

/** @param runs  a run counted over all families; becomes that of its own @returns the number of families for none */
function familyOfRun(sampleOffsets: readonly Uint32Array[], runs: Uint32Array, i: number): number {
  let family = 0;
  while (family < sampleOffsets.length && runs[i] >= sampleOffsets[family].length - 1) {
    runs[i] -= sampleOffsets[family].length - 1;
    family++;
  }
  return family;
}
