import type { Bytes } from '#src/domain/model/units.ts';
import { varintBytes, writeVarint64 } from '#src/domain/protobuf/varint.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { FileNames, UNNAMED } from './file-names.ts';
import { type FixupLimits, nameFixupOf, underscored } from './ingest-fixups.ts';
import type { IngestOptions } from './ingest-options.ts';
import { fieldTag, PprofField, PprofFields, type Spans, writeField } from './pprof-fields.ts';
import { tooManyFixupMessages, undecodable } from './profile-errors.ts';
import { StringRows } from './string-rows.ts';
import { checkSampleTypeCount } from './type-limit.ts';

/**
 * Functions and strings of a profile that is mended, together: their rows have 20 bits. Profiles of script languages have
 * some ten thousand.
 *
 * So many take a third of a second. Two bytes of a pprof are an empty function, and forty of the mended one where others
 * have its name: 40 MB at most.
 */
export const fixupMessagesMax = 1 << 20;

/**
 * A pprof with the fix-ups of names that its agent needs, as bytes again: the plain twin of it is `withIngestFixups`,
 * which also mends the time.
 *
 * Functions and sample types are written anew, and strings are added behind the others. All else, most of a profile, is
 * copied as it is, and so is what is wrong with it: who decodes it looks at that.
 *
 * @param bytes  pprof, not compressed
 * @throws StoreError 'invalid-argument' when it cannot be decoded, or has more of something than fix-ups take
 * @cost   O(bytes + bytes of new names), without an object per message
 */
export function mendedPprof(bytes: Uint8Array, ingest: IngestOptions, limits: FixupLimits): Uint8Array {
  const fixup = nameFixupOf(ingest);
  if (fixup === undefined) return bytes;
  const fields = new PprofFields(bytes);
  const messages = fields.counts[PprofField.function] + fields.counts[PprofField.string];
  if (messages > fixupMessagesMax) throw tooManyFixupMessages(fixupMessagesMax, messages);
  return fixup === 'dotnet' ? withDotnetNames(fields) : withFileNames(fields, fixup === 'relative-files', limits);
}

/** Of a function: low and high halves of its five numbers. */
const HALVES = 10;
const NAME = 2;
const FILENAME = 6;

/** Tag, length, and five numbers of ten bytes with a tag each. */
const FUNCTION_BYTES_MAX: Bytes = 2 + 5 * 11;

const SLASH = 0x2f;

/**
 * Puts the file in front of every function name. Functions with the same file and name become equal to the first of them,
 * but for their ids.
 */
function withFileNames(fields: PprofFields, keepAbsolute: boolean, limits: FixupLimits): Uint8Array {
  const { spans, others } = fields.parted({ replaced: [PprofField.function], kept: [PprofField.string] });
  const functions = spans[PprofField.function];
  const strings = new StringRows(fields.bytes, spans[PprofField.string]);
  const halves = halvesOf(fields.bytes, functions);
  const fileNames = new FileNames(strings, functions.count);
  for (let row = 0; row < functions.count; row++) {
    const at = HALVES * row;
    const file = strings.rowOf(halves[at + FILENAME], halves[at + FILENAME + 1]);
    if (keepAbsolute && strings.firstByteOf(file) === SLASH) continue;
    fileNames.add(row, file, strings.rowOf(halves[at + NAME], halves[at + NAME + 1]));
  }
  const { numbers, count, fields: names } = fileNames.made(limits.maxProfileSymbolValueLength);
  /** By name, one more than the row of its first function. */
  const firsts = new Int32Array(count);
  const out = new Uint8Array(functions.contentBytes + FUNCTION_BYTES_MAX * functions.count);
  let end = 0;
  for (let row = 0; row < functions.count; row++) {
    const name = numbers[row];
    if (name === UNNAMED) {
      end = writeField(out, end, PprofField.function, functions.contentAt(row));
      continue;
    }
    if (firsts[name] === 0) firsts[name] = row + 1;
    const first = firsts[name] - 1;
    end = writeFunction(out, end, halves, { row, first, name: strings.count + name });
  }
  return Buffer.concat([...others, out.subarray(0, end), names]);
}

/** @shapes Int32Array[HALVES * functions] */
function halvesOf(bytes: Uint8Array, functions: Spans): Int32Array {
  const halves = new Int32Array(HALVES * functions.count);
  const reader = new WireReader(bytes, undecodable);
  for (let row = 0; row < functions.count; row++) {
    functions.enter(reader, row);
    while (reader.next()) {
      const { field } = reader;
      if (field > HALVES / 2) {
        reader.skip();
        continue;
      }
      reader.int64();
      // Of a field that occurs twice, the last one counts.
      halves[HALVES * row + 2 * field - 2] = reader.low;
      halves[HALVES * row + 2 * field - 1] = reader.high;
    }
  }
  return halves;
}

