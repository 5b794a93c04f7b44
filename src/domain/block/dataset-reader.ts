import type { Labels } from '#src/domain/model/labels.ts';
import { Section } from './block-format.ts';
import { PageReader } from './chunk-reader.ts';
import { type ChunkTable, columnCountOf, familyCountOf, type Page, pagesOf, rowCountOf } from './chunk-table.ts';
import { faultIn, refuseFault } from './column-fault.ts';
import type { ColumnReader } from './column-reader.ts';
import {
  type DatasetColumns,
  type FamilySamples,
  firstRuns,
  type ProfileColumns,
  type PushColumns,
  type SpanColumns,
  type TotalColumns,
} from './dataset-columns.ts';
import {
  type FamilySizes,
  familyFault,
  profileFault,
  pushFault,
  seriesFault,
  typeFault,
  valueColumnFault,
} from './dataset-faults.ts';
import type { FetchedRange } from './fetched-ranges.ts';
import { addOffsets } from './row-counts.ts';
import { labelsOfSeries, readSeriesPage, seriesTexts } from './series-page.ts';
import type { TypeColumns } from './type-columns.ts';

/** What a query needs of a dataset before it looks at samples. */
export type DatasetHead = {
  readonly series: readonly Labels[];
  readonly pushes: PushColumns;
  readonly profiles: ProfileColumns;
  /** By family: where the samples of its runs are. */
  readonly families: readonly { readonly sampleOffsets: Uint32Array }[];
};

/**
 * Decodes the sections of a dataset, each on its own from what was fetched. What comes out keeps the invariants of
 * `DatasetColumns`. The plain version, and the definition: kernels read only what a query needs, and are tested against
 * it.
 *
 * Every method throws StoreError 'corrupted' when a checksum differs or a value is not what the format promises.
 *
 * @source docs/formats/block-v1.md, "Dataset"
 */
export class DatasetReader {
  readonly #table: ChunkTable;
  readonly #pages: PageReader;

  constructor(table: ChunkTable, fetched: readonly FetchedRange[]) {
    this.#table = table;
    this.#pages = new PageReader(fetched);
  }

