import { isUtf8 } from 'node:buffer';
import type { Bytes } from '#src/domain/model/units.ts';
import { corruptedBlock } from './corrupted-block.ts';

/**
 * Sum of the lengths of all strings that a footer refers to. Tables may share a string, and a hostile footer could
 * share a long one among very many, so that reading it takes a thousand times the memory of its bytes.
 */
const footerStringBytesMax: Bytes = 256 << 20;

type Field =
  | { readonly kind: 'scalar'; readonly bytes: 4 | 8 }
  /** Stored inside the table. */
  | { readonly kind: 'struct'; readonly bytes: Bytes }
  | { readonly kind: 'string' }
  | { readonly kind: 'tables'; readonly of: TableShape };

/** The fields of a table by their slot: the order in which proto/block.fbs declares them. */
type TableShape = { readonly name: string; readonly fields: readonly (Field & { readonly name: string })[] };

const u32 = (name: string) => ({ name, kind: 'scalar', bytes: 4 }) as const;
const u64 = (name: string) => ({ name, kind: 'scalar', bytes: 8 }) as const;
const byteRange = (name: string) => ({ name, kind: 'struct', bytes: 16 }) as const;
const text = (name: string) => ({ name, kind: 'string' }) as const;
const tables = (name: string, of: TableShape) => ({ name, kind: 'tables', of }) as const;

const label: TableShape = { name: 'Label', fields: [text('name'), text('value')] };
const labelSet: TableShape = { name: 'LabelSet', fields: [tables('labels', label)] };
const dataset: TableShape = {
  name: 'Dataset',
  fields: [
    text('tenant'),
    text('service'),
    u64('min_time_ms'),
    u64('max_time_ms'),
    byteRange('range'),
    u64('head_bytes'),
    byteRange('symbols'),
    tables('labels', labelSet),
  ],
};
const blockFooter: TableShape = {
  name: 'BlockFooter',
  fields: [
    u32('format_version'),
    text('id'),
    u32('shard'),
    text('tenant'),
    u32('level'),
    u64('min_time_ms'),
    u64('max_time_ms'),
    u64('size_bytes'),
    tables('datasets', dataset),
  ],
};

/**
 * Checks that a FlatBuffers BlockFooter may be read: that every table, vtable, vector and string that its accessors
 * would follow lies inside the buffer, aligned, and that there are not more of them than bytes.
 *
 *     u32 root ▸ table: i32 back to its vtable | fields        vtable: u16 vtable bytes | u16 table bytes | u16 per field
 *                       │                                                                  where in the table, 0: absent
 *                       ├▸ string: u32 length | bytes | NUL
 *                       └▸ vector: u32 count  | u32 forward to a table ...
 *
 * FlatBuffers has verifiers in C++ and Rust but not in JavaScript, whose accessors follow any offset they meet.
 *
 * @param bytes  the FlatBuffers part of a footer
 * @param base   where it is in the object, for the message
 * @throws StoreError 'corrupted' with the offset of what is wrong
 * @cost   O(bytes)
 * @source flatbuffers.dev, "Internals"
 */
export function checkFooter(bytes: Uint8Array, base: Bytes): void {
  new FooterCheck(bytes, base).root();
}

class FooterCheck {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: Bytes;
  /**
   * What is left to visit. Two vectors may name one table, so a small buffer could name far more tables than it has
   * bytes. A writer shares none, and each takes 8 bytes or more: 4 of its own and 4 in its vector.
   */
  #tables: number;
  #stringBytes: Bytes = footerStringBytesMax;

  constructor(bytes: Uint8Array, base: Bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = base;
    this.#tables = bytes.length >>> 3;
  }

  root(): void {
    this.#inside(0, 4, 4, 'root');
    this.#table(this.#follow(0, 'root'), blockFooter);
  }

  #table(table: Bytes, shape: TableShape): void {
    if (this.#tables-- <= 0) throw this.#fault(table, 'it has more tables than fit', { table: shape.name });
    this.#inside(table, 4, 4, shape.name);
    const vtable = table - this.#view.getInt32(table, true);
    this.#inside(vtable, 4, 2, `vtable of ${shape.name}`);
    const vtableBytes = this.#view.getUint16(vtable, true);
    const tableBytes = this.#view.getUint16(vtable + 2, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) {
      throw this.#fault(vtable, 'the size of a vtable is wrong', { table: shape.name, vtableBytes });
    }
    this.#inside(vtable, vtableBytes, 2, `vtable of ${shape.name}`);
    this.#inside(table, Math.max(4, tableBytes), 4, shape.name);

    shape.fields.forEach((field, slot) => {
      const entry = 4 + slot * 2;
      const at = entry < vtableBytes ? this.#view.getUint16(vtable + entry, true) : 0;
      this.#field(shape, field, { table, tableBytes, at });
    });
  }

  #field(
    shape: TableShape,
    field: TableShape['fields'][number],
    place: { table: Bytes; tableBytes: Bytes; at: Bytes },
  ) {
    const name = `${shape.name}.${field.name}`;
    const { table, tableBytes, at } = place;
    if (at === 0) {
      if (field.kind === 'scalar') return; // Absent means 0.
      throw this.#fault(table, 'a required field is absent', { field: name });
    }
    const fieldBytes = field.kind === 'scalar' || field.kind === 'struct' ? field.bytes : 4;
    if (at < 4 || at + fieldBytes > tableBytes) {
      throw this.#fault(table, 'a field lies outside its table', { field: name, at, fieldBytes, tableBytes });
    }
    this.#inside(table + at, fieldBytes, Math.min(8, fieldBytes), name);
    if (field.kind === 'string') this.#string(this.#follow(table + at, name), name);
    if (field.kind === 'tables') this.#vector(this.#follow(table + at, name), field.of, name);
  }

  #string(at: Bytes, name: string): void {
    this.#inside(at, 4, 4, name);
    const length = this.#view.getUint32(at, true);
    const start = at + 4;
    this.#inside(start, length + 1, 1, name);
    if (this.#bytes[start + length] !== 0) throw this.#fault(start + length, 'a string does not end', { field: name });
    this.#stringBytes -= length;
    if (this.#stringBytes < 0) {
      throw this.#fault(at, 'its strings are too long', { field: name, max: footerStringBytesMax });
    }
    if (!isUtf8(this.#bytes.subarray(start, start + length))) {
      throw this.#fault(start, 'a string is not UTF-8', { field: name });
    }
  }

  #vector(at: Bytes, of: TableShape, name: string): void {
    this.#inside(at, 4, 4, name);
    const count = this.#view.getUint32(at, true);
    this.#inside(at + 4, count * 4, 4, name);
    for (let entry = at + 4; entry < at + 4 + count * 4; entry += 4) this.#table(this.#follow(entry, name), of);
  }

  /** Where the forward offset at `at` leads. The accessors read it as a signed number. */
  #follow(at: Bytes, name: string): Bytes {
    const distance = this.#view.getInt32(at, true);
    if (distance <= 0) throw this.#fault(at, 'an offset does not lead forward', { field: name, distance });
    return at + distance;
  }

  #inside(at: Bytes, bytes: Bytes, alignment: number, what: string): void {
    if (at < 0 || at + bytes > this.#bytes.length) {
      throw this.#fault(at, 'something lies outside it', { what, bytes, footerBytes: this.#bytes.length });
    }
    if (at % alignment !== 0) throw this.#fault(at, 'something is not aligned', { what, alignment });
  }

  #fault(at: Bytes, problem: string, facts: Readonly<Record<string, string | number>>) {
    return corruptedBlock(`footer: ${problem}`, { offset: this.#base + at, ...facts });
  }
}
