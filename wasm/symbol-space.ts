// A symbol space: the symbols and stacktraces of one tenant in a head, or of one answer, each of them once.
//
//   space       names*, texts*, functions*, mappings*, locations* (intern tables), families*, arena, scale, with values
//   families    tree*[FAMILIES]   a stack table each, 0 until somebody needs it; the trees are of locations
//   function    name u32, systemName u32 (names), filename u32 (texts), 0 u32, startLine i64                         24 bytes
//   mapping     start u64, limit u64, offset u64, filename u32, buildId u32, flags u64              40 bytes
//   location    address u64, mapping u32, folded u32, then per line: function u32, 0 u32, line i64   16 + 16 n bytes
//
// Symbols are interned when a stacktrace first needs them, so what no sample refers to is never stored.

import { alloc, allocScratch, allocZeroed, SCRATCH } from './arena';
import { hashBytes } from './bytes';
import {
  internGuess, internHashed, internTail, recordHash, tableEnd, tableNew, tableOffsets, tableTail,
} from './intern-table';
import {
  FUNCTION_FILE, FUNCTION_NAME, FUNCTION_ROW, FUNCTION_START, FUNCTION_SYSTEM, FUNCTIONS, LINE_FUNCTION, LINE_NUMBER,
  LOCATION_ADDRESS, LOCATION_FOLDED, LOCATION_LINES, LOCATION_MAPPING, LOCATION_ROW, LOCATIONS, MAPPING_BUILD,
  MAPPING_FILE, MAPPING_FLAGS, MAPPING_LIMIT, MAPPING_OFFSET, MAPPING_ROW, MAPPING_START, MAPPINGS, NAME_ROW,
  STRING_AT, STRING_LENGTH, STRINGS, TEXT_ROW, UNKNOWN,
} from './source';
import { treeAddValue, treeChild, treeNew, treeNodes, treeRows } from './tree';

const SPACE_NAMES: usize = 0;
const SPACE_TEXTS: usize = 4;
const SPACE_FUNCTIONS: usize = 8;
const SPACE_MAPPINGS: usize = 12;
const SPACE_LOCATIONS: usize = 16;
const SPACE_FAMILIES: usize = 20;
const SPACE_ARENA: usize = 24;
const SPACE_SCALE: usize = 28;
const SPACE_VALUES: usize = 32;
const SPACE_BYTES: usize = 48;

const FUNCTION_BYTES: u32 = 24;
/** Of a location, before its lines. */
const LOCATION_BYTES: u32 = 16;

/** Stack tables of a space: `familiesMax` of the block format, and one for all that come later. */
export const FAMILIES: u32 = 65;

let lastName: u32 = 0;
let lastText: u32 = 0;
let lastFunction: u32 = 0;
let lastLocation: u32 = 0;

/**
 * @param scale       rows to make room for at first, about: a small number for a small tenant
 * @param withValues  1: the space of an answer, whose stacktraces have values
 * @cost O(scale)
 */
export function spaceNew(arena: u32, scale: u32, withValues: u32): usize {
  const space = alloc(arena, SPACE_BYTES);
  store<u32>(space, <u32>tableNew(arena, scale, scale * 32), SPACE_NAMES);
  // An answer is not read in parts: one table holds all its strings.
  store<u32>(space, withValues ? load<u32>(space, SPACE_NAMES) : <u32>tableNew(arena, scale, scale * 32), SPACE_TEXTS);
  store<u32>(space, <u32>tableNew(arena, scale, scale * 24), SPACE_FUNCTIONS);
  store<u32>(space, <u32>tableNew(arena, 8, 512), SPACE_MAPPINGS);
  store<u32>(space, <u32>tableNew(arena, scale, scale * 32), SPACE_LOCATIONS);
  store<u32>(space, <u32>allocZeroed(arena, FAMILIES << 2), SPACE_FAMILIES);
  store<u32>(space, arena, SPACE_ARENA);
  store<u32>(space, scale, SPACE_SCALE);
  store<u32>(space, withValues, SPACE_VALUES);
  return space;
}

export function spaceNames(space: usize): usize {
  return load<u32>(space, SPACE_NAMES);
}

export function spaceTexts(space: usize): usize {
  return load<u32>(space, SPACE_TEXTS);
}

export function spaceFunctions(space: usize): usize {
  return load<u32>(space, SPACE_FUNCTIONS);
}

export function spaceMappings(space: usize): usize {
  return load<u32>(space, SPACE_MAPPINGS);
}

