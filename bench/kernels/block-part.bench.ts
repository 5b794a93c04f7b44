import { datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { decodeProfiles, decodeSeries } from '#src/domain/block/dataset-reader.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { encodePart } from '#src/domain/block/part-writer.ts';
import { decodeSymbols } from '#src/domain/block/symbol-space-reader.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { KINDS } from '../load/variants.ts';
import { measure } from '../measure.ts';
import { corpusRaw, headOf } from './corpus-head.ts';

const kernels = testKernels();
const rawBytes = KINDS.reduce((sum, kind) => sum + corpusRaw(kind).length, 0);
const work = { count: rawBytes / 1e6, unit: 'raw MB' };

// A window of twelve profiles of as many services: half a second of a small fleet.
const head = headOf(kernels, KINDS);
measure('workers/Head.take 12 services', work, () => head.take());
const [tenant] = head.take();
measure('block/encodePart 12 services', work, () => encodePart(tenant));

const part = encodePart(tenant);
const fetched = wholeObject(Buffer.concat(part.bytes));
measure('block/decodeSymbols 12 services', work, () => decodeSymbols(symbolTable(part.datasets[0], fetched), fetched));
measure('block/decodeSeries, decodeProfiles 12 services', work, () =>
  part.datasets.map((dataset) => {
    const table = datasetTable(dataset, fetched);
    return [decodeSeries(table, fetched), decodeProfiles(table, fetched)];
  }),
);
