// Decode a pprof into columns: one pass that finds the messages, then one over each kind of message, in the order in
// which they refer to each other. Every length is checked before it is used, every reference before it is followed.
//
//   profile   a source (source.ts), then the columns of the samples and the fields of the header, all u32
//
// Ids of mappings, functions and locations become row numbers, from 1. A reference to an id that nobody has becomes
// row 0 of a sample's stack, or makes its location bad; a sample with such a location is left out later, as pprof's
// own tools do. String references out of range refuse the profile.
//
// src/kernels/pprof-decode.ts has the same list of fields, and the plain twin is src/domain/pprof.

import { allocScratch, allocZeroed, SCRATCH, shrinkScratch } from './arena';
import { hashWord } from './bytes';
import {
  FUNCTION_FILE, FUNCTION_NAME, FUNCTION_START, FUNCTION_SYSTEM, FUNCTIONS, HAS_FILENAMES, HAS_FUNCTIONS,
  HAS_INLINE_FRAMES, HAS_LINE_NUMBERS, LINE_FUNCTION, LINE_NUMBER, LOCATION_ADDRESS, LOCATION_FOLDED, LOCATION_LINES,
  LOCATION_MAPPING, LOCATIONS, MAPPING_BUILD, MAPPING_FILE, MAPPING_FLAGS, MAPPING_LIMIT, MAPPING_OFFSET,
  MAPPING_START, MAPPINGS, SOURCE_BYTES, STRING_AT, STRING_LENGTH, STRINGS,
} from './source';

export const TYPES: usize = SOURCE_BYTES; // count
export const TYPE_NAME: usize = SOURCE_BYTES + 4; // u32[types], a string
export const TYPE_UNIT: usize = SOURCE_BYTES + 8; // u32[types]
export const SAMPLES: usize = SOURCE_BYTES + 12; // count
export const STACK_OFFSETS: usize = SOURCE_BYTES + 16; // u32[samples + 1]
export const STACK_LOCATIONS: usize = SOURCE_BYTES + 20; // u32[...], rows of locations, leaf first; 0: no such location
export const VALUES: usize = SOURCE_BYTES + 24; // i64[samples * types]
export const LABELS: usize = SOURCE_BYTES + 28; // count of string labels
export const LABEL_OFFSETS: usize = SOURCE_BYTES + 32; // u32[samples + 1]
export const LABEL_KEY: usize = SOURCE_BYTES + 36; // u32[labels], a string
export const LABEL_VALUE: usize = SOURCE_BYTES + 40; // u32[labels], a string
export const PERIOD_NAME: usize = SOURCE_BYTES + 44; // a string; 0 when there is no period type
export const PERIOD_UNIT: usize = SOURCE_BYTES + 48;
export const HAS_PERIOD_TYPE: usize = SOURCE_BYTES + 52; // 0 or 1
export const MAX_DEPTH: usize = SOURCE_BYTES + 56; // of any stack, before it is cut
export const MAX_LABELS: usize = SOURCE_BYTES + 60; // of any sample, numeric ones included
export const LOCATION_BAD: usize = SOURCE_BYTES + 64; // u8[locations], 1: refers to what does not exist
export const TIME: usize = SOURCE_BYTES + 72; // i64, unix nanoseconds
export const DURATION: usize = SOURCE_BYTES + 80; // i64, nanoseconds
export const PERIOD: usize = SOURCE_BYTES + 88; // i64
export const PROFILE_BYTES: usize = SOURCE_BYTES + 96;

// What can be wrong. src/kernels/pprof-decode.ts turns the numbers into messages.
const TRUNCATED: i32 = 1; // a field ends behind its message; detail: offset
const BAD_WIRE_TYPE: i32 = 2; // detail: offset
const BAD_VARINT: i32 = 3; // detail: offset
const NO_SAMPLE_TYPE: i32 = 4;
const TOO_MANY_SAMPLES: i32 = 5; // detail: samples
const TOO_MANY_LABELS: i32 = 6; // detail: labels of the sample
const ZERO_LOCATION_ID: i32 = 7;
const ZERO_FUNCTION_ID: i32 = 8;
const VALUE_COUNT: i32 = 9; // detail: values of the sample, types
const STRING_0: i32 = 10;
const STRING_INDEX: i32 = 11; // detail: index, strings, and `decodeWhat`
const NOT_UTF8: i32 = 12; // detail: string
const ZERO_MAPPING_ID: i32 = 13;

