import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { smallVarintBytes, varintBytes, writeVarint, writeVarint64 } from '#src/domain/protobuf/varint.ts';
import { IntList } from './int-list.ts';

/**
 * Encodes samples of pprof, one after the other, into the same memory. A sample is twenty numbers of a byte or two, so an
 * object, a copy or a bigint for each of its parts would cost more than all the rest.
 *
 * @source pprof, `profile.proto`, message Sample
 */
export class SampleEncoder {
  /** Ids, leaf first. */
  readonly locations: IntList;
  /** Rows of the strings: the name and the value of each label. */
  readonly labels: IntList;
  #bytes = new Uint8Array(1024);
  #length = 0;

  constructor(memory: MemoryBudget) {
    this.locations = new IntList(memory);
    this.labels = new IntList(memory);
  }

  clear(): void {
    this.locations.clear();
    this.labels.clear();
  }

  /** @returns the sample without its tag and length, valid until the next one */
  encoded(value: bigint): Uint8Array {
    this.#length = 0;
    this.#reserve(5 * this.locations.length + 9 * this.labels.length + 32);
    if (this.locations.length > 0) this.#locations();
    const low = Number(BigInt.asUintN(32, value));
    const high = Number(BigInt.asUintN(32, value >> 32n));
    // One value is a list of one.
    this.#byte(VALUES);
    this.#byte(varintBytes(low, high));
    this.#length = writeVarint64(this.#bytes, this.#length, low, high);
    for (let i = 0; i < this.labels.length; i += 2) this.#label(this.labels.values[i], this.labels.values[i + 1]);
    return this.#bytes.subarray(0, this.#length);
  }

  #locations(): void {
    const { values, length } = this.locations;
    let sizeBytes = 0;
    for (let i = 0; i < length; i++) sizeBytes += smallVarintBytes(values[i]);
    this.#byte(LOCATION_IDS);
    this.#varint(sizeBytes);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < length; i++) at = writeVarint(bytes, at, values[i]);
    this.#length = at;
  }

  #label(key: number, text: number): void {
    this.#byte(LABEL);
    this.#byte(2 + smallVarintBytes(key) + smallVarintBytes(text));
    this.#byte(LABEL_KEY);
    this.#varint(key);
    this.#byte(LABEL_TEXT);
    this.#varint(text);
  }

  #byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  /** @param value 0 <= value < 2^31 */
  #varint(value: number): void {
    this.#length = writeVarint(this.#bytes, this.#length, value);
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes > this.#bytes.length) this.#bytes = new Uint8Array(2 * sizeBytes);
  }
}

/** Tags: number of the field and wire type. */
const LOCATION_IDS = (1 << 3) | 2;
const VALUES = (2 << 3) | 2;
const LABEL = (3 << 3) | 2;
const LABEL_KEY = 1 << 3;
const LABEL_TEXT = 2 << 3;
