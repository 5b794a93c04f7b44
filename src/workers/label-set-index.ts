import type { Labels } from '#src/domain/model/labels.ts';
import { LabelSetKeys } from './label-set-keys.ts';

/** Of a text, at its beginning and at its end: the hash of one is bounded, however long it is. */
const HASHED_LENGTH = 32;

/** Sets of one slot that are compared. What is beyond has been made to meet there, and is known by a key. */
const CHAIN_MAX = 8;

/** What is hashed of no label. */
const SEED = 0x811c9dc5 | 0;

/** A power of two, like all numbers of slots. */
const SLOTS_MIN = 16;

/**
 * Numbers sets of labels, equal ones alike.
 *
 * They are told apart by a hash of their texts, and compared where it is equal: that costs a tenth of a map of all texts.
 */
export class LabelSetIndex {
  /** By number. */
  readonly sets: Labels[] = [];
  /** By the low bits of a hash: one more than the number of the first set there, 0 for none. */
  #slots = new Uint32Array(SLOTS_MIN);
  /** By number: the next set of the slot, like that. */
  readonly #next: number[] = [];
  /** By number. */
  readonly #hashes: number[] = [];
  readonly #numberOfKey = new Map<string, number>();
  readonly #keys = new LabelSetKeys();
  readonly #hash = new LabelSetHash();

  /** @returns the number of the set, which is the last one when it is new @cost O(labels) */
  numberOf(labels: Labels): number {
    const hash = this.#hash.of(labels);
    let length = 0;
    for (let next = this.#slots[hash & (this.#slots.length - 1)]; next !== 0; next = this.#next[next - 1]) {
      if (this.#hashes[next - 1] === hash && areEqual(this.sets[next - 1], labels)) return next - 1;
      length++;
    }
    if (length < CHAIN_MAX) return this.#added(labels, hash, '');
    const key = this.#keys.keyOf(labels);
    return this.#numberOfKey.get(key) ?? this.#added(labels, hash, key);
  }

  /** @param key  for where its slot is full; empty when it is not */
  #added(labels: Labels, hash: number, key: string): number {
    const number = this.sets.push(labels) - 1;
    this.#hashes.push(hash);
    this.#next.push(0);
    if (number === this.#slots.length) {
      this.#slots = new Uint32Array(2 * this.#slots.length);
      // Those that find no place have a key: with more slots, none has more sets before it in its own.
      for (let each = 0; each < number; each++) this.#link(each);
    }
    if (!this.#link(number)) this.#numberOfKey.set(key, number);
    return number;
  }

  /** Makes it the last of its slot. @returns whether there was room */
  #link(number: number): boolean {
    this.#next[number] = 0;
    const slot = this.#hashes[number] & (this.#slots.length - 1);
    let last = this.#slots[slot];
    if (last === 0) {
      this.#slots[slot] = number + 1;
      return true;
    }
    let length = 1;
    for (; this.#next[last - 1] !== 0; last = this.#next[last - 1]) length++;
    if (length === CHAIN_MAX) return false;
    this.#next[last - 1] = number + 1;
    return true;
  }
}

function areEqual(a: Labels, b: Labels): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && (a[i].name !== b[i].name || a[i].value !== b[i].value)) return false;
  }
  return true;
}

/** FNV-1a of as much of each text as is looked at, which begins where the set differs from the one before it. */
class LabelSetHash {
  #before: Labels = [];
  /** By label of the set before: the hash up to it. */
  readonly #hashes: number[] = [];

  /** @returns an int32 */
  of(labels: Labels): number {
    let at = 0;
    while (at < labels.length && labels[at] === this.#before[at]) at++;
    let hash = at === 0 ? SEED : this.#hashes[at - 1];
    for (; at < labels.length; at++) {
      hash = withText(withText(hash, labels[at].name), labels[at].value);
      this.#hashes[at] = hash;
    }
    this.#before = labels;
    return hash;
  }
}

function withText(before: number, text: string): number {
  const { length } = text;
  let hash = withUnit(before, length);
  const end = Math.min(length, HASHED_LENGTH);
  for (let i = 0; i < end; i++) hash = withUnit(hash, text.charCodeAt(i));
  for (let i = Math.max(end, length - HASHED_LENGTH); i < length; i++) hash = withUnit(hash, text.charCodeAt(i));
  return hash;
}

function withUnit(hash: number, unit: number): number {
  const next = Math.imul(hash ^ unit, 0x01000193);
  return next ^ (next >>> 15); // Low bits choose the slot, and a product alone gives them nothing of the high ones.
}
