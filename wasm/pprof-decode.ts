// Decode a pprof into columns: one pass that finds the messages (pprof-index.ts), then one over each kind of message, in
// the order in which they refer to each other. Every length is checked before it is used, every reference before it is
// followed.
//
//   profile   a source (source.ts), then the columns of the samples and the fields of the header, all u32
//
// Ids of mappings, functions and locations become row numbers, from 1. A reference to an id that nobody has becomes
// row 0 of a sample's stack, or makes its location bad; a sample with such a location is left out later, as pprof's
// own tools do. String references out of range refuse the profile.
//
// src/kernels/pprof-decode.ts has the same list of fields, and the plain twin is src/domain/pprof.
//
// Source: pprof, `profile.proto`.

import { allocScratch, allocZeroed, SCRATCH, shrinkScratch } from './arena';
import { framesFit, LOCATION_LINES_MAX } from './frame-limits';
import { idMap, idRow } from './id-map';
import {
  bytesOf, countOf, durationNanos, FUNCTION, indexMessages, LOCATION, MAPPING, period, PERIOD_TYPE, SAMPLE, SAMPLE_TYPE,
  spansOf, STRING, timeNanos,
} from './pprof-index';
import {
  BAD_WIRE_TYPE, fail, failAt, fieldTag, readField, readVarint, startInput, TRUNCATED, value, varintBytes, varintValue,
} from './protobuf';
import {
  FUNCTION_FILE, FUNCTION_NAME, FUNCTION_START, FUNCTION_SYSTEM, FUNCTIONS, HAS_FILENAMES, HAS_FUNCTIONS,
  HAS_INLINE_FRAMES, HAS_LINE_NUMBERS, LINE_FUNCTION, LINE_NUMBER, LOCATION_ADDRESS, LOCATION_FOLDED, LOCATION_LINES,
  LOCATION_MAPPING, LOCATIONS, MAPPING_BUILD, MAPPING_FILE, MAPPING_FLAGS, MAPPING_LIMIT, MAPPING_OFFSET,
  MAPPING_START, MAPPINGS, SOURCE_BYTES, STRING_AT, STRING_LENGTH, STRINGS,
} from './source';
import { isUtf8, tailStart } from './utf8';

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
export const MAX_DEPTH: usize = SOURCE_BYTES + 56; // of any stack, after it is cut
export const MAX_LABELS: usize = SOURCE_BYTES + 60; // of any sample, numeric ones included
export const LOCATION_BAD: usize = SOURCE_BYTES + 64; // u8[locations], 1: refers to what does not exist
export const ANY_BAD: usize = SOURCE_BYTES + 68; // 1: a stack may have such a location, or one that nobody has
export const TIME: usize = SOURCE_BYTES + 72; // i64, unix nanoseconds
export const DURATION: usize = SOURCE_BYTES + 80; // i64, nanoseconds
export const PERIOD: usize = SOURCE_BYTES + 88; // i64
export const PROFILE_BYTES: usize = SOURCE_BYTES + 96;

// What can be wrong, besides what protobuf.ts finds. src/kernels/pprof-decode.ts turns the numbers into messages.
const NO_SAMPLE_TYPE: i32 = 4;
const TOO_MANY_SAMPLES: i32 = 5; // detail: samples
const TOO_MANY_LABELS: i32 = 6; // detail: labels of the sample
const ZERO_LOCATION_ID: i32 = 7;
const ZERO_FUNCTION_ID: i32 = 8;
const VALUE_COUNT: i32 = 9; // detail: values of the sample, types
const STRING_0: i32 = 10;
const STRING_INDEX: i32 = 11; // detail: index, strings, and `decodeWhat`
const NOT_UTF8: i32 = 12; // detail: string, where it starts in memory and, in the upper half, its bytes
const LOCATION_LINES_COUNT: i32 = 13; // detail: location, lines
// 14 and 15 are those of frame-limits.ts.
const STRING_BYTES: i32 = 16; // detail: string, bytes

/** As in src/domain/pprof/string-limit.ts. */
const STRING_BYTES_MAX: u32 = 8 << 20;

/** Lines of the location that has the most, from `decodeLocations`. */
let mostLines: u32 = 0;

/** Whose reference it is that leads nowhere: a row of REFERENCES in src/kernels/pprof-decode.ts. */
export let decodeWhat: i32 = 0;

