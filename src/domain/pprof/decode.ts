import { StoreError } from '#src/domain/errors.ts';
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
import { eachField, int64, message, repeatedInto, uint64 } from './wire-fields.ts';

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
  try {
    if (maxSamples > 0) checkSampleCount(bytes, maxSamples);
    return profileOf(bytes);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    // The reader throws Error and RangeError for truncated fields and varints that never end.
    throw undecodable(error instanceof Error ? error.message : 'unknown reason');
  }
}

function checkSampleCount(bytes: Uint8Array, maxSamples: number): void {
  let count = 0;
  eachField(bytes, (field) => {
    if (field === 2) count++;
    return false;
  });
  if (count > maxSamples) throw tooManySamples(maxSamples, count);
}

function profileOf(bytes: Uint8Array): PlainProfile {
  const sampleTypes: PlainValueType[] = [];
  const samples: PlainSample[] = [];
  const mappings: PlainMapping[] = [];
  const locations: PlainLocation[] = [];
  const functions: PlainFunction[] = [];
  const strings: PlainString[] = [];
  const comments: bigint[] = [];
  let [dropFrames, keepFrames, timeNanos, durationNanos, period, defaultSampleType] = [0n, 0n, 0n, 0n, 0n, 0n];
  let periodType: PlainValueType | undefined;

  eachField(bytes, (field, wire, reader) => {
    if (field === 1) sampleTypes.push(valueTypeOf(message(reader, wire)));
    else if (field === 2) samples.push(sampleOf(message(reader, wire)));
    else if (field === 3) mappings.push(mappingOf(message(reader, wire)));
    else if (field === 4) locations.push(locationOf(message(reader, wire)));
    else if (field === 5) functions.push(functionOf(message(reader, wire)));
    else if (field === 6) strings.push(plainStringOf(message(reader, wire)));
    else if (field === 7) dropFrames = int64(reader, wire);
    else if (field === 8) keepFrames = int64(reader, wire);
    else if (field === 9) timeNanos = int64(reader, wire);
    else if (field === 10) durationNanos = int64(reader, wire);
    else if (field === 11) periodType = valueTypeOf(message(reader, wire), periodType);
    else if (field === 12) period = int64(reader, wire);
    else if (field === 13) repeatedInto(comments, reader, wire, int64);
    else if (field === 14) defaultSampleType = int64(reader, wire);
    else return false;
    return true;
  });
  return {
    ...{ sampleTypes, samples, mappings, locations, functions, strings, comments, periodType },
    ...{ dropFrames, keepFrames, timeNanos, durationNanos, period, defaultSampleType },
  };
}

/** @param before  what the same field said earlier: protobuf merges a message that is there twice */
function valueTypeOf(bytes: Uint8Array, before: PlainValueType = { type: 0n, unit: 0n }): PlainValueType {
  let { type, unit } = before;
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) type = int64(reader, wire);
    else if (field === 2) unit = int64(reader, wire);
    else return false;
    return true;
  });
  return { type, unit };
}

function sampleOf(bytes: Uint8Array): PlainSample {
  const locationIds: bigint[] = [];
  const values: bigint[] = [];
  const labels: PlainLabel[] = [];
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) repeatedInto(locationIds, reader, wire, uint64);
    else if (field === 2) repeatedInto(values, reader, wire, int64);
    else if (field === 3) labels.push(labelOf(message(reader, wire)));
    else return false;
    return true;
  });
  return { locationIds, values, labels };
}

function labelOf(bytes: Uint8Array): PlainLabel {
  let [key, str, num, numUnit] = [0n, 0n, 0n, 0n];
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) key = int64(reader, wire);
    else if (field === 2) str = int64(reader, wire);
    else if (field === 3) num = int64(reader, wire);
    else if (field === 4) numUnit = int64(reader, wire);
    else return false;
    return true;
  });
  return { key, str, num, numUnit };
}

function mappingOf(bytes: Uint8Array): PlainMapping {
  let [id, memoryStart, memoryLimit, fileOffset, filename, buildId] = [0n, 0n, 0n, 0n, 0n, 0n];
  let [hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames] = [false, false, false, false];
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) id = uint64(reader, wire);
    else if (field === 2) memoryStart = uint64(reader, wire);
    else if (field === 3) memoryLimit = uint64(reader, wire);
    else if (field === 4) fileOffset = uint64(reader, wire);
    else if (field === 5) filename = int64(reader, wire);
    else if (field === 6) buildId = int64(reader, wire);
    else if (field === 7) hasFunctions = uint64(reader, wire) !== 0n;
    else if (field === 8) hasFilenames = uint64(reader, wire) !== 0n;
    else if (field === 9) hasLineNumbers = uint64(reader, wire) !== 0n;
    else if (field === 10) hasInlineFrames = uint64(reader, wire) !== 0n;
    else return false;
    return true;
  });
  return {
    ...{ id, memoryStart, memoryLimit, fileOffset, filename, buildId },
    ...{ hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames },
  };
}

function locationOf(bytes: Uint8Array): PlainLocation {
  let [id, mappingId, address, folded] = [0n, 0n, 0n, false];
  const lines: PlainLine[] = [];
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) id = uint64(reader, wire);
    else if (field === 2) mappingId = uint64(reader, wire);
    else if (field === 3) address = uint64(reader, wire);
    else if (field === 4) lines.push(lineOf(message(reader, wire)));
    else if (field === 5) folded = uint64(reader, wire) !== 0n;
    else return false;
    return true;
  });
  return { id, mappingId, address, lines, folded };
}

function lineOf(bytes: Uint8Array): PlainLine {
  let [functionId, line] = [0n, 0n];
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) functionId = uint64(reader, wire);
    else if (field === 2) line = int64(reader, wire);
    else return false;
    return true;
  });
  return { functionId, line };
}

function functionOf(bytes: Uint8Array): PlainFunction {
  let [id, name, systemName, filename, startLine] = [0n, 0n, 0n, 0n, 0n];
  eachField(bytes, (field, wire, reader) => {
    if (field === 1) id = uint64(reader, wire);
    else if (field === 2) name = int64(reader, wire);
    else if (field === 3) systemName = int64(reader, wire);
    else if (field === 4) filename = int64(reader, wire);
    else if (field === 5) startLine = int64(reader, wire);
    else return false;
    return true;
  });
  return { id, name, systemName, filename, startLine };
}
