import { Section } from '#src/domain/block/block-format.ts';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { chunksOf, datasetTable, rowCountOf, symbolTable } from '#src/domain/block/chunk-table.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { decodeProfiles, decodeSamples, decodeSeries, decodeSpans } from '#src/domain/block/dataset-reader.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart, type PartInput } from '#src/domain/block/part-writer.ts';
import { decodeSymbols } from '#src/domain/block/symbol-space-reader.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomDataset, randomSymbols } from './random-columns.ts';

/** Two tenants, three services, every section used. */
export function smallInputs(random: Random = new Random(1)): PartInput[] {
  const symbols = () => randomSymbols(random, { strings: 6, functions: 5, mappings: 3, locations: 5, stacks: 9 });
  const columns = () => randomDataset(random, { series: 2, profiles: 3, samples: 40, spans: 4 }, 9);
  return [
    {
      tenant: 'alpha',
      symbols: symbols(),
      datasets: [
        { service: 'shop', columns: columns() },
        { service: 'cart', columns: columns() },
      ],
    },
    { tenant: 'beta', symbols: symbols(), datasets: [{ service: 'shop', columns: columns() }] },
  ];
}

export function objectOf(inputs: readonly PartInput[]): { bytes: Uint8Array; meta: BlockMeta } {
  const block = { id: '01J0000000000000000000000A', shard: 3, tenant: '', level: 0 };
  const { parts, meta } = joinParts(
    inputs.map((input) => encodePart(input)),
    block,
  );
  return { bytes: Uint8Array.from(Buffer.concat(parts)), meta };
}

export type DecodedDataset = { tenant: string; service: string; symbols: SymbolColumns; columns: DatasetColumns };

/** Everything in an object, by way of its footer. */
export function decodeObject(bytes: Uint8Array): { meta: BlockMeta; datasets: DecodedDataset[] } {
  const { meta } = readFooter(bytes, bytes.length);
  if (meta === undefined) throw new Error('the whole object was there');
  const fetched = wholeObject(bytes);
  const datasets = meta.datasets.map((dataset) => {
    const space = symbolTable(dataset, fetched);
    const table = datasetTable(dataset, fetched);
    const stackCount = rowCountOf(space, Section.stacks);
    const samples = chunksOf(table, Section.samples).map((chunk) => decodeSamples(table, chunk, fetched, stackCount));
    return {
      tenant: dataset.tenant,
      service: dataset.service,
      symbols: decodeSymbols(space, fetched),
      columns: {
        series: decodeSeries(table, fetched),
        profiles: decodeProfiles(table, fetched),
        samples: {
          stack: Uint32Array.from(samples.flatMap(({ stack }) => [...stack])),
          value: BigInt64Array.from(samples.flatMap(({ value }) => [...value])),
        },
        spans: decodeSpans(table, fetched),
      },
    };
  });
  return { meta, datasets };
}
