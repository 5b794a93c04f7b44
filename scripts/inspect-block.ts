// Shows what is in a block object, and checks every checksum and every invariant of it, and that what queries answer from
// without a look at the samples says what the samples say: totals, function trees, types, and the times of the footer.
//
//     node scripts/inspect-block.ts FILE
//
// Ends with status 1 when something is corrupted, with the dataset, the section and the row of it, and with 2 when there is
// no file to read. Offsets count from the start of the file. The format:
// docs/formats/block-v1.md.

import { readFileSync } from 'node:fs';
import { Codec, perColumn, perFamily, Section, sectionName } from '#src/domain/block/block-format.ts';
import type { BlockMeta, ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type Chunk, type ChunkTable, datasetTable, type Page, symbolTable } from '#src/domain/block/chunk-table.ts';
import { refuseFault } from '#src/domain/block/column-fault.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import type { PushColumns } from '#src/domain/block/dataset-columns.ts';
import { DatasetReader } from '#src/domain/block/dataset-reader.ts';
import { foldedNamesFault, sumFault, typeRowsFault } from '#src/domain/block/derived-faults.ts';
import { type FetchedRange, wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { familySizesOf } from '#src/domain/block/part-writer.ts';
import type { SpaceColumns } from '#src/domain/block/space-columns.ts';
import { decodeSymbolSpace } from '#src/domain/block/symbol-space-reader.ts';
import { StoreError } from '#src/domain/errors.ts';

/** Bytes before and after compression, of a section or of something that is in none. */
type Share = { raw: number; stored: number };

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
try {
  inspect(bytes);
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  console.error(`${error.code}: ${error.message} ${JSON.stringify(error.details)}`);
  process.exit(1);
}

function inspect(object: Uint8Array): void {
  const { meta } = readFooter(object, object.length);
  if (meta === undefined) return; // Not for a whole object: nothing more could be needed.
  const fetched = wholeObject(object);
  printBlock(meta);
  checkBlockTimes(meta);

  const shares = new Map<string, Share>();
  let covered = 0;
  let symbolsOffset = -1;
  let space: SpaceColumns | undefined;
  for (const dataset of meta.datasets) {
    // Datasets that share symbols follow each other.
    if (space === undefined || dataset.symbols.offset !== symbolsOffset) {
      symbolsOffset = dataset.symbols.offset;
      const { table, columns } = naming(dataset, () => checkedSymbols(dataset, fetched));
      space = columns;
      console.log(`\nsymbols of ${dataset.tenant}  ${place(dataset.symbols)}`);
      printTable(table, shares);
      covered += dataset.symbols.sizeBytes;
    }
    const symbols = space;
    const { table, columns } = naming(dataset, () => checkedDataset(dataset, symbols, fetched));
    const { series, pushes, profiles } = columns;
    printDataset(dataset);
    console.log(`  ${series.length} series, ${pushes.timeNanos.length} pushes, ${profiles.series.length} profiles`);
    printTable(table, shares);
    covered += dataset.range.sizeBytes;
  }
  add(shares, 'footer', meta.sizeBytes - covered, meta.sizeBytes - covered);
  printShares(shares, meta.sizeBytes);
  console.log('\nall checksums and invariants hold');
}

function checkedSymbols(dataset: DatasetMeta, fetched: readonly FetchedRange[]) {
  const table = symbolTable(dataset, fetched);
  const columns = decodeSymbolSpace(table, fetched);
  refuseFault(foldedNamesFault(columns), table);
  return { table, columns };
}

function checkedDataset(dataset: DatasetMeta, space: SpaceColumns, fetched: readonly FetchedRange[]) {
  const table = datasetTable(dataset, fetched);
  const reader = new DatasetReader(table, fetched);
  const types = reader.types();
  const columns = reader.all(familySizesOf(space));
  refuseFault(sumFault(columns, space) ?? typeRowsFault(types, columns), table);
  checkTimes(dataset, columns.pushes);
  return { table, columns };
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

function printBlock(meta: BlockMeta): void {
  const tenants = new Set(meta.datasets.map(({ tenant }) => tenant));
  console.log(`block ${meta.id}  shard ${meta.shard}, level ${meta.level}, tenant ${JSON.stringify(meta.tenant)}`);
  console.log(`  ${meta.sizeBytes} bytes, ${tenants.size} tenants, ${meta.datasets.length} datasets`);
  console.log(`  ${meta.minTimeMs} .. ${meta.maxTimeMs} ms`);
}

function printDataset(dataset: DatasetMeta): void {
  console.log(
    `\ndataset ${dataset.tenant} / ${dataset.service}  ${place(dataset.range)}, head ${dataset.headBytes} bytes`,
  );
  console.log(`  ${dataset.minTimeMs} .. ${dataset.maxTimeMs} ms`);
  for (const labels of dataset.labels) {
    console.log(`  {${labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join(', ')}}`);
  }
}

/** Chunks, and below each the pages in it. */
function printTable(table: ChunkTable, shares: Map<string, Share>): void {
  console.log(row('', 'first row', 'rows', 'offset', 'stored', 'raw', 'ratio', 'codec', 'CRC-32'));
  console.log(row('header', '', '', table.range.offset, table.headerBytes, table.headerBytes, '', '', ''));
  add(shares, 'headers', table.headerBytes, table.headerBytes);
  for (const [number, chunk] of table.chunks.entries()) {
    printChunk(number, chunk);
    for (const page of table.pages.filter((candidate) => candidate.chunk === chunk)) {
      console.log(row(`  ${pageName(page)}`, page.firstRow, page.rowCount, '', '', page.rawBytes, '', '', ''));
      // Pages are compressed together, so what each takes is about its part of the chunk.
      add(shares, sectionName(page.section), page.rawBytes, (chunk.range.sizeBytes * page.rawBytes) / chunk.rawBytes);
    }
  }
  const raw = table.chunks.reduce((sum, { rawBytes }) => sum + rawBytes, table.headerBytes);
  console.log(row('together', '', '', '', table.range.sizeBytes, raw, ratio(table.range.sizeBytes, raw), '', ''));
}

function printChunk(number: number, { codec, range, rawBytes, crc32 }: Chunk): void {
  const name = codec === Codec.zstd ? 'zstd' : 'none';
  const crc = crc32.toString(16).padStart(8, '0');
  const { offset, sizeBytes } = range;
  console.log(row(`chunk ${number}`, '', '', offset, sizeBytes, rawBytes, ratio(sizeBytes, rawBytes), name, crc));
}

function pageName({ section, family, column }: Page): string {
  const of = perFamily(section) ? ` ${family}` : '';
  return `${sectionName(section)}${of}${perColumn(section) ? `.${column}` : ''}`;
}

/** What each section takes of the object, the largest first. */
function printShares(shares: ReadonlyMap<string, Share>, sizeBytes: number): void {
  console.log('\nsections of the whole object; what a page takes of a compressed chunk is by its raw bytes');
  console.log(row('', 'stored', 'raw', 'ratio', 'share'));
  for (const [name, { raw, stored }] of [...shares].sort(([, a], [, b]) => b.stored - a.stored)) {
    const percent = `${((100 * stored) / sizeBytes).toFixed(1)} %`;
    console.log(row(name, Math.round(stored), raw, ratio(stored, raw), percent));
  }
}

function add(shares: Map<string, Share>, name: string, raw: number, stored: number): void {
  const share = shares.get(name) ?? { raw: 0, stored: 0 };
  shares.set(name, { raw: share.raw + raw, stored: share.stored + stored });
}

function ratio(stored: number, raw: number): string {
  return (stored / raw).toFixed(3);
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(20)}${cells.map((cell) => String(cell).padStart(11)).join('')}`.trimEnd();
}

function place({ offset, sizeBytes }: ByteRange): string {
  return `bytes ${offset} .. ${offset + sizeBytes} (${sizeBytes})`;
}
