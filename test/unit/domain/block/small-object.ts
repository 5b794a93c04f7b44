import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart, familySizesOf, type PartInput } from '#src/domain/block/part-writer.ts';
import type { SpaceColumns } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import type { TypeColumns } from '#src/domain/block/type-columns.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomDataset, randomSpace } from './random-columns.ts';

/** Two tenants, three services. The symbols of the second tenant are compacted: together every section is used. */
export function smallInputs(random: Random = new Random(1)): PartInput[] {
  const symbols = (nodes: number) =>
    randomSpace(random, {
      names: 6,
      texts: 4,
      functions: 5,
      mappings: 3,
      locations: 5,
      families: [
        { stacks: 9, sampled: 4, nodes },
        { stacks: 7, sampled: 3 },
      ],
    });
  const columns = (space: SpaceColumns) =>
    randomDataset(
      random,
      {
        series: 2,
        pushes: 3,
        profiles: 4,
        families: [
          { runs: 2, samples: 20, columns: 2, spans: 4 },
          { runs: 1, samples: 6, columns: 1, spans: 0 },
        ],
      },
      familySizesOf(space),
    );
  const [alpha, beta] = [symbols(0), symbols(5)];
  return [
    {
      tenant: 'alpha',
      symbols: alpha,
      datasets: [
        { service: 'shop', columns: columns(alpha) },
        { service: 'cart', columns: columns(alpha) },
      ],
    },
    { tenant: 'beta', symbols: beta, datasets: [{ service: 'shop', columns: columns(beta) }] },
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

export type DecodedDataset = {
  readonly tenant: string;
  readonly service: string;
  readonly symbols: SpaceColumns;
  readonly types: TypeColumns;
  readonly columns: DatasetColumns;
};

/** Everything in an object, by way of its footer. */
export function decodeObject(bytes: Uint8Array): { meta: BlockMeta; datasets: DecodedDataset[] } {
  const { meta } = readFooter(bytes, bytes.length);
  if (meta === undefined) throw new Error('the whole object was there');
  const fetched = wholeObject(bytes);
  const datasets = meta.datasets.map((dataset) => {
    const symbols = decodeSymbolSpace(runSteps(symbolTable(dataset, fetched)), fetched);
    const reader = new DatasetReader(runSteps(datasetTable(dataset, fetched)), fetched);
    const { tenant, service } = dataset;
    return { tenant, service, symbols, types: reader.types(), columns: reader.all(familySizesOf(symbols)) };
  });
  return { meta, datasets };
}
