import { compareUtf8, LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import { Section } from './block-format.ts';
import { ChunkWriter, segmentZstdLevel } from './chunk-writer.ts';
import { assertNoFault } from './column-fault.ts';
import type { DatasetColumns, FamilySamples, ProfileColumns, PushColumns } from './dataset-columns.ts';
import { datasetFault, type FamilySizes } from './dataset-faults.ts';
import { countsOf } from './row-counts.ts';
import { writeSeriesPage } from './series-page.ts';
import { writePages } from './symbol-space-writer.ts';
import { type TypeColumns, typeColumnsOf } from './type-columns.ts';

export type DatasetInput = {
  readonly service: string;
  readonly columns: DatasetColumns;
  /** The families of the symbol space that the samples refer to. */
  readonly space: readonly FamilySizes[];
};

export type EncodedDataset = {
  /** A buffer of its own, so that a thread can give it away. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headBytes: Bytes;
  readonly minTimeMs: UnixMs;
  readonly maxTimeMs: UnixMs;
  readonly labels: readonly Labels[];
};

/**
 * Encodes the data of one service: header, what a query needs before it looks at samples, samples. The plain version,
 * and the definition: the kernels that do the same faster are tested against it.
 *
 * @throws AssertionError when there is no profile, a series has no profile type, or the columns break an invariant of
 *         `DatasetColumns`
 * @throws StoreError 'limit-exceeded' when a section is larger than a reader accepts
 * @cost   O(bytes), mostly in zstd
 * @source docs/formats/block-v1.md, "Dataset"
 */
export function encodeDataset(
  { service, columns, space }: DatasetInput,
  zstdLevel: number = segmentZstdLevel,
): EncodedDataset {
  const { families } = columns;
  assert(columns.profiles.series.length > 0, 'a dataset has a profile');
  assertNoFault(datasetFault(columns, space));

  const writer = new ChunkWriter('dataset', zstdLevel);
  writeDatasetHead(writer, { ...columns, types: typeColumnsOf(columns) });
  for (const [family, samples] of families.entries()) {
    writeTotals(writer, family, samples);
    writer.closeChunk();
    writeSamples(writer, family, samples);
    writer.closeChunk();
  }
  return finishDataset(writer, service, columns);
}

/** What a query needs before it looks at samples. */
export type DatasetHeadColumns = Pick<DatasetColumns, 'series' | 'pushes' | 'profiles'> & {
  readonly types: TypeColumns;
  readonly families: readonly Pick<FamilySamples, 'sampleOffsets'>[];
};

/** Writes the head of a dataset, in chunks of its own. */
export function writeDatasetHead(writer: ChunkWriter, head: DatasetHeadColumns): void {
  writeSeries(writer, head.series);
  writeTypes(writer, head.types);
  writePushes(writer, head.pushes);
  writeProfiles(writer, head.profiles);
  for (const [family, samples] of head.families.entries()) writeRuns(writer, family, samples);
  writer.closeChunk();
}

/** @order after everything was written */
export function finishDataset(
  writer: ChunkWriter,
  service: string,
  { series, pushes }: Pick<DatasetColumns, 'series' | 'pushes'>,
): EncodedDataset {
  return finishDatasetOf(writer, service, { timeNanos: pushes.timeNanos, types: typesOf(series) });
}

/** @param types  the profile types of its series @order after everything was written */
export function finishDatasetOf(
  writer: ChunkWriter,
  service: string,
  { timeNanos, types }: { readonly timeNanos: BigInt64Array; readonly types: ReadonlySet<string> },
): EncodedDataset {
  return { ...writer.finish(), ...timeRangeOf(timeNanos), labels: datasetLabels(service, types) };
}

function writeSeries(writer: ChunkWriter, series: readonly Labels[]): void {
  const bytesBefore = labelBytesBefore(series);
  const key = { section: Section.series };
  writePages(
    writer,
    key,
    series.length,
    (columns, start, end) => writeSeriesPage(columns, series.slice(start, end)),
    (row) => bytesBefore[row],
  );
}

function writeTypes(writer: ChunkWriter, types: TypeColumns): void {
  writePages(writer, { section: Section.types }, types.family.length, (columns, start, end) => {
    columns.u32(types.family.subarray(start, end));
    columns.u32(types.column.subarray(start, end));
    columns.u32(types.series.subarray(start, end));
  });
}

export function writePushes(writer: ChunkWriter, pushes: PushColumns): void {
  writePages(writer, { section: Section.pushes }, pushes.timeNanos.length, (columns, start, end) => {
    columns.i64Deltas(pushes.timeNanos.subarray(start, end));
    columns.i64Deltas(pushes.durationNanos.subarray(start, end));
    columns.i64Deltas(pushes.period.subarray(start, end));
    columns.raw(pushes.id.subarray(start * 16, end * 16));
  });
}

export function writeProfiles(writer: ChunkWriter, profiles: ProfileColumns): void {
  writePages(writer, { section: Section.profiles }, profiles.series.length, (columns, start, end) => {
    columns.u32Deltas(profiles.series.subarray(start, end));
    columns.u32Deltas(profiles.push.subarray(start, end));
    columns.u32Deltas(profiles.run.subarray(start, end));
    columns.u32(profiles.column.subarray(start, end));
    columns.i64(profiles.total.subarray(start, end));
  });
}

function writeRuns(writer: ChunkWriter, family: number, { sampleOffsets }: Pick<FamilySamples, 'sampleOffsets'>): void {
  writePages(writer, { section: Section.runs, family }, sampleOffsets.length - 1, (columns, start, end) => {
    columns.u32(countsOf(sampleOffsets, start, end));
  });
}

function writeSamples(writer: ChunkWriter, family: number, { stack, values, spans }: FamilySamples): void {
  writePages(writer, { section: Section.sampleStacks, family }, stack.length, (columns, start, end) => {
    columns.u32Deltas(stack.subarray(start, end));
  });
  for (const [column, value] of values.entries()) {
    writePages(writer, { section: Section.sampleValues, family, column }, stack.length, (columns, start, end) => {
      columns.values(value.subarray(start, end));
    });
  }
  writePages(writer, { section: Section.spans, family }, spans.sample.length, (columns, start, end) => {
    columns.u32Deltas(spans.sample.subarray(start, end));
    columns.raw(bytesOf(spans.spanId.subarray(start, end)));
    columns.raw(spans.traceId.subarray(start * 16, end * 16));
  });
}

function writeTotals(writer: ChunkWriter, family: number, { totals = [] }: FamilySamples): void {
  for (const [column, { node, value }] of totals.entries()) {
    writePages(writer, { section: Section.totals, family, column }, node.length, (columns, start, end) => {
      columns.u32Deltas(node.subarray(start, end));
      columns.values(value.subarray(start, end));
    });
  }
}

/** What the metadata index finds the dataset by: one label set per profile type. */
function datasetLabels(service: string, types: ReadonlySet<string>): Labels[] {
  // Sorted by name: an underscore comes before a letter.
  return [...types].sort(compareUtf8).map((type) => [
    { name: LabelName.profileType, value: type },
    { name: LabelName.serviceName, value: service },
  ]);
}

function typesOf(series: readonly Labels[]): Set<string> {
  const types = new Set<string>();
  for (const labels of series) {
    const type = valueOf(labels, LabelName.profileType);
    assert(type !== undefined, 'every series has a profile type');
    types.add(type);
  }
  return types;
}

function timeRangeOf(timeNanos: BigInt64Array): { minTimeMs: UnixMs; maxTimeMs: UnixMs } {
  let min = timeNanos[0];
  let max = timeNanos[0];
  for (let i = 1; i < timeNanos.length; i++) {
    if (timeNanos[i] < min) min = timeNanos[i];
    if (timeNanos[i] > max) max = timeNanos[i];
  }
  return { minTimeMs: floorMs(min), maxTimeMs: floorMs(max) };
}

/** The millisecond that a nanosecond lies in. Division of bigint rounds towards zero, which is up before 1970. */
export function floorMs(nanos: bigint): UnixMs {
  const whole = nanos / 1_000_000n;
  return Number(nanos % 1_000_000n < 0n ? whole - 1n : whole);
}

/** About how many bytes the labels of series 0 .. row take. @shapes [n] -> [n + 1] */
function labelBytesBefore(series: readonly Labels[]): Float64Array {
  const before = new Float64Array(series.length + 1);
  for (let row = 0; row < series.length; row++) {
    let bytes = 0;
    for (const { name, value } of series[row]) bytes += name.length + value.length + 8;
    before[row + 1] = before[row] + bytes;
  }
  return before;
}

function bytesOf(column: BigUint64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