export let decodeError: i32 = 0;
export let decodeDetail: i64 = 0;
export let decodeDetail2: i64 = 0;
/** Whose reference it is that leads nowhere: a row of REFERENCES in src/kernels/pprof-decode.ts. */
export let decodeWhat: i32 = 0;

// The varint that `varint` read last.
let value: u64 = 0;
let base: usize = 0;

/**
 * @param input        `length` bytes with 16 readable bytes behind them, in scratch, where strings stay
 * @param maxSamples   0: no limit, as for the following ones
 * @param maxLabels    per sample
 * @param maxDepth     a deeper stack loses its leaf side
 * @param maxSymbol    bytes; a longer string loses its head, cut where a character starts
 * @returns            the profile, or 0 with `decodeError` set
 * @cost               O(length)
 */
export function decodeProfile(
  input: usize, length: u32, maxSamples: u32, maxLabels: u32, maxDepth: u32, maxSymbol: u32,
): usize {
  decodeError = 0;
  base = input;
  const end = input + length;
  const profile = allocZeroed(SCRATCH, PROFILE_BYTES);

  // Pass 1: count.
  let types: u32 = 0, samples: u32 = 0, mappings: u32 = 0, locations: u32 = 0, functions: u32 = 0, strings: u32 = 0;
  let sampleBytes: u32 = 0, locationBytes: u32 = 0;
  let p = input;
  while (p < end) {
    p = varint(p, end);
    if (p == 0) return 0;
    const field = fieldOf(value);
    const wire = <u32>value & 7;
    const isMessage = field == 1 || field == 2 || field == 3 || field == 4 || field == 5 || field == 6 || field == 11;
    const isNumber = field == 7 || field == 8 || field == 9 || field == 10 || field == 12 || field == 14;
    if ((isMessage && wire != 2) || (isNumber && wire != 0)) return fail(BAD_WIRE_TYPE, p - input, 0);
    const next = skip(p, end, wire, field);
    if (next == 0) return 0;
    if (field == 13 && !comments(p, next, wire)) return 0;
    if (field == 6) strings++;
    else if (field == 2) { samples++; sampleBytes += <u32>(next - p); }
    else if (field == 4) { locations++; locationBytes += <u32>(next - p); }
    else if (field == 5) functions++;
    else if (field == 3) mappings++;
    else if (field == 1) types++;
    p = next;
  }
  if (types == 0) return fail(NO_SAMPLE_TYPE, 0, 0);
  if (maxSamples != 0 && samples > maxSamples) return fail(TOO_MANY_SAMPLES, samples, 0);
  if (strings == 0) return fail(STRING_0, 0, 0);

  // Pass 2: where each message is. Strings are their own column; for the others at[2 i] is the start, at[2 i + 1] the end.
  const stringAt = allocScratch(<usize>strings << 2);
  const stringLength = allocScratch(<usize>strings << 2);
  const typeAt = allocScratch(<usize>types << 3);
  const sampleAt = allocScratch(<usize>samples << 3);
  const mappingAt = allocScratch(<usize>mappings << 3);
  const locationAt = allocScratch(<usize>locations << 3);
  const functionAt = allocScratch(<usize>functions << 3);
  let hasPeriod: u32 = 0;
  let periodName: u64 = 0, periodUnit: u64 = 0;
  types = 0; samples = 0; mappings = 0; locations = 0; functions = 0; strings = 0;
  p = input;
  while (p < end) {
    p = varint(p, end);
    const field = fieldOf(value);
    const wire = <u32>value & 7;
    if (wire == 2) {
      p = varint(p, end);
      const next = p + <usize>value;
      if (field == 6) {
        store<u32>(stringAt + (<usize>strings << 2), <u32>p);
        store<u32>(stringLength + (<usize>strings << 2), <u32>value);
        strings++;
      } else if (field == 2) span(sampleAt, samples++, p, next);
      else if (field == 4) span(locationAt, locations++, p, next);
      else if (field == 5) span(functionAt, functions++, p, next);
      else if (field == 3) span(mappingAt, mappings++, p, next);
      else if (field == 1) span(typeAt, types++, p, next);
      else if (field == 11) {
        // A message that occurs twice is one, with the last of each field.
        if (!valueType(p, next, periodName, periodUnit)) return 0;
        hasPeriod = 1;
        periodName = typeName;
        periodUnit = typeUnit;
      }
      p = next;
    } else {
      const next = skip(p, end, wire, field);
      if (field == 9 || field == 10 || field == 12) {
        varint(p, end);
        store<u64>(profile + (field == 9 ? TIME : field == 10 ? DURATION : PERIOD), value);
      }
      p = next;
    }
  }

  if (load<u32>(stringLength) != 0) return fail(STRING_0, 0, 0);
  for (let i: u32 = 0; i < strings; i++) {
    const at = load<u32>(stringAt + (<usize>i << 2));
    const bytes = load<u32>(stringLength + (<usize>i << 2));
    if (!isUtf8(at, at + bytes)) return fail(NOT_UTF8, i, 0);
    if (maxSymbol != 0 && bytes > maxSymbol) cutHead(stringAt + (<usize>i << 2), stringLength + (<usize>i << 2), maxSymbol);
  }
  store<u32>(profile, strings, STRINGS);
  store<u32>(profile, <u32>stringAt, STRING_AT);
  store<u32>(profile, <u32>stringLength, STRING_LENGTH);

  store<u32>(profile, types, TYPES);
  store<u32>(profile, <u32>allocScratch(<usize>types << 2), TYPE_NAME);
  store<u32>(profile, <u32>allocScratch(<usize>types << 2), TYPE_UNIT);
  for (let i: u32 = 0; i < types; i++) {
    const at = typeAt + (<usize>i << 3);
    if (!valueType(load<u32>(at), load<u32>(at, 4), 0, 0)) return 0;
    if (!isString(typeName, strings, 0) || !isString(typeUnit, strings, 1)) return 0;
    store<u32>(<usize>load<u32>(profile, TYPE_NAME) + (<usize>i << 2), <u32>typeName);
    store<u32>(<usize>load<u32>(profile, TYPE_UNIT) + (<usize>i << 2), <u32>typeUnit);
  }
  if (!isString(periodName, strings, 2) || !isString(periodUnit, strings, 3)) return 0;
  store<u32>(profile, hasPeriod, HAS_PERIOD_TYPE);
  store<u32>(profile, <u32>periodName, PERIOD_NAME);
  store<u32>(profile, <u32>periodUnit, PERIOD_UNIT);

  const mappingIds = decodeMappings(profile, mappingAt, mappings, strings);
  if (mappingIds == 0) return 0;
  const functionIds = decodeFunctions(profile, functionAt, functions, strings);
  if (functionIds == 0) return 0;
  const locationIds = decodeLocations(profile, locationAt, locations, locationBytes, mappingIds, functionIds);
  if (locationIds == 0) return 0;
  if (!decodeSamples(profile, sampleAt, samples, sampleBytes, types, locationIds, maxDepth, maxLabels)) return 0;
  return decodeLabels(profile, sampleAt, samples, strings) ? profile : 0;
}

