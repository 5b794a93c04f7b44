import type { Label, Labels } from '#src/domain/model/labels.ts';
import { Section, sectionName } from './block-format.ts';
import { openChunk } from './chunk-reader.ts';
import { type Chunk, type ChunkTable, chunksOf, rowCountOf } from './chunk-table.ts';
import { refuseFault } from './column-fault.ts';
import type { ColumnReader } from './column-reader.ts';
import { corruptedBlock } from './corrupted-block.ts';
import type { ProfileColumns, SampleColumns, SpanColumns } from './dataset-columns.ts';
import { profileFault, sampleFault, seriesFault, spanFault } from './dataset-faults.ts';
import type { FetchedRange } from './fetched-ranges.ts';
import { addOffsets } from './row-counts.ts';

// The sections of a dataset, each decoded on its own from what a plan fetched. What comes out keeps the invariants of
// `DatasetColumns`, so kernels need not check it. Every function throws StoreError 'corrupted' when a checksum differs
// or a value is not what the format promises.
//
// Format: docs/formats/block.md, "Dataset".

/** The label sets of all series. @order the head was fetched */
export function decodeSeries(table: ChunkTable, fetched: readonly FetchedRange[]): Labels[] {
  const series: Labels[] = [];
  for (const chunk of chunksOf(table, Section.series)) {
    for (const labels of readSeriesChunk(chunk, openChunk(chunk, fetched))) series.push(labels);
  }
  refuseFault(seriesFault(series), table);
  return series;
}

/** @order the head and `profileReads` were fetched */
export function decodeProfiles(table: ChunkTable, fetched: readonly FetchedRange[]): ProfileColumns {
  const n = rowCountOf(table, Section.profiles);
  const profiles = {
    series: new Uint32Array(n),
    timeNanos: new BigInt64Array(n),
    durationNanos: new BigInt64Array(n),
    period: new BigInt64Array(n),
    total: new BigInt64Array(n),
    id: new Uint8Array(n * 16),
    sampleOffsets: new Uint32Array(n + 1),
  };
  let sampleCount = 0;
  for (const chunk of chunksOf(table, Section.profiles)) {
    const columns = openChunk(chunk, fetched);
    const start = chunk.firstRow;
    const end = start + chunk.rowCount;
    columns.u32Deltas(profiles.series.subarray(start, end));
    columns.i64Deltas(profiles.timeNanos.subarray(start, end));
    columns.i64Deltas(profiles.durationNanos.subarray(start, end));
    columns.i64Deltas(profiles.period.subarray(start, end));
    columns.i64(profiles.total.subarray(start, end));
    const sampleCounts = new Uint32Array(chunk.rowCount);
    columns.u32(sampleCounts);
    sampleCount += addOffsets(sampleCounts, profiles.sampleOffsets, start);
    profiles.id.set(columns.raw(chunk.rowCount * 16), start * 16);
    columns.end();
  }
  // Also refuses a sum beyond 2^32, whose offsets have wrapped.
  if (sampleCount !== rowCountOf(table, Section.samples)) {
    throw corruptedBlock('chunk: profiles name another number of samples than there are', {
      offset: table.range.offset,
      section: sectionName(Section.profiles),
      value: sampleCount,
      limit: rowCountOf(table, Section.samples),
    });
  }
  refuseFault(profileFault(profiles, rowCountOf(table, Section.series), sampleCount), table);
  return profiles;
}

/**
 * The samples of one chunk: row i is sample `chunk.firstRow + i` of the dataset.
 *
 * @param chunk       one of `sampleChunks`
 * @param stackCount  `rowCountOf(symbols, Section.stacks)`
 * @order  the chunk was fetched
 */
export function decodeSamples(
  table: ChunkTable,
  chunk: Chunk,
  fetched: readonly FetchedRange[],
  stackCount: number,
): SampleColumns {
  const columns = openChunk(chunk, fetched);
  const samples = { stack: new Uint32Array(chunk.rowCount), value: new BigInt64Array(chunk.rowCount) };
  columns.u32Deltas(samples.stack);
  columns.i64(samples.value);
  columns.end();
  const fault = sampleFault(samples, stackCount);
  if (fault !== undefined) refuseFault({ ...fault, row: chunk.firstRow + fault.row }, table);
  return samples;
}

/** @order `spanReads` were fetched */
export function decodeSpans(table: ChunkTable, fetched: readonly FetchedRange[]): SpanColumns {
  const n = rowCountOf(table, Section.spans);
  const spans = { sample: new Uint32Array(n), spanId: new BigUint64Array(n), traceId: new Uint8Array(n * 16) };
  const spanIdBytes = new Uint8Array(spans.spanId.buffer);
  for (const chunk of chunksOf(table, Section.spans)) {
    const columns = openChunk(chunk, fetched);
    const start = chunk.firstRow;
    columns.u32Deltas(spans.sample.subarray(start, start + chunk.rowCount));
    spanIdBytes.set(columns.raw(chunk.rowCount * 8), start * 8);
    spans.traceId.set(columns.raw(chunk.rowCount * 16), start * 16);
    columns.end();
  }
  refuseFault(spanFault(spans, rowCountOf(table, Section.samples)), table);
  return spans;
}

function readSeriesChunk(chunk: Chunk, columns: ColumnReader): Label[][] {
  const strings = readSeriesStrings(chunk, columns);
  const counts = new Uint32Array(chunk.rowCount);
  columns.u32(counts);
  let labelCount = 0;
  for (let i = 0; i < counts.length; i++) labelCount += counts[i];
  columns.claim(labelCount);
  const names = new Uint32Array(labelCount);
  const values = new Uint32Array(labelCount);
  columns.u32(names);
  columns.u32(values);
  columns.end();

  let next = 0;
  return Array.from(counts, (count) => {
    const labels: Label[] = [];
    for (const end = next + count; next < end; next++) {
      labels.push({ name: stringAt(chunk, strings, names[next]), value: stringAt(chunk, strings, values[next]) });
    }
    return labels;
  });
}

function readSeriesStrings(chunk: Chunk, columns: ColumnReader): string[] {
  const count = columns.number();
  columns.claim(count);
  const lengths = new Uint32Array(count);
  columns.u32(lengths);
  // Labels are valid UTF-8 when they are written, so what is not was not written by us.
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return Array.from(lengths, (length, row) => {
    const bytes = columns.raw(length);
    try {
      return utf8.decode(bytes);
    } catch {
      throw corruptedBlock('chunk: a label is not UTF-8', {
        offset: chunk.range.offset,
        section: sectionName(chunk.section),
        row,
      });
    }
  });
}

function stringAt(chunk: Chunk, strings: readonly string[], row: number): string {
  if (row < strings.length) return strings[row];
  throw corruptedBlock('chunk: a label is not a row of the strings', {
    offset: chunk.range.offset,
    section: sectionName(chunk.section),
    value: row,
    limit: strings.length,
  });
}
