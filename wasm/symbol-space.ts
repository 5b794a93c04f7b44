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
import { internGuess, internTail, tableNew, tableTail } from './intern-table';
import {
  FUNCTION_FILE, FUNCTION_NAME, FUNCTION_ROW, FUNCTION_START, FUNCTION_SYSTEM, FUNCTIONS, LINE_FUNCTION, LINE_NUMBER,
  LOCATION_ADDRESS, LOCATION_FOLDED, LOCATION_LINES, LOCATION_MAPPING, LOCATION_ROW, LOCATIONS, MAPPING_BUILD,
  MAPPING_FILE, MAPPING_FLAGS, MAPPING_LIMIT, MAPPING_OFFSET, MAPPING_ROW, MAPPING_START, MAPPINGS, NAME_ROW,
  STRING_AT, STRING_LENGTH, STRINGS, TEXT_ROW, UNKNOWN,
} from './source';
import { treeAddValue, treeChild, treeNew } from './tree';

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

/** Stack tables of a space: `familiesMax` of the block format, and one for all that come later. */
export const FAMILIES: u32 = 65;

let lastName: u32 = 0;
let lastText: u32 = 0;
let lastFunction: u32 = 0;
let lastLocation: u32 = 0;

/**
 * @param scale       rows to make room for at first, about: a small number for a small tenant
 * @param withValues  1: the space of an answer, whose stacktraces have values
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

/** The stack table of a family, made when it is new. @param family below FAMILIES */
export function spaceStacks(space: usize, family: u32): usize {
  const known = spaceFamily(space, family);
  if (known != 0) return known;
  const tree = treeNew(load<u32>(space, SPACE_ARENA), load<u32>(space, SPACE_SCALE) << 1, load<u32>(space, SPACE_VALUES));
  store<u32>(<usize>load<u32>(space, SPACE_FAMILIES) + (<usize>family << 2), <u32>tree);
  return tree;
}

/** Makes the row columns of a source, with nothing known yet. */
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

/** The row of a source's location in the space; it and what it refers to are interned when they are new. */
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
  const listEnd = list + (<usize>count << 2);
  const functions = allocScratch(<usize>load<u32>(source, FUNCTIONS) << 2);
  const functionsEnd = internStringsOf(space, source, list, listEnd, functions);
  for (let at = functions; at < functionsEnd; at += 4) internFunction(space, source, load<u32>(at));
  for (let at = list; at < listEnd; at += 4) internLocation(space, source, load<u32>(at));
}

/** @param functions  u32[functions], out: those of the locations, each of them once. @returns their end */
function internStringsOf(space: usize, source: usize, list: usize, listEnd: usize, functions: usize): usize {
  const mappings = <usize>load<u32>(source, LOCATION_MAPPING);
  const lineOffsets = <usize>load<u32>(source, LOCATION_LINES);
  const lineFunction = <usize>load<u32>(source, LINE_FUNCTION);
  const names = <usize>load<u32>(source, FUNCTION_NAME);
  const systems = <usize>load<u32>(source, FUNCTION_SYSTEM);
  const files = <usize>load<u32>(source, FUNCTION_FILE);
  const seen = allocZeroed(SCRATCH, load<u32>(source, FUNCTIONS));
  let to = functions;
  for (let at = list; at < listEnd; at += 4) {
    const location = <usize>load<u32>(at);
    internMapping(space, source, load<u32>(mappings + (location << 2)));
    const end = load<u32>(lineOffsets + (location << 2), 4);
    for (let line = load<u32>(lineOffsets + (location << 2)); line < end; line++) {
      const fn = <usize>load<u32>(lineFunction + (<usize>line << 2));
      if (load<u8>(seen + fn) != 0) continue;
      store<u8>(seen + fn, 1);
      store<u32>(to, <u32>fn);
      to += 4;
      internName(space, source, load<u32>(names + (fn << 2)));
      internName(space, source, load<u32>(systems + (fn << 2)));
      internText(space, source, load<u32>(files + (fn << 2)));
    }
  }
  return to;
}

/**
 * Adds the stacktraces of a symbol space to the first family of another, with their values.
 *
 * @param parent    i32[stacks], location u32[stacks]: the stack table of the source
 * @param sums      i64[stacks], what to add to the value of each; rows with 0 are left out, with what only they need
 * @param needed    u8[stacks], from `markNeeded`
 * @param rows      u32[stacks], out: the row of each needed stacktrace in the space
 * @cost  O(stacks)
 */
export function spaceAddStacks(
  space: usize, source: usize, parent: usize, location: usize, sums: usize, needed: usize, rows: usize, stacks: u32,
): void {
  const tree = spaceStacks(space, 0);
  store<u32>(rows, 0);
  for (let i: u32 = 1; i < stacks; i++) {
    if (load<u8>(needed + i) == 0) continue;
    const above = load<u32>(rows + (<usize>load<u32>(parent + (<usize>i << 2)) << 2));
    const key = internLocation(space, source, load<u32>(location + (<usize>i << 2)));
    const row = treeChild(tree, above, key);
    store<u32>(rows + (<usize>i << 2), row);
    const sum = load<i64>(sums + (<usize>i << 3));
    if (sum != 0) treeAddValue(tree, row, sum);
  }
}

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
  const name = internName(space, source, load<u32>(<usize>load<u32>(source, FUNCTION_NAME) + (<usize>index << 2)));
  const system = internName(space, source, load<u32>(<usize>load<u32>(source, FUNCTION_SYSTEM) + (<usize>index << 2)));
  const file = internText(space, source, load<u32>(<usize>load<u32>(source, FUNCTION_FILE) + (<usize>index << 2)));
  const table = spaceFunctions(space);
  const record = tableTail(table, 24);
  store<u32>(record, name);
  store<u32>(record, system, 4);
  store<u32>(record, file, 8);
  store<u32>(record, 0, 12);
  store<i64>(record, load<i64>(<usize>load<u32>(source, FUNCTION_START) + (<usize>index << 3)), 16);
  const row = internTail(table, 24, lastFunction + 1);
  lastFunction = row;
  store<u32>(at, row);
  return row;
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
  const mapping = internMapping(
    space, source, load<u32>(<usize>load<u32>(source, LOCATION_MAPPING) + (<usize>index << 2)));
  const offsets = <usize>load<u32>(source, LOCATION_LINES) + (<usize>index << 2);
  const first = load<u32>(offsets);
  const end = load<u32>(offsets, 4);
  const length = 16 + ((end - first) << 4);
  const functions = <usize>load<u32>(source, LINE_FUNCTION);
  const numbers = <usize>load<u32>(source, LINE_NUMBER);
  const table = spaceLocations(space);
  const record = tableTail(table, length);
  store<u64>(record, load<u64>(<usize>load<u32>(source, LOCATION_ADDRESS) + (<usize>index << 3)));
  store<u32>(record, mapping, 8);
  store<u32>(record, <u32>load<u8>(<usize>load<u32>(source, LOCATION_FOLDED) + index), 12);
  let to = record + 16;
  for (let line = first; line < end; line++) {
    // Functions live in a table of their own, so the record's place does not move meanwhile.
    store<u32>(to, internFunction(space, source, load<u32>(functions + (<usize>line << 2))));
    store<u32>(to, 0, 4);
    store<i64>(to, load<i64>(numbers + (<usize>line << 3)), 8);
    to += 16;
  }
  const row = internTail(table, length, lastLocation + 1);
  lastLocation = row;
  store<u32>(<usize>load<u32>(source, LOCATION_ROW) + (<usize>index << 2), row);
  return row;
}
