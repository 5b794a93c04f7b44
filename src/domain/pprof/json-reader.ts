import { isUtf8 } from 'node:buffer';
import { StoreError } from '#src/domain/errors.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** Brackets of JSON that may be open at once, in every message that Kiln reads. */
export const JSON_DEPTH_MAX = 100;

/** What is read at one go, whatever it means: a key, a number, blanks. Longer ones are in no message that is meant well. */
const RUN_BYTES_MAX: Bytes = 256 << 10;

/** Of a long text: what is looked at in one step, some ten milliseconds with escapes. */
const STEP_TEXT_BYTES: Bytes = 1 << 20;

/** Of all of it, for what is native: whether it is UTF-8, and searches. */
const STEP_NATIVE_BYTES: Bytes = 8 << 20;

/** A text as it lies in the bytes, between its quotes. */
export type JsonText = { readonly start: number; readonly end: number; readonly escaped: boolean };

/**
 * Reads JSON from its bytes, one value after the other, as the caller asks for them. Nothing is built of what the caller
 * does not want, so the memory is that of what it keeps, and a message that is one million brackets costs nothing but time.
 *
 * What is stepped over is checked as strictly as what is read.
 *
 * @throws StoreError 'invalid-argument' where the bytes are no JSON, with the offset, nest deeper than `JSON_DEPTH_MAX`, or
 *         have a key, a number or blanks longer than 256 KiB
 * @cost   O(bytes) for all of it
 * @source RFC 8259
 */
export class JsonReader {
  readonly bytes: Buffer;
  readonly #onValue: () => void;
  /** 1 for every open object, 0 for every open list. */
  readonly #open = new Uint8Array(JSON_DEPTH_MAX);
  #depth = 0;
  #at = 0;

