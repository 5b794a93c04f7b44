import type { Labels } from '#src/domain/model/labels.ts';
import { LabelSetKeys } from './label-set-keys.ts';

/** Of a text, at its beginning and at its end: the hash of one is bounded, however long it is. */
const HASHED_LENGTH = 32;

/** Sets of one hash that are compared. What is beyond has been made to have it, and is known by a key. */
const CHAIN_MAX = 8;

const NONE = -1;

/**
 * Numbers sets of labels, equal ones alike.
 *
 * They are told apart by a hash of their texts, and compared where it is equal: that costs a tenth of a map of all texts.
 */
export class LabelSetIndex {
  /** By number. */
  readonly sets: Labels[] = [];
  /** A text as key, because the hash of a number can be foreseen. */
  readonly #firstOfHash = new Map<string, number>();
  /** By number: the next set with the same hash. */
  readonly #next: number[] = [];
  readonly #numberOfKey = new Map<string, number>();
  readonly #keys = new LabelSetKeys();

  /** @returns the number of the set, which is the last one when it is new @cost O(labels) */
  numberOf(labels: Labels): number {
    const hash = hashOf(labels);
    const first = this.#firstOfHash.get(hash);
    if (first === undefined) {
      this.#firstOfHash.set(hash, this.sets.length);
      return this.#added(labels);
    }
    let last = first;
    let length = 1;
    for (let number = first; number !== NONE; number = this.#next[number]) {
      if (areEqual(this.sets[number], labels)) return number;
      last = number;
      length++;
    }
    if (length > CHAIN_MAX) return this.#ofKey(labels);
    this.#next[last] = this.sets.length;
    return this.#added(labels);
  }

  #ofKey(labels: Labels): number {
    const key = this.#keys.keyOf(labels);
    const known = this.#numberOfKey.get(key);
    if (known !== undefined) return known;
    this.#numberOfKey.set(key, this.sets.length);
    return this.#added(labels);
  }

  #added(labels: Labels): number {
    this.#next.push(NONE);
    return this.sets.push(labels) - 1;
  }
}

function areEqual(a: Labels, b: Labels): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && (a[i].name !== b[i].name || a[i].value !== b[i].value)) return false;
  }
  return true;
}

/** FNV-1a, twice with different numbers, over as much of each text as is looked at. */
function hashOf(labels: Labels): string {
  let [a, b] = [0x811c9dc5, 0x9747b28c];
  const take = (unit: number): void => {
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x5bd1e995);
    b ^= b >>> 15;
  };
  for (const { name, value } of labels) {
    for (const text of [name, value]) {
      const { length } = text;
      take(length);
      const end = Math.min(length, HASHED_LENGTH);
      for (let i = 0; i < end; i++) take(text.charCodeAt(i));
      for (let i = Math.max(end, length - HASHED_LENGTH); i < length; i++) take(text.charCodeAt(i));
    }
  }
  return String.fromCharCode(a & 0xffff, a >>> 16, b & 0xffff, b >>> 16);
}
