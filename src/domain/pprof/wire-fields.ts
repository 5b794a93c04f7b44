import { type BinaryReader, WireType } from '@bufbuild/protobuf/wire';

// The fields of a protobuf message from outside, one after the other. The library's reader does the numbers; what is
// added is that every length is compared with what is there, that a field has the wire type it should, and that
// skipping cannot run past the end. All of it throws plain errors: the caller knows what the bytes were meant to be.

/** A field of bytes, a string or a message: a view into the input. */
export function message(reader: BinaryReader, wire: WireType): Uint8Array {
  expectWire(reader, wire, WireType.LengthDelimited);
  const start = reader.pos;
  const length = BigInt(reader.uint64());
  // Compared as 64 bits: the library cuts a length to 32, which could make a wrong one look right.
  if (length > BigInt(reader.len - reader.pos)) {
    throw new Error(`a field of ${length} bytes at offset ${start} of a message of ${reader.len} bytes`);
  }
  reader.pos = start;
  return reader.bytes();
}

export function int64(reader: BinaryReader, wire: WireType): bigint {
  expectWire(reader, wire, WireType.Varint);
  return BigInt(reader.int64());
}

/** Steps over a field that nobody wants. @throws Error naming the offset, when the bytes are no message */
export function skip(reader: BinaryReader, wire: WireType): void {
  if (wire === WireType.Varint) reader.uint64();
  else if (wire === WireType.LengthDelimited) message(reader, wire);
  else if (wire === WireType.Bit64) advance(reader, 8);
  else if (wire === WireType.Bit32) advance(reader, 4);
  else throw new Error(`wire type ${wire} at offset ${reader.pos}: groups are not taken`);
}

function advance(reader: BinaryReader, bytes: number): void {
  if (bytes > reader.len - reader.pos) throw new Error(`the message ends within a field, at offset ${reader.len}`);
  reader.pos += bytes;
}

function expectWire(reader: BinaryReader, wire: WireType, expected: WireType): void {
  if (wire !== expected) throw new Error(`wire type ${wire} instead of ${expected} at offset ${reader.pos}`);
}