  /** @param onValue  called before each field of an object and element of a list, at any depth: the place to count */
  constructor(bytes: Uint8Array, onValue: () => void, isChecked = false) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#onValue = onValue;
    if (!isChecked && !isUtf8(this.bytes)) throw notJson('it is not UTF-8');
  }

  /** The same for messages of any size, of which it takes long to say whether they are UTF-8. */
  static *inSteps(bytes: Uint8Array, onValue: () => void): Steps<JsonReader> {
    let start = 0;
    while (bytes.length - start > STEP_NATIVE_BYTES) {
      const end = characterStart(bytes, start + STEP_NATIVE_BYTES);
      if (!isUtf8(bytes.subarray(start, end))) throw notJson('it is not UTF-8');
      start = end;
      yield;
    }
    if (!isUtf8(bytes.subarray(start))) throw notJson('it is not UTF-8');
    return new JsonReader(bytes, onValue, true);
  }

  /** How much of it was read. */
  get readBytes(): Bytes {
    return this.#at;
  }

  /** What the next value begins with: `{`, `[`, `"`, a digit, … '' at the end. */
  peek(): string {
    const byte = this.#next();
    return byte === undefined ? '' : String.fromCharCode(byte);
  }

  /** Steps over a null. @returns whether there was one */
  skipNull(): boolean {
    if (this.#next() !== LETTER_N) return false;
    this.#word('null');
    return true;
  }

  /** @param field  must read or skip the value. It is told where the key lies */
  object(field: (key: JsonText) => void): void {
    for (let key = this.firstField(); key !== undefined; key = this.nextField()) field(key);
  }

  /** The same by hand, for who pauses between two fields. @returns the first key; undefined: the object is over */
  firstField(): JsonText | undefined {
    this.#expect(OPEN_BRACE);
    this.#push(IS_OBJECT);
    if (!this.#taken(CLOSE_BRACE)) return this.#beginField();
    this.#depth--;
    return undefined;
  }

  /** @order after the value of the field before was read or skipped */
  nextField(): JsonText | undefined {
    if (this.#taken(COMMA)) return this.#beginField();
    this.#expect(CLOSE_BRACE);
    this.#depth--;
    return undefined;
  }

  /** @param element  must read or skip it */
  list(element: () => void): void {
    for (let more = this.firstElement(); more; more = this.nextElement()) element();
  }

  /** The same by hand, for who pauses between two elements. @returns whether there is one; otherwise the list is over */
  firstElement(): boolean {
    this.#expect(OPEN_BRACKET);
    this.#push(IS_LIST);
    if (!this.#taken(CLOSE_BRACKET)) {
      this.#onValue();
      return true;
    }
    this.#depth--;
    return false;
  }

  /** @order after the element before was read or skipped */
  nextElement(): boolean {
    if (this.#taken(COMMA)) {
      this.#onValue();
      return true;
    }
    this.#expect(CLOSE_BRACKET);
    this.#depth--;
    return false;
  }

  /** The nearest double, which may be infinite. */
  number(): number {
    const start = this.#start();
    const whole = this.#shortWholeNumber();
    if (whole !== undefined) return whole;
    this.#number();
    return Number(this.bytes.toString('latin1', start, this.#at));
  }

  text(): JsonText {
    this.#expect(QUOTE);
    const start = this.#at;
    const end = this.#textEnd(start);
    this.#at = end + 1;
    return { start, end, escaped: this.#escaped };
  }

  /** @returns undefined when it is longer; then it was looked at no further, and nothing else can be read */
  textWithin(maxBytes: Bytes): JsonText | undefined {
    this.#expect(QUOTE);
    const start = this.#at;
    this.#escaped = false;
    if (!this.#scanText(start, start + maxBytes + 1)) return undefined;
    const end = this.#scanned;
    this.#at = end + 1;
    return { start, end, escaped: this.#escaped };
  }

  /**
   * A text of which each character is one byte, such as base64. What those bytes are is for the caller to check.
   *
   * @returns a view of the message, which is overwritten where characters are escaped; 0xff is what is not ASCII
   */
  ascii(): Uint8Array {
    this.#expect(QUOTE);
    const start = this.#at;
    // Two native searches, because such a text may be most of the message.
    const end = this.bytes.indexOf(QUOTE, start);
    const text = this.bytes.subarray(start, end < 0 ? this.bytes.length : end);
    if (end >= 0 && text.indexOf(BACKSLASH) < 0) {
      this.#at = end + 1;
      return text;
    }
    this.#at = this.#textEnd(start) + 1;
    return withoutEscapes(this.bytes.subarray(start, this.#at - 1));
  }

  /** The same for texts that may be most of the message. */
  *asciiInSteps(): Steps<Uint8Array> {
    this.#expect(QUOTE);
    const start = this.#at;
    for (let from = start; from < this.bytes.length; from += STEP_NATIVE_BYTES) {
      if (from > start) yield;
      const part = this.bytes.subarray(from, from + STEP_NATIVE_BYTES);
      const end = part.indexOf(QUOTE);
      if ((end < 0 ? part : part.subarray(0, end)).indexOf(BACKSLASH) >= 0) break;
      if (end < 0) continue;
      this.#at = from + end + 1;
      return this.bytes.subarray(start, from + end);
    }
    this.#at = (yield* this.#textEndInSteps(start)) + 1;
    return yield* withoutEscapesInSteps(this.bytes.subarray(start, this.#at - 1));
  }

  /** A number, as it is written. */
  numberText(): JsonText {
    const start = this.#start();
    this.#number();
    return { start, end: this.#at, escaped: false };
  }

  /** Steps over any value, without recursion. */
  skip(): void {
    const outer = this.#depth;
    do this.#skipPart(outer);
    while (this.#depth > outer);
  }

  /** The same for values that may be most of the message. */
  *skipInSteps(): Steps<void> {
    const outer = this.#depth;
    let parts = 0;
    let stepStart = this.#at;
    do {
      if (this.#next() === QUOTE) {
        this.#at = (yield* this.#textEndInSteps(this.#at + 1)) + 1;
        this.#completeValue(outer);
      } else this.#skipPart(outer);
      if (++parts % STEP_ROWS !== 0 && this.#at - stepStart < STEP_TEXT_BYTES) continue;
      stepStart = this.#at;
      yield;
    } while (this.#depth > outer);
  }

  /** @order after the last value */
  end(): void {
    if (this.#next() !== undefined) throw this.#unexpected();
  }

  /** What the text says. Half a surrogate pair stays one. */
  valueOf({ start, end, escaped }: JsonText): string {
    const written = this.bytes.toString('utf8', start, end);
    return escaped ? (JSON.parse(`"${written}"`) as string) : written; // A quoted text that was checked is a string.
  }

  /** Set by `#textEnd`: an object per text would be most of what a message of small profiles costs. */
  #escaped = false;
  /** Where `#scanText` ended. */
  #scanned = 0;

  /** Takes what opens a value, or a whole one and what it completes. */
  #skipPart(outer: number): void {
    if (this.#skipOpening()) return;
    this.#completeValue(outer);
  }

  #completeValue(outer: number): void {
    // A value is complete: what encloses it goes on, or is complete as well.
    while (this.#depth > outer && !this.#taken(COMMA)) this.#close();
    if (this.#depth > outer) this.#beginMember();
  }

  /** Takes a scalar, an empty object or list, or what opens one. @returns whether something that was opened waits for a value */
  #skipOpening(): boolean {
    const byte = this.#next();
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      this.#at++;
      const kind = byte === OPEN_BRACE ? IS_OBJECT : IS_LIST;
      this.#push(kind);
      if (this.#taken(kind === IS_OBJECT ? CLOSE_BRACE : CLOSE_BRACKET)) {
        this.#depth--;
        return false;
      }
      this.#beginMember();
      return true;
    }
    if (byte === QUOTE) this.#at = this.#textEnd(this.#at + 1) + 1;
    else if (byte === LETTER_T) this.#word('true');
    else if (byte === LETTER_F) this.#word('false');
    else if (byte === LETTER_N) this.#word('null');
    else this.#number();
    return false;
  }

  #beginField(): JsonText {
    this.#onValue();
    return this.#key();
  }

  #beginMember(): void {
    this.#onValue();
    if (this.#open[this.#depth - 1] === IS_OBJECT) this.#key();
  }

  #close(): void {
    this.#expect(this.#open[this.#depth - 1] === IS_OBJECT ? CLOSE_BRACE : CLOSE_BRACKET);
    this.#depth--;
  }

  #key(): JsonText {
    const key = this.textWithin(RUN_BYTES_MAX);
    if (key === undefined) throw tooLong('a key');
    this.#expect(COLON);
    return key;
  }

  #push(kind: number): void {
    if (this.#depth === JSON_DEPTH_MAX) {
      throw new StoreError('invalid-argument', `the message is nested deeper than ${JSON_DEPTH_MAX}`, {
        limitName: 'depth',
        limit: JSON_DEPTH_MAX,
      });
    }
    this.#open[this.#depth++] = kind;
  }

  /** @returns where the closing quote is */
  #textEnd(start: number): number {
    this.#escaped = false;
    this.#scanText(start, this.bytes.length + 1);
    return this.#scanned;
  }

  *#textEndInSteps(start: number): Steps<number> {
    let from = start;
    let escaped = false;
    for (;;) {
      this.#escaped = false;
      const isEnd = this.#scanText(from, from + STEP_TEXT_BYTES);
      escaped ||= this.#escaped;
      from = this.#scanned;
      if (!isEnd) yield;
      else {
        this.#escaped = escaped;
        return from;
      }
    }
  }

  /**
   * Looks for the closing quote before `until`.
   *
   * @returns whether there is one, which always is the case behind the end. `#scanned` is where it is, or where to go on
   */
  #scanText(from: number, until: number): boolean {
    const { bytes } = this;
    let i = from;
    for (;;) {
      while (i < until && STOPS[bytes[i]] === 0) i++;
      this.#scanned = i;
      if (i >= until) return false;
      if (bytes[i] === QUOTE) return true;
      if (bytes[i] !== BACKSLASH) throw this.#unexpected(i); // A control character, or undefined behind the end.
      this.#escaped = true;
      i += this.#escapeLength(i);
    }
  }

  #escapeLength(at: number): number {
    const { bytes } = this;
    const letter = bytes[at + 1];
    if (letter === LETTER_U) {
      for (let i = at + 2; i < at + 6; i++) if (!isHexDigit(bytes[i])) throw this.#unexpected(i);
      return 6;
    }
    if (ESCAPES[letter] !== 1) throw this.#unexpected(at + 1);
    return 2;
  }

  /** One of at most nine digits, and nothing else: most are. @returns undefined when it is another; then nothing is taken */
  #shortWholeNumber(): number | undefined {
    const { bytes } = this;
    const start = this.#at;
    let i = start;
    let value = 0;
    while (i < start + 10 && isDigit(bytes[i])) value = value * 10 + bytes[i++] - ZERO;
    const isShort = i > start && i < start + 10 && (bytes[start] !== ZERO || i === start + 1);
    if (!isShort || bytes[i] === POINT || bytes[i] === LETTER_E || bytes[i] === CAPITAL_E) return undefined;
    this.#at = i;
    return value;
  }

  /** `-? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)?` */
  #number(): void {
    if (this.bytes[this.#at] === MINUS) this.#at++;
    if (this.bytes[this.#at] === ZERO) this.#at++;
    else this.#digits();
    if (this.bytes[this.#at] === POINT) {
      this.#at++;
      this.#digits();
    }
    const exponent = this.bytes[this.#at];
    if (exponent !== LETTER_E && exponent !== CAPITAL_E) return;
    this.#at++;
    const sign = this.bytes[this.#at];
    if (sign === PLUS || sign === MINUS) this.#at++;
    this.#digits();
  }

  #digits(): void {
    const { bytes } = this;
    let i = this.#at;
    const until = i + RUN_BYTES_MAX;
    while (i < until && isDigit(bytes[i])) i++;
    if (i === until) throw tooLong('a number');
    if (i === this.#at) throw this.#unexpected();
    this.#at = i;
  }

  #word(word: string): void {
    if (this.bytes.toString('latin1', this.#at, this.#at + word.length) !== word) throw this.#unexpected();
    this.#at += word.length;
  }

  #expect(byte: number): void {
    if (!this.#taken(byte)) throw this.#unexpected();
  }

  #taken(byte: number): boolean {
    if (this.#next() !== byte) return false;
    this.#at++;
    return true;
  }

  /** Where the next value begins. */
  #start(): number {
    this.#next();
    return this.#at;
  }

  /** The next byte that is no blank; it is not taken. undefined at the end. */
  #next(): number | undefined {
    const { bytes } = this;
    let i = this.#at;
    const until = i + RUN_BYTES_MAX;
    while (i < until && isBlank(bytes[i])) i++;
    if (i === until) throw tooLong('blank space');
    this.#at = i;
    return bytes[i];
  }

  #unexpected(at = this.#at): StoreError {
    return notJson(at < this.bytes.length ? `byte ${at} is not expected` : `it ends too early, at byte ${at}`);
  }
}

/** @param text  with escapes that were checked; is overwritten */
function withoutEscapes(text: Buffer): Uint8Array {
  return text.subarray(0, unescape(text, { from: 0, to: 0 }, text.length).to);
}

function* withoutEscapesInSteps(text: Buffer): Steps<Uint8Array> {
  let done = unescape(text, { from: 0, to: 0 }, UNESCAPE_STEP_BYTES);
  while (done.from < text.length) {
    yield;
    done = unescape(text, done, done.from + UNESCAPE_STEP_BYTES);
  }
  return text.subarray(0, done.to);
}

/** Each escape of it may take 200 ns. */
const UNESCAPE_STEP_BYTES: Bytes = 256 << 10;

type Unescaped = { readonly from: number; readonly to: number };

/** Goes on until `until`, and to the end of an escape that begins before it. */
function unescape(text: Buffer, done: Unescaped, until: number): Unescaped {
  let { from, to } = done;
  for (const end = Math.min(until, text.length); from < end; from++) {
    if (text[from] !== BACKSLASH) text[to++] = text[from];
    else if (text[++from] !== LETTER_U) text[to++] = text[from] === SLASH ? SLASH : OTHER;
    else {
      const unit = Number.parseInt(text.toString('latin1', from + 1, from + 5), 16);
      text[to++] = unit < 0x80 ? unit : OTHER;
      from += 4;
    }
  }
  return { from, to };
}

/** Where the character begins that the byte at `at` is a part of; of bytes that are no UTF-8 it does not matter. */
function characterStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (start > at - 3 && (bytes[start] & 0xc0) === 0x80) start--;
  return start;
}

function tooLong(what: string): StoreError {
  return new StoreError('invalid-argument', `the message has ${what} of more than ${RUN_BYTES_MAX} bytes`, {
    limitBytes: RUN_BYTES_MAX,
  });
}

function notJson(why: string): StoreError {
  return new StoreError('invalid-argument', `the message is not JSON: ${why}`);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

const IS_LIST = 0;
const IS_OBJECT = 1;

const [SPACE, QUOTE, PLUS, COMMA, MINUS, POINT, SLASH, ZERO, COLON] = [...Buffer.from(' "+,-./0:')];
const [CAPITAL_E, OPEN_BRACKET, BACKSLASH, CLOSE_BRACKET] = [...Buffer.from('E[\\]')];
const [LETTER_E, LETTER_F, LETTER_N, LETTER_T, LETTER_U, OPEN_BRACE, CLOSE_BRACE] = [...Buffer.from('efntu{}')];
/** 1 for the letters of escapes of two bytes. */
const ESCAPES = flags((byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)));
/** 1 for what does not stand for itself in a text. */
const STOPS = flags((byte) => byte < SPACE || byte === QUOTE || byte === BACKSLASH);

function flags(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0));
}

/** Stands for what is not printable ASCII. */
const OTHER = 0xff;