export function spaceLocations(space: usize): usize {
  return load<u32>(space, SPACE_LOCATIONS);
}

/** The stack table of a family, or 0 when it has none. @param family below FAMILIES */
export function spaceFamily(space: usize, family: u32): usize {
  return load<u32>(<usize>load<u32>(space, SPACE_FAMILIES) + (<usize>family << 2));
}

/**
 * The stack table of a family, made when it is new.
 *
 * @param family below FAMILIES
 * @cost O(1), and O(scale) for the first of a family
 */
export function spaceStacks(space: usize, family: u32): usize {
  const known = spaceFamily(space, family);
  if (known != 0) return known;
  const tree = treeNew(load<u32>(space, SPACE_ARENA), load<u32>(space, SPACE_SCALE) << 1, load<u32>(space, SPACE_VALUES));
  store<u32>(<usize>load<u32>(space, SPACE_FAMILIES) + (<usize>family << 2), <u32>tree);
  return tree;
}

/**
 * Frames of functions that were inlined, in the rows of a stack table from `from` on: what a flame graph has of them beside
 * a node each.
 *
 * @cost O(rows)
 */
export function inlinedFrames(space: usize, family: u32, from: u32): u32 {
  const tree = spaceFamily(space, family);
  const nodes = treeNodes(tree);
  const rows = treeRows(tree);
  const offsets = tableOffsets(spaceLocations(space));
  let frames: u32 = 0;
  for (let row = from; row < rows; row++) {
    const at = offsets + (<usize>load<u32>(nodes + (<usize>row << 3)) << 2);
    const lines = (load<u32>(at, 4) - load<u32>(at) - LOCATION_BYTES) >> 4;
    if (lines > 1) frames += lines - 1;
  }
  return frames;
}

/** Makes the row columns of a source, with nothing known yet. @cost O(strings + functions + mappings + locations) */
export function sourceRowsReset(source: usize): void {
  store<u32>(source, unknownRows(load<u32>(source, STRINGS)), NAME_ROW);
  store<u32>(source, unknownRows(load<u32>(source, STRINGS)), TEXT_ROW);
  store<u32>(source, unknownRows(load<u32>(source, FUNCTIONS)), FUNCTION_ROW);
  const mappings = unknownRows(load<u32>(source, MAPPINGS));
  store<u32>(source, mappings, MAPPING_ROW);
  // A build id makes "no mapping" one, so that it has a place.
  if (load<u32>(<usize>load<u32>(source, MAPPING_BUILD)) != 0) store<u32>(mappings, UNKNOWN);
  store<u32>(source, unknownRows(load<u32>(source, LOCATIONS)), LOCATION_ROW);
}

/**
 * The row of a source's location in the space; it and what it refers to are interned when they are new.
 *
 * @cost O(1), and O(lines + bytes of their strings) once per location
 */
// @ts-ignore: decorator
@inline
export function internLocation(space: usize, source: usize, location: u32): u32 {
  const row = load<u32>(<usize>load<u32>(source, LOCATION_ROW) + (<usize>location << 2));
  return row != UNKNOWN ? row : addLocation(space, source, location);
}

/**
 * Interns locations of a source, with their functions, mappings and strings: one kind after the other, because the
 * look-ups of one kind do not wait for each other, while each of them waits for memory.
 *
 * @param list  u32[count], the locations, each of them once
 * @cost        O(count + lines + bytes of their strings)
 */
export function internLocations(space: usize, source: usize, list: usize, count: u32): void {
  listNeeds(source, list, count);
  batchNew(max(max(load<u32>(source, STRINGS), load<u32>(source, FUNCTIONS)), count));
  internStrings(spaceNames(space), source, load<u32>(source, NAME_ROW), neededNames, nameCount);
  internStrings(spaceTexts(space), source, load<u32>(source, TEXT_ROW), neededTexts, textCount);

  let record = allocScratch(<usize>functionCount * FUNCTION_BYTES);
  for (let i: u32 = 0; i < functionCount; i++) {
    writeFunction(space, source, load<u32>(neededFunctions + (<usize>i << 2)), record);
    batchAdd(i, record, FUNCTION_BYTES, recordHash(record, FUNCTION_BYTES));
    record += FUNCTION_BYTES;
  }
  batchIntern(spaceFunctions(space), functionCount, neededFunctions, load<u32>(source, FUNCTION_ROW));

  record = allocScratch((<usize>count << 4) + (<usize>lineCount << 4));
  for (let i: u32 = 0; i < count; i++) {
    const location = load<u32>(list + (<usize>i << 2));
    const length = locationBytes(source, location);
    writeLocation(space, source, location, record);
    batchAdd(i, record, length, recordHash(record, length));
    record += length;
  }
  batchIntern(spaceLocations(space), count, list, load<u32>(source, LOCATION_ROW));
}

