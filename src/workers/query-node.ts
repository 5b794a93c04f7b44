import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { decodeSeries } from '#src/domain/block/dataset-reader.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { decodeSymbols } from '#src/domain/block/symbol-space-reader.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { stacksAtCallSite } from '#src/domain/query/call-site.ts';
import { bucketPoints, mergeBucketedSeries } from '#src/domain/query/series-buckets.ts';
import { selectSeries } from '#src/domain/series/matchers.ts';
import type { StackProfile } from '#src/domain/symbols/stack-profile.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { SymbolSpaceBuilder } from '#src/kernels/symbol-space-builder.ts';
import type { NodeAnswer, NodeQuery, NodeReport, NodeTask, ObjectRead, ProfileSelection } from './query-messages.ts';
import { reportBytes } from './report-bytes.ts';
import { selectProfiles, stackCountOf, takeSamples } from './selected-samples.ts';

type SampleQuery = Extract<NodeQuery, { kind: 'tree' | 'profile' }>;

/** The flag that sets the limit, for messages and metrics. */
const RESULT_LIMIT = 'query-backend.result-bytes-max';

/**
 * Computes a node of a query plan: reads datasets, or merges the reports of other nodes, to one report. Trees are
 * merged whole; they are cut once, when the answer is written.
 *
 * @throws StoreError 'too-large' when the report is larger than a result may be
 */
export function runQueryNode(kernels: KernelInstance, task: NodeTask): NodeAnswer {
  const { resultBytesMax, roomBytes } = task.limits;
  const report = reportOf(kernels, task);
  const sizeBytes = reportBytes(report);
  if (sizeBytes > resultBytesMax) {
    const message = `the result takes ${sizeBytes} bytes of memory or more, the limit is ${resultBytesMax} (${RESULT_LIMIT})`;
    throw new StoreError('too-large', message, { limit: RESULT_LIMIT, value: resultBytesMax, actual: sizeBytes });
  }
  return { report: sizeBytes <= roomBytes ? report : undefined, sizeBytes };
}

