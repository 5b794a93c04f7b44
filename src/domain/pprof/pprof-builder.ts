import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
import { smallVarintBytes, varintBytes } from '#src/domain/protobuf/varint.ts';
import { ChunkedBytes } from '#src/domain/query/chunked-bytes.ts';
import { profileTooLarge } from './profile-errors.ts';

export type BuiltValueType = { readonly type: string; readonly unit: string };

/** What stands in the head of a profile. */
export type BuiltHeader = {
  /** At least one. Every sample has as many values. */
  readonly sampleTypes: readonly BuiltValueType[];
  /** 0: the time of arrival. */
  readonly timeNanos: UnixNanos;
  readonly durationNanos: bigint;
  readonly periodType?: BuiltValueType | undefined;
  readonly period: bigint;
  /** Default: none. */
  readonly sizeLimit?: SizeLimit | undefined;
};

/** Of a profile when it is written, and what sets it. */
export type SizeLimit = { readonly bytes: Bytes; readonly name: string };

/** Texts are rows of the string table; 0 is the empty one. What is left out is 0. */
export type BuiltMapping = {
  readonly memoryStart?: bigint;
  readonly memoryLimit?: bigint;
  readonly fileOffset?: bigint;
  readonly filename?: number;
  readonly buildId?: number;
  readonly hasFunctions?: boolean;
  readonly hasFilenames?: boolean;
  readonly hasLineNumbers?: boolean;
};

export type BuiltFunction = {
  readonly name: number;
  readonly systemName?: number;
  readonly filename?: number;
  readonly startLine?: number;
};

export type BuiltLocation = {
  readonly mapping?: number;
  readonly address?: bigint;
  /** Innermost first, as in pprof. */
  readonly lines: readonly { readonly function: number; readonly line?: number }[];
};

export type BuiltLabel = {
  readonly key: number;
  readonly text?: number;
  readonly number?: bigint;
  readonly unit?: number;
};

/**
 * Writes one plain pprof from its parts. Equal texts and mappings become one, in order of first appearance; functions,
 * locations and samples are written as they come, because who makes them has numbers to know them by, which are a tenth of
 * the cost.
 *
 * Nothing is built in memory but the bytes of the profile and what tells equal parts apart, so that memory is
 * proportional to the size limit whatever the parts come from.
 *
 * @throws StoreError 'invalid-argument' from any method once the profile would be larger than its limit
 */
export class PprofBuilder {
  readonly #valueCount: number;
  readonly #sizeLimit: SizeLimit | undefined;
  /** Texts that may come again, and their rows. */
  readonly #names = new NameTable();
  readonly #rowsOfNames: number[] = [];
  readonly #mappings = new Map<string, number>();
  /** All messages of the profile but its strings, and its strings. */
  readonly #out = new ChunkedBytes();
  readonly #strings = new ChunkedBytes();
  readonly #message = new ChunkedBytes();
  /** Halves of the values of a sample, for `sampleOfValues`: low, high. */
  readonly values: Int32Array;
  #functionCount = 0;
  #locationCount = 0;
  #stringCount = 0;

  constructor({ sampleTypes, timeNanos, durationNanos, periodType, period, sizeLimit }: BuiltHeader) {
    this.#valueCount = sampleTypes.length;
    this.values = new Int32Array(2 * sampleTypes.length);
    this.#sizeLimit = sizeLimit;
    this.text('');
    for (const sampleType of sampleTypes) this.#valueType(1, sampleType);
    this.#out.integerField(9, timeNanos);
    this.#out.integerField(10, durationNanos);
    if (periodType !== undefined) this.#valueType(11, periodType);
    this.#out.integerField(12, period);
  }

  /** Of the profile as it would be written now. */
  get sizeBytes(): Bytes {
    return this.#out.sizeBytes + this.#strings.sizeBytes;
  }

  /** @returns the row of the string table. Half a surrogate pair becomes U+FFFD */
  text(text: string): number {
    return this.#rowOf(this.#names.internText(text));
  }

  /** @param bytes  need not be UTF-8, though whoever stores the profile will refuse them then; must not change any more */
  bytes(bytes: Uint8Array): number {
    return this.#rowOf(this.#names.intern(bytes));
  }