// What the locations of a list need, each of it once, in order of first need: strings u32[strings], which are names of
// functions or other texts, and functions u32[functions]; and how many lines they have.
let neededNames: usize = 0;
let neededTexts: usize = 0;
let neededFunctions: usize = 0;
let nameCount: u32 = 0;
let textCount: u32 = 0;
let functionCount: u32 = 0;
let lineCount: u32 = 0;

function listNeeds(source: usize, list: usize, count: u32): void {
  const mappings = <usize>load<u32>(source, LOCATION_MAPPING);
  const lineOffsets = <usize>load<u32>(source, LOCATION_LINES);
  const lineFunction = <usize>load<u32>(source, LINE_FUNCTION);
  const seenMappings = allocZeroed(SCRATCH, load<u32>(source, MAPPINGS));
  const seenFunctions = allocZeroed(SCRATCH, load<u32>(source, FUNCTIONS));
  store<u8>(seenFunctions, 1); // "None" needs nothing.
  neededNames = allocScratch(<usize>load<u32>(source, STRINGS) << 2);
  neededTexts = allocScratch(<usize>load<u32>(source, STRINGS) << 2);
  neededFunctions = allocScratch(<usize>load<u32>(source, FUNCTIONS) << 2);
  nameCount = 0;
  textCount = 0;
  functionCount = 0;
  lineCount = 0;
  for (let i: u32 = 0; i < count; i++) {
    const location = <usize>load<u32>(list + (<usize>i << 2));
    const mapping = <usize>load<u32>(mappings + (location << 2));
    if (load<u8>(seenMappings + mapping) == 0) {
      store<u8>(seenMappings + mapping, 1);
      needText(source, load<u32>(<usize>load<u32>(source, MAPPING_FILE) + (mapping << 2)));
      needText(source, load<u32>(<usize>load<u32>(source, MAPPING_BUILD) + (mapping << 2)));
    }
    const end = load<u32>(lineOffsets + (location << 2), 4);
    for (let line = load<u32>(lineOffsets + (location << 2)); line < end; line++) {
      lineCount++;
      const fn = <usize>load<u32>(lineFunction + (<usize>line << 2));
      if (load<u8>(seenFunctions + fn) != 0) continue;
      store<u8>(seenFunctions + fn, 1);
      store<u32>(neededFunctions + (<usize>functionCount << 2), <u32>fn);
      functionCount++;
      needName(source, load<u32>(<usize>load<u32>(source, FUNCTION_NAME) + (fn << 2)));
      needName(source, load<u32>(<usize>load<u32>(source, FUNCTION_SYSTEM) + (fn << 2)));
      needText(source, load<u32>(<usize>load<u32>(source, FUNCTION_FILE) + (fn << 2)));
    }
  }
}

/** A row that says that the string is in the list already. */
const LISTED: u32 = UNKNOWN - 1;

// @ts-ignore: decorator
@inline
function needName(source: usize, index: u32): void {
  const row = <usize>load<u32>(source, NAME_ROW) + (<usize>index << 2);
  if (load<u32>(row) != UNKNOWN) return;
  store<u32>(row, LISTED);
  store<u32>(neededNames + (<usize>nameCount << 2), index);
  nameCount++;
}

// @ts-ignore: decorator
@inline
function needText(source: usize, index: u32): void {
  const row = <usize>load<u32>(source, TEXT_ROW) + (<usize>index << 2);
  if (load<u32>(row) != UNKNOWN) return;
  store<u32>(row, LISTED);
  store<u32>(neededTexts + (<usize>textCount << 2), index);
  textCount++;
}

function internStrings(table: usize, source: usize, rows: usize, list: usize, count: u32): void {
  const starts = <usize>load<u32>(source, STRING_AT);
  const lengths = <usize>load<u32>(source, STRING_LENGTH);
  for (let i: u32 = 0; i < count; i++) {
    const index = <usize>load<u32>(list + (<usize>i << 2));
    const start = <usize>load<u32>(starts + (index << 2));
    const length = load<u32>(lengths + (index << 2));
    batchAdd(i, start, length, hashBytes(start, length));
  }
  batchIntern(table, count, list, rows);
}

// A batch for `internHashed`: its columns, u32[rows] each.
let batchPointers: usize = 0;
let batchLengths: usize = 0;
let batchHashes: usize = 0;
let batchRows: usize = 0;