function reportOf(kernels: KernelInstance, { query, reads, reports }: NodeTask): NodeReport {
  switch (query.kind) {
    case 'label-names':
      return { kind: 'names', names: distinctNames(reads, reports, query.matchers, (labels) => labels.map(nameOf)) };
    case 'label-values':
      return {
        kind: 'names',
        names: distinctNames(reads, reports, query.matchers, (labels) =>
          labels.filter(({ name }) => name === query.name).map(({ value }) => value),
        ),
      };
    case 'series-labels':
      return { kind: 'label-sets', labelSets: distinctLabelSets(reads, reports, query) };
    case 'time-series':
      return { kind: 'time-series', series: timeSeries(reads, reports, query) };
    case 'tree':
      return { kind: 'tree', tree: functionTree(kernels, reads, reports, query) };
    case 'profile':
      return { kind: 'profile', profile: stackProfile(kernels, reads, reports, query) };
  }
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

/** Series that satisfy the matchers. There is no filter by time here: a dataset that overlaps counts as a whole. */
function* matchingSeries(
  reads: readonly ObjectRead[],
  matchers: Parameters<typeof selectSeries>[0],
): Generator<Labels> {
  const matches = selectSeries(matchers);
  for (const { datasets, fetched } of reads) {
    for (const dataset of datasets) {
      for (const labels of decodeSeries(datasetTable(dataset, fetched), fetched)) if (matches(labels)) yield labels;
    }
  }
}

function distinctNames(
  reads: readonly ObjectRead[],
  reports: readonly NodeReport[],
  matchers: Parameters<typeof selectSeries>[0],
  namesOf: (labels: Labels) => readonly string[],
): string[] {
  const distinct = new Set<string>();
  for (const labels of matchingSeries(reads, matchers)) for (const name of namesOf(labels)) distinct.add(name);
  for (const report of reports) if (report.kind === 'names') for (const name of report.names) distinct.add(name);
  return [...distinct];
}

function distinctLabelSets(
  reads: readonly ObjectRead[],
  reports: readonly NodeReport[],
  { matchers, labelNames }: Extract<NodeQuery, { kind: 'series-labels' }>,
): Labels[] {
  const projection = labelNames === undefined ? undefined : new Set(labelNames);
  const distinct = new Map<string, Labels>();
  const add = (labels: Labels): void => {
    // A series with none of the labels contributes nothing.
    if (labels.length > 0) distinct.set(JSON.stringify(labels.map(({ name, value }) => [name, value])), labels);
  };
  for (const labels of matchingSeries(reads, matchers)) {
    add(projection === undefined ? labels : labels.filter(({ name }) => projection.has(name)));
  }
  for (const report of reports) if (report.kind === 'label-sets') report.labelSets.forEach(add);
  return [...distinct.values()];
}

function timeSeries(
  reads: readonly ObjectRead[],
  reports: readonly NodeReport[],
  { selection, buckets }: Extract<NodeQuery, { kind: 'time-series' }>,
): ReturnType<typeof mergeBucketedSeries> {
  const parts = reports.flatMap((report) => (report.kind === 'time-series' ? [report.series] : []));
  for (const { datasets, fetched } of reads) {
    for (const dataset of datasets) {
      const { series, profiles, rows } = selectProfiles(datasetTable(dataset, fetched), fetched, selection);
      if (rows.length === 0) continue;
      const n = rows.length;
      const points = {
        labels: series,
        series: Uint32Array.from(rows, (row) => profiles.series[row]),
        timeMs: Float64Array.from(rows, (row) => Number(profiles.timeNanos[row] / 1_000_000n)),
        value: BigInt64Array.from({ length: n }, (_, i) => profiles.total[rows[i]]),
        profileIds: buckets.exemplars ? idsOf(profiles.id, rows) : undefined,
      };
      parts.push(bucketPoints(points, buckets));
    }
  }
  return mergeBucketedSeries(parts);
}

function idsOf(ids: Uint8Array, rows: readonly number[]): Uint8Array {
  const selected = new Uint8Array(16 * rows.length);
  for (const [i, row] of rows.entries()) selected.set(ids.subarray(16 * row, 16 * row + 16), 16 * i);
  return selected;
}

function functionTree(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  reports: readonly NodeReport[],
  query: SampleQuery,
): ReturnType<FunctionTreeBuilder['take']> {
  const builder = new FunctionTreeBuilder(kernels);
  for (const report of reports) {
    if (report.kind !== 'tree') continue;
    kernels.exports.resetScratch();
    builder.addTree(report.tree);
  }
  forEachSymbolSpace(kernels, reads, query, (stacks) => builder.addStacks(stacks));
  return builder.take();
}

function stackProfile(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  reports: readonly NodeReport[],
  query: SampleQuery,
): StackProfile {
  const builder = new SymbolSpaceBuilder(kernels);
  for (const report of reports) {
    if (report.kind !== 'profile') continue;
    kernels.exports.resetScratch();
    const { symbols, values } = report.profile;
    const stacks = new StackSums(kernels, symbols);
    stacks.add({ stack: Uint32Array.from(values, (_, i) => i), value: values });
    builder.addStacks(stacks);
  }
  forEachSymbolSpace(kernels, reads, query, (stacks) => builder.addStacks(stacks));
  return builder.take();
}

/** Sums the samples of all datasets that share a symbol space before any name is looked at. */
function forEachSymbolSpace(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  { selection, callSite }: SampleQuery,
  add: (stacks: StackSums) => void,
): void {
  for (const { datasets, fetched } of reads) {
    for (const sharing of groupedBySymbols(datasets)) {
      const selected = sharing
        .map((dataset) => ({ dataset, table: datasetTable(dataset, fetched) }))
        .map(({ dataset, table }) => ({ dataset, table, found: selectProfiles(table, fetched, selection) }))
        .filter(({ found }) => found.rows.length > 0);
      if (selected.length > 0) add(sumsOf(kernels, selected, fetched, selection, callSite));
    }
  }
}

function sumsOf(
  kernels: KernelInstance,
  selected: readonly {
    readonly dataset: DatasetMeta;
    readonly table: ChunkTable;
    readonly found: ReturnType<typeof selectProfiles>;
  }[],
  fetched: readonly FetchedRange[],
  selection: ProfileSelection,
  callSite: readonly string[],
): StackSums {
  kernels.exports.resetScratch();
  const symbolChunks = symbolTable(selected[0].dataset, fetched);
  const symbols = decodeSymbols(symbolChunks, fetched);
  const stacks = new StackSums(kernels, symbols);
  const stackCount = stackCountOf(symbolChunks);
  for (const { table, found } of selected) {
    takeSamples(table, fetched, selection, found, stackCount, (samples) => stacks.add(samples));
  }
  if (callSite.length > 0) stacks.keep(stacksAtCallSite(symbols, callSite));
  return stacks;
}

function groupedBySymbols(datasets: readonly DatasetMeta[]): DatasetMeta[][] {
  const groups = new Map<number, DatasetMeta[]>();
  for (const dataset of datasets) {
    const group = groups.get(dataset.symbols.offset);
    if (group === undefined) groups.set(dataset.symbols.offset, [dataset]);
    else group.push(dataset);
  }
  return [...groups.values()];
}
