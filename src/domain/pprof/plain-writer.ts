import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { PlainProfile, PlainValueType } from './plain-profile.ts';

/**
 * Writes plain objects as pprof, so that a profile with fix-ups can go the way of all others.
 *
 * @returns bytes that decode to the same objects; fields that are 0 are left out, as proto3 does
 */
export function writePlainProfile(profile: PlainProfile): Uint8Array {
  const writer = new BinaryWriter();
  for (const sampleType of profile.sampleTypes) writeValueType(writer, 1, sampleType);
  for (const { locationIds, values, labels } of profile.samples) {
    writer.tag(2, WireType.LengthDelimited).fork();
    writePacked(writer, 1, locationIds, 'uint64');
    writePacked(writer, 2, values, 'int64');
    for (const { key, str, num, numUnit } of labels) {
      writer.tag(3, WireType.LengthDelimited).fork();
      writeInts(writer, [key, str, num, numUnit]);
      writer.join();
    }
    writer.join();
  }
  for (const mapping of profile.mappings) {
    const { id, memoryStart, memoryLimit, fileOffset, filename, buildId } = mapping;
    const flags = [mapping.hasFunctions, mapping.hasFilenames, mapping.hasLineNumbers, mapping.hasInlineFrames];
    writer.tag(3, WireType.LengthDelimited).fork();
    writeInts(writer, [
      id,
      memoryStart,
      memoryLimit,
      fileOffset,
      filename,
      buildId,
      ...flags.map((flag) => (flag ? 1n : 0n)),
    ]);
    writer.join();
  }
  for (const { id, mappingId, address, lines, folded } of profile.locations) {
    writer.tag(4, WireType.LengthDelimited).fork();
    writeInts(writer, [id, mappingId, address]);
    for (const { functionId, line } of lines) {
      writer.tag(4, WireType.LengthDelimited).fork();
      writeInts(writer, [functionId, line]);
      writer.join();
    }
    if (folded) writer.tag(5, WireType.Varint).bool(true);
    writer.join();
  }
  for (const { id, name, systemName, filename, startLine } of profile.functions) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writeInts(writer, [id, name, systemName, filename, startLine]);
    writer.join();
  }
  for (const { bytes } of profile.strings) writer.tag(6, WireType.LengthDelimited).bytes(bytes);
  writeInts(writer, [profile.dropFrames, profile.keepFrames, profile.timeNanos, profile.durationNanos], 7);
  if (profile.periodType !== undefined) writeValueType(writer, 11, profile.periodType);
  writeInts(writer, [profile.period], 12);
  writePacked(writer, 13, profile.comments, 'int64');
  writeInts(writer, [profile.defaultSampleType], 14);
  return writer.finish();
}

function writeValueType(writer: BinaryWriter, field: number, { type, unit }: PlainValueType): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  writeInts(writer, [type, unit]);
  writer.join();
}

/** Consecutive number fields, from `first` on. A varint is the same 64 bits whether they are signed or not. */
function writeInts(writer: BinaryWriter, values: readonly bigint[], first = 1): void {
  values.forEach((value, i) => {
    if (value !== 0n) writer.tag(first + i, WireType.Varint).uint64(BigInt.asUintN(64, value));
  });
}

function writePacked(writer: BinaryWriter, field: number, values: readonly bigint[], kind: 'int64' | 'uint64'): void {
  if (values.length === 0) return;
  writer.tag(field, WireType.LengthDelimited).fork();
  for (const value of values) writer[kind](value);
  writer.join();
}
