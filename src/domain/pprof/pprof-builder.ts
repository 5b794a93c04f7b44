import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
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
 * Writes one plain pprof from its parts. Equal texts, mappings, functions and locations become one, in order of first
 * appearance; samples are written as they come.
 *
 * Nothing is built in memory but the bytes of the profile and what tells equal parts apart, so that memory is
 * proportional to the size limit whatever the parts come from.
 *
 * @throws StoreError 'invalid-argument' from any method once the profile would be larger than its limit
 */
export class PprofBuilder {
  readonly #valueCount: number;
  readonly #sizeLimit: SizeLimit | undefined;
  readonly #strings = new NameTable();
  readonly #mappings = new Map<string, number>();
  readonly #functions = new Map<string, number>();
  readonly #locations = new Map<string, number>();
  /** All messages of the profile but its strings. */
  readonly #out = new ChunkedBytes();
  readonly #message = new ChunkedBytes();
  readonly #inner = new ChunkedBytes();
  #functionCount = 0;
  #locationCount = 0;
  #checkedStrings = 0;

  constructor({ sampleTypes, timeNanos, durationNanos, periodType, period, sizeLimit }: BuiltHeader) {
    this.#valueCount = sampleTypes.length;
    this.#sizeLimit = sizeLimit;
    this.text('');
    for (const sampleType of sampleTypes) this.#valueType(1, sampleType);
    this.#out.integerField(9, timeNanos);
    this.#out.integerField(10, durationNanos);
    if (periodType !== undefined) this.#valueType(11, periodType);
    this.#out.integerField(12, period);
  }

  /** Of the profile as it would be written now; a little more, never less. */
  get sizeBytes(): Bytes {
    return this.#out.sizeBytes + this.#strings.sizeBytes + this.#strings.length * STRING_OVERHEAD_BYTES;
  }

  /** @returns the row of the string table. Half a surrogate pair becomes U+FFFD */
  text(text: string): number {
    const row = this.#strings.internText(text);
    this.#checkStrings();
    return row;
  }

  /** @param bytes  need not be UTF-8, though whoever stores the profile will refuse them then; must not change any more */
  bytes(bytes: Uint8Array): number {
    const row = this.#strings.intern(bytes);
    this.#checkStrings();
    return row;
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
    this.#write(3, message);
    return id;
  }

  /** @returns the id. The system name is the name, unless it is said */
  function(fn: BuiltFunction): number {
    const { name, systemName = name, filename = 0, startLine = 0 } = fn;
    const key = `${name} ${systemName} ${filename} ${startLine}`;
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    const id = this.newFunction(fn);
    this.#functions.set(key, id);
    return id;
  }

  /** For who knows that it is new: whether it is equal to another one is not looked at, which is most of the cost. */
  newFunction({ name, systemName = name, filename = 0, startLine = 0 }: BuiltFunction): number {
    const id = ++this.#functionCount;
    const message = this.#message;
    message.integerField(1, id);
    message.integerField(2, name);
    message.integerField(3, systemName);
    message.integerField(4, filename);
    message.integerField(5, startLine);
    this.#write(5, message);
    return id;
  }

  /** @returns the id */
  location(location: BuiltLocation): number {
    const { mapping = 0, address = 0n, lines } = location;
    let key = `${mapping} ${address}`;
    for (const { function: functionId, line = 0 } of lines) key += ` ${functionId}:${line}`;
    const known = this.#locations.get(key);
    if (known !== undefined) return known;
    const id = this.newLocation(location);
    this.#locations.set(key, id);
    return id;
  }

  /** For who knows that it is new, as with functions. */
  newLocation({ mapping = 0, address = 0n, lines }: BuiltLocation): number {
    const id = ++this.#locationCount;
    const message = this.#message;
    message.integerField(1, id);
    message.integerField(2, mapping);
    message.integerField(3, address);
    for (const { function: functionId, line = 0 } of lines) {
      this.#inner.integerField(1, functionId);
      this.#inner.integerField(2, line);
      message.message(4, this.#inner);
    }
    this.#write(4, message);
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
    this.#inner.varints(locations);
    this.#message.message(1, this.#inner);
    for (const value of values) this.#inner.varint64(Number(value & LOW), Number((value >> 32n) & LOW));
    this.#message.message(2, this.#inner);
    for (const { key, text = 0, number = 0n, unit = 0 } of labels) {
      this.#inner.integerField(1, key);
      this.#inner.integerField(2, text);
      this.#inner.integerField(3, number);
      this.#inner.integerField(4, unit);
      this.#message.message(3, this.#inner);
    }
    this.#write(2, this.#message);
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

  /** The same for profiles that may be large: one of 51 MB of short texts takes half a second or more. */
  *takeInSteps(): Steps<Uint8Array<ArrayBuffer>> {
    let writtenBytes = this.#out.sizeBytes;
    for (let row = 0; row < this.#strings.length; row++) {
      const bytes = this.#strings.bytesOf(row);
      this.#out.byte((6 << 3) | 2);
      this.#out.varint(bytes.length);
      this.#out.bytes(bytes);
      if ((row + 1) % STEP_STRINGS !== 0 && this.#out.sizeBytes - writtenBytes < STEP_BYTES) continue;
      writtenBytes = this.#out.sizeBytes;
      yield;
    }
    const profile = new Uint8Array(this.#out.sizeBytes);
    let [end, stop] = [0, STEP_BYTES];
    for (const piece of this.#out.take()) {
      if (end >= stop) {
        stop = end + STEP_BYTES;
        yield;
      }
      profile.set(piece, end);
      end += piece.length;
    }
    return profile;
  }

  #write(field: number, message: ChunkedBytes): void {
    this.#out.message(field, message);
    this.#checkSize();
  }

  #valueType(field: number, { type, unit }: BuiltValueType): void {
    this.#message.integerField(1, this.text(type));
    this.#message.integerField(2, this.text(unit));
    this.#out.message(field, this.#message);
  }

  #checkStrings(): void {
    if (this.#strings.length === this.#checkedStrings) return;
    this.#checkedStrings = this.#strings.length;
    this.#checkSize();
  }

  #checkSize(): void {
    const limit = this.#sizeLimit;
    if (limit !== undefined && this.sizeBytes > limit.bytes) throw profileTooLarge(limit.bytes, undefined, limit.name);
  }
}

const LOW = 0xffff_ffffn;

/** Texts that are written in one step, and bytes that are written or copied. */
const STEP_STRINGS = 1 << 14;
const STEP_BYTES: Bytes = 4 << 20;

/** Tag and length of a string; shorter ones take two bytes. */
const STRING_OVERHEAD_BYTES = 5;
