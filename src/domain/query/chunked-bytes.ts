import { isUtf8 } from 'node:buffer';
import { writeVarint, writeVarint64 } from '#src/domain/protobuf/varint.ts';

const chunkBytes = 64 * 1024;

/** The first piece, because very much that is written is small. Each further one is twice as long as the one before. */
const FIRST_BYTES = 1024;

const EMPTY = new Uint8Array(0);

/** So many numbers, which take five bytes at most, surely fit a piece that is empty. */
const VARINTS_PIECE = 1024;

/** So few bytes are written faster one by one. */
const LOOP_BYTES_MAX = 64;

const quote = 0x22;
const backslash = 0x5c;

/** The escapes that JSON has a letter for. */
const escapeLetters = new Map([
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
  [quote, quote],
  [backslash, backslash],
]);

/**
 * Writes an answer of any size, in pieces of 64 KiB at most: no string and no buffer ever holds all of it.
 *
 * 64-bit values come as two halves, as they lie in a typed array, because a bigint per value would cost more than all
 * the rest.
 */
export class ChunkedBytes {
  #full: Uint8Array[] = [];
  #chunk: Uint8Array = EMPTY;
  #length = 0;
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes + this.#length;
  }

  /** The pieces so far. The writer is empty again. */
  take(): Uint8Array[] {
    const pieces = this.#full;
    if (this.#length > 0) pieces.push(this.#chunk.subarray(0, this.#length));
    this.#full = [];
    this.#chunk = EMPTY;
    this.#length = 0;
    this.#sizeBytes = 0;
    return pieces;
  }

  /** Moves all of `body` here, as a length-delimited field of a protobuf message. `body` is empty again. */
  message(field: number, body: ChunkedBytes): void {
    this.varint((field << 3) | 2);
    this.varint(body.sizeBytes);
    for (const piece of body.#full) this.bytes(piece);
    this.bytes(body.#chunk.subarray(0, body.#length));
    body.#full = [];
    body.#length = 0;
    body.#sizeBytes = 0;
  }

  /** A field of a protobuf message that is an integer. Leaves zero out, as proto3 does. @param field at most 15 */
  integerField(field: number, value: bigint | number): void {
    if (value === 0 || value === 0n) return;
    if (typeof value === 'number' && value < 2 ** 31) {
      this.#reserve(6);
      this.#chunk[this.#length++] = field << 3;
      this.#length = writeVarint(this.#chunk, this.#length, value);
      return;
    }
    this.byte(field << 3);
    if (typeof value === 'number') this.varint(value);
    else this.varint64(Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#chunk[this.#length++] = value;
  }

  /** @param start, end  of what is written of `source`; default: all */
  bytes(source: Uint8Array, start = 0, end = source.length): void {
    const size = end - start;
    if (size <= LOOP_BYTES_MAX) {
      this.#reserve(size);
      const chunk = this.#chunk;
      let at = this.#length;
      for (let i = start; i < end; i++) chunk[at++] = source[i];
      this.#length = at;
      return;
    }
    for (let from = start; from < end; ) {
      this.#reserve(1);
      const to = Math.min(end, from + this.#chunk.length - this.#length);
      this.#chunk.set(source.subarray(from, to), this.#length);
      this.#length += to - from;
      from = to;
    }
  }

  /** @param text short, and ASCII */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#chunk[this.#length++] = text.charCodeAt(i);
  }

  /** @param value 0 <= value < 2^53 */
  varint(value: number): void {
    if (value < 2 ** 31) {
      // Counts, ids and lengths, which is most of what is written.
      this.#reserve(5);
      this.#length = writeVarint(this.#chunk, this.#length, value);
      return;
    }
    this.varint64(value % 2 ** 32, Math.floor(value / 2 ** 32));
  }

  /** @param values 0 <= value < 2^31 @param count  how many of them */
  varints(values: ArrayLike<number>, count = values.length): void {
    for (let start = 0; start < count; start += VARINTS_PIECE) {
      const end = Math.min(start + VARINTS_PIECE, count);
      this.#reserve(5 * (end - start));
      const chunk = this.#chunk;
      let at = this.#length;
      for (let i = start; i < end; i++) at = writeVarint(chunk, at, values[i]);
      this.#length = at;
    }
  }

  /** A protobuf varint of 64 bits. */
  varint64(low: number, high: number): void {
    this.#reserve(10);
    this.#length = writeVarint64(this.#chunk, this.#length, low, high);
  }

  /** A signed 64-bit integer in decimal. */
  decimal64(low: number, high: number): void {
    // Below 2^53 a number holds it exactly; the rest, negative ones among them, is rare enough for a bigint.
    if (high >= 0 && high < 2 ** 21) {
      this.#decimal(high * 2 ** 32 + (low >>> 0));
    } else {
      this.ascii(String((BigInt(high | 0) << 32n) | BigInt(low >>> 0)));
    }
  }

  /** A JSON string of UTF-8 text. What is not valid UTF-8 becomes U+FFFD, as decoders show it. */
  jsonString(text: Uint8Array): void {
    const valid = validUtf8(text);
    this.byte(quote);
    let plainStart = 0;
    for (let i = 0; i < valid.length; i++) {
      const value = valid[i];
      if (value >= 0x20 && value !== quote && value !== backslash) continue;
      this.bytes(valid.subarray(plainStart, i));
      plainStart = i + 1;
      const letter = escapeLetters.get(value);
      if (letter === undefined) this.ascii(`\\u${value.toString(16).padStart(4, '0')}`);
      else this.ascii(`\\${String.fromCharCode(letter)}`);
    }
    this.bytes(valid.subarray(plainStart));
    this.byte(quote);
  }

  #decimal(value: number): void {
    let digits = 1;
    for (let limit = 10; value >= limit && digits < 16; limit *= 10) digits++;
    this.#reserve(digits);
    let rest = value;
    for (let i = this.#length + digits - 1; i >= this.#length; i--) {
      const tenth = Math.floor(rest / 10);
      this.#chunk[i] = 0x30 + (rest - tenth * 10);
      rest = tenth;
    }
    this.#length += digits;
  }

  #reserve(sizeBytes: number): void {
    if (this.#length + sizeBytes <= this.#chunk.length) return;
    if (this.#length > 0) this.#full.push(this.#chunk.subarray(0, this.#length));
    this.#sizeBytes += this.#length;
    const twice = Math.min(Math.max(2 * this.#chunk.length, FIRST_BYTES), chunkBytes);
    this.#chunk = new Uint8Array(Math.max(twice, sizeBytes));
    this.#length = 0;
  }
}

/** The text itself when it is valid UTF-8, which protobuf strings must be; otherwise with U+FFFD for what is not. */
export function validUtf8(text: Uint8Array): Uint8Array {
  return isUtf8(text) ? text : Buffer.from(Buffer.from(text).toString('utf8'), 'utf8');
}
