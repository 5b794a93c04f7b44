import { createHash } from 'node:crypto';
import { KEY_LENGTH_MAX } from '#src/domain/model/map-key.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';

/** The name of what was folded away, in trees, flame graphs and exported profiles. */
export const otherName = 'other';

/** Without the characters that stand for nothing: they are as rare as those above. */
const ASCII = /^[ -~]*$/;

/** A name costs several times as much as a row of numbers. */
const STEP_NAMES = STEP_ROWS / 4;

/** Names that are longer are known by a digest, which takes the memory of no second name. */
export const PICTURED_BYTES_MAX = KEY_LENGTH_MAX;

/**
 * Gives equal names one number, in order of first appearance.
 *
 * Names are compared as bytes. The key of the map is the bytes read as Latin-1, which is a one-to-one picture of
 * them and costs no decoding; of a long name it is the SHA-256, in a map of its own.
 *
 * @cost O(bytes) for each look, whatever the names are
 */
export class NameTable {
  readonly #numbers = new Map<string, number>();
  readonly #longNumbers = new Map<string, number>();
  readonly #sources: Buffer[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #sizeBytes = 0;

  /** Of all names together. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get length(): number {
    return this.#starts.length;
  }

  intern(bytes: Uint8Array): number {
    return this.internPart(asBuffer(bytes), 0, bytes.length);
  }

  /** @param source  must not change any more */
  internPart(source: Buffer, start: number, end: number): number {
    const key = keyOf(source, start, end);
    const numbers = this.#mapOf(end - start);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, this.length);
    return this.#append(source, start, end);
  }

  /** Half a surrogate pair becomes U+FFFD. */
  internText(text: string): number {
    // What is ASCII is the picture of its own bytes, and need not be looked at again.
    if (text.length > PICTURED_BYTES_MAX || !ASCII.test(text)) return this.intern(Buffer.from(text));
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.length);
    return this.#append(Buffer.from(text, 'latin1'), 0, text.length);
  }

  /** @returns its number, -1 when it was never interned */
  find(bytes: Uint8Array): number {
    const source = asBuffer(bytes);
    return this.#mapOf(bytes.length).get(keyOf(source, 0, source.length)) ?? -1;
  }

  /** @returns the number of every name of `names` @shapes Uint32Array[count of names] */
  *internAll(names: ByteStrings): Steps<Uint32Array> {
    const source = asBuffer(names.bytes);
    const numbers = new Uint32Array(nameCount(names));
    for (let i = 0; i < numbers.length; i++) {
      if (i % STEP_NAMES === 0) yield;
      numbers[i] = this.internPart(source, names.offsets[i], names.offsets[i + 1]);
    }
    return numbers;
  }

  /** The bytes of one name, a view. */
  bytesOf(number: number): Uint8Array {
    return this.#sources[number].subarray(this.#starts[number], this.#ends[number]);
  }

  /** @cost copies every name once, those that stood side by side together */
  toByteStrings(): ByteStrings {
    const bytes = new Uint8Array(this.#sizeBytes);
    const offsets = new Uint32Array(this.length + 1);
    for (let first = 0, i = 0; i < this.length; i++) {
      offsets[i + 1] = offsets[i] + this.#ends[i] - this.#starts[i];
      const source = this.#sources[i];
      if (this.#sources[i + 1] === source && this.#starts[i + 1] === this.#ends[i]) continue;
      bytes.set(source.subarray(this.#starts[first], this.#ends[i]), offsets[first]);
      first = i + 1;
    }
    return { bytes, offsets };
  }

  #mapOf(bytes: number): Map<string, number> {
    return bytes > PICTURED_BYTES_MAX ? this.#longNumbers : this.#numbers;
  }

  #append(source: Buffer, start: number, end: number): number {
    const number = this.length;
    this.#sources.push(source);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#sizeBytes += end - start;
    return number;
  }
}

export function nameCount(names: ByteStrings): number {
  return names.offsets.length - 1;
}

/** A view of the bytes of one name, not a copy. */
export function nameBytes(names: ByteStrings, i: number): Uint8Array {
  return names.bytes.subarray(names.offsets[i], names.offsets[i + 1]);
}

export function nameText(names: ByteStrings, i: number): string {
  return asBuffer(names.bytes).toString('utf8', names.offsets[i], names.offsets[i + 1]);
}

export function namesOf(texts: readonly string[]): ByteStrings {
  const offsets = new Uint32Array(texts.length + 1);
  const encoded = texts.map((text) => Buffer.from(text, 'utf8'));
  for (let i = 0; i < encoded.length; i++) offsets[i + 1] = offsets[i] + encoded[i].length;
  const bytes = new Uint8Array(offsets[texts.length]);
  for (let i = 0; i < encoded.length; i++) bytes.set(encoded[i], offsets[i]);
  return { bytes, offsets };
}

/** @returns the row of an ASCII name, -1 when it is not among them @cost O(count of names) */
export function rowOfName(names: ByteStrings, text: string): number {
  const count = nameCount(names);
  for (let i = 0; i < count; i++) {
    const start = names.offsets[i];
    if (names.offsets[i + 1] - start !== text.length) continue;
    let k = 0;
    while (k < text.length && names.bytes[start + k] === text.charCodeAt(k)) k++;
    if (k === text.length) return i;
  }
  return -1;
}

/** The names in `rows`, in that order. */
export function* selectNames(names: ByteStrings, rows: Uint32Array): Steps<ByteStrings> {
  const offsets = new Uint32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    offsets[i + 1] = offsets[i] + names.offsets[rows[i] + 1] - names.offsets[rows[i]];
  }
  const bytes = new Uint8Array(offsets[rows.length]);
  for (let i = 0; i < rows.length; i++) {
    if (i % STEP_NAMES === 0) yield;
    bytes.set(nameBytes(names, rows[i]), offsets[i]);
  }
  return { bytes, offsets };
}

