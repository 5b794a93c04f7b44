import { LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { familiesMax } from './block-format.ts';
import { type DatasetColumns, type FamilySamples, familyOfRun, firstRuns } from './dataset-columns.ts';
import type { PartInput } from './part-writer.ts';
import { PlainSpace } from './plain-space.ts';
import type { FamilyColumns, SpaceColumns } from './space-columns.ts';
import { TypeFamilies } from './type-families.ts';

/** A sample of a merged dataset, before it is known where its stacktrace will stand. */
type Sample = { readonly path: readonly string[]; readonly values: bigint[]; readonly span: Span | undefined };
type Span = { readonly id: bigint; readonly trace: Uint8Array };
type Run = { readonly family: number; readonly push: number; series: number; readonly samples: Sample[] };
type Row = {
  readonly series: number;
  readonly push: number;
  readonly run: Run;
  readonly column: number;
  total: bigint;
};

type Merged = {
  readonly service: string;
  readonly series: Labels[];
  readonly seriesOf: Map<string, number>;
  readonly pushes: { timeNanos: bigint; durationNanos: bigint; period: bigint; id: Uint8Array }[];
  readonly ids: Set<string>;
  readonly runs: Run[];
  readonly rows: Row[];
  readonly columnCounts: number[];
};

/**
 * Merges what blocks of a tenant have. The plain version, and the definition: the kernels that do the same faster give
 * the same bytes, where services share a symbol space.
 *
 * - Datasets of a service become one. A push whose id the service has already is left out.
 * - Profiles are of one family when they have the same profile types; what is later than 64 of them is of family 64.
 * - Runs, and with them their samples, are ordered by the first of their series, then time; the samples of a run by
 *   stacktrace.
 * - Stacktraces are in depth-first order, children by first use, and symbols are numbered as these use them.
 * - Every family has its tree of function names, and every dataset the totals on it, but for family 64.
 *
 * @param sources  oldest first
 * @cost  very slow
 */
export function mergePlain(sources: readonly PartInput[]): PartInput {
  const families = new TypeFamilies();
  const typeNumbers = new Map<string, number>();
  const space = new PlainSpace();
  const merged = new Map<string, Merged>();
  for (const { symbols, datasets } of sources) {
    const paths = space.pathsOf(symbols);
    for (const { service, columns } of datasets) {
      let target = merged.get(service);
      if (target === undefined) {
        target = emptyDataset(service);
        merged.set(service, target);
      }
      mergeDataset(target, columns, paths, (types) => families.find(types), typeNumbers);
    }
  }
  const all = [...merged.values()].filter(({ rows }) => rows.length > 0);
  all.sort((a, b) => (a.service < b.service ? -1 : 1));
  return encoded(sources[0].tenant, all, space, families.count);
}

function emptyDataset(service: string): Merged {
  const [series, seriesOf, ids] = [[], new Map(), new Set<string>()];
  return { service, series, seriesOf, pushes: [], ids, runs: [], rows: [], columnCounts: [] };
}

/** @param paths  by family: the locations of each sampled stack, root first */
function mergeDataset(
  target: Merged,
  { series, pushes, profiles, families }: DatasetColumns,
  paths: readonly (readonly (readonly string[])[])[],
  familyOf: (types: readonly number[]) => number,
  typeNumbers: Map<string, number>,
): void {
  const seriesRow = series.map((labels) => seriesRowOf(target, labels));
  const pushRow = Array.from(pushes.timeNanos, (timeNanos, row) => {
    const id = pushes.id.slice(16 * row, 16 * row + 16);
    if (target.ids.has(String(id))) return -1;
    target.ids.add(String(id));
    const { durationNanos, period } = pushes;
    return target.pushes.push({ timeNanos, durationNanos: durationNanos[row], period: period[row], id }) - 1;
  });

  const firstRunOf = firstRuns(families);
  const rowsOfRun = new Map<number, number[]>();
  for (let row = 0; row < profiles.run.length; row++) {
    if (pushRow[profiles.push[row]] < 0) continue;
    rowsOfRun.set(profiles.run[row], [...(rowsOfRun.get(profiles.run[row]) ?? []), row]);
  }
  const typeOf = (row: number): number => {
    const type = valueOf(series[profiles.series[row]], LabelName.profileType) ?? '';
    if (!typeNumbers.has(type)) typeNumbers.set(type, typeNumbers.size + 1);
    return typeNumbers.get(type) ?? 0;
  };

  // In the order of runs: what families are numbered by.
  const runs = [...rowsOfRun.keys()].sort((a, b) => a - b);
  const made = new Map<number, Run>();
  for (const [family, samples] of families.entries()) {
    const own = runs.filter((run) => familyOfRun(firstRunOf, run) === family);
    const lists = own.map((run) => {
      const types = new Array<number>(samples.values.length).fill(0);
      for (const row of rowsOfRun.get(run) ?? []) types[profiles.column[row]] = typeOf(row);
      return types;
    });
    const common = commonTypes(lists);
    const targets = lists.map((types) => familyOf(common ?? types));
    // Group by group, as the kernel appends them.
    for (const to of new Set(targets)) {
      for (const [i, run] of own.entries()) {
        if (targets[i] !== to) continue;
        const rows = rowsOfRun.get(run) ?? [];
        target.columnCounts[to] = Math.max(target.columnCounts[to] ?? 0, samples.values.length);
        const of = {
          family: to,
          push: pushRow[profiles.push[rows[0]]],
          series: Math.min(...rows.map((row) => seriesRow[profiles.series[row]])),
          samples: samplesOf(
            samples,
            run - firstRunOf[family],
            paths[family],
            new Set(rows.map((row) => profiles.column[row])),
          ),
        };
        made.set(run, of);
        target.runs.push(of);
      }
    }
  }
  for (let row = 0; row < profiles.run.length; row++) {
    const run = made.get(profiles.run[row]);
    const push = pushRow[profiles.push[row]];
    if (run === undefined || push < 0) continue;
    const { column, total } = profiles;
    target.rows.push({
      series: seriesRow[profiles.series[row]],
      push,
      run,
      column: column[row],
      total: total[row],
    });
  }
}

function seriesRowOf({ series, seriesOf }: Merged, labels: Labels): number {
  const key = JSON.stringify(labels);
  let row = seriesOf.get(key);
  if (row === undefined) {
    row = series.push(labels) - 1;
    seriesOf.set(key, row);
  }
  return row;
}

/** The types of value columns, where no column has two. */
function commonTypes(lists: readonly (readonly number[])[]): number[] | undefined {
  const common: number[] = [...(lists[0] ?? [])];
  for (const types of lists) {
    for (const [column, type] of types.entries()) {
      if (type === 0) continue;
      if (common[column] !== 0 && common[column] !== type) return undefined;
      common[column] = type;
    }
  }
  return common;
}

function samplesOf(
  { sampleOffsets, stack, values, spans }: FamilySamples,
  run: number,
  paths: readonly (readonly string[])[],
  columns: ReadonlySet<number>,
): Sample[] {
  const samples: Sample[] = [];
  for (let i = sampleOffsets[run]; i < sampleOffsets[run + 1]; i++) {
    const at = spans.sample.indexOf(i);
    samples.push({
      path: paths[stack[i]],
      values: values.map((value, column) => (columns.has(column) ? value[i] : 0n)),
      span: at < 0 ? undefined : { id: spans.spanId[at], trace: spans.traceId.slice(16 * at, 16 * at + 16) },
    });
  }
  return samples;
}

function encoded(tenant: string, merged: readonly Merged[], space: PlainSpace, familyCount: number): PartInput {
  const tables = Array.from({ length: familyCount }, (_, family) =>
    space.tableOf(merged.flatMap(({ runs }) => runs.filter((run) => run.family === family)).flatMap((r) => r.samples)),
  );
  const families: FamilyColumns[] = space.foldedFamilies(tables);
  const symbols: SpaceColumns = { ...space.columns(), families };
  const datasets = merged.map((dataset) => ({
    service: dataset.service,
    columns: datasetColumns(dataset, families, (family, path) => tables[family].placeOf(path)),
  }));
  return { tenant, symbols, datasets };
}

function datasetColumns(
  { series, pushes, runs, rows, columnCounts }: Merged,
  spaceFamilies: readonly FamilyColumns[],
  placeOf: (family: number, path: readonly string[]) => number,
): DatasetColumns {
  const bySeriesThenTime = (a: { series: number; push: number }, b: { series: number; push: number }): number =>
    a.series - b.series || Number(pushes[a.push].timeNanos - pushes[b.push].timeNanos);
  const ordered = runs.toSorted(bySeriesThenTime);
  const families = spaceFamilies.map((of, family) =>
    familySamples(
      ordered.filter((run) => run.family === family).map(({ samples }) => samples),
      columnCounts[family] ?? 0,
      (path) => placeOf(family, path),
      rows.filter(({ run }) => run.family === family).map(({ column }) => column),
      family < familiesMax ? of : undefined,
    ),
  );
  const numberOf = new Map(
    spaceFamilies.flatMap((_, f) => ordered.filter((r) => r.family === f)).map((r, i) => [r, i]),
  );
  const sorted = rows.toSorted(bySeriesThenTime);
  return {
    series,
    pushes: {
      timeNanos: BigInt64Array.from(pushes, ({ timeNanos }) => timeNanos),
      durationNanos: BigInt64Array.from(pushes, ({ durationNanos }) => durationNanos),
      period: BigInt64Array.from(pushes, ({ period }) => period),
      id: Uint8Array.from(pushes.flatMap(({ id }) => [...id])),
    },
    profiles: {
      series: Uint32Array.from(sorted, (row) => row.series),
      push: Uint32Array.from(sorted, ({ push }) => push),
      run: Uint32Array.from(sorted, ({ run }) => numberOf.get(run) ?? 0),
      column: Uint32Array.from(sorted, ({ column }) => column),
      total: BigInt64Array.from(sorted, ({ total }) => total),
    },
    families,
  };
}

/** @param columns  those that a profile has @param space  undefined: no totals */
function familySamples(
  runs: readonly (readonly Sample[])[],
  columnCount: number,
  placeOf: (path: readonly string[]) => number,
  columns: readonly number[],
  space: FamilyColumns | undefined,
): FamilySamples {
  const samples = runs.flatMap((run) =>
    run.map((sample) => ({ ...sample, place: placeOf(sample.path) })).sort((a, b) => a.place - b.place),
  );
  const sampleOffsets = new Uint32Array(runs.length + 1);
  for (const [i, { length }] of runs.entries()) sampleOffsets[i + 1] = sampleOffsets[i] + length;
  const withSpan = samples.flatMap(({ span }, sample) => (span === undefined ? [] : [{ sample, ...span }]));
  const values = Array.from({ length: columnCount }, (_, column) =>
    BigInt64Array.from(samples, (sample) => sample.values[column] ?? 0n),
  );
  const family = {
    sampleOffsets,
    stack: Uint32Array.from(samples, ({ place }) => place),
    values,
    spans: {
      sample: Uint32Array.from(withSpan, ({ sample }) => sample),
      spanId: BigUint64Array.from(withSpan, ({ id }) => id),
      traceId: Uint8Array.from(withSpan.flatMap(({ trace }) => [...trace])),
    },
  };
  if (space?.folded === undefined || columns.length === 0) return family;
  const { node } = space.folded;
  const totals = values.map((value, column) => {
    const sums = new Map<number, bigint>();
    for (const [i, own] of value.entries()) {
      const at = node[family.stack[i]];
      if (own !== 0n) sums.set(at, addSaturated(sums.get(at) ?? 0n, own));
    }
    const nodes = columns.includes(column) ? [...sums.keys()].sort((a, b) => a - b) : [];
    return { node: Uint32Array.from(nodes), value: BigInt64Array.from(nodes, (at) => sums.get(at) ?? 0n) };
  });
  return { ...family, totals };
}