/**
 * Zeroes the addresses of mappings that have function names, and of the locations in them: what has names needs no
 * addresses, and without them processes that were loaded at different places share their symbols.
 *
 * @cost O(mappings + locations)
 */
export function dropAddresses(profile: usize): void {
  const flags = <usize>load<u32>(profile, MAPPING_FLAGS);
  const mappings = <usize>load<u32>(profile, MAPPINGS);
  for (let row: usize = 1; row < mappings; row++) {
    if ((load<u8>(flags + row) & HAS_FUNCTIONS) == 0) continue;
    store<u64>(<usize>load<u32>(profile, MAPPING_START) + (row << 3), 0);
    store<u64>(<usize>load<u32>(profile, MAPPING_LIMIT) + (row << 3), 0);
    store<u64>(<usize>load<u32>(profile, MAPPING_OFFSET) + (row << 3), 0);
  }
  const mapping = <usize>load<u32>(profile, LOCATION_MAPPING);
  const address = <usize>load<u32>(profile, LOCATION_ADDRESS);
  const locations = <usize>load<u32>(profile, LOCATIONS);
  for (let row: usize = 1; row < locations; row++) {
    if (load<u8>(flags + load<u32>(mapping + (row << 2))) & HAS_FUNCTIONS) store<u64>(address + (row << 3), 0);
  }
}

// The value type that `valueType` read last.
let typeName: u64 = 0;
let typeUnit: u64 = 0;

