import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';
import { columnsMax, Section } from './block-format.ts';
import {
  type ColumnFault,
  faultIn,
  lengthFault,
  offsetsFault,
  referenceFault,
  strictRiseFault,
} from './column-fault.ts';
import {
  type DatasetColumns,
  type FamilySamples,
  familyOfRun,
  firstRuns,
  type ProfileColumns,
  type PushColumns,
  type SpanColumns,
  type TotalColumns,
} from './dataset-columns.ts';
import type { TypeColumns } from './type-columns.ts';

// Where columns break the invariants of `DatasetColumns`: what writers assert, what readers check, and what kernels
// then rely on without looking.

/** What a dataset refers to in its symbol space. */
export type FamilySizes = {
  /** Length of the list of sampled stacks. */
  readonly sampledStackCount: number;
  /** Rows of the function tree, 0 when there is none. */
  readonly nodeCount: number;
};

/** @param space  the families of the symbol space */
export function datasetFault(columns: DatasetColumns, space: readonly FamilySizes[]): ColumnFault | undefined {
  const { series, pushes, profiles, families } = columns;
  const fault = seriesFault(series) ?? pushFault(pushes) ?? runsFault(families, space) ?? profileFault(columns);
  if (fault !== undefined) return fault;
  return valueColumnFault(
    profiles,
    firstRuns(families),
    families.map(({ values }) => values.length),
  );
}

/** @param columnCounts  value columns of each family */
export function valueColumnFault(
  { run, column }: ProfileColumns,
  firstRunOf: readonly number[],
  columnCounts: readonly number[],
): ColumnFault | undefined {
  for (let row = 0; row < column.length; row++) {
    const limit = columnCounts[familyOfRun(firstRunOf, run[row])];
    if (column[row] < limit) continue;
    return { section: Section.profiles, problem: 'there is no such value column', row, value: column[row], limit };
  }
  return undefined;
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

export function pushFault({ timeNanos, durationNanos, period, id }: PushColumns): ColumnFault | undefined {
  return lengthFault(Section.pushes, timeNanos.length, [durationNanos.length, period.length, id.length / 16]);
}

/** All but whether the value columns exist, which only who has the samples can tell. */
export function profileFault({
  series,
  pushes,
  profiles,
  families,
}: {
  readonly series: { readonly length: number };
  readonly pushes: Pick<PushColumns, 'timeNanos'>;
  readonly profiles: ProfileColumns;
  readonly families: readonly Pick<FamilySamples, 'sampleOffsets'>[];
}): ColumnFault | undefined {
  const section = Section.profiles;
  const { push, run, column, total } = profiles;
  const runCount = firstRuns(families)[families.length];
  return (
    lengthFault(section, profiles.series.length, [push.length, run.length, column.length, total.length]) ??
    referenceFault(section, 'series', profiles.series, series.length) ??
    referenceFault(section, 'push', push, pushes.timeNanos.length) ??
    referenceFault(section, 'run', run, runCount) ??
    profileOrderFault(profiles, pushes.timeNanos)
  );
}

function runsFault(families: readonly FamilySamples[], space: readonly FamilySizes[]): ColumnFault | undefined {
  if (families.length > space.length) {
    const problem = 'there is no such family';
    return { section: Section.runs, problem, row: 0, value: families.length, limit: space.length };
  }
  for (const [i, family] of families.entries()) {
    const fault = faultIn(familyFault(family, space[i]), i);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

export function familyFault(
  { sampleOffsets, stack, values, spans, totals = [] }: FamilySamples,
  { sampledStackCount, nodeCount }: FamilySizes,
): ColumnFault | undefined {
  const lengths = values.map(({ length }) => length);
  return (
    offsetsFault(Section.runs, 'sample offsets', sampleOffsets, stack.length) ??
    strictRiseFault(Section.runs, 'sample offsets', sampleOffsets) ??
    columnCountFault(Section.sampleValues, values.length, columnsMax) ??
    columnCountFault(Section.totals, totals.length, values.length) ??
    lengthFault(Section.sampleValues, stack.length, lengths) ??
    referenceFault(Section.sampleStacks, 'stack', stack, sampledStackCount) ??
    firstOf(values, (value) => negativeFault(Section.sampleValues, value)) ??
    spanFault(spans, stack.length) ??
    firstOf(totals, (total) => totalFault(total, nodeCount))
  );
}

/** The first fault of value columns, which then says in which one it is. */
function firstOf<Column>(
  columns: readonly Column[],
  faultOf: (column: Column) => ColumnFault | undefined,
): ColumnFault | undefined {
  for (const [column, of] of columns.entries()) {
    const fault = faultOf(of);
    if (fault !== undefined) return { ...fault, column };
  }
  return undefined;
}

function columnCountFault(section: Section, value: number, limit: number): ColumnFault | undefined {
  return value <= limit ? undefined : { section, problem: 'too many value columns', row: 0, value, limit };
}

export function spanFault({ sample, spanId, traceId }: SpanColumns, sampleCount: number): ColumnFault | undefined {
  const section = Section.spans;
  return (
    lengthFault(section, sample.length, [spanId.length, traceId.length / 16]) ??
    referenceFault(section, 'sample', sample, sampleCount) ??
    strictRiseFault(section, 'samples', sample)
  );
}

export function totalFault({ node, value }: TotalColumns, nodeCount: number): ColumnFault | undefined {
  const section = Section.totals;
  return (
    lengthFault(section, node.length, [value.length]) ??
    referenceFault(section, 'node', node, nodeCount) ??
    strictRiseFault(section, 'nodes', node) ??
    negativeFault(section, value)
  );
}

/** @param columnCounts  value columns of each family */
export function typeFault(
  { family, column, series }: TypeColumns,
  seriesCount: number,
  columnCounts: readonly number[],
): ColumnFault | undefined {
  const section = Section.types;
  const fault =
    lengthFault(section, family.length, [column.length, series.length]) ??
    referenceFault(section, 'family', family, columnCounts.length) ??
    referenceFault(section, 'series', series, seriesCount);
  if (fault !== undefined) return fault;
  for (let row = 0; row < family.length; row++) {
    const limit = columnCounts[family[row]];
    if (column[row] >= limit) {
      return { section, problem: 'there is no such value column', row, value: column[row], limit };
    }
    if (row === 0 || family[row - 1] < family[row]) continue;
    if (family[row - 1] > family[row] || column[row - 1] >= column[row]) {
      return { section, problem: 'families and columns do not rise', row, value: column[row], limit: column[row - 1] };
    }
  }
  return undefined;
}

function negativeFault(section: Section, values: BigInt64Array): ColumnFault | undefined {
  const row = values.findIndex((value) => value < 0n);
  return row === -1 ? undefined : { section, problem: 'a value is negative', row, value: values[row], limit: 0 };
}

/** By series, then time. */
function profileOrderFault({ series, push }: ProfileColumns, timeNanos: BigInt64Array): ColumnFault | undefined {
  const section = Section.profiles;
  for (let i = 1; i < series.length; i++) {
    if (series[i] < series[i - 1]) {
      return { section, problem: 'series fall', row: i, value: series[i], limit: series[i - 1] };
    }
    const [before, time] = [timeNanos[push[i - 1]], timeNanos[push[i]]];
    if (series[i] === series[i - 1] && time < before) {
      return { section, problem: 'times of a series fall', row: i, value: time, limit: before };
    }
  }
  return undefined;
}