/**
 * @param input        `length` bytes with 16 readable bytes behind them, in scratch, where strings stay
 * @param maxSamples   0: no limit, as for the following ones
 * @param maxLabels    per sample
 * @param maxDepth     a deeper stack loses its leaf side
 * @param maxSymbol    bytes; a longer string loses its head, cut where a character starts
 * @returns            the profile, or 0 with the failure in protobuf.ts
 * @cost               O(length)
 */
export function decodeProfile(
  input: usize, length: u32, maxSamples: u32, maxLabels: u32, maxDepth: u32, maxSymbol: u32,
): usize {
  startInput(input);
  const profile = allocZeroed(SCRATCH, PROFILE_BYTES);
  if (!indexMessages(input, length)) return 0;
  if (countOf(SAMPLE_TYPE) == 0) return fail(NO_SAMPLE_TYPE, 0, 0);
  if (maxSamples != 0 && countOf(SAMPLE) > maxSamples) return fail(TOO_MANY_SAMPLES, countOf(SAMPLE), 0);
  if (countOf(STRING) == 0) return fail(STRING_0, 0, 0);
  store<u64>(profile, timeNanos, TIME);
  store<u64>(profile, durationNanos, DURATION);
  store<u64>(profile, period, PERIOD);

  if (!decodePeriodTypes(profile)) return 0;
  if (!decodeStrings(profile, maxSymbol)) return 0;
  if (!decodeTypes(profile)) return 0;
  const mappingIds = decodeMappings(profile);
  if (mappingIds == 0) return 0;
  const functionIds = decodeFunctions(profile);
  if (functionIds == 0) return 0;
  const locationIds = decodeLocations(profile, mappingIds, functionIds);
  if (locationIds == 0) return 0;
  if (!decodeSamples(profile, locationIds, maxDepth, maxLabels)) return 0;
  if (!decodeLabels(profile)) return 0;
  const fits = framesFit(
    load<u32>(profile, STACK_OFFSETS), load<u32>(profile, STACK_LOCATIONS), load<u32>(profile, SAMPLES),
    load<u32>(profile, LOCATION_LINES), mostLines, load<u32>(profile, MAX_DEPTH), load<u32>(profile, TYPES),
  );
  return fits ? profile : 0;
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

function decodeStrings(profile: usize, maxSymbol: u32): bool {
  const count = countOf(STRING);
  const spans = spansOf(STRING);
  const starts = allocScratch(<usize>count << 2);
  const lengths = allocScratch(<usize>count << 2);
  if (load<u32>(spans) != load<u32>(spans, 4)) return fail(STRING_0, 0, 0) != 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const start = load<u32>(spans + (i << 3));
    const length = load<u32>(spans + (i << 3), 4) - start;
    if (!isUtf8(start, length)) return fail(NOT_UTF8, i, (<u64>length << 32) | start) != 0;
    const cut = maxSymbol != 0 && length > maxSymbol ? <u32>tailStart(start, length, maxSymbol) - start : 0;
    if (length - cut > STRING_BYTES_MAX) return fail(STRING_BYTES, i, length - cut) != 0;
    store<u32>(starts + (i << 2), start + cut);
    store<u32>(lengths + (i << 2), length - cut);
  }
  store<u32>(profile, count, STRINGS);
  store<u32>(profile, <u32>starts, STRING_AT);
  store<u32>(profile, <u32>lengths, STRING_LENGTH);
  return true;
}

// The value type that `readValueType` read last.
let typeName: u64 = 0;
let typeUnit: u64 = 0;

/** Sets the fields that the message has. */
function readValueType(p: usize, end: usize): bool {
  while (p < end) {
    const at = p;
    p = readField(p, end);
    if (p == 0) return false;
    if (fieldTag == 0x08) typeName = value;
    else if (fieldTag == 0x10) typeUnit = value;
    else if (!isUnknown(2, at)) return false;
  }
  return true;
}

/** A message that occurs twice is one, with the last of each field. */
function decodePeriodTypes(profile: usize): bool {
  const count = countOf(PERIOD_TYPE);
  const spans = spansOf(PERIOD_TYPE);
  typeName = 0;
  typeUnit = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    if (!readValueType(load<u32>(spans + (i << 3)), load<u32>(spans + (i << 3), 4))) return false;
  }
  if (!isString(typeName, 2) || !isString(typeUnit, 3)) return false;
  store<u32>(profile, count > 0 ? 1 : 0, HAS_PERIOD_TYPE);
  store<u32>(profile, <u32>typeName, PERIOD_NAME);
  store<u32>(profile, <u32>typeUnit, PERIOD_UNIT);
  return true;
}

