import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Label } from '#src/domain/model/labels.ts';
import type { ProfileType } from '#src/domain/model/profile-type.ts';
import { byWork, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { nameBytes, nameCount } from '#src/domain/profile/name-table.ts';
import { smallVarintBytes } from '#src/domain/protobuf/varint.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { ChunkedBytes } from './chunked-bytes.ts';
import { JsonPieces } from './json-pieces.ts';
import { type LabelSetColumns, lengthOf } from './label-set-table.ts';

/** Bytes of an answer that are written in one step: of the shortest names, that is as much work as of the longest. */
const STEP_BYTES: Bytes = 256 << 10;

/** Strings as field 1: LabelNamesResponse, and LabelValuesResponse, whose field is called `names` too. */
export function* encodeNamesProto(names: ByteStrings): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  yield* forEachRow(out, nameCount(names), (i) => {
    out.byte((1 << 3) | WireType.LengthDelimited);
    out.varint(lengthOf(names, i));
    out.bytes(nameBytes(names, i));
  });
  return out.take();
}

export function* encodeNamesJson(names: ByteStrings): Steps<Uint8Array[]> {
  if (nameCount(names) === 0) return [Buffer.from('{}')];
  const out = new ChunkedBytes();
  out.ascii('{"names":[');
  yield* forEachRow(out, nameCount(names), (i) => {
    if (i > 0) out.ascii(',');
    out.jsonString(nameBytes(names, i));
  });
  out.ascii(']}');
  return out.take();
}

/** Sets as field 2, as number 1 is not used; each has its labels as field 1. */
export function* encodeSeriesLabelsProto({ strings, ends, name, value }: LabelSetColumns): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  yield* forEachRow(out, ends.length, (set) => {
    const [start, end] = [set === 0 ? 0 : ends[set - 1], ends[set]];
    let setBytes = 0;
    for (let i = start; i < end; i++) setBytes += fieldBytes(labelBytes(strings, name[i], value[i]));
    out.byte((2 << 3) | WireType.LengthDelimited);
    out.varint(setBytes);
    for (let i = start; i < end; i++) {
      out.byte((1 << 3) | WireType.LengthDelimited);
      out.varint(labelBytes(strings, name[i], value[i]));
      writeString(out, 1, strings, name[i]);
      writeString(out, 2, strings, value[i]);
    }
  });
  return out.take();
}

export function* encodeSeriesLabelsJson({ strings, ends, name, value }: LabelSetColumns): Steps<Uint8Array[]> {
  if (ends.length === 0) return [Buffer.from('{}')];
  const out = new ChunkedBytes();
  out.ascii('{"labelsSet":[');
  yield* forEachRow(out, ends.length, (set) => {
    const [start, end] = [set === 0 ? 0 : ends[set - 1], ends[set]];
    out.ascii(start === 0 ? '{"labels":[' : ',{"labels":[');
    for (let i = start; i < end; i++) {
      out.ascii(i === start ? '{' : ',{');
      if (lengthOf(strings, name[i]) > 0) {
        out.ascii('"name":');
        out.jsonString(nameBytes(strings, name[i]));
      }
      if (lengthOf(strings, value[i]) > 0) {
        out.ascii(lengthOf(strings, name[i]) > 0 ? ',"value":' : '"value":');
        out.jsonString(nameBytes(strings, value[i]));
      }
      out.ascii('}');
    }
    out.ascii(']}');
  });
  out.ascii(']}');
  return out.take();
}

function* forEachRow(out: ChunkedBytes, count: number, write: (row: number) => void): Steps<void> {
  yield* byWork(0, count, (start) => {
    const fullBytes = out.sizeBytes + STEP_BYTES;
    let row = start;
    do write(row++);
    while (row < count && out.sizeBytes < fullBytes);
    return row;
  });
}

/** Of a LabelPair. */
function labelBytes(strings: ByteStrings, name: number, value: number): Bytes {
  const [nameLength, valueLength] = [lengthOf(strings, name), lengthOf(strings, value)];
  return (nameLength > 0 ? fieldBytes(nameLength) : 0) + (valueLength > 0 ? fieldBytes(valueLength) : 0);
}

/** Of a field with so many bytes. */
function fieldBytes(length: Bytes): Bytes {
  return 1 + smallVarintBytes(length) + length;
}

/** Leaves the empty string out, as proto3 does. */
function writeString(out: ChunkedBytes, field: number, strings: ByteStrings, row: number): void {
  if (lengthOf(strings, row) === 0) return;
  out.byte((field << 3) | WireType.LengthDelimited);
  out.varint(lengthOf(strings, row));
  out.bytes(nameBytes(strings, row));
}

export function encodeProfileTypesProto(profileTypes: readonly ProfileType[]): Uint8Array[] {
  const writer = new BinaryWriter();
  for (const { id, name, sampleType, sampleUnit, periodType, periodUnit } of profileTypes) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writeText(writer, 1, id);
    writeText(writer, 2, name);
    writeText(writer, 4, sampleType); // Number 3 is not used.
    writeText(writer, 5, sampleUnit);
    writeText(writer, 6, periodType);
    writeText(writer, 7, periodUnit);
    writer.join();
  }
  return [writer.finish()];
}

export function encodeProfileTypesJson(profileTypes: readonly ProfileType[]): Uint8Array[] {
  return listJson(
    'profileTypes',
    profileTypes.map(({ id, name, sampleType, sampleUnit, periodType, periodUnit }) =>
      withoutEmpty({ ID: id, name, sampleType, sampleUnit, periodType, periodUnit }),
    ),
  );
}

/** LabelPairs as a repeated field. */
export function writeLabels(writer: BinaryWriter, field: number, labels: readonly Label[]): void {
  for (const { name, value } of labels) {
    writer.tag(field, WireType.LengthDelimited).fork();
    writeText(writer, 1, name);
    writeText(writer, 2, value);
    writer.join();
  }
}

export function labelJson({ name, value }: Label): Partial<Label> {
  return withoutEmpty({ name, value });
}

/** Leaves the empty string out, as proto3 does. */
export function writeText(writer: BinaryWriter, field: number, text: string): void {
  if (text !== '') writer.tag(field, WireType.LengthDelimited).string(text);
}

/** A message with one repeated field. */
function listJson(field: string, elements: readonly unknown[]): Uint8Array[] {
  if (elements.length === 0) return [Buffer.from('{}')];
  const out = new JsonPieces();
  out.add(`{"${field}":[`);
  for (let i = 0; i < elements.length; i++) {
    if (i > 0) out.add(',');
    out.add(JSON.stringify(elements[i]));
  }
  out.add(']}');
  return out.take();
}

function withoutEmpty<T extends Record<string, string>>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '')) as Partial<T>;
}
