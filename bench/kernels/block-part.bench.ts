import { datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { compressOnce } from '#src/domain/block/chunk-writer.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { encodePart, familySizesOf } from '#src/domain/block/part-writer.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { encodeHead } from '#src/workers/encode-head.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { takenHead } from '../../test/fixtures/taken-head.ts';
import { KINDS } from '../load/variants.ts';
import { measure } from '../measure.ts';
import { corpusRaw, headOf } from './corpus-head.ts';

const kernels = testKernels();
const rawBytes = KINDS.reduce((sum, kind) => sum + corpusRaw(kind).length, 0);
const work = { count: rawBytes / 1e6, unit: 'raw MB' };

// A window of twelve profiles of as many services: half a second of a small fleet.
const head = headOf(kernels, KINDS);
measure('workers/encodeHead 12 services', work, () => encodeHead(kernels, head, compressOnce));
const [tenant] = takenHead(kernels, head);
measure('block/encodePart 12 services', work, () => encodePart(tenant));

const part = encodePart(tenant);
const fetched = wholeObject(Buffer.concat(part.bytes));
const decodeSpace = () => decodeSymbolSpace(runSteps(symbolTable(part.datasets[0], fetched)), fetched);
measure('block/decodeSymbolSpace 12 services', work, decodeSpace);
const readers = () =>
  part.datasets.map((dataset) => new DatasetReader(runSteps(datasetTable(dataset, fetched)), fetched));
measure('block/DatasetReader.head 12 services', work, () => readers().map((reader) => reader.head()));
const space = familySizesOf(decodeSpace());
measure('block/DatasetReader.all 12 services', work, () => readers().map((reader) => reader.all(space)));
