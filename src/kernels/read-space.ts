import { Section, sectionRawBytesMax } from '#src/domain/block/block-format.ts';
import { type ChunkTable, pagesOf } from '#src/domain/block/chunk-table.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { type ArenaPages, pageFault } from './arena-pages.ts';
import type { ColumnDecoder } from './column-decoder.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { checkNone, checkReferences, readPages, roomFor, rowsWithFirst, sameRows } from './read-columns.ts';
import { Source } from './source.ts';

/** The symbols of a block as a source for the kernels, in scratch. */
export type BlockSource = {
  readonly source: Pointer;
  /** Names of functions, in front of all other strings of the source. */
  readonly names: StringRows;
  readonly locationCount: number;
  /** Whether a location has no lines, so that its name must be made up. */
  readonly hasUnnamed: boolean;
};

/** A list of strings: u32[rows] each, where they begin and how long they are. */
export type StringRows = { readonly rows: number; readonly at: Pointer; readonly length: Pointer };

/** The stack table of a family, in scratch. */
export type BlockFamily = {
  readonly stackCount: number;
  /** i32[stacks] */
  readonly parent: Pointer;
  /** u32[stacks] */
  readonly location: Pointer;
  readonly sampledCount: number;
  /** u32[sampled], rows of the stacks. */
  readonly sampled: Pointer;
};

/**
 * Reads the symbols of a space that kernels need. Everything that they follow is checked.
 *
 * @param whole  also what only exports show: files, lines, addresses, mappings. It is read too where a location has no
 *               lines, whose name is made of these
 * @order  lives until the next `resetScratch`; the chunks of the pages were fetched
 * @cost   O(rows)
 * @throws StoreError 'corrupted'; 'limit-exceeded' inside of `guard`
 * @source docs/formats/block-v1.md, "Symbol space"
 */
export function* readSource(pages: ArenaPages, table: ChunkTable, whole: boolean): Steps<BlockSource> {
  const { kernels } = pages;
  const source = roomFor(kernels, 1, Source.bytes);
  kernels.u8().fill(0, source, source + Source.bytes);
  const names = yield* stringsOf(pages, table, Section.names);
  const functions = yield* functionNames(pages, table, names.rows);
  const locations = yield* locationLines(pages, table, functions.rows);
  const fields: [number, number][] = [
    [Source.functions, functions.rows],
    [Source.functionName, functions.name],
    [Source.locations, locations.rows],
    [Source.locationLines, locations.lineOffsets],
    [Source.lineFunction, locations.lineFunction],
  ];
  if (whole || locations.hasUnnamed) {
    fields.push(...(yield* details(pages, table, names, functions, locations)));
  } else fields.push([Source.strings, names.rows], [Source.stringAt, names.at], [Source.stringLength, names.length]);
  const u32 = kernels.u32();
  for (const [field, value] of fields) u32[(source + field) >>> 2] = value;
  kernels.exports.sourceRowsReset(source);
  return { source, names, locationCount: locations.rows, hasUnnamed: locations.hasUnnamed };
}

/** @throws StoreError as `readSource` */
export function* readFamily(
  pages: ArenaPages,
  table: ChunkTable,
  family: number,
  locationCount: number,
): Steps<BlockFamily> {
  const { kernels } = pages;
  const stackCount = rowsWithFirst(table, Section.stacks, family);
  const { parent, key } = yield* readTree(pages, table, Section.stacks, family, locationCount);
  const place = kernels.exports.firstZero(key, stackCount);
  if (place >= 0) throw pageFault(pagesOf(table, Section.stacks, family)[0], 'a stack has no location', place);
  const of = pagesOf(table, Section.sampledStacks, family);
  const sampledCount = of.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const sampled = roomFor(kernels, sampledCount, 4);
  yield* readPages(pages, of, (columns, start, n, page) => {
    columns.u32Deltas(n, sampled + start * 4);
    checkReferences(kernels, page, 'stack', sampled + start * 4, n, stackCount);
  });
  const fall = kernels.exports.firstNotRising(sampled, sampledCount);
  if (fall >= 0) throw pageFault(of[0], 'stacks do not rise', fall);
  return { stackCount, parent, location: key, sampledCount, sampled };
}