function batchNew(rows: u32): void {
  batchPointers = allocScratch(<usize>rows << 2);
  batchLengths = allocScratch(<usize>rows << 2);
  batchHashes = allocScratch(<usize>rows << 2);
  batchRows = allocScratch(<usize>rows << 2);
}

// @ts-ignore: decorator
@inline
function batchAdd(i: u32, pointer: usize, length: u32, hash: u32): void {
  store<u32>(batchPointers + (<usize>i << 2), <u32>pointer);
  store<u32>(batchLengths + (<usize>i << 2), length);
  store<u32>(batchHashes + (<usize>i << 2), hash);
}

/** Stores the row of item i at rows[list[i]]. */
function batchIntern(table: usize, count: u32, list: usize, rows: usize): void {
  internHashed(table, batchPointers, batchLengths, batchHashes, count, batchRows);
  for (let i: usize = 0; i < <usize>count << 2; i += 4) {
    store<u32>(rows + (<usize>load<u32>(list + i) << 2), load<u32>(batchRows + i));
  }
}

/**
 * Adds the stacktraces `start .. stacks` of a symbol space to the first family of another, with their values, as far as
 * the budget goes.
 *
 * @param parent    i32[stacks], location u32[stacks]: the stack table of the source
 * @param sums      i64[stacks], what to add to the value of each; rows with 0 are left out, with what only they need
 * @param needed    u8[stacks], from `markNeeded`
 * @param rows      u32[stacks], out: the row of each needed stacktrace in the space
 * @param budget    work to stop after: a row is 1, a stacktrace STACK_WORK; of what is new bytes count
 * @returns         the row to go on from
 * @order the rows before `start` are added
 * @cost  O(stacks)
 */
export function spaceAddStacks(
  space: usize, source: usize, parent: usize, location: usize, sums: usize, needed: usize, rows: usize, start: u32,
  stacks: u32, budget: u32,
): u32 {
  const tree = spaceStacks(space, 0);
  store<u32>(rows, 0);
  const names = spaceNames(space);
  const locationRow = <usize>load<u32>(source, LOCATION_ROW);
  let work: u32 = 0;
  let i: u32 = max(start, 1);
  for (; i < stacks && work < budget; i++) {
    work++;
    if (load<u8>(needed + i) == 0) continue;
    const before = tableEnd(names);
    const above = load<u32>(rows + (<usize>load<u32>(parent + (<usize>i << 2)) << 2));
    const at = load<u32>(location + (<usize>i << 2));
    if (load<u32>(locationRow + (<usize>at << 2)) == UNKNOWN) work += locationBytes(source, at) << 1;
    const key = internLocation(space, source, at);
    const row = treeChild(tree, above, key);
    store<u32>(rows + (<usize>i << 2), row);
    const sum = load<i64>(sums + (<usize>i << 3));
    if (sum != 0) treeAddValue(tree, row, sum);
    work += STACK_WORK + tableEnd(names) - before;
  }
  return i;
}

/** What a stacktrace costs that is added, of what a row costs that is looked at. */
const STACK_WORK: u32 = 8;

function unknownRows(count: u32): u32 {
  const rows = allocScratch(<usize>count << 2);
  memory.fill(rows, 0xff, <usize>count << 2);
  if (count > 0) store<u32>(rows, 0);
  return <u32>rows;
}

function internName(space: usize, source: usize, index: u32): u32 {
  const at = <usize>load<u32>(source, NAME_ROW) + (<usize>index << 2);
  const known = load<u32>(at);
  if (known != UNKNOWN) return known;
  lastName = internString(spaceNames(space), source, index, lastName + 1);
  store<u32>(at, lastName);
  return lastName;
}

function internText(space: usize, source: usize, index: u32): u32 {
  const at = <usize>load<u32>(source, TEXT_ROW) + (<usize>index << 2);
  const known = load<u32>(at);
  if (known != UNKNOWN) return known;
  lastText = internString(spaceTexts(space), source, index, lastText + 1);
  store<u32>(at, lastText);
  return lastText;
}

// @ts-ignore: decorator
@inline
function internString(table: usize, source: usize, index: u32, guess: u32): u32 {
  const pointer = load<u32>(<usize>load<u32>(source, STRING_AT) + (<usize>index << 2));
  const length = load<u32>(<usize>load<u32>(source, STRING_LENGTH) + (<usize>index << 2));
  return internGuess(table, pointer, length, guess);
}