function decodeTypes(profile: usize): bool {
  const count = countOf(SAMPLE_TYPE);
  const spans = spansOf(SAMPLE_TYPE);
  const names = allocScratch(<usize>count << 2);
  const units = allocScratch(<usize>count << 2);
  for (let i: usize = 0; i < <usize>count; i++) {
    typeName = 0;
    typeUnit = 0;
    if (!readValueType(load<u32>(spans + (i << 3)), load<u32>(spans + (i << 3), 4))) return false;
    if (!isString(typeName, 0) || !isString(typeUnit, 1)) return false;
    store<u32>(names + (i << 2), <u32>typeName);
    store<u32>(units + (i << 2), <u32>typeUnit);
  }
  store<u32>(profile, count, TYPES);
  store<u32>(profile, <u32>names, TYPE_NAME);
  store<u32>(profile, <u32>units, TYPE_UNIT);
  return true;
}

/** Whether the field that was read last is one that nobody knows, and not a known one of the wrong wire type. */
// @ts-ignore: decorator
@inline
function isUnknown(lastKnown: u32, at: usize): bool {
  return fieldTag >> 3 > lastKnown || failAt(BAD_WIRE_TYPE, at) != 0;
}

/** Checked at the end of a message: of a field that occurs twice, only the last one counts. */
// @ts-ignore: decorator
@inline
function isString(index: u64, what: i32): bool {
  return index < <u64>countOf(STRING) || noString(index, what);
}

function noString(index: u64, what: i32): bool {
  decodeWhat = what;
  return fail(STRING_INDEX, index, countOf(STRING)) != 0;
}

