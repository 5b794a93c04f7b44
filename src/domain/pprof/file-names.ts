import type { Bytes } from '#src/domain/model/units.ts';
import { smallVarintBytes, writeVarint } from '#src/domain/protobuf/varint.ts';
import { fixupNameBytesMax, joinedName } from './ingest-fixups.ts';
import { fieldTag, PprofField, writeField } from './pprof-fields.ts';
import { tooManyFixupNameBytes } from './profile-errors.ts';
import type { StringRows } from './string-rows.ts';

/** Of a function that keeps its name. */
export const UNNAMED = -1;

export type MadeNames = {
  /** By function: the number of its name, or UNNAMED. */
  readonly numbers: Int32Array;
  readonly count: number;
  /** The names as strings of a pprof, in order. */
  readonly fields: Uint8Array;
};

/**
 * The names of functions with their files in front. A name is made once however many functions have its file and its name.
 *
 * Which have the same is found by sorting, because numbers in a hash table could be chosen so that they collide. A function
 * is a number of 62 bits:
 *
 *     | file + 1: 21 bits | name + 1: 21 bits | function: 20 bits |
 */
export class FileNames {
  readonly #strings: StringRows;
  /** By function. */
  readonly #files: Int32Array;
  readonly #names: Int32Array;
  readonly #keys: BigUint64Array;
  /** Of the keys: low and high. */
  readonly #halves: Int32Array;
  #count = 0;

  /** @param functionCount  at most 2^20, as the count of the strings */
  constructor(strings: StringRows, functionCount: number) {
    this.#strings = strings;
    this.#files = new Int32Array(functionCount);
    this.#names = new Int32Array(functionCount);
    this.#keys = new BigUint64Array(functionCount);
    this.#halves = new Int32Array(this.#keys.buffer);
  }

  /** @param file, name  rows of the strings, or NO_ROW */
  add(functionRow: number, file: number, name: number): void {
    this.#files[functionRow] = file;
    this.#names[functionRow] = name;
    const halves = this.#halves;
    const at = 2 * this.#count++;
    halves[at] = ((name + 1) << 20) | functionRow;
    halves[at + 1] = ((file + 1) << 9) | ((name + 1) >>> 12);
  }

  /**
   * @param bytesMax  of one name, which is cut as `validateProfile` would; 0: no limit
   * @throws StoreError 'invalid-argument' when they take more than `fixupNameBytesMax`
   * @cost   O(functions, sorted + bytes of names)
   */
  made(bytesMax: Bytes): MadeNames {
    const firsts = this.#firstsOfPairs();
    const fields = new Uint8Array(this.#fieldBytesMax(firsts, bytesMax));
    const numbers = firsts;
    let [end, count] = [0, 0];
    for (let row = 0; row < firsts.length; row++) {
      const first = firsts[row];
      if (first === UNNAMED) continue;
      if (first === row) end = this.#write(row, bytesMax, fields, end);
      // Firsts come first, so theirs are numbers by now.
      numbers[row] = first === row ? count++ : numbers[first];
    }
    return { numbers, count, fields: fields.subarray(0, end) };
  }

  /** By function, the first one with the same file and name, which may be itself. */
  #firstsOfPairs(): Int32Array {
    const firsts = new Int32Array(this.#files.length).fill(UNNAMED);
    this.#keys.subarray(0, this.#count).sort();
    const halves = this.#halves;
    let first = 0;
    for (let at = 0; at < 2 * this.#count; at += 2) {
      const row = halves[at] & FUNCTION_MASK;
      const isSame =
        at > 0 && halves[at + 1] === halves[at - 1] && ((halves[at] ^ halves[at - 2]) & ~FUNCTION_MASK) === 0;
      if (!isSame) first = row;
      firsts[row] = first;
    }
    return firsts;
  }

  #fieldBytesMax(firsts: Int32Array, bytesMax: Bytes): Bytes {
    let [nameBytes, sizeBytes] = [0, 0];
    for (let row = 0; row < firsts.length; row++) {
      if (firsts[row] !== row) continue;
      const whole = this.#lengthOf(row);
      const length = bytesMax > 0 ? Math.min(whole, bytesMax) : whole;
      nameBytes += length;
      if (nameBytes > fixupNameBytesMax) throw tooManyFixupNameBytes(fixupNameBytesMax, nameBytes);
      sizeBytes += 1 + smallVarintBytes(length) + length;
    }
    return sizeBytes;
  }

  #lengthOf(functionRow: number): Bytes {
    return this.#strings.lengthOf(this.#files[functionRow]) + 1 + this.#strings.lengthOf(this.#names[functionRow]);
  }

  /** @returns where it ends */
  #write(functionRow: number, bytesMax: Bytes, out: Uint8Array, start: number): number {
    const strings = this.#strings;
    const [file, name] = [this.#files[functionRow], this.#names[functionRow]];
    const length = this.#lengthOf(functionRow);
    if (bytesMax > 0 && length > bytesMax) {
      const cut = joinedName(strings.bytesOf(file), strings.bytesOf(name), bytesMax);
      return writeField(out, start, PprofField.string, cut);
    }
    out[start] = fieldTag(PprofField.string);
    let at = writeVarint(out, start + 1, length);
    at = strings.copy(file, out, at);
    out[at] = SPACE;
    return strings.copy(name, out, at + 1);
  }
}

const SPACE = 0x20;

/** Of the lower half. */
const FUNCTION_MASK = (1 << 20) - 1;
