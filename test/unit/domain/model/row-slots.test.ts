import { equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { ROWS_AT_ONCE, RowSlots } from '#src/domain/model/row-slots.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

/** A table of random numbers, many of which have one hash. */
class Numbers {
  readonly keys: number[] = [];
  readonly slots: RowSlots;
  hashed = 0;

  constructor(memory?: MemoryBudget) {
    this.slots = new RowSlots(
      4,
      (row) => {
        this.hashed++;
        return hashOf(this.keys[row]);
      },
      memory,
    );
  }

  find(key: number): number {
    const { now, before } = this.slots;
    const row = now[this.#slotIn(now, key)] - 1;
    return row === -1 && before !== undefined ? before[this.#slotIn(before, key)] - 1 : row;
  }

  add(key: number): void {
    this.slots.add(this.keys.length, hashOf(key), this.#slotIn(this.slots.now, key));
    this.keys.push(key);
  }

  #slotIn(slots: Int32Array, key: number): number {
    let slot = hashOf(key) & (slots.length - 1);
    while (slots[slot] !== 0 && this.keys[slots[slot] - 1] !== key) slot = (slot + 1) & (slots.length - 1);
    return slot;
  }
}

function hashOf(key: number): number {
  return Math.imul(key & ~7, 0x9e37_79b1);
}

describe('RowSlots', () => {
  test(`find every row while they move, and move a part of them at a time (seed ${seed})`, () => {
    const random = new Random(seed);
    const numbers = new Numbers();
    const rows = new Map<number, number>();
    let growths = 0;
    let added = 0;
    while (rows.size < 5 * ROWS_AT_ONCE) {
      const key = random.int(0, 2 ** 20);
      const known = rows.get(key) ?? -1;
      equal(numbers.find(key), known);
      const other = random.int(0, rows.size - 1);
      if (rows.size > 0) equal(numbers.find(numbers.keys[other]), other);
      if (known !== -1) continue;
      const { length } = numbers.slots.now;
      const { hashed } = numbers;
      const moving = numbers.slots.before !== undefined;
      rows.set(key, numbers.keys.length);
      numbers.add(key);
      ok(numbers.hashed - hashed <= ROWS_AT_ONCE, 'a step moves more than its part');
      ok(2 * rows.size <= numbers.slots.now.length, 'more than half of the slots are taken');
      if (numbers.slots.now.length === length) continue;
      ok(!moving, 'there are too few slots again before all rows have moved');
      growths++;
      added += rows.size - 1;
    }
    // Each row moves once at each growth.
    for (const [key, row] of rows) equal(numbers.find(key), row);
    equal(numbers.slots.before, undefined);
    equal(numbers.hashed, added);
    equal(growths, 16 - 2 + 1);
  });

  test('take memory before they are made, give back what they left, and stay as they are when it is full', () => {
    const memory = new MemoryBudget(64 * ROWS_AT_ONCE, () => new Error('full'));
    const numbers = new Numbers(memory);
    for (let i = 0; i < 4; i++) numbers.add(i);
    equal(memory.takenBytes, 32);
    numbers.add(4);
    equal(memory.takenBytes, 64);
    equal(memory.takenBytes, numbers.slots.sizeBytes);

    throws(
      () => {
        for (let i = 5; ; i++) {
          numbers.add(i);
          equal(memory.takenBytes, numbers.slots.sizeBytes);
        }
      },
      { message: 'full' },
    );
    equal(memory.takenBytes, numbers.slots.sizeBytes);
    equal(numbers.keys.length, 4 * ROWS_AT_ONCE);
    for (const [row, key] of numbers.keys.entries()) equal(numbers.find(key), row);
  });
});