/** i32[rows] and u32[rows], in scratch. */
export type TreeRows = { readonly rows: number; readonly parent: Pointer; readonly key: Pointer };

/** A tree of a family: its parents, and keys below `keyCount`. @throws StoreError as `readSource` */
export function* readTree(
  pages: ArenaPages,
  table: ChunkTable,
  section: typeof Section.stacks | typeof Section.functionTree,
  family: number,
  keyCount: number,
): Steps<TreeRows> {
  const { kernels } = pages;
  const rows = rowsWithFirst(table, section, family);
  const parent = roomFor(kernels, rows, 4);
  const key = roomFor(kernels, rows, 4);
  yield* readPages(pages, pagesOf(table, section, family), (columns, start, n, page) => {
    columns.u32(n, parent + start * 4);
    const place = kernels.exports.parentRows(parent + start * 4, n, start);
    if (place >= 0) throw pageFault(page, 'parent is not a row before', place);
    columns.firstUse(n, columns.number(), key + start * 4);
    checkReferences(kernels, page, 'key', key + start * 4, n, keyCount);
  });
  const root = kernels.u32()[key >>> 2];
  if (root !== 0) throw pageFault(pagesOf(table, section, family)[0], 'row 0 is not empty', 0, { value: root });
  return { rows, parent, key };
}

/** The names or the texts of a space. Row 0 is the empty string. @throws StoreError as `readSource` */
export function* stringsOf(
  pages: ArenaPages,
  table: ChunkTable,
  section: typeof Section.names | typeof Section.texts,
): Steps<StringRows> {
  const { kernels } = pages;
  const rows = rowsWithFirst(table, section);
  const at = roomFor(kernels, rows, 4);
  const length = roomFor(kernels, rows, 4);
  let left = sectionRawBytesMax;
  yield* readPages(pages, pagesOf(table, section), (columns, start, n) => {
    const { offsets, bytes } = columns.strings(n, left);
    kernels.exports.stringRows(at + start * 4, length + start * 4, offsets, bytes, n);
    left -= kernels.u32()[(offsets >>> 2) + n];
  });
  if (kernels.u32()[length >>> 2] !== 0) throw pageFault(pagesOf(table, section)[0], 'row 0 is not empty', 0);
  return { rows, at, length };
}

type Functions = { readonly rows: number; readonly name: Pointer };

function* functionNames(pages: ArenaPages, table: ChunkTable, nameCount: number): Steps<Functions> {
  const { kernels } = pages;
  const rows = rowsWithFirst(table, Section.functions);
  const of = pagesOf(table, Section.functions);
  const name = roomFor(kernels, rows, 4);
  yield* readPages(pages, of, (columns, start, n, page) => {
    columns.firstUse(n, columns.number(), name + start * 4);
    checkReferences(kernels, page, 'name', name + start * 4, n, nameCount);
  });
  checkNone(kernels, of[0], [[name, 4]]);
  return { rows, name };
}

type Locations = {
  readonly rows: number;
  readonly lineOffsets: Pointer;
  readonly lineFunction: Pointer;
  readonly hasUnnamed: boolean;
};

