import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';
import { Section } from './block-format.ts';
import { type ColumnFault, lengthFault, offsetsFault, referenceFault } from './column-fault.ts';
import type { DatasetColumns, ProfileColumns, SampleColumns, SpanColumns } from './dataset-columns.ts';

// Where columns break the invariants of `DatasetColumns`: what writers assert, what readers check, and what kernels
// then rely on without looking.

/** @param stackCount rows of the stacks that the samples refer to */
export function datasetFault(columns: DatasetColumns, stackCount: number): ColumnFault | undefined {
  const sampleCount = columns.samples.stack.length;
  return (
    seriesFault(columns.series) ??
    profileFault(columns.profiles, columns.series.length, sampleCount) ??
    sampleFault(columns.samples, stackCount) ??
    spanFault(columns.spans, sampleCount)
  );
}

export function seriesFault(series: readonly Labels[]): ColumnFault | undefined {
  for (let row = 0; row < series.length; row++) {
    const labels = series[row];
    for (let i = 1; i < labels.length; i++) {
      if (compareUtf8(labels[i - 1].name, labels[i].name) < 0) continue;
      return { section: Section.series, problem: 'label names do not rise', row, value: i, limit: i };
    }
  }
  return undefined;
}

export function profileFault(
  profiles: ProfileColumns,
  seriesCount: number,
  sampleCount: number,
): ColumnFault | undefined {
  const { series, timeNanos, durationNanos, period, total, id, sampleOffsets } = profiles;
  const section = Section.profiles;
  const lengths = [timeNanos.length, durationNanos.length, period.length, total.length, id.length / 16];
  return (
    lengthFault(section, series.length, [...lengths, sampleOffsets.length - 1]) ??
    referenceFault(section, 'series', series, seriesCount) ??
    offsetsFault(section, 'sample offsets', sampleOffsets, sampleCount) ??
    profileOrderFault(profiles)
  );
}

export function sampleFault({ stack, value }: SampleColumns, stackCount: number): ColumnFault | undefined {
  return (
    lengthFault(Section.samples, stack.length, [value.length]) ??
    referenceFault(Section.samples, 'stack', stack, stackCount)
  );
}

export function spanFault({ sample, spanId, traceId }: SpanColumns, sampleCount: number): ColumnFault | undefined {
  const section = Section.spans;
  const fault =
    lengthFault(section, sample.length, [spanId.length, traceId.length / 16]) ??
    referenceFault(section, 'sample', sample, sampleCount);
  if (fault !== undefined) return fault;
  for (let i = 1; i < sample.length; i++) {
    if (sample[i - 1] < sample[i]) continue;
    return { section, problem: 'samples do not rise', row: i, value: sample[i], limit: sample[i - 1] };
  }
  return undefined;
}

/** By series, then time. */
function profileOrderFault({ series, timeNanos }: ProfileColumns): ColumnFault | undefined {
  const section = Section.profiles;
  for (let i = 1; i < series.length; i++) {
    if (series[i] < series[i - 1]) {
      return { section, problem: 'series fall', row: i, value: series[i], limit: series[i - 1] };
    }
    if (series[i] === series[i - 1] && timeNanos[i] < timeNanos[i - 1]) {
      return { section, problem: 'times of a series fall', row: i, value: timeNanos[i], limit: timeNanos[i - 1] };
    }
  }
  return undefined;
}
