import { halvesOf } from '#src/domain/model/halves.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import type { ProfileType } from '#src/domain/model/profile-type.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { UnixMs } from '#src/domain/model/units.ts';
import { type NameTable, nameBytes, nameCount } from '#src/domain/profile/name-table.ts';
import { truncateStacks } from '#src/domain/profile/truncate-stacks.ts';
import { ChunkedBytes, validUtf8 } from '#src/domain/query/chunked-bytes.ts';
import { MappingFlag, type SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import {
  type FunctionRow,
  type LocationRow,
  type MappingRow,
  type ProfileTables,
  profileTables,
} from './encode-tables.ts';

/** A merged profile, ready to be written as pprof. */
export type ExportedProfile = {
  readonly tables: ProfileTables;
  /** Rows of the strings. */
  readonly sampleType: number;
  readonly sampleUnit: number;
  readonly periodType: number;
  readonly periodUnit: number;
  readonly period: bigint;
  readonly timeNanos: bigint;
};

/** Where the profile stands in the answer: alone, or inside of SelectMergeStacktracesResponse. */
export type ProfileFrame = 'bare' | 'response';

/** A sample, a location or a name costs many times as much as a number. */
const STEP_RECORDS = STEP_ROWS / 16;

/** The periods that profiles of these names are given. The true ones are not kept. */
const periods: Readonly<Record<string, bigint>> = { process_cpu: 1_000_000_000n, memory: 524_288n };

/**
 * Prepares a merged profile for export.
 *
 * It has one sample type and no sample labels. Its time is the end of the query, and it has no duration.
 *
 * @param  value    the sum per stack
 * @param  maxNodes 0: whole; otherwise see truncateStacks
 * @shapes value BigInt64Array[stacks]
 */
export function* exportProfile(
  symbols: SymbolColumns,
  value: BigInt64Array,
  options: { readonly profileType: ProfileType; readonly endMs: UnixMs; readonly maxNodes: number },
  secret: HashSecret,
): Steps<ExportedProfile> {
  const { profileType, endMs, maxNodes } = options;
  const tables = yield* profileTables(symbols, yield* truncateStacks(symbols, value, maxNodes, secret), secret);
  const stringOf = (text: string) => tables.strings.intern(Buffer.from(text));
  return {
    tables,
    sampleUnit: stringOf(profileType.sampleUnit),
    sampleType: stringOf(profileType.sampleType),
    periodType: stringOf(profileType.periodType),
    periodUnit: stringOf(profileType.periodUnit),
    period: periods[profileType.name] ?? 1n,
    timeNanos: BigInt(endMs) * 1_000_000n,
  };
}

/**
 * Writes google.v1.Profile.
 *
 * @param profile undefined when there was nothing to read: a message without fields
 */
export function* encodeProfileProto(profile: ExportedProfile | undefined, frame: ProfileFrame): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  if (profile) yield* writeProto(out, profile);
  if (frame === 'bare') return out.take();

  const head = new ChunkedBytes();
  const inner = new ChunkedBytes(); // PprofProfile, whose field 1 is the profile
  inner.byte((1 << 3) | 2);
  inner.varint(out.sizeBytes);
  head.byte((5 << 3) | 2);
  head.varint(inner.sizeBytes + out.sizeBytes);
  return [...head.take(), ...inner.take(), ...out.take()];
}

/** The same as protobuf's JSON. */
export function* encodeProfileJson(profile: ExportedProfile | undefined, frame: ProfileFrame): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  if (frame === 'response') out.ascii('{"pprof":{"profile":');
  if (profile) yield* writeJson(out, profile);
  else out.ascii('{}');
  if (frame === 'response') out.ascii('}}');
  return out.take();
}