function* locationLines(pages: ArenaPages, table: ChunkTable, functionCount: number): Steps<Locations> {
  const { kernels } = pages;
  const { exports } = kernels;
  const rows = rowsWithFirst(table, Section.locations);
  const of = pagesOf(table, Section.locations);
  const counts = roomFor(kernels, rows, 4);
  // How many lines there are is known only when the counts of all pages are.
  const opened: ColumnDecoder[] = [];
  for (const page of of) {
    const columns = pages.open(page);
    columns.u32(page.rowCount, counts + page.firstRow * 4);
    opened.push(columns);
    if (pages.spend(page)) yield;
  }
  const lineOffsets = roomFor(kernels, rows + 1, 4);
  if (exports.offsetsOfCounts(lineOffsets, counts, rows) === 0) throw pageFault(of[0], 'there are too many lines', 0);
  const offset = (row: number): number => kernels.u32()[(lineOffsets >>> 2) + row];
  if (offset(1) !== 0) throw pageFault(of[0], 'row 0 is not empty', 0);
  for (const [i, { firstRow, rowCount }] of of.entries())
    opened[i].claim(offset(firstRow + rowCount) - offset(firstRow));
  const lineFunction = roomFor(kernels, offset(rows), 4);
  for (const [i, page] of of.entries()) {
    const start = offset(page.firstRow);
    const n = offset(page.firstRow + page.rowCount) - start;
    opened[i].firstUse(n, opened[i].number(), lineFunction + start * 4);
    opened[i].end();
    checkReferences(kernels, page, 'lineFunction', lineFunction + start * 4, n, functionCount);
    if (pages.spend(page)) yield;
  }
  return { rows, lineOffsets, lineFunction, hasUnnamed: exports.firstZero(counts, rows) >= 0 };
}

/** What is behind names and lines. Strings become one list, names before texts. */
function* details(
  pages: ArenaPages,
  table: ChunkTable,
  names: StringRows,
  functions: Functions,
  locations: Locations,
): Steps<[number, number][]> {
  const { kernels } = pages;
  const texts = yield* stringsOf(pages, table, Section.texts);
  const strings = joinedStrings(kernels, names, texts);
  const { system, file, startLine } = yield* functionDetails(pages, table, functions, names.rows, texts.rows);
  const mappings = yield* mappingColumns(pages, table, names.rows, texts.rows);
  const { mapping, address, folded, line } = yield* locationDetails(pages, table, locations, mappings.rows, startLine);
  return [
    [Source.strings, strings.rows],
    [Source.stringAt, strings.at],
    [Source.stringLength, strings.length],
    [Source.functionSystem, system],
    [Source.functionFile, file],
    [Source.functionStart, startLine],
    ...mappings.fields,
    [Source.locationMapping, mapping],
    [Source.locationAddress, address],
    [Source.locationFolded, folded],
    [Source.lineNumber, line],
  ];
}

/** The texts behind the names, without the empty string that both begin with. */
function joinedStrings(kernels: KernelInstance, names: StringRows, texts: StringRows): StringRows {
  const rows = names.rows + texts.rows - 1;
  const [at, length] = [roomFor(kernels, rows, 4), roomFor(kernels, rows, 4)];
  const u32 = kernels.u32();
  for (const [to, ofNames, ofTexts] of [
    [at, names.at, texts.at],
    [length, names.length, texts.length],
  ]) {
    u32.copyWithin(to >>> 2, ofNames >>> 2, (ofNames >>> 2) + names.rows);
    u32.copyWithin((to >>> 2) + names.rows, (ofTexts >>> 2) + 1, (ofTexts >>> 2) + texts.rows);
  }
  return { rows, at, length };
}

function* functionDetails(
  pages: ArenaPages,
  table: ChunkTable,
  { rows, name }: Functions,
  nameCount: number,
  textCount: number,
): Steps<{ system: Pointer; file: Pointer; startLine: Pointer }> {
  const { kernels } = pages;
  const { exports } = kernels;
  const [system, file, startLine] = [roomFor(kernels, rows, 4), roomFor(kernels, rows, 4), roomFor(kernels, rows, 8)];
  const of = sameRows(table, Section.functionDetails, rows);
  yield* readPages(pages, of, (columns, start, n, page) => {
    const at = start * 4;
    columns.u32(n, system + at);
    exports.addU32(system + at, name + at, n);
    checkReferences(kernels, page, 'systemName', system + at, n, nameCount);
    columns.firstUse(n, columns.number(), file + at);
    checkReferences(kernels, page, 'filename', file + at, n, textCount);
    columns.i64(n, startLine + start * 8);
  });
  checkNone(kernels, of[0], [
    [system, 4],
    [file, 4],
    [startLine, 8],
  ]);
  exports.shiftReferences(file, rows, nameCount - 1);
  return { system, file, startLine };
}

