import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { base64InPlace } from '#src/domain/pprof/base64-in-place.ts';
import { JsonReader, type JsonText } from '#src/domain/pprof/json-reader.ts';
import { withForeignHint } from '#src/domain/protobuf/foreign-message.ts';
import { Wire } from '#src/domain/protobuf/wire-reader.ts';
import { WireWriter } from '#src/domain/protobuf/wire-writer.ts';
import { STEP_BYTES } from './dictionary.ts';
import { EXPORT_REQUEST, type JsonField, type JsonKind, type JsonMessage, SAMPLES } from './json-schema.ts';
import { TAKEN_LAYOUT } from './older-layouts.ts';
import { notConvertible, otlpMessageTooLarge } from './otlp-errors.ts';
import { tooMany } from './parts-budget.ts';
import { type RejectedProfiles, Rejections } from './rejections.ts';

/** Fields of objects and elements of lists, also those that nobody knows. Each may become ten bytes. */
export const JSON_VALUES_MAX = 1 << 24;

export type JsonLimits = {
  /** Default: `JSON_VALUES_MAX`. */
  readonly valuesMax?: number;
  /** Of the protobuf, which may be larger than the text: numbers of eight bytes may be one digit. Default: none. */
  readonly protoBytesMax?: Bytes;
  /** What sets `protoBytesMax`, for the message. */
  readonly protoBytesName?: string | undefined;
};

export type OtlpFromJson = {
  /** Protobuf. */
  readonly message: Uint8Array<ArrayBuffer>;
  /** Profiles that are not in it. A scope or a resource counts as one: how many profiles it has, nobody knows. */
  readonly rejected: RejectedProfiles;
};

/** Those of one row of a table, or of one sample, which is read in one step. */
const ROW_VALUES_MAX = 1 << 20;

/**
 * Writes the JSON form of an OTLP export as protobuf, so that one reader knows the messages.
 *
 * Names may be those of JSON or of the message, null is the same as absent, numbers may be texts, and unknown fields are
 * ignored; a message that has nothing else is none. Where one that is a list or an object stands in place of what would be
 * stored, that would vanish: it is counted as rejected, or the message refused where it has nothing else. Ids are hexadecimal, as OTLP has it, or base64, as protobuf has it and
 * Pyroscope reads it: their lengths tell which.
 *
 * @param text  UTF-8; ids are decoded where they lie, so it is overwritten
 * @throws StoreError 'invalid-argument' naming what is wrong; 'limit-exceeded' when the protobuf is larger than its limit
 * @cost   O(bytes)
 * @source OpenTelemetry protocol, "JSON Protobuf Encoding"; protobuf, "ProtoJSON Format"
 */
export function* otlpFromJson(text: Uint8Array, limits: JsonLimits = {}): Steps<OtlpFromJson> {
  try {
    return yield* new Transcoder(text, limits).transcode();
  } catch (error) {
    throw withForeignHint(error, text);
  }
}

/** Longer ones are known to nobody. */
const KEY_BYTES_MAX = 64;

type LargeMessage = {
  /** Fields. */
  readonly known: number;
  readonly unknown: number;
  /** Whether an unknown field seems to have what it is there for. */
  readonly isLost: boolean;
};

class Transcoder {
  readonly #reader: JsonReader;
  readonly #out: WireWriter;
  #values = 0;
  #rowValues = 0;
  #hasSamples = false;
  /** A clause that says what the first of them lacks. */
  #firstLost: string | undefined;
  #lostCount = 0;
  #low = 0;
  #high = 0;

  constructor(
    text: Uint8Array,
    { valuesMax = JSON_VALUES_MAX, protoBytesMax = Number.POSITIVE_INFINITY, protoBytesName }: JsonLimits,
  ) {
    this.#reader = new JsonReader(text, () => {
      if (++this.#values > valuesMax) throw tooMany('values of JSON', valuesMax);
      if (++this.#rowValues > ROW_VALUES_MAX) throw tooMany('values of JSON in a row or a sample', ROW_VALUES_MAX);
    });
    const onFull = () => otlpMessageTooLarge(protoBytesMax, undefined, protoBytesName);
    this.#out = new WireWriter(text.length, protoBytesMax, onFull);
  }

