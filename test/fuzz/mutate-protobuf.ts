import { mutated } from '../fixtures/mutated.ts';
import type { Random } from '../fixtures/random.ts';
import { uvarint } from '../fixtures/uploads.ts';
import { EXTREME_INTS, oddBytes, oddText } from './extremes.ts';

/** A field of a message. Of numbers of a fixed width the bytes. */
type Field =
  | { readonly number: number; readonly wire: 0; readonly value: bigint }
  | { readonly number: number; readonly wire: 1 | 2 | 5; readonly value: Uint8Array }
  /** Bytes that are no field: written as they are. */
  | { readonly wire: 'raw'; readonly value: Uint8Array };

/** A message of more fields is changed by its bytes. */
const FIELDS_MAX = 4000;
const DEPTH_MAX = 8;
const GROUP_START = 3;

/**
 * A message with one fault, at any depth, that a reader only meets when all around it is well formed: lengths are written
 * anew. Nobody has to say what the message is; bytes that can be read as a message are taken for one.
 *
 * @param others  whose fields are put into it as well
 */
export function mutatedMessage(
  random: Random,
  bytes: Uint8Array,
  others: readonly Uint8Array[] = [],
  depth = 0,
): Uint8Array {
  const fields = parseFields(bytes);
  if (fields === undefined || fields.length === 0) {
    const kind = random.next();
    if (kind < 0.2) return oddBytes(random);
    return kind < 0.8 ? Buffer.from(oddText(random)) : mutated(random, bytes, [bytes, ...others]);
  }
  const at = random.int(0, fields.length - 1);
  const field = fields[at];
  if (field.wire === 2 && field.value.length > 0 && depth < DEPTH_MAX && random.chance(0.7)) {
    return encodeFields(fields.with(at, { ...field, value: mutatedMessage(random, field.value, others, depth + 1) }));
  }
  return encodeFields(random.pick(random.chance(0.7) ? TYPED_FAULTS : FAULTS)(random, fields, at, others));
}

type Fault = (random: Random, fields: Field[], at: number, others: readonly Uint8Array[]) => Field[];

/** After which every field is still of the type that its number has. */
const TYPED_FAULTS: readonly Fault[] = [
  anotherNumber,
  anotherNumber,
  anotherNumber,
  swappedAlike,
  (random, fields, at) => fields.toSpliced(at, 0, ...new Array(random.pick([1, 1, 2, 50, 2000])).fill(fields[at])),
  (_, fields, at) => fields.toSpliced(at, 1),
  (random, fields) => random.shuffled(fields),
  (random, fields, at, others) => fields.toSpliced(at, 0, ...fieldsOfAnother(random, others)),
];

/** What no encoder writes. */
const FAULTS: readonly Fault[] = [
  (random, fields, at) => swapped(fields, at, random.int(0, fields.length - 1)),
  (random, fields, at) => change(fields, at, { number: random.pick([0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 2 ** 29 - 1]) }),
  (random, fields, at) => fields.with(at, withWire(random, fields[at])),
  (random, fields, at) => fields.with(at, { wire: 'raw', value: lying(random, fields[at]) }),
  (random, fields, at) => fields.toSpliced(at, 0, { wire: 'raw', value: Buffer.alloc(random.int(1, 12), 0xff) }),
  (random, fields, at) => fields.with(at, { wire: 'raw', value: nested(random, fields[at]) }),
  (random, fields, at) => fields.toSpliced(at, 0, { wire: 'raw', value: groups(random) }),
  (random, fields, at) => fields.with(at, { number: numberOf(fields[at]), wire: 2, value: oddBytes(random) }),
  (random, fields, at) => fields.with(at, { number: numberOf(fields[at]), wire: 2, value: packedList(random) }),
];

function anotherNumber(random: Random, fields: Field[], at: number): Field[] {
  const numbers = fields.flatMap(({ wire }, row) => (wire === 0 ? [row] : []));
  const row = numbers.length > 0 ? random.pick(numbers) : at;
  const value = random.chance(0.3) ? BigInt(random.int(0, 40)) : random.pick(EXTREME_INTS);
  return fields.with(row, { number: numberOf(fields[row]), wire: 0, value });
}

/** Two values of the same wire type. */
function swappedAlike(random: Random, fields: Field[], at: number): Field[] {
  const { wire } = fields[at];
  return swapped(fields, at, random.pick(fields.flatMap((field, row) => (field.wire === wire ? [row] : []))));
}