function internFunction(space: usize, source: usize, index: u32): u32 {
  const at = <usize>load<u32>(source, FUNCTION_ROW) + (<usize>index << 2);
  const known = load<u32>(at);
  if (known != UNKNOWN) return known;
  const table = spaceFunctions(space);
  writeFunction(space, source, index, tableTail(table, FUNCTION_BYTES));
  const row = internTail(table, FUNCTION_BYTES, lastFunction + 1);
  lastFunction = row;
  store<u32>(at, row);
  return row;
}

/** Names and texts have tables of their own, so the record's place does not move when they are interned meanwhile. */
// @ts-ignore: decorator
@inline
function writeFunction(space: usize, source: usize, index: u32, record: usize): void {
  const at = <usize>index << 2;
  store<u32>(record, internName(space, source, load<u32>(<usize>load<u32>(source, FUNCTION_NAME) + at)));
  store<u32>(record, internName(space, source, load<u32>(<usize>load<u32>(source, FUNCTION_SYSTEM) + at)), 4);
  store<u32>(record, internText(space, source, load<u32>(<usize>load<u32>(source, FUNCTION_FILE) + at)), 8);
  store<u32>(record, 0, 12);
  store<i64>(record, load<i64>(<usize>load<u32>(source, FUNCTION_START) + (<usize>index << 3)), 16);
}

function internMapping(space: usize, source: usize, index: u32): u32 {
  const at = <usize>load<u32>(source, MAPPING_ROW) + (<usize>index << 2);
  const known = load<u32>(at);
  if (known != UNKNOWN) return known;
  const file = internText(space, source, load<u32>(<usize>load<u32>(source, MAPPING_FILE) + (<usize>index << 2)));
  const build = internText(space, source, load<u32>(<usize>load<u32>(source, MAPPING_BUILD) + (<usize>index << 2)));
  const table = spaceMappings(space);
  const record = tableTail(table, 40);
  store<u64>(record, load<u64>(<usize>load<u32>(source, MAPPING_START) + (<usize>index << 3)));
  store<u64>(record, load<u64>(<usize>load<u32>(source, MAPPING_LIMIT) + (<usize>index << 3)), 8);
  store<u64>(record, load<u64>(<usize>load<u32>(source, MAPPING_OFFSET) + (<usize>index << 3)), 16);
  store<u32>(record, file, 24);
  store<u32>(record, build, 28);
  store<u64>(record, <u64>load<u8>(<usize>load<u32>(source, MAPPING_FLAGS) + index), 32);
  const row = internTail(table, 40, 0);
  store<u32>(at, row);
  return row;
}

function addLocation(space: usize, source: usize, index: u32): u32 {
  const table = spaceLocations(space);
  const length = locationBytes(source, index);
  writeLocation(space, source, index, tableTail(table, length));
  const row = internTail(table, length, lastLocation + 1);
  lastLocation = row;
  store<u32>(<usize>load<u32>(source, LOCATION_ROW) + (<usize>index << 2), row);
  return row;
}

// @ts-ignore: decorator
@inline
function locationBytes(source: usize, index: u32): u32 {
  const offsets = <usize>load<u32>(source, LOCATION_LINES) + (<usize>index << 2);
  return 16 + ((load<u32>(offsets, 4) - load<u32>(offsets)) << 4);
}

/** Functions and mappings have tables of their own, so the record's place does not move meanwhile. */
// @ts-ignore: decorator
@inline
function writeLocation(space: usize, source: usize, index: u32, record: usize): void {
  const functions = <usize>load<u32>(source, LINE_FUNCTION);
  const numbers = <usize>load<u32>(source, LINE_NUMBER);
  const offsets = <usize>load<u32>(source, LOCATION_LINES) + (<usize>index << 2);
  const end = load<u32>(offsets, 4);
  store<u64>(record, load<u64>(<usize>load<u32>(source, LOCATION_ADDRESS) + (<usize>index << 3)));
  store<u32>(
    record, internMapping(space, source, load<u32>(<usize>load<u32>(source, LOCATION_MAPPING) + (<usize>index << 2))), 8);
  store<u32>(record, <u32>load<u8>(<usize>load<u32>(source, LOCATION_FOLDED) + index), 12);
  let to = record + 16;
  for (let line = load<u32>(offsets); line < end; line++) {
    store<u32>(to, internFunction(space, source, load<u32>(functions + (<usize>line << 2))));
    store<u32>(to, 0, 4);
    store<i64>(to, load<i64>(numbers + (<usize>line << 3)), 8);
    to += 16;
  }
}
