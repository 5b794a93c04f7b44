import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { Wire, type WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { newAttributeValue, readAnyValue } from './attribute-value.ts';
import { IntList } from './int-list.ts';
import { OLDER_ATTRIBUTE, refuseOlder } from './older-layouts.ts';
import type { PartsBudget } from './parts-budget.ts';

/** Bytes of a message that are read in one step, a few milliseconds. */
export const STEP_BYTES = 64 << 10;

/**
 * The tables that all profiles of a message share, as columns. Texts stay where they lie in the message. References are
 * as they came: whoever follows one compares it with the count.
 *
 * 64-bit numbers are two columns of halves. What is a list has its elements in a column of its own, and per row where its
 * part of that ends:
 *
 *     stackEnd         2     2     5         stack 1 is empty
 *     stackLocations   7 3 | | 7 3 9         leaf first
 *
 * @source OpenTelemetry protocol 1.10, `profiles.proto`
 */
export class Dictionary {
  readonly message: Uint8Array;

  readonly stringStart: IntList;
  readonly stringBytes: IntList;

  readonly mappingStart: Int64List;
  readonly mappingLimit: Int64List;
  readonly mappingOffset: Int64List;
  readonly mappingFilename: IntList;
  readonly mappingAttributeEnd: IntList;
  readonly mappingAttributes: IntList;

  readonly locationMapping: IntList;
  readonly locationAddress: Int64List;
  readonly locationLineEnd: IntList;
  readonly lineFunction: IntList;
  readonly lineNumber: IntList;

  readonly functionName: IntList;
  readonly functionSystemName: IntList;
  readonly functionFilename: IntList;
  readonly functionStartLine: IntList;

  readonly traceStart: IntList;
  readonly traceBytes: IntList;
  readonly spanStart: IntList;
  readonly spanBytes: IntList;

  /** A row of the strings. */
  readonly attributeKey: IntList;
  /** See `ValueKind`. */
  readonly attributeKind: IntList;
  readonly attributeA: IntList;
  readonly attributeB: IntList;

  readonly stackEnd: IntList;
  readonly stackLocations: IntList;

  constructor(message: Uint8Array, memory: MemoryBudget) {
    this.message = message;
    this.stringStart = new IntList(memory);
    this.stringBytes = new IntList(memory);
    this.mappingStart = new Int64List(memory);
    this.mappingLimit = new Int64List(memory);
    this.mappingOffset = new Int64List(memory);
    this.mappingFilename = new IntList(memory);
    this.mappingAttributeEnd = new IntList(memory);
    this.mappingAttributes = new IntList(memory);
    this.locationMapping = new IntList(memory);
    this.locationAddress = new Int64List(memory);
    this.locationLineEnd = new IntList(memory);
    this.lineFunction = new IntList(memory);
    this.lineNumber = new IntList(memory);
    this.functionName = new IntList(memory);
    this.functionSystemName = new IntList(memory);
    this.functionFilename = new IntList(memory);
    this.functionStartLine = new IntList(memory);
    this.traceStart = new IntList(memory);
    this.traceBytes = new IntList(memory);
    this.spanStart = new IntList(memory);
    this.spanBytes = new IntList(memory);
    this.attributeKey = new IntList(memory);
    this.attributeKind = new IntList(memory);
    this.attributeA = new IntList(memory);
    this.attributeB = new IntList(memory);
    this.stackEnd = new IntList(memory);
    this.stackLocations = new IntList(memory);
  }

  get stringCount(): number {
    return this.stringStart.length;
  }

  get mappingCount(): number {
    return this.mappingFilename.length;
  }

  get locationCount(): number {
    return this.locationMapping.length;
  }

  get functionCount(): number {
    return this.functionName.length;
  }

  get linkCount(): number {
    return this.spanStart.length;
  }

  get attributeCount(): number {
    return this.attributeKey.length;
  }

  get stackCount(): number {
    return this.stackEnd.length;
  }

  /** The bytes of a text, in the message. @param row  of the strings, and one that is there */
  stringAt(row: number): Uint8Array {
    const start = this.stringStart.values[row];
    return this.message.subarray(start, start + this.stringBytes.values[row]);
  }
}

/** Whole numbers of 64 bits. */
export class Int64List {
  readonly low: IntList;
  readonly high: IntList;

  constructor(memory: MemoryBudget) {
    this.low = new IntList(memory);
    this.high = new IntList(memory);
  }

  push(low: number, high: number): void {
    this.low.push(low);
    this.high.push(high);
  }

  signedAt(row: number): bigint {
    return (BigInt(this.high.values[row]) << 32n) | BigInt(this.low.values[row] >>> 0);
  }

  unsignedAt(row: number): bigint {
    return BigInt.asUintN(64, this.signedAt(row));
  }
}

/** Where the part of a row begins in the column of elements. */
export function startOf(ends: IntList, row: number): number {
  return row === 0 ? 0 : ends.values[row - 1];
}

/**
 * Reads a `ProfilesDictionary` that the reader has entered, to its end. If there are several, each goes on where the one
 * before ended, as protobuf has it.
 *
 * @throws StoreError 'invalid-argument' when it cannot be decoded, is of an older layout, or is over the budget
 */
export function* readDictionary(reader: WireReader, dictionary: Dictionary, budget: PartsBudget): Steps<void> {
  while (readRows(reader, dictionary, budget)) yield;
}

/** @returns whether there is more */
function readRows(reader: WireReader, dictionary: Dictionary, budget: PartsBudget): boolean {
  const stop = reader.pos + STEP_BYTES;
  while (reader.pos < stop) {
    if (!reader.next()) return false;
    const read = ROW_READERS[reader.field];
    if (read === undefined) {
      reader.skip();
      continue;
    }
    const outer = reader.open();
    budget.row(read === readString ? 0 : reader.end - reader.pos);
    read(reader, dictionary, budget);
    reader.close(outer);
  }
  return true;
}

type RowReader = (reader: WireReader, dictionary: Dictionary, budget: PartsBudget) => void;

/** By the number of the field. */
const ROW_READERS: readonly (RowReader | undefined)[] = [
  undefined,
  readMapping,
  readLocation,
  readFunction,
  readLink,
  readString,
  readAttribute,
  readStack,
];

function readMapping(reader: WireReader, dictionary: Dictionary, budget: PartsBudget): void {
  const numbers = [0, 0, 0, 0, 0, 0];
  let filename = 0;
  while (reader.next()) {
    const { field } = reader;
    if (field <= 3) {
      reader.int64();
      numbers[2 * field - 2] = reader.low;
      numbers[2 * field - 1] = reader.high;
    } else if (field === 4) filename = reader.int32();
    else if (field === 5) readInts(reader, dictionary.mappingAttributes, budget);
    else reader.skip();
  }
  dictionary.mappingStart.push(numbers[0], numbers[1]);
  dictionary.mappingLimit.push(numbers[2], numbers[3]);
  dictionary.mappingOffset.push(numbers[4], numbers[5]);
  dictionary.mappingFilename.push(filename);
  dictionary.mappingAttributeEnd.push(dictionary.mappingAttributes.length);
}

function readLocation(reader: WireReader, dictionary: Dictionary, budget: PartsBudget): void {
  let mapping = 0;
  let low = 0;
  let high = 0;
  while (reader.next()) {
    if (reader.field === 1) mapping = reader.int32();
    else if (reader.field === 2) {
      reader.int64();
      low = reader.low;
      high = reader.high;
    } else if (reader.field === 3) {
      budget.row();
      const outer = reader.open();
      readLine(reader, dictionary);
      reader.close(outer);
    } else reader.skip();
  }
  dictionary.locationMapping.push(mapping);
  dictionary.locationAddress.push(low, high);
  dictionary.locationLineEnd.push(dictionary.lineFunction.length);
}

function readLine(reader: WireReader, dictionary: Dictionary): void {
  let functionIndex = 0;
  let line = 0;
  while (reader.next()) {
    if (reader.field === 1) functionIndex = reader.int32();
    else if (reader.field === 2) line = readLineNumber(reader);
    else reader.skip();
  }
  dictionary.lineFunction.push(functionIndex);
  dictionary.lineNumber.push(line);
}

function readFunction(reader: WireReader, dictionary: Dictionary): void {
  let name = 0;
  let systemName = 0;
  let filename = 0;
  let startLine = 0;
  while (reader.next()) {
    if (reader.field === 1) name = reader.int32();
    else if (reader.field === 2) systemName = reader.int32();
    else if (reader.field === 3) filename = reader.int32();
    else if (reader.field === 4) startLine = readLineNumber(reader);
    else reader.skip();
  }
  dictionary.functionName.push(name);
  dictionary.functionSystemName.push(systemName);
  dictionary.functionFilename.push(filename);
  dictionary.functionStartLine.push(startLine);
}

/** 0 for what no file has: negative ones, and 2^31 and more. */
function readLineNumber(reader: WireReader): number {
  reader.int64();
  return reader.high === 0 && reader.low > 0 ? reader.low : 0;
}

function readLink(reader: WireReader, dictionary: Dictionary): void {
  const trace = { start: 0, bytes: 0 };
  const span = { start: 0, bytes: 0 };
  while (reader.next()) {
    const target = reader.field === 1 ? trace : reader.field === 2 ? span : undefined;
    if (target === undefined) {
      reader.skip();
      continue;
    }
    const outer = reader.open();
    target.start = reader.pos;
    target.bytes = reader.end - reader.pos;
    reader.close(outer);
  }
  dictionary.traceStart.push(trace.start);
  dictionary.traceBytes.push(trace.bytes);
  dictionary.spanStart.push(span.start);
  dictionary.spanBytes.push(span.bytes);
}

function readString(reader: WireReader, dictionary: Dictionary): void {
  dictionary.stringStart.push(reader.pos);
  dictionary.stringBytes.push(reader.end - reader.pos);
}

const value = newAttributeValue();

/** The unit, field 3, is not looked at. */
function readAttribute(reader: WireReader, dictionary: Dictionary): void {
  let key = 0;
  value.kind = 0;
  while (reader.next()) {
    if (reader.field === 1) {
      refuseOlder(reader, OLDER_ATTRIBUTE, 'a row of the attributes');
      key = reader.int32();
    } else if (reader.field === 2) {
      const outer = reader.open();
      readAnyValue(reader, value);
      reader.close(outer);
    } else reader.skip();
  }
  dictionary.attributeKey.push(key);
  dictionary.attributeKind.push(value.kind);
  dictionary.attributeA.push(value.a);
  dictionary.attributeB.push(value.b);
}

function readStack(reader: WireReader, dictionary: Dictionary, budget: PartsBudget): void {
  while (reader.next()) {
    if (reader.field === 1) readInts(reader, dictionary.stackLocations, budget);
    else reader.skip();
  }
  dictionary.stackEnd.push(dictionary.stackLocations.length);
}

/** Appends the numbers of a repeated int32, which come packed or one by one. */
export function readInts(reader: WireReader, target: IntList, budget: PartsBudget): void {
  if (reader.wire !== Wire.delimited) {
    budget.numbers(1);
    target.push(reader.int32());
    return;
  }
  const outer = reader.open();
  while (reader.pos < reader.end) {
    budget.numbers(1);
    reader.packedInt64();
    target.push(reader.low);
  }
  reader.close(outer);
}