  /** @order everything was fetched @param space the families of the symbol space */
  all(space: readonly FamilySizes[]): DatasetColumns {
    const head = this.head();
    const families = head.families.map(({ sampleOffsets }, i) => {
      const family = { sampleOffsets, ...this.#samples(i) };
      this.#refuse(faultIn(familyFault(family, space[i] ?? { sampledStackCount: 0, nodeCount: 0 }), i));
      return family;
    });
    const columnCounts = families.map(({ values }) => values.length);
    this.#refuse(valueColumnFault(head.profiles, firstRuns(families), columnCounts));
    return { ...head, families };
  }

  /** @order the head was fetched */
  head(): DatasetHead {
    const series = this.series();
    const pushes = this.#pushes();
    const profiles = this.#profiles();
    const families = Array.from({ length: this.#familyCount() }, (_, i) => ({ sampleOffsets: this.#sampleOffsets(i) }));
    this.#refuse(pushFault(pushes) ?? profileFault({ series, pushes, profiles, families }));
    return { series, pushes, profiles, families };
  }

  /** The label sets of all series. @order the head was fetched */
  series(): Labels[] {
    const series: Labels[] = [];
    for (const page of pagesOf(this.#table, Section.series)) {
      const columns = readSeriesPage(page, this.#pages.open(page));
      const texts = seriesTexts(page, columns);
      for (let row = 0; row < page.rowCount; row++) series.push(labelsOfSeries(columns, texts, row));
    }
    this.#refuse(seriesFault(series));
    return series;
  }

  /** Which value columns belong to which profile type; none in a segment. @order the head was fetched */
  types(): TypeColumns {
    const n = rowCountOf(this.#table, Section.types);
    const types = { family: new Uint32Array(n), column: new Uint32Array(n), series: new Uint32Array(n) };
    this.#each(pagesOf(this.#table, Section.types), (columns, start, end) => {
      columns.u32(types.family.subarray(start, end));
      columns.u32(types.column.subarray(start, end));
      columns.u32(types.series.subarray(start, end));
    });
    const columnCounts = Array.from({ length: this.#familyCount() }, (_, family) =>
      columnCountOf(this.#table, Section.sampleValues, family),
    );
    this.#refuse(typeFault(types, rowCountOf(this.#table, Section.series), columnCounts));
    return types;
  }

  #familyCount(): number {
    return Math.max(familyCountOf(this.#table, Section.runs), familyCountOf(this.#table, Section.sampleStacks));
  }

  #pushes(): PushColumns {
    const n = rowCountOf(this.#table, Section.pushes);
    const pushes = {
      timeNanos: new BigInt64Array(n),
      durationNanos: new BigInt64Array(n),
      period: new BigInt64Array(n),
      id: new Uint8Array(n * 16),
    };
    this.#each(pagesOf(this.#table, Section.pushes), (columns, start, end) => {
      columns.i64Deltas(pushes.timeNanos.subarray(start, end));
      columns.i64Deltas(pushes.durationNanos.subarray(start, end));
      columns.i64Deltas(pushes.period.subarray(start, end));
      pushes.id.set(columns.raw((end - start) * 16), start * 16);
    });
    return pushes;
  }

  #profiles(): ProfileColumns {
    const n = rowCountOf(this.#table, Section.profiles);
    const profiles = {
      series: new Uint32Array(n),
      push: new Uint32Array(n),
      run: new Uint32Array(n),
      column: new Uint32Array(n),
      total: new BigInt64Array(n),
    };
    this.#each(pagesOf(this.#table, Section.profiles), (columns, start, end) => {
      columns.u32Deltas(profiles.series.subarray(start, end));
      columns.u32Deltas(profiles.push.subarray(start, end));
      columns.u32Deltas(profiles.run.subarray(start, end));
      columns.u32(profiles.column.subarray(start, end));
      columns.i64(profiles.total.subarray(start, end));
    });
    return profiles;
  }

  #sampleOffsets(family: number): Uint32Array {
    const n = rowCountOf(this.#table, Section.runs, family);
    const offsets = new Uint32Array(n + 1);
    let samples = 0;
    this.#each(pagesOf(this.#table, Section.runs, family), (columns, start, end) => {
      const counts = new Uint32Array(end - start);
      columns.u32(counts);
      samples += addOffsets(counts, offsets, start);
    });
    // Also refuses a sum beyond 2^32, whose offsets have wrapped.
    const limit = rowCountOf(this.#table, Section.sampleStacks, family);
    if (samples !== limit) {
      const problem = 'runs name another number of samples than there are';
      this.#refuse({ section: Section.runs, family, problem, row: n, value: samples, limit });
    }
    return offsets;
  }

  #samples(family: number): Omit<FamilySamples, 'sampleOffsets'> {
    const table = this.#table;
    const n = rowCountOf(table, Section.sampleStacks, family);
    const stack = new Uint32Array(n);
    this.#each(pagesOf(table, Section.sampleStacks, family), (columns, start, end) => {
      columns.u32Deltas(stack.subarray(start, end));
    });
    const columnCount = columnCountOf(table, Section.sampleValues, family);
    const values = Array.from({ length: columnCount }, (_, column) => {
      const value = new BigInt64Array(rowCountOf(table, Section.sampleValues, family, column));
      this.#each(pagesOf(table, Section.sampleValues, family, column), (columns, start, end) => {
        columns.values(value.subarray(start, end));
      });
      return value;
    });
    const spans = this.#spans(family);
    const totalCount = columnCountOf(table, Section.totals, family);
    if (totalCount === 0) return { stack, values, spans };
    const totals = Array.from({ length: totalCount }, (_, column) => this.#totals(family, column));
    return { stack, values, spans, totals };
  }

  #spans(family: number): SpanColumns {
    const n = rowCountOf(this.#table, Section.spans, family);
    const spans = { sample: new Uint32Array(n), spanId: new BigUint64Array(n), traceId: new Uint8Array(n * 16) };
    const spanIdBytes = new Uint8Array(spans.spanId.buffer);
    this.#each(pagesOf(this.#table, Section.spans, family), (columns, start, end) => {
      columns.u32Deltas(spans.sample.subarray(start, end));
      spanIdBytes.set(columns.raw((end - start) * 8), start * 8);
      spans.traceId.set(columns.raw((end - start) * 16), start * 16);
    });
    return spans;
  }

  #totals(family: number, column: number): TotalColumns {
    const n = rowCountOf(this.#table, Section.totals, family, column);
    const totals = { node: new Uint32Array(n), value: new BigInt64Array(n) };
    this.#each(pagesOf(this.#table, Section.totals, family, column), (columns, start, end) => {
      columns.u32Deltas(totals.node.subarray(start, end));
      columns.values(totals.value.subarray(start, end));
    });
    return totals;
  }

  #each(pages: readonly Page[], read: (columns: ColumnReader, start: number, end: number) => void): void {
    for (const page of pages) {
      const columns = this.#pages.open(page);
      read(columns, page.firstRow, page.firstRow + page.rowCount);
      columns.end();
    }
  }

  #refuse(fault: Parameters<typeof refuseFault>[0]): void {
    refuseFault(fault, this.#table);
  }
}
