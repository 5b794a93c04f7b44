import type { Labels } from '#src/domain/model/labels.ts';
import { mapKey } from '#src/domain/model/map-key.ts';
import { inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { NameTable, nameCount } from '#src/domain/profile/name-table.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';

/**
 * Label sets as columns, which move between threads without a copy. As objects they would be copied one by one at both
 * ends, and thirty thousand of them kept the main loop for a third of a second.
 *
 * @shapes    ends Uint32Array[sets]: where the labels of a set end; name and value Uint32Array[labels]: rows of `strings`
 * @invariant no string twice, no set twice, none empty; in no order
 */
export type LabelSetColumns = {
  readonly strings: ByteStrings;
  readonly ends: Uint32Array;
  readonly name: Uint32Array;
  readonly value: Uint32Array;
  /** Of all names and values as an answer has them, each as often as it is there. */
  readonly textBytes: Bytes;
};

/** Labels of sets that are added in one step: they become part of a key. */
export const STEP_LABELS = STEP_ROWS / 4;

/** Collects label sets, each once. */
export class LabelSetTable {
  readonly #strings = new NameTable();
  readonly #keys = new Set<string>();
  readonly #ends: number[] = [];
  readonly #name: number[] = [];
  readonly #value: number[] = [];

  /** @returns the number of a name or a value, for `add` */
  numberOf(text: string): number {
    return this.#strings.internText(text);
  }

  /** Adds a set, unless it is empty. @param pairs  numbers of a name and its value in turn, sorted by the names */
  add(pairs: readonly number[]): void {
    if (pairs.length === 0) return;
    let key = '';
    for (const number of pairs) key += String.fromCharCode(number & 0xffff, number >>> 16);
    // Two characters a number, four a label, so that none looks like a digest.
    const short = mapKey(key);
    if (this.#keys.has(short)) return;
    this.#keys.add(short);
    for (let i = 0; i < pairs.length; i += 2) {
      this.#name.push(pairs[i]);
      this.#value.push(pairs[i + 1]);
    }
    this.#ends.push(this.#name.length);
  }

  addLabels(labels: Labels): void {
    this.add(labels.flatMap(({ name, value }) => [this.numberOf(name), this.numberOf(value)]));
  }

  /** @param shown  by row of a string: 0 leaves out labels with this name; undefined: all are there */
  *addColumns({ strings, ends, name, value }: LabelSetColumns, shown?: Uint8Array): Steps<void> {
    const numbers = yield* this.#strings.internAll(strings);
    let [start, work] = [0, 0];
    for (const end of ends) {
      const pairs: number[] = [];
      for (let i = start; i < end; i++) {
        if (shown === undefined || shown[name[i]] === 1) pairs.push(numbers[name[i]], numbers[value[i]]);
      }
      this.add(pairs);
      work += end - start + 1;
      start = end;
      if (work < STEP_LABELS) continue;
      work = 0;
      yield;
    }
  }

  /** All that was added. */
  *take(): Steps<LabelSetColumns> {
    const strings = this.#strings.toByteStrings();
    const ends = yield* column(this.#ends);
    const name = yield* column(this.#name);
    const value = yield* column(this.#value);
    let textBytes = 0;
    yield* inSteps(0, name.length, (start, end) => {
      for (let i = start; i < end; i++) textBytes += lengthOf(strings, name[i]) + lengthOf(strings, value[i]);
    });
    return { strings, ends, name, value, textBytes };
  }
}

export function lengthOf({ offsets }: ByteStrings, row: number): Bytes {
  return offsets[row + 1] - offsets[row];
}

function* column(numbers: readonly number[]): Steps<Uint32Array> {
  const column = new Uint32Array(numbers.length);
  yield* inSteps(0, numbers.length, (start, end) => {
    for (let i = start; i < end; i++) column[i] = numbers[i];
  });
  return column;
}

/** @returns for each string 1 or 0 @shapes Uint8Array[count of strings] */
export function* flagsOf(strings: ByteStrings, holds: (row: number) => boolean): Steps<Uint8Array> {
  const flags = new Uint8Array(nameCount(strings));
  yield* inSteps(
    0,
    flags.length,
    (start, end) => {
      for (let row = start; row < end; row++) flags[row] = holds(row) ? 1 : 0;
    },
    STEP_LABELS,
  );
  return flags;
}