  /**
   * For who knows that it is new: it is not looked for later, so that an equal one may come beside it.
   *
   * @param start, end  of the bytes that are the text, as UTF-8; default: all
   */
  newBytes(bytes: Uint8Array, start = 0, end = bytes.length): number {
    const out = this.#strings;
    out.byte((6 << 3) | 2);
    out.varint(end - start);
    out.bytes(bytes, start, end);
    this.#checkSize();
    return this.#stringCount++;
  }

  /** @returns the id */
  mapping({
    memoryStart = 0n,
    memoryLimit = 0n,
    fileOffset = 0n,
    filename = 0,
    buildId = 0,
    hasFunctions = false,
    hasFilenames = false,
    hasLineNumbers = false,
  }: BuiltMapping): number {
    const flags = [hasFunctions, hasFilenames, hasLineNumbers];
    const key = [memoryStart, memoryLimit, fileOffset, filename, buildId, ...flags].join(' ');
    const known = this.#mappings.get(key);
    if (known !== undefined) return known;
    const id = this.#mappings.size + 1;
    this.#mappings.set(key, id);
    const message = this.#message;
    message.integerField(1, id);
    message.integerField(2, memoryStart);
    message.integerField(3, memoryLimit);
    message.integerField(4, fileOffset);
    message.integerField(5, filename);
    message.integerField(6, buildId);
    for (const [i, flag] of flags.entries()) message.integerField(7 + i, flag ? 1 : 0);
    this.#out.message(3, message);
    this.#checkSize();
    return id;
  }

  /** @returns the id. The system name is the name, unless it is said */
  newFunction({ name, systemName = name, filename = 0, startLine = 0 }: BuiltFunction): number {
    const id = ++this.#functionCount;
    const out = this.#out;
    out.byte((5 << 3) | 2);
    // Of at most five numbers of nine bytes with a tag each: one byte of length.
    out.byte(fieldBytes(id) + fieldBytes(name) + fieldBytes(systemName) + fieldBytes(filename) + fieldBytes(startLine));
    out.integerField(1, id);
    out.integerField(2, name);
    out.integerField(3, systemName);
    out.integerField(4, filename);
    out.integerField(5, startLine);
    this.#checkSize();
    return id;
  }

  /** One with a function and a line. @returns the id */
  newLineLocation(mapping: number, functionId: number, line: number): number {
    const id = ++this.#locationCount;
    const ofLine = fieldBytes(functionId) + fieldBytes(line);
    const out = this.#out;
    out.byte((4 << 3) | 2);
    out.byte(fieldBytes(id) + fieldBytes(mapping) + 2 + ofLine);
    out.integerField(1, id);
    out.integerField(2, mapping);
    out.byte((4 << 3) | 2);
    out.byte(ofLine);
    out.integerField(1, functionId);
    out.integerField(2, line);
    this.#checkSize();
    return id;
  }

  /** @returns the id */
  newLocation({ mapping = 0, address = 0n, lines }: BuiltLocation): number {
    const id = ++this.#locationCount;
    let bytes = fieldBytes(id) + fieldBytes(mapping);
    if (address !== 0n) bytes += 1 + varintBytes(Number(address & LOW), Number((address >> 32n) & LOW));
    for (const line of lines) bytes += 2 + lineBytes(line);
    const out = this.#out;
    out.byte((4 << 3) | 2);
    out.varint(bytes);
    out.integerField(1, id);
    out.integerField(2, mapping);
    out.integerField(3, address);
    for (const line of lines) {
      out.byte((4 << 3) | 2);
      out.byte(lineBytes(line));
      out.integerField(1, line.function);
      out.integerField(2, line.line ?? 0);
    }
    this.#checkSize();
    return id;
  }

  /**
   * @param locations  ids, leaf first
   * @param values     one per sample type
   */
  sample(locations: readonly number[], values: readonly bigint[], labels: readonly BuiltLabel[] = []): void {
    if (values.length !== this.#valueCount) {
      throw new RangeError(`a sample has ${values.length} values, and there are ${this.#valueCount} sample types`);
    }
    for (const [i, value] of values.entries()) {
      this.values[2 * i] = Number(value & LOW);
      this.values[2 * i + 1] = Number((value >> 32n) & LOW);
    }
    this.sampleOfValues(locations, locations.length, labels);
  }

