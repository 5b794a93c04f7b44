import { Wire, type WireReader } from '#src/domain/protobuf/wire-reader.ts';

/** What the value of an attribute is, as far as a label can have it. */
export const ValueKind = {
  /** Booleans, floats, bytes, maps, lists that have not exactly one text or whole number, and nothing. */
  none: 0,
  /** A text: `a` is where it starts in the message, `b` its length in bytes. */
  text: 1,
  /** A whole number: `a` and `b` are its halves. */
  integer: 2,
  /** A text of the dictionary: `a` is its row. */
  row: 3,
} as const;

/** The value that was read last. One is used again and again, because a message may have a million. */
export type AttributeValue = { kind: number; a: number; b: number };

export function newAttributeValue(): AttributeValue {
  return { kind: ValueKind.none, a: 0, b: 0 };
}

/**
 * Reads an `AnyValue` that the reader has entered. A list of one text or whole number counts as that.
 *
 * @cost O(bytes), without recursion: what is deeper than one list is no label anyway
 */
export function readAnyValue(reader: WireReader, value: AttributeValue, isElement = false): void {
  value.kind = ValueKind.none;
  while (reader.next()) {
    const { field } = reader;
    if (field === 1) readText(reader, value);
    else if (field === 3) {
      reader.int64();
      set(value, ValueKind.integer, reader.low, reader.high);
    } else if (field === 8) set(value, ValueKind.row, reader.int32(), 0);
    else if (field === 5 && !isElement && reader.wire === Wire.delimited) readOnly(reader, value);
    else {
      reader.skip();
      // The value is one of these fields, and the last one counts.
      if (field <= 7) value.kind = ValueKind.none;
    }
  }
}

function readText(reader: WireReader, value: AttributeValue): void {
  const outer = reader.open();
  set(value, ValueKind.text, reader.pos, reader.end - reader.pos);
  reader.close(outer);
}

/** The element of a list that has one. */
function readOnly(reader: WireReader, value: AttributeValue): void {
  let count = 0;
  value.kind = ValueKind.none;
  const outer = reader.open();
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const list = reader.open();
    if (++count === 1) readAnyValue(reader, value, true);
    reader.close(list);
  }
  reader.close(outer);
  if (count !== 1) value.kind = ValueKind.none;
}

function set(value: AttributeValue, kind: number, a: number, b: number): void {
  value.kind = kind;
  value.a = a;
  value.b = b;
}

/** A whole number of 64 bits in decimal. */
export function decimal(low: number, high: number): string {
  if (high === low >> 31) return String(low);
  return String((BigInt(high) << 32n) | BigInt(low >>> 0));
}
