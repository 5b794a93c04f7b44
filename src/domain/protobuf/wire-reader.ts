/** How a field is written. Groups (3 and 4) are not taken. */
export const Wire = { varint: 0, bit64: 1, delimited: 2, bit32: 5 } as const;

/**
 * Reads the fields of a protobuf message where they lie, without an object per message or per number: profiles are
 * hundreds of thousands of very small messages.
 *
 *     while (reader.next()) {
 *       if (reader.field === 1) low = reader.int32();
 *       else if (reader.field === 2) {
 *         const outer = reader.open();
 *         ...
 *         reader.close(outer);
 *       } else reader.skip();
 *     }
 *
 * Every length is compared with what is there before it is used.
 *
 * @throws what `fail` makes, from any method, naming the offset, where the bytes are no such message
 * @cost   O(bytes); a method that reads a number allocates nothing
 * @source protobuf, "Encoding"
 */
export class WireReader {
  readonly bytes: Uint8Array;
  pos: number;
  /** Where the message that is being read ends. */
  end: number;
  /** Of the field that `next` came to. */
  field = 0;
  wire = 0;
  /** The two halves of the 64-bit number that was read last, as signed 32-bit numbers. */
  low = 0;
  high = 0;
  readonly #fail: (what: string) => Error;

  /** @param fail  makes what is thrown, of a clause such as "it ends within a field, at byte 7" */
  constructor(bytes: Uint8Array, fail: (what: string) => Error) {
    this.bytes = bytes;
    this.pos = 0;
    this.end = bytes.length;
    this.#fail = fail;
  }

  /** Goes to the next field, whose value must be read or skipped. @returns false at the end of the message */
  next(): boolean {
    if (this.pos >= this.end) return false;
    this.#varint();
    this.wire = this.low & 7;
    this.field = this.low >>> 3;
    if (this.field === 0 || this.high !== 0) throw this.wrong(`a field cannot have the number ${this.field}`);
    return true;
  }

  skip(): void {
    if (this.wire === Wire.varint) this.#varint();
    else if (this.wire === Wire.delimited) this.#advance(this.#length());
    else if (this.wire === Wire.bit64) this.#advance(8);
    else if (this.wire === Wire.bit32) this.#advance(4);
    else throw this.wrong(`wire type ${this.wire} is not taken`);
  }

  /** A number of any integer type, into `low` and `high`. */
  int64(): void {
    this.#expect(Wire.varint);
    this.#varint();
  }

  /** A number of type int32, as protobuf cuts it. */
  int32(): number {
    this.int64();
    return this.low;
  }

  /** A number of type fixed64, into `low` and `high`. */
  fixed64(): void {
    this.#expect(Wire.bit64);
    const { bytes, pos } = this;
    this.#advance(8);
    this.low = bytes[pos] | (bytes[pos + 1] << 8) | (bytes[pos + 2] << 16) | (bytes[pos + 3] << 24);
    this.high = bytes[pos + 4] | (bytes[pos + 5] << 8) | (bytes[pos + 6] << 16) | (bytes[pos + 7] << 24);
  }

  /** The number that was read last, as an int64. */
  signed(): bigint {
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low >>> 0);
  }

  /** The same as a uint64. */
  unsigned(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }

  /** The message, text or list of numbers that the field holds, as a view. */
  content(): Uint8Array {
    const outer = this.open();
    const content = this.bytes.subarray(this.pos, this.end);
    this.close(outer);
    return content;
  }

  /** Enters the message, text or list of numbers that the field holds. @returns what `close` takes */
  open(): number {
    this.#expect(Wire.delimited);
    const length = this.#length();
    const outer = this.end;
    this.end = this.pos + length;
    return outer;
  }

  /** Leaves what `open` entered, read to its end or not. */
  close(outer: number): void {
    this.pos = this.end;
    this.end = outer;
  }

  /** The next number of a list that was entered: packed numbers have no tags. */
  packedInt64(): void {
    this.#varint();
  }

  wrong(what: string): Error {
    return this.#fail(`${what}, at byte ${this.pos}`);
  }

  #varint(): void {
    const { bytes, end } = this;
    let { pos } = this;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (pos >= end) throw this.#cutOff();
      const byte = bytes[pos++];
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = pos;
        this.low = low;
        this.high = 0;
        return;
      }
    }
    if (pos >= end) throw this.#cutOff();
    let byte = bytes[pos++];
    low |= (byte & 0x0f) << 28;
    let high = (byte & 0x7f) >> 4;
    for (let shift = 3; byte >= 0x80; shift += 7) {
      if (shift > 31) throw this.wrong('a number has more than ten bytes');
      if (pos >= end) throw this.#cutOff();
      byte = bytes[pos++];
      high |= (byte & 0x7f) << shift;
    }
    this.pos = pos;
    this.low = low;
    this.high = high;
  }

  #length(): number {
    this.#varint();
    const length = this.low >>> 0;
    const left = this.end - this.pos;
    if (this.high !== 0 || length > left) throw this.wrong(`a field is longer than the ${left} bytes that are left`);
    return length;
  }

  #advance(bytes: number): void {
    if (bytes > this.end - this.pos) throw this.#cutOff();
    this.pos += bytes;
  }

  #expect(wire: number): void {
    if (this.wire !== wire) throw this.wrong(`field ${this.field} has wire type ${this.wire} instead of ${wire}`);
  }

  #cutOff(): Error {
    return this.wrong('it ends within a field');
  }
}
