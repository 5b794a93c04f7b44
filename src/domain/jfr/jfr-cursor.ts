import type { Bytes } from '#src/domain/model/units.ts';
import { malformedJfr } from './malformed-jfr.ts';

/** Integers of records, one column after the other. */
export type IntegerColumns = { readonly low: Int32Array; readonly high: Int32Array; readonly stride: number };

/** What a string begins with. @source the format, "Strings" */
const StringTag = { none: 0, empty: 1, constant: 2, utf8: 3, chars: 4, latin1: 5 } as const;

/**
 * What is read of a text: of a longer one only the beginning counts. No name in a class file is longer, because its length
 * has 16 bits.
 */
export const TEXT_LENGTH_MAX = 65_535;

/** Of a string that is written as single characters: more would take too long for a step. */
const CHARS_MAX = 1 << 20;

/** How many characters become a piece of a string at once: `fromCharCode` takes them as arguments. */
const CHARS_PIECE = 4096;

/**
 * Reads a recording: integers, strings and what is stepped over. Nothing is read beyond `end`.
 *
 * Integers are LEB128 of at most nine bytes, of which the ninth has eight bits. A 64-bit one comes as two halves in
 * `low` and `high`, because most of them are keys that are only compared, and a bigint for each costs more than all else.
 *
 *     | 1aaaaaaa | 1bbbbbbb | 0ccccccc |     value = ccccccc bbbbbbb aaaaaaa
 */
export class JfrCursor {
  readonly bytes: Buffer;
  position: Bytes;
  end: Bytes;
  /** Of the integer that was read last, or the key of the constant that `text` met. As signed 32 bits. */
  low = 0;
  high = 0;
  /** Bytes of all texts that were gone through, for whoever has to stop after some time. */
  decoded: Bytes = 0;
  /** Of the string that was begun last, when it is one of single characters. */
  #charsLeft = 0;

  constructor(recording: Uint8Array, start: Bytes, end: Bytes) {
    this.bytes = Buffer.from(recording.buffer, recording.byteOffset, recording.byteLength);
    this.position = start;
    this.end = end;
  }

  /** @throws StoreError 'invalid-argument' when the bytes end first, as do all others */
  byte(): number {
    if (this.position >= this.end) throw this.endsWithin('a byte');
    return this.bytes[this.position++];
  }

  /** Reads an integer into `low` and `high`. */
  long(): void {
    const { bytes } = this;
    let at = this.position;
    // What is beyond the last byte is undefined, which counts as a zero here; the check at the end finds it.
    let byte = bytes[at++];
    let low = byte & 0x7f;
    let high = 0;
    if (byte > 0x7f) {
      low |= ((byte = bytes[at++]) & 0x7f) << 7;
      if (byte > 0x7f) {
        low |= ((byte = bytes[at++]) & 0x7f) << 14;
        if (byte > 0x7f) {
          low |= ((byte = bytes[at++]) & 0x7f) << 21;
          if (byte > 0x7f) {
            byte = bytes[at++];
            low |= (byte & 0x0f) << 28;
            high = (byte & 0x7f) >>> 4;
            for (let shift = 3; byte > 0x7f; shift += 7) {
              byte = bytes[at++];
              if (shift === 24) {
                high |= byte << 24;
                break;
              }
              high |= (byte & 0x7f) << shift;
            }
          }
        }
      }
    }
    if (at > this.end) throw this.endsWithin('an integer');
    this.position = at;
    this.low = low;
    this.high = high;
  }