function* writeProto(out: ChunkedBytes, profile: ExportedProfile): Steps<void> {
  const { tables } = profile;
  const message = new ChunkedBytes();
  const inner = new ChunkedBytes();

  writeValueType(message, profile.sampleType, profile.sampleUnit);
  out.message(1, message);
  const halves = halvesOf(tables.sampleValue);
  for (let i = 0; i < tables.sampleStack.length; i++) {
    if (i % STEP_RECORDS === 0) yield;
    for (let row = tables.sampleStack[i]; row > 0; row = tables.stackParent[row]) {
      inner.varint(tables.stackLocation[row]);
    }
    message.message(1, inner);
    inner.varint64(halves[2 * i], halves[2 * i + 1]);
    message.message(2, inner);
    out.message(2, message);
  }
  for (let i = 0; i < tables.mappings.length; i++) {
    writeMapping(message, i + 1, tables.mappings[i]);
    out.message(3, message);
  }
  for (let i = 0; i < tables.locations.length; i++) {
    if (i % STEP_RECORDS === 0) yield;
    writeLocation(message, inner, i + 1, tables.locations[i]);
    out.message(4, message);
  }
  for (let i = 0; i < tables.functions.length; i++) {
    if (i % STEP_RECORDS === 0) yield;
    writeFunction(message, i + 1, tables.functions[i]);
    out.message(5, message);
  }
  const strings = tables.strings.toByteStrings();
  for (let i = 0; i < nameCount(strings); i++) {
    if (i % STEP_RECORDS === 0) yield;
    const text = validUtf8(nameBytes(strings, i));
    out.byte((6 << 3) | 2);
    out.varint(text.length);
    out.bytes(text);
  }
  out.integerField(9, profile.timeNanos);
  writeValueType(message, profile.periodType, profile.periodUnit);
  out.message(11, message);
  out.integerField(12, profile.period);
  out.integerField(14, profile.sampleType); // default_sample_type
}

function writeValueType(out: ChunkedBytes, type: number, unit: number): void {
  out.integerField(1, type);
  out.integerField(2, unit);
}

function writeMapping(out: ChunkedBytes, id: number, mapping: MappingRow): void {
  out.integerField(1, id);
  out.integerField(2, mapping.memoryStart);
  out.integerField(3, mapping.memoryLimit);
  out.integerField(4, mapping.fileOffset);
  out.integerField(5, mapping.filename);
  out.integerField(6, mapping.buildId);
  for (const [i, flag] of Object.values(MappingFlag).entries()) out.integerField(7 + i, mapping.flags & flag ? 1 : 0);
}

function writeLocation(out: ChunkedBytes, inner: ChunkedBytes, id: number, location: LocationRow): void {
  out.integerField(1, id);
  out.integerField(2, location.mappingId);
  out.integerField(3, location.address);
  for (const { functionId, line } of location.lines) {
    inner.integerField(1, functionId);
    inner.integerField(2, line);
    out.message(4, inner);
  }
  out.integerField(5, location.folded ? 1 : 0);
}

function writeFunction(out: ChunkedBytes, id: number, fn: FunctionRow): void {
  out.integerField(1, id);
  out.integerField(2, fn.name);
  out.integerField(3, fn.systemName);
  out.integerField(4, fn.filename);
  out.integerField(5, fn.startLine);
}

function* writeJson(out: ChunkedBytes, profile: ExportedProfile): Steps<void> {
  const { tables } = profile;
  out.ascii(`{"sampleType":[${valueTypeJson(profile.sampleType, profile.sampleUnit)}]`);
  yield* writeSamplesJson(out, tables);
  yield* writeList(out, 'mapping', tables.mappings, mappingJson);
  yield* writeList(out, 'location', tables.locations, locationJson);
  yield* writeList(out, 'function', tables.functions, functionJson);
  yield* writeStringsJson(out, tables.strings);
  out.ascii(`,"timeNanos":"${profile.timeNanos}"`);
  out.ascii(`,"periodType":${valueTypeJson(profile.periodType, profile.periodUnit)}`);
  out.ascii(`,"period":"${profile.period}"`);
  if (profile.sampleType !== 0) out.ascii(`,"defaultSampleType":"${profile.sampleType}"`);
  out.byte(0x7d);
}