  *transcode(): Steps<OtlpFromJson> {
    const { known, unknown } = yield* this.#large(EXPORT_REQUEST);
    this.#reader.end();
    const lost = this.#firstLost;
    if (lost !== undefined && !this.#hasSamples) throw wrong(lost);
    if (known === 0 && unknown > 0) throw wrong('it has only fields that are unknown');
    const rejected = new Rejections();
    if (lost !== undefined) rejected.add(notConvertible(lost), this.#lostCount);
    return { message: this.#out.bytes(), rejected: rejected.all() };
  }

  /** The same as `#message`, but others get a turn now and then. */
  *#large(message: JsonMessage): Steps<LargeMessage> {
    const count = { known: 0, unknown: 0 };
    const seen = new Set<number>();
    const content = message.fields.get(message.content ?? '');
    let hasContent = content === undefined;
    let instead: JsonText | undefined;
    if (this.#reader.peek() !== '{') throw wrong(`${message.name} is not an object`);
    for (let key = this.#reader.firstField(); key !== undefined; key = this.#reader.nextField()) {
      this.#rowValues = 0;
      const field = this.#fieldOf(message, key);
      count[field === undefined ? 'unknown' : 'known']++;
      if (field === undefined) {
        if (yield* this.#skippedValues()) instead ??= key;
      } else if (!this.#reader.skipNull()) {
        this.#once(seen, field, key);
        const values = this.#values;
        yield* this.#value(field, key);
        if (field === content) hasContent = this.#values > values;
      }
    }
    if (hasContent && message.content === SAMPLES) this.#hasSamples = true;
    if (hasContent || instead === undefined) return { ...count, isLost: false };
    this.#noteLost(message, instead);
    return { ...count, isLost: true };
  }

  /** What it is there for seems to be in a field that nobody knows: the `sample` of OTLP 1.8, or a misspelt one. */
  #noteLost({ name, content }: JsonMessage, instead: JsonText): void {
    this.#lostCount++;
    if (this.#firstLost !== undefined) return;
    const field = quoted(this.#reader.valueOf(instead));
    this.#firstLost = `${name} has no ${content}, but ${field}, which is no field of ${TAKEN_LAYOUT}`;
  }

  *#value(field: JsonField, key: JsonText): Steps<void> {
    if (!field.repeated) yield* this.#largeValue(field, key);
    else if (typeof field.value !== 'string' && field.value.isLarge) yield* this.#largeList(field, key);
    else yield* this.#list(field, key);
  }

  /**
   * Skips what is unknown. It may be most of the message, so it is skipped in steps, and is no row.
   *
   * @returns whether it was a list or an object with something in it
   */
  *#skippedValues(): Steps<boolean> {
    const values = this.#values;
    for (const _ of this.#reader.skipInSteps()) {
      this.#rowValues = 0;
      yield;
    }
    return this.#values > values;
  }

  *#largeValue(field: JsonField, key: JsonText): Steps<void> {
    if (typeof field.value === 'string' || !field.value.isLarge) {
      this.#element(field, key);
      return;
    }
    const { length } = this.#out;
    this.#out.tag(field.number, Wire.delimited);
    const start = this.#out.begin();
    const { isLost } = yield* this.#large(field.value);
    this.#out.end(start);
    // What is rejected must not be counted again for what else is wrong with it.
    if (isLost) this.#out.cut(length);
  }

  *#largeList(field: JsonField, key: JsonText): Steps<void> {
    this.#expectList(key);
    for (let more = this.#reader.firstElement(); more; more = this.#reader.nextElement()) {
      yield* this.#largeValue(field, key);
      yield;
    }
  }

  *#list(field: JsonField, key: JsonText): Steps<void> {
    let stop = this.#out.length + STEP_BYTES;
    this.#expectList(key);
    for (let more = this.#reader.firstElement(); more; more = this.#reader.nextElement()) {
      this.#rowValues = 0;
      this.#element(field, key);
      if (this.#out.length < stop) continue;
      stop = this.#out.length + STEP_BYTES;
      yield;
    }
  }

  /** @cost recursion as deep as the schema, and values in values as deep as JSON may nest */
  #message(message: JsonMessage): void {
    let seen = 0;
    if (this.#reader.peek() !== '{') throw wrong(`${message.name} is not an object`);
    this.#reader.object((key) => {
      const field = this.#fieldOf(message, key);
      if (field === undefined) this.#reader.skip();
      else if (!this.#reader.skipNull()) {
        if ((seen & (1 << field.number)) !== 0) throw wrong(`${this.#nameOf(key)} is there twice`);
        seen |= 1 << field.number;
        if (field.repeated) this.#repeated(field, key);
        else this.#element(field, key);
      }
    });
  }

  #repeated(field: JsonField, key: JsonText): void {
    this.#expectList(key);
    if (typeof field.value !== 'string' || field.value === 'string') {
      this.#reader.list(() => this.#element(field, key));
      return;
    }
    const kind = field.value;
    this.#out.tag(field.number, Wire.delimited);
    const start = this.#out.begin();
    this.#reader.list(() => this.#number(kind, key));
    this.#out.end(start);
  }

  /** One value of a field, or one element of its list, with its tag. */
  #element({ number, value }: JsonField, key: JsonText): void {
    if (typeof value !== 'string') {
      this.#out.tag(number, Wire.delimited);
      const start = this.#out.begin();
      this.#message(value);
      this.#out.end(start);
    } else if (value === 'string' || value === 'traceId' || value === 'spanId') {
      this.#out.tag(number, Wire.delimited);
      if (this.#reader.peek() !== '"') throw wrong(`${this.#nameOf(key)} is not a text`);
      this.#out.delimited(value === 'string' ? this.#text() : this.#id(value, key));
    } else {
      this.#out.tag(number, value === 'fixed64' ? Wire.bit64 : Wire.varint);
      this.#number(value, key);
    }
  }

  #text(): Uint8Array {
    const text = this.#reader.text();
    return text.escaped ? Buffer.from(this.#reader.valueOf(text)) : this.#reader.bytes.subarray(text.start, text.end);
  }

  #id(kind: 'traceId' | 'spanId', key: JsonText): Uint8Array {
    const text = this.#reader.ascii();
    const latin = Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1');
    if (latin.length === (kind === 'traceId' ? 32 : 16) && /^[0-9a-fA-F]+$/.test(latin))
      return Buffer.from(latin, 'hex');
    const bytes = base64InPlace(text);
    if (bytes === undefined) throw wrong(`${this.#nameOf(key)} is neither hexadecimal nor base64`);
    return bytes;
  }

  /** Without a tag. */
  #number(kind: JsonKind, key: JsonText): void {
    const isText = this.#reader.peek() === '"';
    const text = isText ? this.#reader.text() : this.#reader.numberText();
    if (!this.#readDigits(text)) this.#readInteger(text, kind, key);
    else if (kind === 'int32' && (this.#high > 0 || this.#low >= 2 ** 31)) throw this.#notOf(kind, key);
    if (kind === 'fixed64') this.#out.fixed64(this.#low, this.#high);
    else this.#out.varint64(this.#low, this.#high);
  }

  /** What most numbers are: up to fifteen digits. @returns false when it is anything else */
  #readDigits({ start, end, escaped }: JsonText): boolean {
    if (end - start > 15 || end === start || escaped) return false;
    const { bytes } = this.#reader;
    let value = 0;
    for (let i = start; i < end; i++) {
      const digit = bytes[i] - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    this.#low = value % 2 ** 32;
    this.#high = Math.floor(value / 2 ** 32);
    return true;
  }

  #readInteger(text: JsonText, kind: JsonKind, key: JsonText): void {
    const value = integerOf(text.end - text.start > 100 ? '' : this.#reader.valueOf(text));
    const [first, last] = RANGES[kind] ?? [0n, -1n];
    if (value === undefined || value < first || value > last) throw this.#notOf(kind, key);
    this.#low = Number(BigInt.asUintN(32, value));
    this.#high = Number(BigInt.asUintN(32, value >> 32n));
  }

  #fieldOf(message: JsonMessage, key: JsonText): JsonField | undefined {
    return key.end - key.start > KEY_BYTES_MAX ? undefined : message.fields.get(this.#reader.valueOf(key));
  }

  #once(seen: Set<number>, { number }: JsonField, key: JsonText): void {
    if (seen.has(number)) throw wrong(`${this.#nameOf(key)} is there twice`);
    seen.add(number);
  }

  #expectList(key: JsonText): void {
    if (this.#reader.peek() !== '[') throw wrong(`${this.#nameOf(key)} is not a list`);
  }

  /** @param key  of a field that is known, so it is short */
  #nameOf(key: JsonText): string {
    return this.#reader.valueOf(key);
  }

  #notOf(kind: JsonKind, key: JsonText): StoreError {
    return wrong(`${this.#nameOf(key)} is no number of type ${kind}`);
  }
}

const RANGES: Partial<Record<JsonKind, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/**
 * Whole numbers may be written with a point or an exponent, as long as they are exact. In digits, because a number of
 * JavaScript has 53 bits.
 */
function integerOf(text: string): bigint | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (whole === '') return undefined;
  if (digits === '') return 0n;
  const shift = Number(exponent) - fraction.length;
  // Longer ones are too large for any type.
  if (digits.length + shift > DIGITS_MAX) return undefined;
  const cut = shift < 0 ? digits.slice(0, shift) : digits.padEnd(digits.length + shift, '0');
  if (shift < 0 && (cut === '' || /[1-9]/.test(digits.slice(shift)))) return undefined;
  return BigInt(sign + cut);
}

const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** Of whole numbers of 64 bits. */
const DIGITS_MAX = 20;

function wrong(what: string): StoreError {
  return new StoreError('invalid-argument', `the OTLP message cannot be decoded: ${what}`);
}
