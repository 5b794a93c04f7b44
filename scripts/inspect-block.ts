// Shows what is in a block object, and checks every checksum and every invariant of it, and that what queries answer from
// without a look at the samples says what the samples say: totals, function trees, types, and the times and label sets of
// the footer.
//
//     scripts/node scripts/inspect-block.ts FILE, which is <data-dir>/bucket/segments/…/block.bin
//
// Goes on behind what is corrupted, so that all of it is found: a line for each symbol space and dataset that has a fault, with
// the section and the row of its first one. Ends with status 1 then, and with 2 when there is no file to read. Offsets count
// from the start of the file. The format: docs/formats/block-v1.md.

import { readFileSync } from 'node:fs';
import { Section, sectionName } from '#src/domain/block/block-format.ts';
import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { rawBytesOf } from '#src/domain/block/chunk-reader.ts';
import { type ChunkTable, datasetTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { refuseFault } from '#src/domain/block/column-fault.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import type { DatasetColumns, PushColumns } from '#src/domain/block/dataset-columns.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { foldedNamesFault, sumFault, typeRowsFault } from '#src/domain/block/derived-faults.ts';
import { type FetchedRange, wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { familySizesOf } from '#src/domain/block/part-writer.ts';
import type { SpaceColumns } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { StoreError } from '#src/domain/errors.ts';
import { LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { printDataset, printOverview, printSymbols, printTable, Shares } from './block-listing.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/inspect-block.ts FILE');
  process.exit(2);
}
let bytes: Uint8Array;
try {
  bytes = readFileSync(file);
} catch (error) {
  console.error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  process.exit(2);
}

let faults = 0;
attempt(() => inspect(bytes));
console.log(faults === 0 ? '\nall checksums and invariants hold' : `\n${faults} ${faults === 1 ? 'fault' : 'faults'}`);
process.exitCode = faults === 0 ? 0 : 1;

/** Tells what is corrupted. @returns undefined then */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    faults++;
    console.error(`${error.code}: ${error.message} ${JSON.stringify(error.details)}`);
    return undefined;
  }
}

function inspect(object: Uint8Array): void {
  const { meta } = readFooter(object, object.length);
  if (meta === undefined) return; // Not for a whole object: nothing more could be needed.
  const fetched = wholeObject(object);
  printOverview(meta);
  attempt(() => checkBlockTimes(meta));

  const shares = new Shares();
  let covered = 0;
  let symbolsOffset = -1;
  let space: SpaceColumns | undefined;
  for (const dataset of meta.datasets) {
    // Datasets that share symbols follow each other.
    if (dataset.symbols.offset !== symbolsOffset) {
      symbolsOffset = dataset.symbols.offset;
      space = inspectSymbols(dataset, fetched, shares);
      covered += dataset.symbols.sizeBytes;
    }
    inspectDataset(dataset, space, fetched, shares);
    covered += dataset.range.sizeBytes;
  }
  shares.add('footer', { stored: meta.sizeBytes - covered, raw: meta.sizeBytes - covered });
  shares.print(meta.sizeBytes);
}

/** @returns undefined when something is wrong with them */
function inspectSymbols(
  dataset: DatasetMeta,
  fetched: readonly FetchedRange[],
  shares: Shares,
): SpaceColumns | undefined {
  printSymbols(dataset);
  const table = attempt(() => naming(dataset, () => runSteps(symbolTable(dataset, fetched))));
  if (table === undefined) return undefined;
  printTable(table, shares);
  return attempt(() =>
    naming(dataset, () => {
      const columns = decodeSymbolSpace(table, fetched);
      refuseFault(foldedNamesFault(columns), table);
      return columns;
    }),
  );
}