function swapped(fields: Field[], a: number, b: number): Field[] {
  return fields.with(a, withNumber(fields[b], numberOf(fields[a]))).with(b, withNumber(fields[a], numberOf(fields[b])));
}

function change(fields: Field[], at: number, { number }: { readonly number: number }): Field[] {
  return fields.with(at, withNumber(fields[at], number));
}

function withNumber(field: Field, number: number): Field {
  return field.wire === 'raw' ? field : { ...field, number };
}

function numberOf(field: Field): number {
  return field.wire === 'raw' ? 1 : field.number;
}

function withWire(random: Random, field: Field): Field {
  const number = numberOf(field);
  const value = random.bytes(8);
  return random.pick<Field>([
    { number, wire: 0, value: random.pick(EXTREME_INTS) },
    { number, wire: 1, value },
    { number, wire: 2, value },
    { number, wire: 5, value: value.subarray(0, 4) },
    { wire: 'raw', value: uvarint((number << 3) | random.pick([3, 4, 6, 7])) },
  ]);
}

/** The field, with a length that is not its own. */
function lying(random: Random, field: Field): Uint8Array {
  const value = field.wire === 0 ? uvarint(field.value) : field.value;
  const length = random.pick([0, 1, value.length + 1, value.length * 2 + 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53]);
  return Buffer.concat([uvarint((numberOf(field) << 3) | 2), uvarint(length), value]);
}

/** The field in a field in a field, all of the same number, with lengths that are true. */
function nested(random: Random, field: Field): Uint8Array {
  const tag = uvarint((numberOf(field) << 3) | 2);
  const heads: Uint8Array[] = [encodeFields([field])];
  let length = heads[0].length;
  for (let level = random.pick([1, 2, 40, 120, 10_000]); level > 0; level--) {
    const head = Buffer.concat([tag, uvarint(length)]);
    heads.push(head);
    length += head.length;
  }
  return Buffer.concat(heads.reverse());
}

/** Groups, which nobody sends any more and everybody must step over, mostly without an end. */
function groups(random: Random): Uint8Array {
  const count = random.pick([1, 2, 100, 101, 20_000]);
  const starts = Buffer.alloc(count, (15 << 3) | GROUP_START);
  return random.chance(0.5) ? starts : Buffer.concat([starts, Buffer.alloc(count, (15 << 3) | 4)]);
}

/** Numbers as they are packed, sometimes very many, and sometimes the last one is cut off. */
function packedList(random: Random): Uint8Array {
  if (random.chance(0.02)) return Buffer.alloc(random.pick([20_000, 300_000]), random.pick([0, 1, 2]));
  const numbers = Array.from({ length: random.int(0, 12) }, () =>
    uvarint(random.chance(0.5) ? BigInt(random.int(0, 12)) : random.pick(EXTREME_INTS)),
  );
  return Buffer.concat(random.chance(0.1) ? [...numbers, Buffer.of(0x80)] : numbers);
}

function fieldsOfAnother(random: Random, others: readonly Uint8Array[]): Field[] {
  if (others.length === 0) return [];
  const fields = parseFields(random.pick(others)) ?? [];
  const from = random.int(0, fields.length);
  return fields.slice(from, from + random.int(1, 4));
}

/** @returns undefined when the bytes are no message, or one of too many fields */
function parseFields(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag < 8n || tag >= 2n ** 32n || fields.length === FIELDS_MAX) return undefined;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, wire, value });
    } else if (wire === 1 || wire === 2 || wire === 5) {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint() ?? -1);
      if (length < 0 || at + length > bytes.length) return undefined;
      fields.push({ number, wire, value: bytes.subarray(at, at + length) });
      at += length;
    } else return undefined;
  }
  return fields;
}

function encodeFields(fields: readonly Field[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const field of fields) {
    if (field.wire === 'raw') {
      pieces.push(field.value);
      continue;
    }
    // A number of 2^29 and more does not fit into 32 bits once it is shifted.
    pieces.push(uvarint(field.number * 8 + field.wire));
    if (field.wire === 0) pieces.push(uvarint(field.value));
    else if (field.wire === 2) pieces.push(uvarint(field.value.length), field.value);
    else pieces.push(field.value);
  }
  return Buffer.concat(pieces);
}