/** @returns the place of every name when they are sorted by their bytes @shapes Uint32Array[count of names] */
export function* ranksOfNames(names: ByteStrings): Steps<Uint32Array> {
  const { bytes, offsets } = names;
  const count = nameCount(names);
  const compare = (a: number, b: number) => compareBytes(bytes, offsets[a], offsets[a + 1], offsets[b], offsets[b + 1]);

  let row = 1;
  for (; row < count && compare(row - 1, row) <= 0; row++) if (row % STEP_NAMES === 0) yield;
  const inOrder = new Uint32Array(count);
  for (let i = 0; i < count; i++) inOrder[i] = i;
  if (row >= count) return inOrder;
  const order = yield* sortedRows(inOrder, compare);
  const rank = new Uint32Array(count);
  for (let i = 0; i < count; i++) rank[order[i]] = i;
  return rank;
}

/** Comparing takes its time: a run of so many names is sorted in about five milliseconds. */
const RUN_NAMES = 4096;

/** Sorts runs that are a step long, and merges neighbours until one is left: a sort that can be paused. */
export function* sortedRows(rows: Uint32Array, compare: (a: number, b: number) => number): Steps<Uint32Array> {
  for (let start = 0; start < rows.length; start += RUN_NAMES) {
    rows.subarray(start, start + RUN_NAMES).sort(compare);
    yield;
  }
  let from: Uint32Array = rows;
  let to: Uint32Array = new Uint32Array(rows.length);
  for (let length = RUN_NAMES; length < rows.length; length *= 2) {
    for (let start = 0; start < rows.length; start += 2 * length) {
      const middle = Math.min(start + length, rows.length);
      const end = Math.min(middle + length, rows.length);
      let left = start;
      let right = middle;
      for (let i = start; i < end; i++) {
        if (i % STEP_ROWS === 0) yield;
        const takeLeft = right === end || (left < middle && compare(from[left], from[right]) <= 0);
        to[i] = takeLeft ? from[left++] : from[right++];
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

function compareBytes(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < length; i++) {
    const difference = bytes[aStart + i] - bytes[bStart + i];
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

function keyOf(source: Buffer, start: number, end: number): string {
  if (end - start <= PICTURED_BYTES_MAX) return source.toString('latin1', start, end);
  return createHash('sha256').update(source.subarray(start, end)).digest('base64');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