/** @param name  what it has before, as `unit` */
function valueType(p: usize, end: usize, name: u64, unit: u64): bool {
  while (p < end) {
    p = varint(p, end);
    if (p == 0) return false;
    const field = fieldOf(value);
    const wire = <u32>value & 7;
    if (field == 1 || field == 2) {
      if (!scalar(p, end, wire)) return false;
      if (field == 1) name = value;
      else unit = value;
    }
    p = skip(p, end, wire, field);
    if (p == 0) return false;
  }
  typeName = name;
  typeUnit = unit;
  return true;
}

/** Comments are not stored, but what is no list of numbers is no pprof either. */
function comments(p: usize, next: usize, wire: u32): bool {
  if (wire == 0) return true;
  if (wire != 2) return fail(BAD_WIRE_TYPE, p - base, 0) != 0;
  p = varint(p, next);
  while (p != 0 && p < next) p = varint(p, next);
  return p != 0;
}

/** Checked at the end of a message: of a field that occurs twice, only the last one counts. */
function isString(index: u64, strings: u32, what: i32): bool {
  if (index < <u64>strings) return true;
  decodeWhat = what;
  return fail(STRING_INDEX, index, strings) != 0;
}

/** @returns a map from id to row, or 0 */
function decodeMappings(profile: usize, at: usize, count: u32, strings: u32): usize {
  const rows = count + 1;
  const ids = allocZeroed(SCRATCH, <usize>rows << 3);
  const start = allocZeroed(SCRATCH, <usize>rows << 3);
  const limit = allocZeroed(SCRATCH, <usize>rows << 3);
  const offset = allocZeroed(SCRATCH, <usize>rows << 3);
  const file = allocZeroed(SCRATCH, <usize>rows << 2);
  const build = allocZeroed(SCRATCH, <usize>rows << 2);
  const flags = allocZeroed(SCRATCH, rows);
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>i + 1;
    let p: usize = load<u32>(at + (<usize>i << 3));
    const end: usize = load<u32>(at + (<usize>i << 3), 4);
    let fileIndex: u64 = 0, buildIndex: u64 = 0;
    while (p < end) {
      p = varint(p, end);
      if (p == 0) return 0;
      const field = fieldOf(value);
      const wire = <u32>value & 7;
      if (field >= 1 && field <= 10) {
        if (!scalar(p, end, wire)) return 0;
        if (field == 1) store<u64>(ids + (row << 3), value);
        else if (field == 2) store<u64>(start + (row << 3), value);
        else if (field == 3) store<u64>(limit + (row << 3), value);
        else if (field == 4) store<u64>(offset + (row << 3), value);
        else if (field == 5) fileIndex = value;
        else if (field == 6) buildIndex = value;
        else {
          const bit: u8 = field == 7 ? HAS_FUNCTIONS : field == 8 ? HAS_FILENAMES : field == 9 ? HAS_LINE_NUMBERS : HAS_INLINE_FRAMES;
          const before = load<u8>(flags + row);
          store<u8>(flags + row, value != 0 ? before | bit : before & ~bit);
        }
      }
      p = skip(p, end, wire, field);
      if (p == 0) return 0;
    }
    if (!isString(fileIndex, strings, 4) || !isString(buildIndex, strings, 5)) return 0;
    store<u32>(file + (row << 2), <u32>fileIndex);
    store<u32>(build + (row << 2), <u32>buildIndex);
  }
  store<u32>(profile, rows, MAPPINGS);
  store<u32>(profile, <u32>start, MAPPING_START);
  store<u32>(profile, <u32>limit, MAPPING_LIMIT);
  store<u32>(profile, <u32>offset, MAPPING_OFFSET);
  store<u32>(profile, <u32>file, MAPPING_FILE);
  store<u32>(profile, <u32>build, MAPPING_BUILD);
  store<u32>(profile, <u32>flags, MAPPING_FLAGS);
  return idMap(ids, count);
}

