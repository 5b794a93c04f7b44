import { Wire, WireReader } from '#src/domain/protobuf/wire-reader.ts';
import type {
  PlainFunction,
  PlainLabel,
  PlainLine,
  PlainLocation,
  PlainMapping,
  PlainProfile,
  PlainSample,
  PlainString,
  PlainValueType,
} from './plain-profile.ts';
import { plainStringOf } from './plain-profile.ts';
import { tooManySamples, undecodable } from './profile-errors.ts';

/**
 * Decodes a pprof, not compressed, into plain objects.
 *
 * Takes what the format allows: repeated numbers packed or not, unknown fields, fields in any order, the last value of
 * a field that must not repeat. Strings that are not UTF-8 are kept as bytes, for `validate.ts` to refuse by name.
 *
 * @param maxSamples  0: no limit. Counted before anything is built, because an empty sample takes two bytes of input
 *                    and a hundred of memory
 * @throws StoreError 'invalid-argument' when the bytes are no such message or have too many samples
 * @cost   O(bytes), in time and in objects
 */
export function decodeProfile(bytes: Uint8Array, maxSamples = 0): PlainProfile {
  if (maxSamples > 0) checkSampleCount(bytes, maxSamples);
  return profileOf(new WireReader(bytes, undecodable));
}

function checkSampleCount(bytes: Uint8Array, maxSamples: number): void {
  const reader = new WireReader(bytes, undecodable);
  let count = 0;
  while (reader.next()) {
    if (reader.field === 2) count++;
    reader.skip();
  }
  if (count > maxSamples) throw tooManySamples(maxSamples, count);
}

function profileOf(reader: WireReader): PlainProfile {
  const sampleTypes: PlainValueType[] = [];
  const samples: PlainSample[] = [];
  const mappings: PlainMapping[] = [];
  const locations: PlainLocation[] = [];
  const functions: PlainFunction[] = [];
  const strings: PlainString[] = [];
  const comments: bigint[] = [];
  let [dropFrames, keepFrames, timeNanos, durationNanos, period, defaultSampleType] = [0n, 0n, 0n, 0n, 0n, 0n];
  let periodType: PlainValueType | undefined;

  while (reader.next()) {
    const { field } = reader;
    if (field === 1) sampleTypes.push(inside(reader, valueTypeOf));
    else if (field === 2) samples.push(inside(reader, sampleOf));
    else if (field === 3) mappings.push(inside(reader, mappingOf));
    else if (field === 4) locations.push(inside(reader, locationOf));
    else if (field === 5) functions.push(inside(reader, functionOf));
    else if (field === 6) strings.push(plainStringOf(reader.content()));
    else if (field === 7) dropFrames = int64(reader);
    else if (field === 8) keepFrames = int64(reader);
    else if (field === 9) timeNanos = int64(reader);
    else if (field === 10) durationNanos = int64(reader);
    else if (field === 11) periodType = inside(reader, (type) => valueTypeOf(type, periodType));
    else if (field === 12) period = int64(reader);
    else if (field === 13) repeatedInto(comments, reader, 'int64');
    else if (field === 14) defaultSampleType = int64(reader);
    else reader.skip();
  }
  return {
    ...{ sampleTypes, samples, mappings, locations, functions, strings, comments, periodType },
    ...{ dropFrames, keepFrames, timeNanos, durationNanos, period, defaultSampleType },
  };
}

/** @param before  what the same field said earlier: protobuf merges a message that is there twice */
function valueTypeOf(reader: WireReader, before: PlainValueType = { type: 0n, unit: 0n }): PlainValueType {
  let { type, unit } = before;
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) type = int64(reader);
    else if (field === 2) unit = int64(reader);
    else reader.skip();
  }
  return { type, unit };
}

function sampleOf(reader: WireReader): PlainSample {
  const locationIds: bigint[] = [];
  const values: bigint[] = [];
  const labels: PlainLabel[] = [];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) repeatedInto(locationIds, reader, 'uint64');
    else if (field === 2) repeatedInto(values, reader, 'int64');
    else if (field === 3) labels.push(inside(reader, labelOf));
    else reader.skip();
  }
  return { locationIds, values, labels };
}

function labelOf(reader: WireReader): PlainLabel {
  let [key, str, num, numUnit] = [0n, 0n, 0n, 0n];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) key = int64(reader);
    else if (field === 2) str = int64(reader);
    else if (field === 3) num = int64(reader);
    else if (field === 4) numUnit = int64(reader);
    else reader.skip();
  }
  return { key, str, num, numUnit };
}

function mappingOf(reader: WireReader): PlainMapping {
  let [id, memoryStart, memoryLimit, fileOffset, filename, buildId] = [0n, 0n, 0n, 0n, 0n, 0n];
  let [hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames] = [false, false, false, false];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) id = uint64(reader);
    else if (field === 2) memoryStart = uint64(reader);
    else if (field === 3) memoryLimit = uint64(reader);
    else if (field === 4) fileOffset = uint64(reader);
    else if (field === 5) filename = int64(reader);
    else if (field === 6) buildId = int64(reader);
    else if (field === 7) hasFunctions = uint64(reader) !== 0n;
    else if (field === 8) hasFilenames = uint64(reader) !== 0n;
    else if (field === 9) hasLineNumbers = uint64(reader) !== 0n;
    else if (field === 10) hasInlineFrames = uint64(reader) !== 0n;
    else reader.skip();
  }
  return {
    ...{ id, memoryStart, memoryLimit, fileOffset, filename, buildId },
    ...{ hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames },
  };
}

function locationOf(reader: WireReader): PlainLocation {
  let [id, mappingId, address, folded] = [0n, 0n, 0n, false];
  const lines: PlainLine[] = [];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) id = uint64(reader);
    else if (field === 2) mappingId = uint64(reader);
    else if (field === 3) address = uint64(reader);
    else if (field === 4) lines.push(inside(reader, lineOf));
    else if (field === 5) folded = uint64(reader) !== 0n;
    else reader.skip();
  }
  return { id, mappingId, address, lines, folded };
}

function lineOf(reader: WireReader): PlainLine {
  let [functionId, line] = [0n, 0n];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) functionId = uint64(reader);
    else if (field === 2) line = int64(reader);
    else reader.skip();
  }
  return { functionId, line };
}

function functionOf(reader: WireReader): PlainFunction {
  let [id, name, systemName, filename, startLine] = [0n, 0n, 0n, 0n, 0n];
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) id = uint64(reader);
    else if (field === 2) name = int64(reader);
    else if (field === 3) systemName = int64(reader);
    else if (field === 4) filename = int64(reader);
    else if (field === 5) startLine = int64(reader);
    else reader.skip();
  }
  return { id, name, systemName, filename, startLine };
}

/** Reads the message that the field holds. */
function inside<T>(reader: WireReader, read: (reader: WireReader) => T): T {
  const outer = reader.open();
  const value = read(reader);
  reader.close(outer);
  return value;
}

function int64(reader: WireReader): bigint {
  reader.int64();
  return reader.signed();
}

function uint64(reader: WireReader): bigint {
  reader.int64();
  return reader.unsigned();
}

/** Adds the values of a repeated number field, which comes packed or one by one. */
function repeatedInto(target: bigint[], reader: WireReader, kind: 'int64' | 'uint64'): void {
  if (reader.wire !== Wire.delimited) {
    target.push(kind === 'int64' ? int64(reader) : uint64(reader));
    return;
  }
  const outer = reader.open();
  while (reader.pos < reader.end) {
    reader.packedInt64();
    target.push(kind === 'int64' ? reader.signed() : reader.unsigned());
  }
  reader.close(outer);
}
