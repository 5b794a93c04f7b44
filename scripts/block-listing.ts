// How scripts/inspect-block.ts shows an object: an overview, then each symbol space and dataset with its chunks and pages,
// and at the end what each section takes.

import { Codec, perColumn, perFamily, sectionName } from '#src/domain/block/block-format.ts';
import type { BlockMeta, ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import type { Chunk, ChunkTable, Page } from '#src/domain/block/chunk-table.ts';
import { type DatasetColumns, familyOfRun, firstRuns } from '#src/domain/block/dataset-columns.ts';
import { compareUtf8, LabelName, valueOf } from '#src/domain/model/labels.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';

/** Bytes after and before compression. */
type Share = { readonly stored: Bytes; readonly raw: Bytes };

/** What the sections of an object take, and what is in none. */
export class Shares {
  readonly #shares = new Map<string, Share>();

  add(name: string, { stored, raw }: Share): void {
    const share = this.#shares.get(name) ?? { raw: 0, stored: 0 };
    this.#shares.set(name, { raw: share.raw + raw, stored: share.stored + stored });
  }

  /** The largest first. */
  print(sizeBytes: Bytes): void {
    console.log('\nsections of the whole object; what a page takes of a compressed chunk is by its raw bytes');
    console.log(row('', 'stored', 'raw', 'ratio', 'share'));
    for (const [name, { raw, stored }] of [...this.#shares].sort(([, a], [, b]) => b.stored - a.stored)) {
      console.log(row(name, Math.round(stored), raw, ratio(stored, raw), percent(stored, sizeBytes)));
    }
  }
}

/** The block, and a line for each symbol space and dataset of it. */
export function printOverview(meta: BlockMeta): void {
  const tenants = new Set(meta.datasets.map(({ tenant }) => tenant));
  const owner = meta.tenant === '' ? 'a segment of any tenants' : `tenant ${nameText(meta.tenant)}`;
  console.log(`block ${nameText(meta.id)}  shard ${meta.shard}, level ${meta.level}, ${owner}`);
  console.log(`  ${meta.sizeBytes} bytes, ${many(tenants.size, 'tenant')}, ${many(meta.datasets.length, 'dataset')}`);
  console.log(`  ${timeRange(meta)}`);
  console.log('\n        bytes    share        from');
  let symbolsOffset = -1;
  for (const { tenant, service, range, symbols } of meta.datasets) {
    const line = (name: string, { offset, sizeBytes }: ByteRange): void => {
      const share = percent(sizeBytes, meta.sizeBytes).padStart(9);
      console.log(`  ${String(sizeBytes).padStart(11)}${share}${String(offset).padStart(12)}  ${name}`);
    };
    if (symbols.offset !== symbolsOffset) line(`symbols of ${nameText(tenant)}`, symbols);
    symbolsOffset = symbols.offset;
    line(`  ${nameText(tenant)} / ${nameText(service)}`, range);
  }
}

export function printSymbols({ tenant, symbols }: DatasetMeta): void {
  console.log(`\nsymbols of ${nameText(tenant)}  ${place(symbols)}`);
}

/** @param columns  what is in it, if it could be read */
export function printDataset(dataset: DatasetMeta, columns: DatasetColumns | undefined): void {
  const { tenant, service, range, headBytes } = dataset;
  console.log(`\ndataset ${nameText(tenant)} / ${nameText(service)}  ${place(range)}, head ${headBytes} bytes`);
  console.log(`  ${timeRange(dataset)}`);
  if (columns === undefined) {
    for (const labels of dataset.labels)
      console.log(`  type ${nameText(valueOf(labels, LabelName.profileType) ?? '')}`);
    return;
  }
  const { series, pushes, profiles, families } = columns;
  const counts = [
    many(series.length, 'label set'),
    many(pushes.timeNanos.length, 'push', 'pushes'),
    many(profiles.series.length, 'profile'),
    many(
      families.reduce((sum, { stack }) => sum + stack.length, 0),
      'sample',
    ),
  ];
  console.log(`  ${counts.join(', ')}`);
  for (const [name, types] of typesOfColumns(columns)) console.log(`  family and column ${name}: ${types.join(', ')}`);
}

/** Chunks, and below each the pages in it. */
export function printTable(table: ChunkTable, shares: Shares): void {
  console.log(row('', 'first row', 'rows', 'offset', 'stored', 'raw', 'ratio', 'codec', 'CRC-32'));
  console.log(row('header', '', '', table.range.offset, table.headerBytes, table.headerBytes, '', '', ''));
  shares.add('headers', { stored: table.headerBytes, raw: table.headerBytes });
  const pagesOfChunk = Map.groupBy(table.pages, ({ chunk }) => chunk);
  for (const [number, chunk] of table.chunks.entries()) {
    printChunk(number, chunk);
    for (const page of pagesOfChunk.get(chunk) ?? []) {
      console.log(row(`  ${pageName(page)}`, page.firstRow, page.rowCount, '', '', page.rawBytes, '', '', ''));
      // Pages are compressed together, so what each takes is about its part of the chunk.
      const stored = (chunk.range.sizeBytes * page.rawBytes) / chunk.rawBytes;
      shares.add(sectionName(page.section), { stored, raw: page.rawBytes });
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

/** What the value columns of each family hold. The shared family may have several types in one. */
function typesOfColumns({ series, profiles, families }: DatasetColumns): [column: string, types: string[]][] {
  const firstRunOf = firstRuns(families);
  const types = new Map<string, Set<string>>();
  for (let i = 0; i < profiles.run.length; i++) {
    const column = `${familyOfRun(firstRunOf, profiles.run[i])}.${profiles.column[i]}`;
    const known = types.get(column) ?? new Set();
    types.set(column, known.add(nameText(valueOf(series[profiles.series[i]], LabelName.profileType) ?? '')));
  }
  return [...types]
    .sort(
      ([a], [b]) =>
        Number(a.split('.')[0]) - Number(b.split('.')[0]) || Number(a.split('.')[1]) - Number(b.split('.')[1]),
    )
    .map(([column, set]) => [column, [...set].sort(compareUtf8)]);
}

function pageName({ section, family, column }: Page): string {
  const of = perFamily(section) ? ` ${family}` : '';
  return `${sectionName(section)}${of}${perColumn(section) ? `.${column}` : ''}`;
}

function ratio(stored: Bytes, raw: Bytes): string {
  return (stored / raw).toFixed(3);
}

function percent(part: Bytes, whole: Bytes): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function row(name: string, ...cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(20)}${cells.map((cell) => String(cell).padStart(11)).join('')}`.trimEnd();
}

function many(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

function place({ offset, sizeBytes }: ByteRange): string {
  return `bytes ${offset} .. ${offset + sizeBytes} (${sizeBytes})`;
}

function timeRange({ minTimeMs, maxTimeMs }: { readonly minTimeMs: UnixMs; readonly maxTimeMs: UnixMs }): string {
  return `${timeText(minTimeMs)} .. ${timeText(maxTimeMs)} (${minTimeMs} .. ${maxTimeMs} ms)`;
}

/** A footer may name times that no calendar has. */
function timeText(ms: UnixMs): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '?' : date.toISOString();
}

/** Names come from anybody, and a terminal obeys some characters. */
function nameText(name: string): string {
  return /^[\w.:/@+-]+$/.test(name) ? name : JSON.stringify(name).replaceAll(/[^ -~]/g, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