function decodeFunctions(profile: usize, at: usize, count: u32, strings: u32): usize {
  const rows = count + 1;
  const ids = allocZeroed(SCRATCH, <usize>rows << 3);
  const name = allocZeroed(SCRATCH, <usize>rows << 2);
  const system = allocZeroed(SCRATCH, <usize>rows << 2);
  const file = allocZeroed(SCRATCH, <usize>rows << 2);
  const start = allocZeroed(SCRATCH, <usize>rows << 3);
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>i + 1;
    let p: usize = load<u32>(at + (<usize>i << 3));
    const end: usize = load<u32>(at + (<usize>i << 3), 4);
    let nameIndex: u64 = 0, systemIndex: u64 = 0, fileIndex: u64 = 0;
    while (p < end) {
      p = varint(p, end);
      if (p == 0) return 0;
      const field = fieldOf(value);
      const wire = <u32>value & 7;
      if (field >= 1 && field <= 5) {
        if (!scalar(p, end, wire)) return 0;
        if (field == 1) store<u64>(ids + (row << 3), value);
        else if (field == 2) nameIndex = value;
        else if (field == 3) systemIndex = value;
        else if (field == 4) fileIndex = value;
        else store<u64>(start + (row << 3), value);
      }
      p = skip(p, end, wire, field);
      if (p == 0) return 0;
    }
    if (load<u64>(ids + (row << 3)) == 0) return fail(ZERO_FUNCTION_ID, i, 0);
    if (!isString(nameIndex, strings, 6) || !isString(systemIndex, strings, 7) || !isString(fileIndex, strings, 8)) return 0;
    store<u32>(name + (row << 2), <u32>nameIndex);
    store<u32>(system + (row << 2), <u32>systemIndex);
    store<u32>(file + (row << 2), <u32>fileIndex);
  }
  store<u32>(profile, rows, FUNCTIONS);
  store<u32>(profile, <u32>name, FUNCTION_NAME);
  store<u32>(profile, <u32>system, FUNCTION_SYSTEM);
  store<u32>(profile, <u32>file, FUNCTION_FILE);
  store<u32>(profile, <u32>start, FUNCTION_START);
  return idMap(ids, count);
}

function decodeLocations(
  profile: usize, at: usize, count: u32, bytes: u32, mappingIds: usize, functionIds: usize,
): usize {
  const rows = count + 1;
  const ids = allocZeroed(SCRATCH, <usize>rows << 3);
  const mapping = allocZeroed(SCRATCH, <usize>rows << 2);
  const address = allocZeroed(SCRATCH, <usize>rows << 3);
  const folded = allocZeroed(SCRATCH, rows);
  const bad = allocZeroed(SCRATCH, rows);
  const lineOffsets = allocZeroed(SCRATCH, (<usize>rows + 1) << 2);
  // A line takes at least two bytes: its tag and its length.
  const maxLines = <usize>bytes >> 1;
  const lineFunction = allocScratch(maxLines << 2);
  const lineNumber = allocScratch(maxLines << 3);
  let lines: u32 = 0;
  store<u8>(bad, 1);
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>i + 1;
    store<u32>(lineOffsets + (row << 2), lines);
    let p: usize = load<u32>(at + (<usize>i << 3));
    const end: usize = load<u32>(at + (<usize>i << 3), 4);
    let mappingId: u64 = 0;
    while (p < end) {
      p = varint(p, end);
      if (p == 0) return 0;
      const field = fieldOf(value);
      const wire = <u32>value & 7;
      if (field == 4) {
        if (wire != 2) return fail(BAD_WIRE_TYPE, p - base, 0);
        p = varint(p, end);
        if (p == 0) return 0;
        if (value > <u64>(end - p)) return fail(TRUNCATED, p - base, 0);
        const lineEnd = p + <usize>value;
        let functionId: u64 = 0, number: u64 = 0;
        while (p < lineEnd) {
          p = varint(p, lineEnd);
          if (p == 0) return 0;
          const lineField = fieldOf(value);
          const lineWire = <u32>value & 7;
          if (lineField == 1 || lineField == 2) {
            if (!scalar(p, lineEnd, lineWire)) return 0;
            if (lineField == 1) functionId = value;
            else number = value;
          }
          p = skip(p, lineEnd, lineWire, lineField);
          if (p == 0) return 0;
        }
        const fn = idRow(functionIds, functionId);
        if (fn == 0) store<u8>(bad + row, 1);
        store<u32>(lineFunction + (<usize>lines << 2), fn);
        store<u64>(lineNumber + (<usize>lines << 3), number);
        lines++;
        continue;
      }
      if (field == 1 || field == 2 || field == 3 || field == 5) {
        if (!scalar(p, end, wire)) return 0;
        if (field == 1) store<u64>(ids + (row << 3), value);
        else if (field == 2) mappingId = value;
        else if (field == 3) store<u64>(address + (row << 3), value);
        else store<u8>(folded + row, value != 0 ? 1 : 0);
      }
      p = skip(p, end, wire, field);
      if (p == 0) return 0;
    }
    if (load<u64>(ids + (row << 3)) == 0) return fail(ZERO_LOCATION_ID, i, 0);
    const hasLines = lines > load<u32>(lineOffsets + (row << 2));
    if (!hasLines && load<u64>(address + (row << 3)) == 0) store<u8>(bad + row, 1);
    if (mappingId != 0) {
      const found = idRow(mappingIds, mappingId);
      if (found == 0) store<u8>(bad + row, 1);
      store<u32>(mapping + (row << 2), found);
    }
  }
  store<u32>(lineOffsets + (<usize>rows << 2), lines);
  store<u32>(profile, rows, LOCATIONS);
  store<u32>(profile, <u32>mapping, LOCATION_MAPPING);
  store<u32>(profile, <u32>address, LOCATION_ADDRESS);
  store<u32>(profile, <u32>folded, LOCATION_FOLDED);
  store<u32>(profile, <u32>bad, LOCATION_BAD);
  store<u32>(profile, <u32>lineOffsets, LOCATION_LINES);
  store<u32>(profile, <u32>lineFunction, LINE_FUNCTION);
  store<u32>(profile, <u32>lineNumber, LINE_NUMBER);
  return idMap(ids, count);
}