/** @param name  its row among the strings @returns where it ends */
function writeFunction(
  out: Uint8Array,
  start: number,
  halves: Int32Array,
  { row, first, name }: { row: number; first: number; name: number },
): number {
  let at = writeNumber(out, start + 2, 1, halves[HALVES * row], halves[HALVES * row + 1]);
  at = writeNumber(out, at, 2, name, 0);
  for (let field = 3; field <= HALVES / 2; field++) {
    const half = HALVES * first + 2 * field - 2;
    at = writeNumber(out, at, field, halves[half], halves[half + 1]);
  }
  out[start] = fieldTag(PprofField.function);
  out[start + 1] = at - start - 2;
  return at;
}

function writeNumber(out: Uint8Array, start: number, field: number, low: number, high: number): number {
  if ((low | high) === 0) return start;
  out[start] = field << 3;
  return writeVarint64(out, start + 1, low, high);
}

function withDotnetNames(fields: PprofFields): Uint8Array {
  checkSampleTypeCount(fields.counts[PprofField.sampleType]);
  const hasIdsOfLocations = fields.counts[PprofField.function] === fields.counts[PprofField.location];
  const { spans, others } = fields.parted({
    replaced: [PprofField.sampleType, PprofField.function],
    kept: [PprofField.string, ...(hasIdsOfLocations ? [PprofField.location] : [])],
  });
  const [sampleTypes, functions] = [spans[PprofField.sampleType], spans[PprofField.function]];
  const locations = spans[PprofField.location];
  const strings = new StringRows(fields.bytes, spans[PprofField.string]);
  const names: Uint8Array[] = [];
  const mendedRows = new Map<number, number>();
  const capacity = sampleTypes.contentBytes + functions.contentBytes;
  const out = new Uint8Array(capacity + NUMBERED_BYTES_MAX * (sampleTypes.count + functions.count));
  const reader = new WireReader(fields.bytes, undecodable);
  let end = 0;
  for (let row = 0; row < sampleTypes.count; row++) {
    readFirstNumber(reader, sampleTypes, row);
    const name = strings.rowOf(reader.low, reader.high);
    let mended = mendedRows.get(name);
    if (mended === undefined) {
      const text = underscored(strings.bytesOf(name));
      mended = text === undefined ? 0 : strings.count + names.push(stringField(text)) - 1;
      mendedRows.set(name, mended);
    }
    end = writeNumbered(out, end, PprofField.sampleType, sampleTypes.contentAt(row), mended, 0);
  }
  const lacksIds = locations !== undefined && areZero(reader, functions);
  for (let row = 0; row < functions.count; row++) {
    reader.low = reader.high = 0;
    // Functions without ids were written in the order of their locations, whose ids their lines use.
    if (lacksIds) readFirstNumber(reader, locations, row);
    end = writeNumbered(out, end, PprofField.function, functions.contentAt(row), reader.low, reader.high);
  }
  return Buffer.concat([...others, out.subarray(0, end), ...names]);
}

/** Tag, length, and one more number. */
const NUMBERED_BYTES_MAX: Bytes = 1 + 5 + 11;

function areZero(reader: WireReader, spans: Spans): boolean {
  for (let row = 0; row < spans.count; row++) {
    readFirstNumber(reader, spans, row);
    if ((reader.low | reader.high) !== 0) return false;
  }
  return true;
}

/** Brings field 1 of a message, 0 if it has none, into `low` and `high` of the reader. */
function readFirstNumber(reader: WireReader, spans: Spans, row: number): void {
  let [low, high] = [0, 0];
  spans.enter(reader, row);
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    reader.int64();
    [low, high] = [reader.low, reader.high];
  }
  reader.low = low;
  reader.high = high;
}

/** Writes a message again, and field 1 behind it, unless that is 0: of a field that occurs twice, the last one counts. */
function writeNumbered(
  out: Uint8Array,
  start: number,
  field: number,
  content: Uint8Array,
  low: number,
  high: number,
): number {
  const end = writeField(out, start, field, content, (low | high) === 0 ? 0 : 1 + varintBytes(low, high));
  return writeNumber(out, end, 1, low, high);
}

function stringField(text: Uint8Array): Uint8Array {
  const field = new Uint8Array(1 + varintBytes(text.length, 0) + text.length);
  writeField(field, 0, PprofField.string, text);
  return field;
}