/** @param space  undefined: something is wrong with the symbols, and what refers to them cannot be checked */
function inspectDataset(
  dataset: DatasetMeta,
  space: SpaceColumns | undefined,
  fetched: readonly FetchedRange[],
  shares: Shares,
): void {
  const table = attempt(() => naming(dataset, () => runSteps(datasetTable(dataset, fetched))));
  if (table === undefined) {
    printDataset(dataset, undefined);
    return;
  }
  const columns = attempt(() =>
    naming(dataset, () =>
      space === undefined ? checkChunks(table, fetched) : checkedColumns(dataset, table, space, fetched),
    ),
  );
  printDataset(dataset, columns);
  printTable(table, shares);
  if (space === undefined) console.log('  checksums alone were checked, because something is wrong with the symbols');
}

function checkChunks(table: ChunkTable, fetched: readonly FetchedRange[]): undefined {
  for (const chunk of table.chunks) rawBytesOf(chunk, fetched);
}

function checkedColumns(
  dataset: DatasetMeta,
  table: ChunkTable,
  space: SpaceColumns,
  fetched: readonly FetchedRange[],
): DatasetColumns {
  const reader = new DatasetReader(table, fetched);
  const types = reader.types();
  const columns = reader.all(familySizesOf(space));
  refuseFault(sumFault(columns, space) ?? typeRowsFault(types, columns), table);
  checkTimes(dataset, columns.pushes);
  checkLabelSets(dataset, columns.series);
  return columns;
}

/** A query looks for datasets by these times. */
function checkTimes({ range, minTimeMs, maxTimeMs }: DatasetMeta, { timeNanos }: PushColumns): void {
  const [first, last] = [BigInt(minTimeMs) * 1_000_000n, BigInt(maxTimeMs + 1) * 1_000_000n - 1n];
  const row = timeNanos.findIndex((time) => time < first || time > last);
  if (row === -1) return;
  const times = { value: String(timeNanos[row]), minTimeMs, maxTimeMs };
  throw corruptedBlock('footer: a push is outside of the times of its dataset', {
    ...{ offset: range.offset, section: sectionName(Section.pushes), row },
    ...times,
  });
}

/** A query looks for datasets by these labels, and answers which types and services there are from them alone. */
function checkLabelSets({ service, range, labels: sets }: DatasetMeta, series: readonly Labels[]): void {
  const wrong = (problem: string, row: number, value: string | undefined) =>
    corruptedBlock(`footer: ${problem}`, {
      ...{ offset: range.offset, section: sectionName(Section.series), row },
      value: value ?? 'none',
    });
  const named = new Set<string>();
  for (const [row, set] of sets.entries()) {
    const type = valueOf(set, LabelName.profileType);
    const text = JSON.stringify(set);
    if (type === undefined || valueOf(set, LabelName.serviceName) !== service || set.length !== 2) {
      throw wrong('a label set is not a profile type and the service of its dataset', row, text);
    }
    if (named.has(type)) throw wrong('a profile type of a dataset is there twice', row, type);
    named.add(type);
  }
  const unused = new Set(named);
  for (const [row, labels] of series.entries()) {
    const type = valueOf(labels, LabelName.profileType);
    const ofService = valueOf(labels, LabelName.serviceName);
    if (ofService !== service) throw wrong('a series is of another service than its dataset', row, ofService);
    if (type === undefined || !named.has(type)) throw wrong('no label set has the profile type of a series', row, type);
    unused.delete(type);
  }
  for (const type of unused) throw wrong('no series has the profile type of a label set', -1, type);
}

function checkBlockTimes({ datasets, minTimeMs, maxTimeMs }: BlockMeta): void {
  for (const dataset of datasets) {
    if (dataset.minTimeMs >= minTimeMs && dataset.maxTimeMs <= maxTimeMs) continue;
    const { tenant, service, range } = dataset;
    throw corruptedBlock('footer: a dataset is outside of the times of the block', {
      ...{ tenant, service, offset: range.offset, value: `${dataset.minTimeMs} .. ${dataset.maxTimeMs}` },
      ...{ minTimeMs, maxTimeMs },
    });
  }
}

/** Adds to an error which dataset it is about. Symbols are those of the first dataset that has them. */
function naming<T>({ tenant, service }: DatasetMeta, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StoreError(error.code, error.message, { tenant, service, ...error.details }, { cause: error });
  }
}