function decodeSamples(
  profile: usize, at: usize, count: u32, bytes: u32, types: u32, locationIds: usize, maxDepth: u32, maxLabels: u32,
): bool {
  // Every sample brings one value per type, each of at least one byte; what claims more is caught by its own check,
  // so the product cannot exceed the bytes by more than one sample.
  const offsets = allocScratch((<usize>count + 1) << 2);
  const labelOffsets = allocScratch((<usize>count + 1) << 2);
  const values = allocScratch((<usize>min(<u64>count * <u64>types, <u64>bytes + <u64>types)) << 3);
  // The last allocation, so that what the stacks do not use can be given back.
  const stacks = allocScratch(<usize>bytes << 2);
  let to = stacks;
  let valueAt = values;
  let deepest: u32 = 0, mostLabels: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(offsets + (<usize>i << 2), <u32>((to - stacks) >> 2));
    let p: usize = load<u32>(at + (<usize>i << 3));
    const end: usize = load<u32>(at + (<usize>i << 3), 4);
    const stackStart = to;
    let valueCount: u32 = 0, labelCount: u32 = 0;
    while (p < end) {
      p = varint(p, end);
      if (p == 0) return false;
      const field = fieldOf(value);
      const wire = <u32>value & 7;
      if (field == 1 || field == 2) {
        let next: usize;
        if (wire == 2) {
          p = varint(p, end);
          if (p == 0) return false;
          if (value > <u64>(end - p)) return fail(TRUNCATED, p - base, 0) != 0;
          next = p + <usize>value;
        } else if (wire == 0) {
          next = skip(p, end, wire, field);
          if (next == 0) return false;
        } else return fail(BAD_WIRE_TYPE, p - base, 0) != 0;
        if (field == 1) {
          while (p < next) {
            const byte = load<u8>(p);
            if (byte < 0x80) { value = byte; p++; }
            else { p = varint(p, next); if (p == 0) return false; }
            store<u32>(to, idRow(locationIds, value));
            to += 4;
          }
        } else {
          while (p < next) {
            p = varint(p, next);
            if (p == 0) return false;
            if (valueCount < types) { store<u64>(valueAt, value); valueAt += 8; }
            valueCount++;
          }
        }
        continue;
      }
      if (field == 3) {
        if (wire != 2) return fail(BAD_WIRE_TYPE, p - base, 0) != 0;
        labelCount++;
      }
      p = skip(p, end, wire, field);
      if (p == 0) return false;
    }
    if (valueCount != types) return fail(VALUE_COUNT, valueCount, types) != 0;
    if (maxLabels != 0 && labelCount > maxLabels) return fail(TOO_MANY_LABELS, labelCount, 0) != 0;
    const depth = <u32>((to - stackStart) >> 2);
    if (depth > deepest) deepest = depth;
    if (labelCount > mostLabels) mostLabels = labelCount;
    if (maxDepth != 0 && depth > maxDepth) {
      // The root side is kept: it says where a runaway recursion came from.
      memory.copy(stackStart, to - (<usize>maxDepth << 2), <usize>maxDepth << 2);
      to = stackStart + (<usize>maxDepth << 2);
    }
  }
  store<u32>(offsets + (<usize>count << 2), <u32>((to - stacks) >> 2));
  shrinkScratch(to);
  store<u32>(profile, count, SAMPLES);
  store<u32>(profile, <u32>offsets, STACK_OFFSETS);
  store<u32>(profile, <u32>stacks, STACK_LOCATIONS);
  store<u32>(profile, <u32>values, VALUES);
  store<u32>(profile, <u32>labelOffsets, LABEL_OFFSETS);
  store<u32>(profile, deepest, MAX_DEPTH);
  store<u32>(profile, mostLabels, MAX_LABELS);
  return true;
}