/** @returns a map from id to row, or 0 */
function decodeMappings(profile: usize): usize {
  const count = countOf(MAPPING);
  const spans = spansOf(MAPPING);
  const rows = count + 1;
  const ids = allocZeroed(SCRATCH, <usize>rows << 3);
  const start = allocZeroed(SCRATCH, <usize>rows << 3);
  const limit = allocZeroed(SCRATCH, <usize>rows << 3);
  const offset = allocZeroed(SCRATCH, <usize>rows << 3);
  const file = allocZeroed(SCRATCH, <usize>rows << 2);
  const build = allocZeroed(SCRATCH, <usize>rows << 2);
  const flags = allocZeroed(SCRATCH, rows);
  for (let row: usize = 1; row < <usize>rows; row++) {
    const span = spans + ((row - 1) << 3);
    let p: usize = load<u32>(span);
    const end: usize = load<u32>(span, 4);
    let fileIndex: u64 = 0, buildIndex: u64 = 0;
    while (p < end) {
      const at = p;
      p = readField(p, end);
      if (p == 0) return 0;
      const tag = fieldTag;
      if (tag == 0x08) store<u64>(ids + (row << 3), value);
      else if (tag == 0x10) store<u64>(start + (row << 3), value);
      else if (tag == 0x18) store<u64>(limit + (row << 3), value);
      else if (tag == 0x20) store<u64>(offset + (row << 3), value);
      else if (tag == 0x28) fileIndex = value;
      else if (tag == 0x30) buildIndex = value;
      else if (tag == 0x38) setFlag(flags + row, HAS_FUNCTIONS);
      else if (tag == 0x40) setFlag(flags + row, HAS_FILENAMES);
      else if (tag == 0x48) setFlag(flags + row, HAS_LINE_NUMBERS);
      else if (tag == 0x50) setFlag(flags + row, HAS_INLINE_FRAMES);
      else if (!isUnknown(10, at)) return 0;
    }
    if (!isString(fileIndex, 4) || !isString(buildIndex, 5)) return 0;
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

function setFlag(at: usize, bit: u8): void {
  store<u8>(at, value != 0 ? load<u8>(at) | bit : load<u8>(at) & ~bit);
}

function decodeFunctions(profile: usize): usize {
  const count = countOf(FUNCTION);
  const spans = spansOf(FUNCTION);
  const rows = count + 1;
  const ids = allocScratch(<usize>rows << 3);
  const names = allocScratch(<usize>rows << 2);
  const systems = allocScratch(<usize>rows << 2);
  const files = allocScratch(<usize>rows << 2);
  const starts = allocScratch(<usize>rows << 3);
  store<u32>(names, 0);
  store<u32>(systems, 0);
  store<u32>(files, 0);
  store<u64>(starts, 0);
  for (let row: usize = 1; row < <usize>rows; row++) {
    const span = spans + ((row - 1) << 3);
    let p: usize = load<u32>(span);
    const end: usize = load<u32>(span, 4);
    let id: u64 = 0, name: u64 = 0, system: u64 = 0, file: u64 = 0, start: u64 = 0;
    while (p < end) {
      const at = p;
      p = readField(p, end);
      if (p == 0) return 0;
      const tag = fieldTag;
      if (tag == 0x08) id = value;
      else if (tag == 0x10) name = value;
      else if (tag == 0x18) system = value;
      else if (tag == 0x20) file = value;
      else if (tag == 0x28) start = value;
      else if (!isUnknown(5, at)) return 0;
    }
    if (id == 0) return fail(ZERO_FUNCTION_ID, row - 1, 0);
    if (!isString(name, 6) || !isString(system, 7) || !isString(file, 8)) return 0;
    store<u64>(ids + (row << 3), id);
    store<u32>(names + (row << 2), <u32>name);
    store<u32>(systems + (row << 2), <u32>system);
    store<u32>(files + (row << 2), <u32>file);
    store<u64>(starts + (row << 3), start);
  }
  store<u32>(profile, rows, FUNCTIONS);
  store<u32>(profile, <u32>names, FUNCTION_NAME);
  store<u32>(profile, <u32>systems, FUNCTION_SYSTEM);
  store<u32>(profile, <u32>files, FUNCTION_FILE);
  store<u32>(profile, <u32>starts, FUNCTION_START);
  return idMap(ids, count);
}

function decodeLocations(profile: usize, mappingIds: usize, functionIds: usize): usize {
  const count = countOf(LOCATION);
  const spans = spansOf(LOCATION);
  const rows = count + 1;
  const ids = allocScratch(<usize>rows << 3);
  const mappings = allocScratch(<usize>rows << 2);
  const addresses = allocScratch(<usize>rows << 3);
  const foldedColumn = allocScratch(rows);
  const badColumn = allocScratch(rows);
  const lineOffsets = allocScratch((<usize>rows + 1) << 2);
  // A line takes at least two bytes: its tag and its length.
  const maxLines = <usize>bytesOf(LOCATION) >> 1;
  const lineFunction = allocScratch(maxLines << 2);
  const lineNumber = allocScratch(maxLines << 3);
  store<u32>(mappings, 0);
  store<u64>(addresses, 0);
  store<u8>(foldedColumn, 0);
  store<u8>(badColumn, 1);
  store<u32>(lineOffsets, 0);
  let lines: u32 = 0, anyBad: u32 = 0;
  mostLines = 0;
  for (let row: usize = 1; row < <usize>rows; row++) {
    const span = spans + ((row - 1) << 3);
    let p: usize = load<u32>(span);
    const end: usize = load<u32>(span, 4);
    const firstLine = lines;
    let id: u64 = 0, mappingId: u64 = 0, address: u64 = 0;
    let folded: u32 = 0, bad: u32 = 0;
    while (p < end) {
      const at = p;
      p = readField(p, end);
      if (p == 0) return 0;
      const tag = fieldTag;
      if (tag == 0x22) {
        let q = p - <usize>value;
        let functionId: u64 = 0, number: u64 = 0;
        while (q < p) {
          const lineAt = q;
          q = readField(q, p);
          if (q == 0) return 0;
          if (fieldTag == 0x08) functionId = value;
          else if (fieldTag == 0x10) number = value;
          else if (!isUnknown(2, lineAt)) return 0;
        }
        const fn = idRow(functionIds, functionId);
        bad |= <u32>(fn == 0);
        store<u32>(lineFunction + (<usize>lines << 2), fn);
        store<u64>(lineNumber + (<usize>lines << 3), number);
        lines++;
      } else if (tag == 0x08) id = value;
      else if (tag == 0x10) mappingId = value;
      else if (tag == 0x18) address = value;
      else if (tag == 0x28) folded = <u32>(value != 0);
      else if (!isUnknown(5, at)) return 0;
    }
    if (id == 0) return fail(ZERO_LOCATION_ID, row - 1, 0);
    if (lines - firstLine > LOCATION_LINES_MAX) return fail(LOCATION_LINES_COUNT, row - 1, lines - firstLine);
    mostLines = max(mostLines, lines - firstLine);
    const mapping = idRow(mappingIds, mappingId);
    bad |= <u32>(mappingId != 0 && mapping == 0) | <u32>(lines == firstLine && address == 0);
    anyBad |= bad;
    store<u64>(ids + (row << 3), id);
    store<u32>(mappings + (row << 2), mapping);
    store<u64>(addresses + (row << 3), address);
    store<u8>(foldedColumn + row, folded);
    store<u8>(badColumn + row, bad);
    store<u32>(lineOffsets + (row << 2), firstLine);
  }
  store<u32>(lineOffsets + (<usize>rows << 2), lines);
  store<u32>(profile, rows, LOCATIONS);
  store<u32>(profile, <u32>mappings, LOCATION_MAPPING);
  store<u32>(profile, <u32>addresses, LOCATION_ADDRESS);
  store<u32>(profile, <u32>foldedColumn, LOCATION_FOLDED);
  store<u32>(profile, <u32>badColumn, LOCATION_BAD);
  store<u32>(profile, anyBad, ANY_BAD);
  store<u32>(profile, <u32>lineOffsets, LOCATION_LINES);
  store<u32>(profile, <u32>lineFunction, LINE_FUNCTION);
  store<u32>(profile, <u32>lineNumber, LINE_NUMBER);
  return idMap(ids, count);
}

/** Leaves in LABEL_OFFSETS where the first label of each sample is, 0: it has none. */
function decodeSamples(profile: usize, locationIds: usize, maxDepth: u32, maxLabels: u32): bool {
  const count = countOf(SAMPLE);
  const spans = spansOf(SAMPLE);
  const bytes = bytesOf(SAMPLE);
  const types = load<u32>(profile, TYPES);
  // Every sample brings one value per type, each of at least one byte; what claims more is caught by its own check,
  // so the product cannot exceed the bytes by more than one sample.
  const offsets = allocScratch((<usize>count + 1) << 2);
  const labelOffsets = allocScratch((<usize>count + 1) << 2);
  const values = allocScratch((<usize>min(<u64>count * <u64>types, <u64>bytes + <u64>types)) << 3);
  // The last allocation, so that what the stacks do not use can be given back.
  const stacks = allocScratch(<usize>bytes << 2);
  let to = stacks;
  let valueAt = values;
  let deepest: u32 = 0, mostLabels: u32 = 0, anyBad = load<u32>(profile, ANY_BAD);
  let labels: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    store<u32>(offsets + (i << 2), <u32>((to - stacks) >> 2));
    let p: usize = load<u32>(spans + (i << 3));
    const end: usize = load<u32>(spans + (i << 3), 4);
    const stackStart = to;
    const valueEnd = valueAt + (<usize>types << 3);
    let extraValues: u32 = 0, labelCount: u32 = 0, firstLabel: usize = 0;
    while (p < end) {
      const at = p;
      p = readField(p, end);
      if (p == 0) return false;
      const tag = fieldTag;
      if (tag == 0x0a) {
        let q = p - <usize>value;
        while (q < p) {
          const word = load<u16>(q);
          let id: u64;
          if ((word & 0x80) == 0) {
            id = word & 0x7f;
            q++;
          } else if ((word & 0x8000) == 0) {
            id = (word & 0x7f) | ((word >> 1) & 0x3f80);
            q += 2;
          } else {
            q = readVarint(q, p);
            if (q == 0) return false;
            id = value;
          }
          const location = idRow(locationIds, id);
          anyBad |= <u32>(location == 0);
          store<u32>(to, location);
          to += 4;
        }
        if (q > p) return failAt(TRUNCATED, p) != 0;
      } else if (tag == 0x12) {
        let q = p - <usize>value;
        while (q < p) {
          const word = load<u64>(q);
          let number = word & 0x7f;
          let size: usize = 1;
          if ((word & 0x80) != 0) {
            size = varintBytes(word);
            number = varintValue(word, size);
          }
          q += size;
          if (size > 8) {
            q = readVarint(q - size, p);
            if (q == 0) return false;
            number = value;
          }
          if (valueAt < valueEnd) {
            store<u64>(valueAt, number);
            valueAt += 8;
          } else extraValues++;
        }
        if (q > p) return failAt(TRUNCATED, p) != 0;
      } else if (tag == 0x1a) {
        if (labelCount == 0) firstLabel = at;
        labelCount++;
      } else if (tag == 0x08) {
        const location = idRow(locationIds, value);
        anyBad |= <u32>(location == 0);
        store<u32>(to, location);
        to += 4;
      } else if (tag == 0x10) {
        if (valueAt < valueEnd) {
          store<u64>(valueAt, value);
          valueAt += 8;
        } else extraValues++;
      } else if (!isUnknown(3, at)) return false;
    }
    if (valueAt != valueEnd || extraValues != 0) {
      return fail(VALUE_COUNT, types - <u32>((valueEnd - valueAt) >> 3) + extraValues, types) != 0;
    }
    if (maxLabels != 0 && labelCount > maxLabels) return fail(TOO_MANY_LABELS, labelCount, 0) != 0;
    store<u32>(labelOffsets + (i << 2), <u32>firstLabel);
    labels += labelCount;
    if (labelCount > mostLabels) mostLabels = labelCount;
    let depth = <u32>((to - stackStart) >> 2);
    if (maxDepth != 0 && depth > maxDepth) {
      // The root side is kept: it says where a runaway recursion came from.
      memory.copy(stackStart, to - (<usize>maxDepth << 2), <usize>maxDepth << 2);
      to = stackStart + (<usize>maxDepth << 2);
      depth = maxDepth;
    }
    if (depth > deepest) deepest = depth;
  }
  store<u32>(offsets + (<usize>count << 2), <u32>((to - stacks) >> 2));
  shrinkScratch(to);
  store<u32>(profile, count, SAMPLES);
  store<u32>(profile, <u32>offsets, STACK_OFFSETS);
  store<u32>(profile, <u32>stacks, STACK_LOCATIONS);
  store<u32>(profile, <u32>values, VALUES);
  store<u32>(profile, labels, LABELS);
  store<u32>(profile, <u32>labelOffsets, LABEL_OFFSETS);
  store<u32>(profile, deepest, MAX_DEPTH);
  store<u32>(profile, mostLabels, MAX_LABELS);
  store<u32>(profile, anyBad, ANY_BAD);
  return true;
}

/**
 * String labels only: numeric ones have no meaning here, as in the reference.
 *
 * @order after `decodeSamples`, which leaves the number of all labels and the first one of each sample
 */
function decodeLabels(profile: usize): bool {
  const count = countOf(SAMPLE);
  const spans = spansOf(SAMPLE);
  const offsets = <usize>load<u32>(profile, LABEL_OFFSETS);
  const keys = allocScratch(<usize>load<u32>(profile, LABELS) << 2);
  const texts = allocScratch(<usize>load<u32>(profile, LABELS) << 2);
  let labels: u32 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    let p: usize = load<u32>(offsets + (i << 2));
    store<u32>(offsets + (i << 2), labels);
    if (p == 0) continue;
    const end: usize = load<u32>(spans + (i << 3), 4);
    while (p < end) {
      p = readField(p, end);
      if (fieldTag != 0x1a) continue; // The wire types of the sample were checked.
      let q = p - <usize>value;
      let key: u64 = 0, text: u64 = 0, unit: u64 = 0;
      while (q < p) {
        const at = q;
        q = readField(q, p);
        if (q == 0) return false;
        if (fieldTag == 0x08) key = value;
        else if (fieldTag == 0x10) text = value;
        else if (fieldTag == 0x20) unit = value;
        else if (fieldTag != 0x18 && !isUnknown(4, at)) return false;
      }
      if (!isString(key, 9) || !isString(text, 10) || !isString(unit, 11)) return false;
      if (text == 0) continue;
      store<u32>(keys + (<usize>labels << 2), <u32>key);
      store<u32>(texts + (<usize>labels << 2), <u32>text);
      labels++;
    }
  }
  store<u32>(offsets + (<usize>count << 2), labels);
  store<u32>(profile, labels, LABELS);
  store<u32>(profile, <u32>keys, LABEL_KEY);
  store<u32>(profile, <u32>texts, LABEL_VALUE);
  return true;
}
