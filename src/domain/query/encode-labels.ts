import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Label } from '#src/domain/model/labels.ts';
import type { ProfileType } from '#src/domain/model/profile-type.ts';
import { JsonPieces } from './json-pieces.ts';

/** Strings as field 1: LabelNamesResponse, and LabelValuesResponse, whose field is called `names` too. */
export function encodeNamesProto(names: readonly string[]): Uint8Array[] {
  const writer = new BinaryWriter();
  for (const name of names) writer.tag(1, WireType.LengthDelimited).string(name);
  return [writer.finish()];
}

export function encodeNamesJson(names: readonly string[]): Uint8Array[] {
  return listJson('names', names);
}

export function encodeSeriesLabelsProto(labelSets: readonly (readonly Label[])[]): Uint8Array[] {
  const writer = new BinaryWriter();
  for (const labels of labelSets) {
    writer.tag(2, WireType.LengthDelimited).fork(); // Number 1 is not used.
    writeLabels(writer, 1, labels);
    writer.join();
  }
  return [writer.finish()];
}

export function encodeSeriesLabelsJson(labelSets: readonly (readonly Label[])[]): Uint8Array[] {
  return listJson(
    'labelsSet',
    labelSets.map((labels) => (labels.length > 0 ? { labels: labels.map(labelJson) } : {})),
  );
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