  /**
   * Reads records of integers into columns, many times as fast as one by one.
   *
   * @param columns  of each integer of a record the column that it belongs to, -1 for those that are not wanted
   * @shapes low, high Int32Array[at least as many columns × stride]; row i of column k is k × stride + i
   */
  records(count: number, columns: Int32Array, { low, high, stride }: IntegerColumns): void {
    const { bytes } = this;
    const width = columns.length;
    let at = this.position;
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < width; k++) {
        const column = columns[k];
        let byte = bytes[at++];
        if (column < 0) {
          const ninth = at + 7;
          while (byte > 0x7f && at <= ninth) byte = bytes[at++];
          continue;
        }
        const row = column * stride + i;
        if (byte < 0x80) {
          low[row] = byte;
          high[row] = 0;
          continue;
        }
        const second = bytes[at++];
        if (second < 0x80) {
          low[row] = (byte & 0x7f) | (second << 7);
          high[row] = 0;
          continue;
        }
        this.position = at - 2;
        this.long();
        at = this.position;
        low[row] = this.low;
        high[row] = this.high;
      }
    }
    if (at > this.end) throw this.endsWithin('an integer');
    this.position = at;
  }

  /** An integer of which 32 bits count, as the sign of a 64-bit one is repeated in the upper half. */
  int(): number {
    this.long();
    return this.low | 0;
  }

  /** An integer that must be between 0 and 2^53. */
  number(what: string): number {
    const start = this.position;
    this.long();
    if (this.high >>> 0 >= 1 << 21) {
      throw malformedJfr(`${what} is ${this.signed()}, which is not from 0 to 2^53`, start);
    }
    return this.unsigned();
  }

  /**
   * How many of something follow: no more than could be there.
   *
   * @param itemBytesMin  at least 1
   */
  count(what: string, itemBytesMin: Bytes): number {
    const start = this.position;
    this.long();
    const count = this.unsigned();
    if (count * itemBytesMin > this.end - this.position) {
      throw malformedJfr(`${count} ${what} in ${this.end - this.position} bytes`, start);
    }
    return count;
  }

  /** What `long` read, as an unsigned number; exact below 2^53. */
  unsigned(): number {
    return (this.high >>> 0) * 2 ** 32 + (this.low >>> 0);
  }

  /** What `long` read, as a signed one. */
  signed(): bigint {
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low >>> 0);
  }

  skipIntegers(count: number): void {
    const { bytes } = this;
    let at = this.position;
    // Without a branch on each byte: which ones are the last of an integer cannot be foreseen.
    let run = 0;
    for (let left = count; left > 0; ) {
      const more = bytes[at++] >>> 7;
      left -= 1 - more;
      run = (run + 1) & -more;
      if (run === 8) {
        // The ninth is the last one whatever it is.
        at++;
        left--;
        run = 0;
      }
    }
    if (at > this.end) throw this.endsWithin('an integer');
    this.position = at;
  }

  skipInteger(): void {
    const { bytes } = this;
    let at = this.position;
    const ninth = at + 8;
    while (at < ninth && bytes[at] > 0x7f) at++;
    if (at >= this.end) throw this.endsWithin('an integer');
    this.position = at + 1;
  }

  skipBytes(count: Bytes): void {
    if (count > this.end - this.position) throw this.endsWithin(`${count} bytes`);
    this.position += count;
  }

  skipText(): void {
    const start = this.position;
    const tag = this.byte();
    if (tag === StringTag.none || tag === StringTag.empty) return;
    if (tag === StringTag.constant) this.skipInteger();
    else if (tag === StringTag.chars) this.skipIntegers(this.#charCount());
    else if (tag === StringTag.utf8 || tag === StringTag.latin1) this.skipBytes(this.count('bytes of a string', 1));
    else throw unknownTag(tag, start);
  }

  /**
   * A string, with U+FFFD for what is not UTF-8; undefined when it is the constant whose key is in `low` and `high`.
   *
   * @param lengthMax  bytes or single characters that are decoded; a character of several is left out when it is beyond
   */
  text(lengthMax = TEXT_LENGTH_MAX): string | undefined {
    const text = this.textBeginning(lengthMax);
    if (this.#charsLeft > 0) {
      const start = this.position;
      this.skipIntegers(this.#charsLeft);
      this.decoded += this.position - start;
    }
    return text;
  }

  /**
   * As `text`, for a string behind which nothing is read: what is beyond the beginning is not gone through. The end of
   * single characters can only be found one by one, and very many may refer to one such string.
   */
  textBeginning(lengthMax: number): string | undefined {
    const start = this.position;
    const tag = this.byte();
    this.#charsLeft = 0;
    if (tag === StringTag.none || tag === StringTag.empty) return '';
    if (tag === StringTag.constant) {
      this.long();
      return undefined;
    }
    if (tag === StringTag.chars) {
      const count = this.#charCount();
      const read = Math.min(count, lengthMax);
      this.#charsLeft = count - read;
      return this.#chars(read);
    }
    if (tag !== StringTag.utf8 && tag !== StringTag.latin1) throw unknownTag(tag, start);
    const length = this.count('bytes of a string', 1);
    const from = this.position;
    this.position += length;
    let end = this.position;
    if (length > lengthMax) {
      end = from + lengthMax;
      if (tag === StringTag.utf8) for (let i = 0; i < 3 && (this.bytes[end] & 0xc0) === 0x80; i++) end--;
    }
    this.decoded += end - from;
    return this.bytes.toString(tag === StringTag.utf8 ? 'utf8' : 'latin1', from, end);
  }

  /**
   * Finds the bytes of a string that stand in the recording: they begin at the position then.
   *
   * @returns how many of them count, -1 when there are none: the string is empty, a constant, or of single characters
   */
  textBytes(lengthMax = TEXT_LENGTH_MAX): Bytes {
    const tag = this.byte();
    if (tag !== StringTag.utf8 && tag !== StringTag.latin1) return -1;
    const length = Math.min(this.count('bytes of a string', 1), lengthMax);
    this.decoded += length;
    return length;
  }

  endsWithin(what: string): Error {
    return malformedJfr(`it ends within ${what}`, this.end);
  }

  #charCount(): number {
    const start = this.position;
    const count = this.count('characters of a string', 1);
    if (count > CHARS_MAX)
      throw malformedJfr(`a string of ${count} single characters, the limit is ${CHARS_MAX}`, start);
    return count;
  }

  #chars(count: number): string {
    const { bytes, position: start } = this;
    let bits = 0;
    for (let i = 0; i < count; i++) bits |= bytes[start + i];
    if (bits < 0x80) {
      // So many bytes are there, and each is a character.
      this.decoded += count;
      this.position += count;
      return bytes.toString('latin1', start, this.position);
    }
    let text = '';
    for (let read = 0; read < count; read += CHARS_PIECE) {
      const codes = new Uint16Array(Math.min(CHARS_PIECE, count - read));
      for (let i = 0; i < codes.length; i++) codes[i] = this.int();
      text += String.fromCharCode(...codes);
    }
    this.decoded += this.position - start;
    return text;
  }
}

function unknownTag(tag: number, offset: Bytes): Error {
  return malformedJfr(`a string begins with ${tag}, which is no encoding`, offset);
}