function* writeSamplesJson(out: ChunkedBytes, tables: ProfileTables): Steps<void> {
  if (tables.sampleStack.length === 0) return;
  const halves = halvesOf(tables.sampleValue);
  out.ascii(',"sample":[');
  for (let i = 0; i < tables.sampleStack.length; i++) {
    if (i % STEP_RECORDS === 0) yield;
    out.ascii(i === 0 ? '{"locationId":[' : ',{"locationId":[');
    const leaf = tables.sampleStack[i];
    for (let row = leaf; row > 0; row = tables.stackParent[row]) {
      out.ascii(row === leaf ? '"' : ',"');
      out.decimal64(tables.stackLocation[row], 0);
      out.byte(0x22);
    }
    out.ascii('],"value":["');
    out.decimal64(halves[2 * i], halves[2 * i + 1]);
    out.ascii('"]}');
  }
  out.byte(0x5d);
}

function* writeStringsJson(out: ChunkedBytes, table: NameTable): Steps<void> {
  const strings = table.toByteStrings();
  out.ascii(',"stringTable":[');
  for (let i = 0; i < nameCount(strings); i++) {
    if (i % STEP_RECORDS === 0) yield;
    if (i > 0) out.byte(0x2c);
    out.jsonString(nameBytes(strings, i));
  }
  out.byte(0x5d);
}

/** @param json one element: ASCII, and short but for the lines of a location */
function* writeList<Row>(
  out: ChunkedBytes,
  field: string,
  rows: readonly Row[],
  json: (id: number, row: Row) => string,
): Steps<void> {
  if (rows.length === 0) return;
  out.ascii(`,"${field}":[`);
  for (let i = 0; i < rows.length; i++) {
    if (i % STEP_RECORDS === 0) yield;
    if (i > 0) out.byte(0x2c);
    out.bytes(Buffer.from(json(i + 1, rows[i]), 'latin1'));
  }
  out.byte(0x5d);
}

function valueTypeJson(type: number, unit: number): string {
  return fieldsJson([
    ['type', type],
    ['unit', unit],
  ]);
}

function mappingJson(id: number, mapping: MappingRow): string {
  const flags = Object.entries(MappingFlag).filter(([, flag]) => mapping.flags & flag);
  return fieldsJson(
    [
      ['id', id],
      ['memoryStart', mapping.memoryStart],
      ['memoryLimit', mapping.memoryLimit],
      ['fileOffset', mapping.fileOffset],
      ['filename', mapping.filename],
      ['buildId', mapping.buildId],
    ],
    flags.map(([name]) => `"${name}":true`),
  );
}

function locationJson(id: number, location: LocationRow): string {
  const lines = location.lines.map(({ functionId, line }) =>
    fieldsJson([
      ['functionId', functionId],
      ['line', line],
    ]),
  );
  return fieldsJson(
    [
      ['id', id],
      ['mappingId', location.mappingId],
      ['address', location.address],
    ],
    [...(lines.length > 0 ? [`"line":[${lines.join(',')}]`] : []), ...(location.folded ? ['"isFolded":true'] : [])],
  );
}

function functionJson(id: number, fn: FunctionRow): string {
  return fieldsJson([
    ['id', id],
    ['name', fn.name],
    ['systemName', fn.systemName],
    ['filename', fn.filename],
    ['startLine', fn.startLine],
  ]);
}

/** 64-bit numbers are strings in protobuf's JSON, and zeros are left out. */
function fieldsJson(fields: readonly (readonly [string, number | bigint])[], rest: readonly string[] = []): string {
  const numbers = fields
    .filter(([, value]) => value !== 0 && value !== 0n)
    .map(([name, value]) => `"${name}":"${value}"`);
  return `{${[...numbers, ...rest].join(',')}}`;
}