function* mappingColumns(
  pages: ArenaPages,
  table: ChunkTable,
  nameCount: number,
  textCount: number,
): Steps<{ rows: number; fields: [number, number][] }> {
  const { kernels } = pages;
  const rows = rowsWithFirst(table, Section.mappings);
  const addresses = [8, 8, 8].map((width) => roomFor(kernels, rows, width));
  const references = [4, 4].map((width) => roomFor(kernels, rows, width));
  const flags = roomFor(kernels, rows, 1);
  const of = pagesOf(table, Section.mappings);
  yield* readPages(pages, of, (columns, start, n, page) => {
    for (const column of addresses) columns.i64Deltas(n, column + start * 8);
    for (const [i, column] of references.entries()) {
      columns.u32Deltas(n, column + start * 4);
      checkReferences(kernels, page, i === 0 ? 'filename' : 'buildId', column + start * 4, n, textCount);
    }
    const bytes = columns.raw(n);
    kernels.u8().copyWithin(flags + start, bytes, bytes + n);
  });
  checkNone(kernels, of[0], [
    ...addresses.map((column): [Pointer, number] => [column, 8]),
    ...references.map((column): [Pointer, number] => [column, 4]),
    [flags, 1],
  ]);
  for (const column of references) kernels.exports.shiftReferences(column, rows, nameCount - 1);
  const [start, limit, offset] = addresses;
  const [file, build] = references;
  return {
    rows,
    fields: [
      [Source.mappings, rows],
      [Source.mappingStart, start],
      [Source.mappingLimit, limit],
      [Source.mappingOffset, offset],
      [Source.mappingFile, file],
      [Source.mappingBuild, build],
      [Source.mappingFlags, flags],
    ],
  };
}

function* locationDetails(
  pages: ArenaPages,
  table: ChunkTable,
  { rows, lineOffsets, lineFunction }: Locations,
  mappingCount: number,
  startLine: Pointer,
): Steps<{ mapping: Pointer; address: Pointer; folded: Pointer; line: Pointer }> {
  const { kernels } = pages;
  const offset = (row: number): number => kernels.u32()[(lineOffsets >>> 2) + row];
  const lines = offset(rows);
  const [mapping, address] = [roomFor(kernels, rows, 4), roomFor(kernels, rows, 8)];
  const [folded, line] = [roomFor(kernels, rows, 1), roomFor(kernels, lines, 8)];
  const of = sameRows(table, Section.locationDetails, rows);
  yield* readPages(pages, of, (columns, start, n, page) => {
    columns.u32Deltas(n, mapping + start * 4);
    checkReferences(kernels, page, 'mapping', mapping + start * 4, n, mappingCount);
    columns.i64Deltas(n, address + start * 8);
    const bytes = columns.raw(n);
    kernels.u8().copyWithin(folded + start, bytes, bytes + n);
    const lineStart = offset(start);
    const expected = offset(start + n) - lineStart;
    const actual = columns.number();
    if (actual !== expected) throw pageFault(page, 'another number of lines', 0, { value: actual, limit: expected });
    columns.i64(expected, line + lineStart * 8);
  });
  checkNone(kernels, of[0], [
    [mapping, 4],
    [address, 8],
    [folded, 1],
  ]);
  kernels.exports.addStartLines(line, lineFunction, startLine, lines);
  return { mapping, address, folded, line };
}
