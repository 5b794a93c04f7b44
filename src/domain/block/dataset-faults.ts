import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';
import { Section } from './block-format.ts';
import { type ColumnFault, lengthFault, offsetsFault, referenceFault, strictRiseFault } from './column-fault.ts';
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
    const fault = familyFault(family, space[i]);
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
    lengthFault(Section.sampleValues, stack.length, lengths) ??
    referenceFault(Section.sampleStacks, 'stack', stack, sampledStackCount) ??
    negativeFault(values) ??
    spanFault(spans, stack.length) ??
    totals.map((total) => totalFault(total, nodeCount)).find((fault) => fault !== undefined)
  );
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
    strictRiseFault(section, 'nodes', node)
  );
}

function negativeFault(values: readonly BigInt64Array[]): ColumnFault | undefined {
  for (const column of values) {
    for (let row = 0; row < column.length; row++) {
      if (column[row] >= 0n) continue;
      return { section: Section.sampleValues, problem: 'a value is negative', row, value: column[row], limit: 0 };
    }
  }
  return undefined;
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
