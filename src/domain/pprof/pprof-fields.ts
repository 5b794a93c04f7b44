import type { Bytes } from '#src/domain/model/units.ts';
import { writeVarint } from '#src/domain/protobuf/varint.ts';
import { Wire, WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { undecodable } from './profile-errors.ts';

/** Fields of a pprof that are messages or strings, by their numbers. */
export const PprofField = { sampleType: 1, location: 4, function: 5, string: 6 } as const;

export type PartedFields = { readonly spans: readonly Spans[]; readonly others: readonly Uint8Array[] };

/** Above the largest number that is counted. */
const FIELDS = 7;

/**
 * Where the fields of a pprof lie, for who changes some of them and copies the others: nothing in a pprof depends on the
 * order of fields of different kinds.
 */
export class PprofFields {
  readonly bytes: Uint8Array;
  /** How many there are of each field, up to that of the strings. */
  readonly counts = new Uint32Array(FIELDS);

  /** @throws StoreError 'invalid-argument' when the fields cannot be told apart @cost O(fields) */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const reader = new WireReader(bytes, undecodable);
    while (reader.next()) {
      if (reader.field < FIELDS && reader.wire === Wire.delimited) this.counts[reader.field]++;
      reader.skip();
    }
  }

  /**
   * Where the messages of some fields lie, and all bytes but those of the ones that are replaced.
   *
   * @param replaced, kept  fields
   * @returns spans         by field
   * @throws StoreError 'invalid-argument' when one of them is no message
   * @cost   O(fields)
   */
  parted({ replaced, kept }: { replaced: readonly number[]; kept: readonly number[] }): PartedFields {
    const spans: Spans[] = [];
    for (const field of [...replaced, ...kept]) spans[field] = new Spans(this.bytes, this.counts[field]);
    const isReplaced = spans.map((_, field) => replaced.includes(field));
    const others: Uint8Array[] = [];
    const reader = new WireReader(this.bytes, undecodable);
    // Those that touch are one piece: most fields of a kind stand together.
    let from = 0;
    for (let start = 0; reader.next(); start = reader.pos) {
      const ofField = spans[reader.field];
      if (ofField === undefined) {
        reader.skip();
        continue;
      }
      const outer = reader.open();
      ofField.add(reader.pos, reader.end);
      reader.close(outer);
      if (!isReplaced[reader.field]) continue;
      if (start > from) others.push(this.bytes.subarray(from, start));
      from = reader.pos;
    }
    if (from < this.bytes.length) others.push(this.bytes.subarray(from));
    return { spans, others };
  }
}

/** The messages of one field, without their tags and lengths, as columns. */
export class Spans {
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  #count = 0;
  #contentBytes: Bytes = 0;

  constructor(bytes: Uint8Array, capacity: number) {
    this.#bytes = bytes;
    this.#starts = new Uint32Array(capacity);
    this.#ends = new Uint32Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** Of all of them. */
  get contentBytes(): Bytes {
    return this.#contentBytes;
  }

  add(start: Bytes, end: Bytes): void {
    this.#starts[this.#count] = start;
    this.#ends[this.#count++] = end;
    this.#contentBytes += end - start;
  }

  startOf(row: number): Bytes {
    return this.#starts[row];
  }

  endOf(row: number): Bytes {
    return this.#ends[row];
  }

  /** A view. */
  contentAt(row: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[row], this.#ends[row]);
  }

  /** Lets a reader of the same bytes read one of them. */
  enter(reader: WireReader, row: number): void {
    reader.pos = this.#starts[row];
    reader.end = this.#ends[row];
  }
}

/** Of a field that is a message or a string. */
export function fieldTag(field: number): number {
  return (field << 3) | Wire.delimited;
}

/** @param extraBytes  that are written behind it, and belong to it @returns where it ends */
export function writeField(
  out: Uint8Array,
  start: number,
  field: number,
  content: Uint8Array,
  extraBytes: Bytes = 0,
): number {
  out[start] = fieldTag(field);
  const at = writeVarint(out, start + 1, content.length + extraBytes);
  out.set(content, at);
  return at + content.length;
}
