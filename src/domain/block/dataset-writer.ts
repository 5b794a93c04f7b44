import { compareUtf8, LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import { Section } from './block-format.ts';
import { ChunkWriter, segmentZstdLevel } from './chunk-writer.ts';
import { assertNoFault } from './column-fault.ts';
import type { ColumnWriter } from './column-writer.ts';
import type { DatasetColumns, ProfileColumns, SampleColumns, SpanColumns } from './dataset-columns.ts';
import { datasetFault } from './dataset-faults.ts';
import { countsOf } from './row-counts.ts';
import { seriesStrings } from './series-strings.ts';

export type DatasetInput = {
  readonly tenant: string;
  readonly service: string;
  readonly columns: DatasetColumns;
  /** Rows of the stacks in the symbol space that the samples refer to. */
  readonly stackCount: number;
};

export type EncodedDataset = {
  /** A buffer of its own, so that a thread can give it away. */
  readonly bytes: Uint8Array;
  readonly headBytes: Bytes;
  readonly minTimeMs: UnixMs;
  readonly maxTimeMs: UnixMs;
  readonly labels: readonly Labels[];
};

/**
 * Encodes the data of one service: header, series, profiles, samples, spans.
 *
 * @throws AssertionError when there is no profile, a series has no profile type, or the columns break an invariant of
 *         `DatasetColumns`
 * @throws StoreError 'limit-exceeded' when a section is larger than a reader accepts
 * @cost   O(bytes), mostly in zstd
 * @source docs/formats/block.md, "Dataset"
 */
export function encodeDataset(
  { service, columns, stackCount }: DatasetInput,
  zstdLevel: number = segmentZstdLevel,
): EncodedDataset {
  const { series, profiles, samples, spans } = columns;
  assert(profiles.series.length > 0, 'a dataset has a profile');
  assertNoFault(datasetFault(columns, stackCount));

  const dataset = new ChunkWriter('dataset', zstdLevel);
  writeSeries(dataset, series);
  writeProfiles(dataset, profiles);
  writeSamples(dataset, samples);
  writeSpans(dataset, spans);
  return { ...dataset.finish(), ...timeRangeOf(profiles.timeNanos), labels: datasetLabels(service, series) };
}

function writeSeries(dataset: ChunkWriter, series: readonly Labels[]): void {
  const bytesBefore = labelBytesBefore(series);
  dataset.section(
    Section.series,
    series.length,
    (columns, start, end) => writeSeriesChunk(columns, series.slice(start, end)),
    (row) => bytesBefore[row],
  );
}

/** Each chunk has its own strings, so that it is read alone. */
function writeSeriesChunk(columns: ColumnWriter, series: readonly Labels[]): void {
  const { strings, rowOf } = seriesStrings(series);
  const encoded = strings.map((text) => Buffer.from(text));
  const labels = series.flat();
  columns.number(strings.length);
  columns.u32(Uint32Array.from(encoded, (bytes) => bytes.length));
  for (const bytes of encoded) columns.raw(bytes);
  columns.u32(Uint32Array.from(series, (set) => set.length));
  columns.u32(Uint32Array.from(labels, ({ name }) => rowOf.get(name) ?? 0));
  columns.u32(Uint32Array.from(labels, ({ value }) => rowOf.get(value) ?? 0));
}

function writeProfiles(dataset: ChunkWriter, profiles: ProfileColumns): void {
  dataset.section(Section.profiles, profiles.series.length, (columns, start, end) => {
    columns.u32Deltas(profiles.series.subarray(start, end));
    columns.i64Deltas(profiles.timeNanos.subarray(start, end));
    columns.i64Deltas(profiles.durationNanos.subarray(start, end));
    columns.i64Deltas(profiles.period.subarray(start, end));
    columns.i64(profiles.total.subarray(start, end));
    columns.u32(countsOf(profiles.sampleOffsets, start, end));
    columns.raw(profiles.id.subarray(start * 16, end * 16));
  });
}

function writeSamples(dataset: ChunkWriter, samples: SampleColumns): void {
  dataset.section(Section.samples, samples.stack.length, (columns, start, end) => {
    columns.u32Deltas(samples.stack.subarray(start, end));
    columns.i64(samples.value.subarray(start, end));
  });
}

function writeSpans(dataset: ChunkWriter, spans: SpanColumns): void {
  dataset.section(Section.spans, spans.sample.length, (columns, start, end) => {
    columns.u32Deltas(spans.sample.subarray(start, end));
    columns.raw(bytesOf(spans.spanId.subarray(start, end)));
    columns.raw(spans.traceId.subarray(start * 16, end * 16));
  });
}

/** What the metadata index finds the dataset by: one label set per profile type. */
function datasetLabels(service: string, series: readonly Labels[]): Labels[] {
  const types = new Set<string>();
  for (const labels of series) {
    const type = valueOf(labels, LabelName.profileType);
    assert(type !== undefined, 'every series has a profile type');
    types.add(type);
  }
  // Sorted by name: an underscore comes before a letter.
  return [...types].sort(compareUtf8).map((type) => [
    { name: LabelName.profileType, value: type },
    { name: LabelName.serviceName, value: service },
  ]);
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
