import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import type { FamilySamples } from '#src/domain/block/dataset-columns.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { familySizesOf } from '#src/domain/block/part-writer.ts';
import { type SpaceColumns, symbolsOfFamily } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
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
import type { NodeAnswer, NodeQuery, NodeReport, NodeTask, ObjectRead } from './query-messages.ts';
import { reportBytes } from './report-bytes.ts';
import { selectedRuns, selectProfiles, takeSamples } from './selected-samples.ts';

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
      for (const labels of readerOf(dataset, fetched).series()) if (matches(labels)) yield labels;
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
      const { head, rows } = selectProfiles(readerOf(dataset, fetched).head(), selection);
      if (rows.length === 0) continue;
      const { series, pushes, profiles } = head;
      const n = rows.length;
      const pushOf = rows.map((row) => profiles.push[row]);
      const points = {
        labels: series,
        series: Uint32Array.from(rows, (row) => profiles.series[row]),
        timeMs: Float64Array.from(pushOf, (push) => Number(pushes.timeNanos[push] / 1_000_000n)),
        value: BigInt64Array.from({ length: n }, (_, i) => profiles.total[rows[i]]),
        profileIds: buckets.exemplars ? idsOf(pushes.id, pushOf) : undefined,
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

function readerOf(dataset: DatasetMeta, fetched: readonly FetchedRange[]): DatasetReader {
  return new DatasetReader(datasetTable(dataset, fetched), fetched);
}

/** Sums the samples of all datasets that share a symbol space, family by family, before any name is looked at. */
function forEachSymbolSpace(
  kernels: KernelInstance,
  reads: readonly ObjectRead[],
  query: SampleQuery,
  add: (stacks: StackSums) => void,
): void {
  for (const { datasets, fetched } of reads) {
    for (const sharing of groupedBySymbols(datasets)) {
      const space = decodeSymbolSpace(symbolTable(sharing[0], fetched), fetched);
      const selected = sharing
        .map((dataset) => readerOf(dataset, fetched).all(familySizesOf(space)))
        .map((columns) => ({ columns, runs: selectedRuns(selectProfiles(columns, query.selection)) }));
      for (let family = 0; family < space.families.length; family++) {
        const ofFamily = selected.flatMap(({ columns, runs }) => {
          const own = runs.get(family);
          return own === undefined ? [] : [{ samples: columns.families[family], runs: own }];
        });
        if (ofFamily.length > 0) add(sumsOf(kernels, space, family, ofFamily, query));
      }
    }
  }
}

function sumsOf(
  kernels: KernelInstance,
  space: SpaceColumns,
  family: number,
  selected: readonly { readonly samples: FamilySamples; readonly runs: Parameters<typeof takeSamples>[1] }[],
  { selection, callSite }: SampleQuery,
): StackSums {
  kernels.exports.resetScratch();
  const symbols = symbolsOfFamily(space, family);
  const { sampledStacks } = space.families[family];
  const stacks = new StackSums(kernels, symbols);
  for (const { samples, runs } of selected) {
    takeSamples(samples, runs, selection, ({ stack, value }) =>
      stacks.add({ stack: stack.map((place) => sampledStacks[place]), value }),
    );
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