/** String labels only: numeric ones have no meaning here, as in the reference. */
function decodeLabels(profile: usize, at: usize, count: u32, strings: u32): bool {
  const offsets = <usize>load<u32>(profile, LABEL_OFFSETS);
  memory.fill(offsets, 0, (<usize>count + 1) << 2);
  if (load<u32>(profile, MAX_LABELS) == 0) return true;
  let labels: u32 = 0;
  let keys: usize = 0, texts: usize = 0;
  // First to count, then to keep.
  for (let pass = 0; pass < 2; pass++) {
    if (pass == 1) {
      keys = allocScratch(<usize>labels << 2);
      texts = allocScratch(<usize>labels << 2);
    }
    labels = 0;
    for (let i: u32 = 0; i < count; i++) {
      store<u32>(offsets + (<usize>i << 2), labels);
      let p: usize = load<u32>(at + (<usize>i << 3));
      const end: usize = load<u32>(at + (<usize>i << 3), 4);
      while (p < end) {
        p = varint(p, end);
        const field = fieldOf(value);
        const wire = <u32>value & 7;
        if (field != 3) {
          p = skip(p, end, wire, field);
          continue;
        }
        p = varint(p, end);
        const labelEnd = p + <usize>value;
        let key: u64 = 0, text: u64 = 0, unit: u64 = 0;
        while (p < labelEnd) {
          p = varint(p, labelEnd);
          if (p == 0) return false;
          const labelField = fieldOf(value);
          const labelWire = <u32>value & 7;
          if (labelField >= 1 && labelField <= 4) {
            if (!scalar(p, labelEnd, labelWire)) return false;
            if (labelField == 1) key = value;
            else if (labelField == 2) text = value;
            else if (labelField == 4) unit = value;
          }
          p = skip(p, labelEnd, labelWire, labelField);
          if (p == 0) return false;
        }
        if (!isString(key, strings, 9) || !isString(text, strings, 10) || !isString(unit, strings, 11)) return false;
        if (text == 0) continue;
        if (pass == 1) {
          store<u32>(keys + (<usize>labels << 2), <u32>key);
          store<u32>(texts + (<usize>labels << 2), <u32>text);
        }
        labels++;
      }
    }
    store<u32>(offsets + (<usize>count << 2), labels);
  }
  store<u32>(profile, labels, LABELS);
  store<u32>(profile, <u32>keys, LABEL_KEY);
  store<u32>(profile, <u32>texts, LABEL_VALUE);
  return true;
}

// Maps from id to row. Ids are mostly 1 .. n, then the map is a plain array; otherwise it is a small hash table.
//
//   map   kind u32 (0 array, 1 hash), size u32 (entries, or slots - 1), then u32[entries], or slots of id u64, row u64

function idMap(ids: usize, count: u32): usize {
  let largest: u64 = 0;
  for (let row: usize = 1; row <= count; row++) largest = max(largest, load<u64>(ids + (row << 3)));
  if (largest < (<u64>count << 2) + 1024) {
    const map = allocZeroed(SCRATCH, 8 + ((<usize>largest + 1) << 2));
    store<u32>(map, <u32>largest + 1, 4);
    for (let row: usize = 1; row <= count; row++) {
      const id = load<u64>(ids + (row << 3));
      if (id != 0) store<u32>(map + 8 + (<usize>id << 2), <u32>row);
    }
    return map;
  }
  let slots: u32 = 16;
  while (slots < count << 1) slots <<= 1;
  const map = allocZeroed(SCRATCH, 16 + (<usize>slots << 4));
  store<u32>(map, 1);
  store<u32>(map, slots - 1, 4);
  for (let row: usize = 1; row <= count; row++) {
    const id = load<u64>(ids + (row << 3));
    if (id == 0) continue;
    let slot = hashWord(id) & (slots - 1);
    while (true) {
      const at = map + 16 + (<usize>slot << 4);
      const known = load<u64>(at);
      if (known == 0 || known == id) {
        store<u64>(at, id);
        store<u64>(at, <u64>row, 8);
        break;
      }
      slot = (slot + 1) & (slots - 1);
    }
  }
  return map;
}

