import { datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { encodePart, familySizesOf } from '#src/domain/block/part-writer.ts';
import { seriesStrings } from '#src/domain/block/series-strings.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { sortedLabels } from '#src/domain/model/labels.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { type NumberedSeries, SeriesMatcher } from '#src/domain/series/match-series.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { selectSeries } from '#src/domain/series/matchers.ts';
import { ArenaPages } from '#src/kernels/arena-pages.ts';
import { FamilySums } from '#src/kernels/block-stacks.ts';
import { BlockDataset } from '#src/kernels/read-dataset.ts';
import { readFamily, readSource } from '#src/kernels/read-space.ts';
import { sumSamplesPlain } from '#src/kernels/stack-sums.ts';
import { decompress } from '../../test/fixtures/decompress.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { takenHead } from '../../test/fixtures/taken-head.ts';
import { KINDS } from '../load/variants.ts';
import { measure } from '../measure.ts';
import { headOf } from './corpus-head.ts';

// What a query does with a segment of half a second of a small fleet, a profile of each of twelve services: by the
// kernels in the arena, and by the plain readers, which also decode what no tree needs.

const kernels = testKernels();
const [tenant] = takenHead(kernels, headOf(kernels, KINDS));
const part = encodePart(tenant);
const fetched = wholeObject(Uint8Array.from(Buffer.concat(part.bytes)));
const spaceTable = runSteps(symbolTable(part.datasets[0], fetched));
const tables = part.datasets.map((dataset) => runSteps(datasetTable(dataset, fetched)));
const { families } = tenant.symbols;
const space = familySizesOf(tenant.symbols);

function freshPages(): ArenaPages {
  kernels.exports.resetScratch();
  return new ArenaPages(kernels, fetched, decompress);
}

const stacks = { count: families.reduce((sum, family) => sum + family.stacks.parent.length, 0), unit: 'stack' };
for (const [whole, what] of [
  [false, 'names'],
  [true, 'all symbols'],
] as const) {
  measure(`kernels/readSource ${what} and families, 12 services wasm`, stacks, () => {
    const pages = freshPages();
    const { locationCount } = runSteps(readSource(pages, spaceTable, whole));
    for (let family = 0; family < families.length; family++)
      runSteps(readFamily(pages, spaceTable, family, locationCount));
  });
}
measure('kernels/readSource all symbols and families, 12 services plain', stacks, () =>
  decodeSymbolSpace(spaceTable, fetched),
);

const columns = tenant.datasets.map((dataset) => dataset.columns);
const samples = {
  count: columns.flatMap(valueColumnsOf).reduce((sum, value) => sum + value.length, 0),
  unit: 'sample',
};
const everything = new SeriesMatcher([]);
measure('kernels/FamilySums all samples, 12 services wasm', samples, () => {
  const pages = freshPages();
  const sums = new Map<number, FamilySums>();
  for (const table of tables) {
    const dataset = new BlockDataset(pages, table);
    const rows = runSteps(dataset.profiles(runSteps(dataset.matchingSeries(everything)), 0n, 2n ** 63n - 1n));
    for (const [family, ranges] of runSteps(rows.sampleRanges(runSteps(dataset.sampleOffsets())))) {
      const ofFamily = sums.get(family) ?? new FamilySums(pages, family, space[family].sampledStackCount);
      sums.set(family, ofFamily);
      runSteps(ofFamily.add(dataset, ranges));
    }
  }
  return sums;
});
measure('kernels/FamilySums all samples, 12 services plain', samples, () =>
  tables
    .map((table) => new DatasetReader(table, fetched).all(space))
    .map(({ families: ofDataset }) =>
      ofDataset.map(({ stack, values }, family) =>
        sumSamplesPlain(
          families[family].stacks,
          values.map((value) => ({ stack, value })),
        ),
      ),
    ),
);

// A dataset of a segment has a series per type and pod; one of a compacted block that of a large service.
const selector: readonly Matcher[] = [
  { name: '__profile_type__', operator: '=', value: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds' },
  { name: 'namespace', operator: '!=', value: 'test' },
  { name: 'pod', operator: '=~', value: 'shop-.*-[0-4]' },
];
for (const n of [50, 10_000]) {
  const page = pageOf(n);
  const work = { count: n, unit: 'series' };
  measure(`series/SeriesMatcher.select n=${n}`, work, () => new SeriesMatcher(selector).select(page));
  measure(`series/selectSeries n=${n}, labels made for it`, work, () => {
    const matches = selectSeries(selector);
    return Array.from({ length: n }, (_, row) => matches(labelsOf(page, row)));
  });
}

function valueColumnsOf(dataset: DatasetColumns): readonly BigInt64Array[] {
  return dataset.families.flatMap(({ values }) => values);
}

function pageOf(n: number): NumberedSeries {
  const types = ['process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'memory:inuse_space:bytes:space:bytes'];
  const series = Array.from({ length: n }, (_, i) =>
    sortedLabels([
      { name: '__profile_type__', value: types[i % types.length] },
      { name: 'namespace', value: 'production' },
      { name: 'pod', value: `shop-7d9f8b-${i >> 1}` },
      { name: 'region', value: 'eu-west-1' },
      { name: 'service_name', value: 'shop' },
    ]),
  );
  const { strings, rowOf } = seriesStrings(series);
  const rows = (of: 'name' | 'value') => Uint32Array.from(series.flat(), (label) => rowOf.get(label[of]) ?? 0);
  const bytesOf = (row: number) => strings.bytes.subarray(strings.offsets[row], strings.offsets[row + 1]);
  return {
    offsets: Uint32Array.from({ length: n + 1 }, (_, i) => i * 5),
    ...{ name: rows('name'), value: rows('value'), stringCount: strings.offsets.length - 1 },
    rowOf: (bytes) => rowOf.get(Buffer.from(bytes).toString()) ?? -1,
    textOf: (row) => Buffer.from(bytesOf(row)).toString(),
  };
}

function labelsOf({ offsets, name, value, textOf }: NumberedSeries, row: number): { name: string; value: string }[] {
  return Array.from({ length: offsets[row + 1] - offsets[row] }, (_, i) => ({
    name: textOf(name[offsets[row] + i]),
    value: textOf(value[offsets[row] + i]),
  }));
}
