import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { Wire, type WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { Int64List, readInts, startOf } from './dictionary.ts';
import { IntList } from './int-list.ts';
import { OLDER_PROFILE, OLDER_SAMPLE, refuseOlder } from './older-layouts.ts';
import type { PartsBudget } from './parts-budget.ts';

/** References to two texts; undefined when the message has none. */
export type TypeRows = { readonly type: number; readonly unit: number };

/** One profile of a message, its samples as columns like those of the dictionary. Used again for each profile. */
export class ProfileColumns {
  sampleType: TypeRows | undefined;
  periodType: TypeRows | undefined;
  period = 0n;
  /** As unsigned numbers of 64 bits. */
  timeNanos = 0n;
  durationNanos = 0n;

  /** Those of the profile itself. */
  readonly profileAttributes: IntList;

  readonly stack: IntList;
  readonly link: IntList;
  readonly attributeEnd: IntList;
  readonly attributes: IntList;
  readonly valueEnd: IntList;
  readonly values: Int64List;
  readonly timestampCount: IntList;

  constructor(memory: MemoryBudget) {
    this.profileAttributes = new IntList(memory);
    this.stack = new IntList(memory);
    this.link = new IntList(memory);
    this.attributeEnd = new IntList(memory);
    this.attributes = new IntList(memory);
    this.valueEnd = new IntList(memory);
    this.values = new Int64List(memory);
    this.timestampCount = new IntList(memory);
  }

  get sampleCount(): number {
    return this.stack.length;
  }

  attributeStart(sample: number): number {
    return startOf(this.attributeEnd, sample);
  }

  valueStart(sample: number): number {
    return startOf(this.valueEnd, sample);
  }

  clear(): void {
    this.sampleType = undefined;
    this.periodType = undefined;
    this.period = 0n;
    this.timeNanos = 0n;
    this.durationNanos = 0n;
    const lists = [this.stack, this.link, this.attributeEnd, this.attributes, this.valueEnd, this.timestampCount];
    for (const list of [this.profileAttributes, ...lists, this.values.low, this.values.high]) list.clear();
  }

  /**
   * Reads fields of a `Profile` that the reader has entered, until it is at `stop` or at the end.
   *
   * @throws StoreError 'invalid-argument' when they cannot be decoded, are of an older layout, or are over the budget
   */
  readUntil(stop: number, reader: WireReader, budget: PartsBudget): void {
    while (reader.pos < stop && reader.next()) this.#readField(reader, budget);
  }

  #readField(reader: WireReader, budget: PartsBudget): void {
    const { field } = reader;
    if (field === 2) {
      const outer = reader.open();
      budget.row(reader.end - reader.pos);
      this.#readSample(reader, budget);
      reader.close(outer);
      return;
    }
    refuseOlder(reader, OLDER_PROFILE, 'a profile');
    if (field === 1) this.sampleType = readType(reader, this.sampleType);
    else if (field === 5) this.periodType = readType(reader, this.periodType);
    else if (field === 3) {
      reader.fixed64();
      this.timeNanos = reader.unsigned();
    } else if (field === 4) {
      reader.int64();
      this.durationNanos = reader.unsigned();
    } else if (field === 6) {
      reader.int64();
      this.period = reader.signed();
    } else if (field === 11) readInts(reader, this.profileAttributes, budget);
    else reader.skip();
  }

  #readSample(reader: WireReader, budget: PartsBudget): void {
    let stack = 0;
    let link = 0;
    let timestamps = 0;
    while (reader.next()) {
      const { field } = reader;
      if (field === 1) stack = reader.int32();
      else if (field === 2) readInts(reader, this.attributes, budget);
      else if (field === 3) link = linkIndex(reader);
      else if (field === 4) this.#readValues(reader, budget);
      else if (field === 5) timestamps += countOfFixed64(reader);
      else reader.skip();
    }
    this.stack.push(stack);
    this.link.push(link);
    this.attributeEnd.push(this.attributes.length);
    this.valueEnd.push(this.values.low.length);
    this.timestampCount.push(timestamps);
  }

  #readValues(reader: WireReader, budget: PartsBudget): void {
    if (reader.wire !== Wire.delimited) {
      budget.numbers(1);
      reader.int64();
      this.values.push(reader.low, reader.high);
      return;
    }
    const outer = reader.open();
    while (reader.pos < reader.end) {
      budget.numbers(1);
      reader.packedInt64();
      this.values.push(reader.low, reader.high);
    }
    reader.close(outer);
  }
}

/** For errors. */
const SAMPLE = 'a sample';

function readType(reader: WireReader, known: TypeRows | undefined): TypeRows {
  let { type, unit } = known ?? { type: 0, unit: 0 };
  const outer = reader.open();
  while (reader.next()) {
    if (reader.field === 1) type = reader.int32();
    else if (reader.field === 2) unit = reader.int32();
    else reader.skip();
  }
  reader.close(outer);
  return { type, unit };
}

function linkIndex(reader: WireReader): number {
  if (reader.wire !== Wire.varint) refuseOlder(reader, OLDER_SAMPLE, SAMPLE);
  return reader.int32();
}

/** Of a sample: how many numbers a repeated fixed64 has, packed or not. What they are is not looked at. */
function countOfFixed64(reader: WireReader): number {
  if (reader.wire !== Wire.delimited) {
    refuseOlder(reader, OLDER_SAMPLE, SAMPLE);
    reader.fixed64();
    return 1;
  }
  const outer = reader.open();
  const bytes = reader.end - reader.pos;
  if (bytes % 8 !== 0) throw reader.wrong('a list of fixed64 numbers has a part of one');
  reader.close(outer);
  return bytes / 8;
}