// @ts-ignore: decorator
@inline
function idRow(map: usize, id: u64): u32 {
  if (load<u32>(map) == 0) return id < <u64>load<u32>(map, 4) ? load<u32>(map + 8 + (<usize>id << 2)) : 0;
  return hashedRow(map, id);
}

function hashedRow(map: usize, id: u64): u32 {
  const mask = load<u32>(map, 4);
  let slot = hashWord(id) & mask;
  while (true) {
    const at = map + 16 + (<usize>slot << 4);
    const known = load<u64>(at);
    if (known == 0) return 0;
    if (known == id) return load<u32>(at, 8);
    slot = (slot + 1) & mask;
  }
}

/** Reads the varint at p into `value`. @returns the position behind it, or 0 */
function varint(p: usize, end: usize): usize {
  if (p >= end) return fail(TRUNCATED, p - base, 0);
  let byte: u64 = load<u8>(p++);
  let result = byte & 0x7f;
  let shift: u64 = 7;
  while (byte >= 0x80) {
    if (p >= end) return fail(TRUNCATED, p - base, 0);
    if (shift > 63) return fail(BAD_VARINT, p - base, 0);
    byte = load<u8>(p++);
    result |= (byte & 0x7f) << shift;
    shift += 7;
  }
  value = result;
  return p;
}

/** The field number of a tag; 0, which no field has, when the tag is larger than one can be. */
// @ts-ignore: decorator
@inline
function fieldOf(tag: u64): u32 {
  return tag > 0xffffffff ? 0 : <u32>tag >> 3;
}

/** Reads a number field into `value` without moving on. */
function scalar(p: usize, end: usize, wire: u32): bool {
  if (wire != 0) return fail(BAD_WIRE_TYPE, p - base, 0) != 0;
  return varint(p, end) != 0;
}

/** @returns the position behind the field whose tag was just read, or 0 */
function skip(p: usize, end: usize, wire: u32, field: u32): usize {
  if (field == 0) return fail(BAD_WIRE_TYPE, p - base, 0);
  if (wire == 0) return varint(p, end);
  let length: u64 = 0;
  if (wire == 2) {
    p = varint(p, end);
    if (p == 0) return 0;
    length = value;
  } else if (wire == 1) length = 8;
  else if (wire == 5) length = 4;
  else return fail(BAD_WIRE_TYPE, p - base, 0);
  if (length > <u64>(end - p)) return fail(TRUNCATED, p - base, 0);
  return p + <usize>length;
}

// @ts-ignore: decorator
@inline
function span(at: usize, index: u32, start: usize, end: usize): void {
  store<u32>(at + (<usize>index << 3), <u32>start);
  store<u32>(at + (<usize>index << 3), <u32>end, 4);
}

/** Keeps the last `limit` bytes of a string, or fewer: a character is never cut in two. */
function cutHead(at: usize, length: usize, limit: u32): void {
  let start = load<u32>(at) + load<u32>(length) - limit;
  const end = load<u32>(at) + load<u32>(length);
  while (start < end && (load<u8>(start) & 0xc0) == 0x80) start++;
  store<u32>(at, start);
  store<u32>(length, end - start);
}

/** @source Unicode 15, table 3-7, "Well-Formed UTF-8 Byte Sequences" */
function isUtf8(p: usize, end: usize): bool {
  while (p < end) {
    if (p + 8 <= end && (load<u64>(p) & 0x8080808080808080) == 0) {
      p += 8;
      continue;
    }
    const a: u32 = load<u8>(p++);
    if (a < 0x80) continue;
    if (a < 0xc2 || a > 0xf4) return false;
    const more: usize = a < 0xe0 ? 1 : a < 0xf0 ? 2 : 3;
    if (p + more > end) return false;
    const b: u32 = load<u8>(p);
    const low: u32 = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
    const high: u32 = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
    if (b < low || b > high) return false;
    for (let i: usize = 1; i < more; i++) if ((load<u8>(p + i) & 0xc0) != 0x80) return false;
    p += more;
  }
  return true;
}

/** @returns 0, so that a caller can pass it on */
function fail(code: i32, detail: u64, detail2: u64): usize {
  decodeError = code;
  decodeDetail = detail;
  decodeDetail2 = detail2;
  return 0;
}
