// Shows what is in a block object, and checks every checksum and every invariant of it:
//
//     node scripts/inspect-block.ts FILE
//
// Ends with status 1 when something is corrupted; the offset of it counts from the start of the file. The format:
// docs/formats/block.md.

import { readFileSync } from 'node:fs';
import { Codec, Section, sectionName } from '#src/domain/block/block-format.ts';
import type { BlockMeta, ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, chunksOf, datasetTable, rowCountOf, symbolTable } from '#src/domain/block/chunk-table.ts';
import { decodeProfiles, decodeSamples, decodeSeries, decodeSpans } from '#src/domain/block/dataset-reader.ts';
import { type FetchedRange, wholeObject } from '#src/domain/block/fetched-ranges.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { decodeSymbols } from '#src/domain/block/symbol-space-reader.ts';
import { StoreError } from '#src/domain/errors.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/inspect-block.ts FILE');
  process.exit(2);
}
try {
  inspect(readFileSync(file));
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

  let symbolsOffset = -1;
  for (const dataset of meta.datasets) {
    // Datasets that share symbols follow each other.
    const symbols = symbolTable(dataset, fetched);
    if (dataset.symbols.offset !== symbolsOffset) {
      symbolsOffset = dataset.symbols.offset;
      console.log(`\nsymbols of ${dataset.tenant}  ${place(dataset.symbols)}`);
      decodeSymbols(symbols, fetched);
      printChunks(symbols);
    }
    const table = datasetTable(dataset, fetched);
    checkDataset(table, rowCountOf(symbols, Section.stacks), fetched);
    printDataset(dataset);
    printChunks(table);
  }
  console.log('\nall checksums and invariants hold');
}

/** @throws StoreError 'corrupted' at the first chunk that is not what it should be */
function checkDataset(table: ChunkTable, stackCount: number, fetched: readonly FetchedRange[]): void {
  decodeSeries(table, fetched);
  decodeProfiles(table, fetched);
  for (const chunk of chunksOf(table, Section.samples)) decodeSamples(table, chunk, fetched, stackCount);
  decodeSpans(table, fetched);
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

function printChunks(table: ChunkTable): void {
  console.log(row('section', 'first row', 'rows', 'offset', 'stored', 'raw', 'ratio', 'codec', 'CRC-32'));
  let stored = table.headerBytes;
  let raw = table.headerBytes;
  for (const chunk of table.chunks) {
    const { section, firstRow, rowCount, range, rawBytes, codec, crc32 } = chunk;
    stored += range.sizeBytes;
    raw += rawBytes;
    const ratio = (range.sizeBytes / rawBytes).toFixed(3);
    const name = codec === Codec.zstd ? 'zstd' : 'none';
    const crc = crc32.toString(16).padStart(8, '0');
    console.log(
      row(sectionName(section), firstRow, rowCount, range.offset, range.sizeBytes, rawBytes, ratio, name, crc),
    );
  }
  console.log(row('with header', '', '', '', stored, raw, (stored / raw).toFixed(3), '', ''));
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(12)}${cells.map((cell) => String(cell).padStart(11)).join('')}`;
}

function place({ offset, sizeBytes }: ByteRange): string {
  return `bytes ${offset} .. ${offset + sizeBytes} (${sizeBytes})`;
}