  /**
   * A sample whose values are in `values`, for who has many and no bigints.
   *
   * @param locations  of which the first `count` are those of the sample, leaf first
   */
  sampleOfValues(locations: ArrayLike<number>, count: number, labels: readonly BuiltLabel[]): void {
    let locationBytes = 0;
    for (let i = 0; i < count; i++) locationBytes += smallVarintBytes(locations[i]);
    const { values } = this;
    let valueBytes = 0;
    for (let i = 0; i < values.length; i += 2) valueBytes += varintBytes(values[i], values[i + 1]);
    let bytes = messageBytes(locationBytes) + messageBytes(valueBytes);
    for (const label of labels) bytes += messageBytes(labelBytes(label));
    const out = this.#out;
    out.byte((2 << 3) | 2);
    out.varint(bytes);
    out.byte((1 << 3) | 2);
    out.varint(locationBytes);
    out.varints(locations, count);
    out.byte((2 << 3) | 2);
    out.varint(valueBytes);
    for (let i = 0; i < values.length; i += 2) out.varint64(values[i], values[i + 1]);
    for (const label of labels) {
      out.byte((3 << 3) | 2);
      out.varint(labelBytes(label));
      out.integerField(1, label.key);
      out.integerField(2, label.text ?? 0);
      out.integerField(3, label.number ?? 0);
      out.integerField(4, label.unit ?? 0);
    }
    this.#checkSize();
  }

  /** A sample that is encoded already, without its tag and length. Its ids and rows must be those of this profile. */
  encodedSample(sample: Uint8Array): void {
    this.#out.byte((2 << 3) | 2);
    this.#out.varint(sample.length);
    this.#out.bytes(sample);
    this.#checkSize();
  }

  /** The profile, in a buffer of its own. @order last */
  take(): Uint8Array<ArrayBuffer> {
    return runSteps(this.takeInSteps());
  }

  /** The same for profiles that may be large. */
  *takeInSteps(): Steps<Uint8Array<ArrayBuffer>> {
    const profile = new Uint8Array(this.sizeBytes);
    let [end, stop] = [0, STEP_BYTES];
    for (const bytes of [this.#out, this.#strings]) {
      for (const piece of bytes.take()) {
        if (end >= stop) {
          stop = end + STEP_BYTES;
          yield;
        }
        profile.set(piece, end);
        end += piece.length;
      }
    }
    return profile;
  }

  #valueType(field: number, { type, unit }: BuiltValueType): void {
    this.#message.integerField(1, this.text(type));
    this.#message.integerField(2, this.text(unit));
    this.#out.message(field, this.#message);
  }

  #rowOf(name: number): number {
    if (name === this.#rowsOfNames.length) this.#rowsOfNames.push(this.newBytes(this.#names.bytesOf(name)));
    return this.#rowsOfNames[name];
  }

  #checkSize(): void {
    const limit = this.#sizeLimit;
    if (limit !== undefined && this.sizeBytes > limit.bytes) throw profileTooLarge(limit.bytes, undefined, limit.name);
  }
}

const LOW = 0xffff_ffffn;

/** Of an integer with its tag; zeros are left out. @param value 0 <= value < 2^53 */
function fieldBytes(value: number): number {
  if (value === 0) return 0;
  return 1 + (value < 2 ** 31 ? smallVarintBytes(value) : varintBytes(value % 2 ** 32, Math.floor(value / 2 ** 32)));
}

function lineBytes({ function: functionId, line = 0 }: BuiltLocation['lines'][number]): number {
  return fieldBytes(functionId) + fieldBytes(line);
}

function labelBytes({ key, text = 0, number = 0n, unit = 0 }: BuiltLabel): number {
  const numberBytes = number === 0n ? 0 : 1 + varintBytes(Number(number & LOW), Number((number >> 32n) & LOW));
  return fieldBytes(key) + fieldBytes(text) + numberBytes + fieldBytes(unit);
}

/** Of a message with its tag and length. */
function messageBytes(bytes: number): number {
  return 1 + smallVarintBytes(bytes) + bytes;
}

/** Bytes that are copied in one step. */
const STEP_BYTES: Bytes = 4 << 20;
