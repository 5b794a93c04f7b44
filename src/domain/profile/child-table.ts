import { type HashSecret, mixed } from '#src/domain/model/hash-secret.ts';
import { RowSlots } from '#src/domain/model/row-slots.ts';

/**
 * Finds the child of a node by its name, and adds what is missing: a tree while it grows.
 *
 * An open hash table of row numbers, with the rows themselves as the keys. A row costs about 20 bytes in all, and 8 more
 * for a while when there come to be twice as many; a Map of pairs costs ten times as much.
 */
export class ChildTable {
  #parent = new Int32Array(64);
  #name = new Uint32Array(64);
  #length = 1;
  readonly #secret: HashSecret;
  readonly #slots: RowSlots;

  /** @param secret  rows and names follow from what was sent, and could be chosen to meet */
  constructor(secret: HashSecret) {
    this.#secret = secret;
    this.#slots = new RowSlots(128, (row) => childHash(secret, this.#parent[row], this.#name[row]));
    this.#parent[0] = -1;
    // The root is found by nobody, but has a row.
    const hash = childHash(secret, -1, 0);
    this.#slots.add(0, hash, this.#slotIn(this.#slots.now, -1, 0, hash));
  }

  /** Rows so far, the root included. */
  get length(): number {
    return this.#length;
  }

  /** @returns the row of the child, which is new when it equals the length before the call */
  childOf(parent: number, name: number): number {
    const hash = childHash(this.#secret, parent, name);
    const { now, before } = this.#slots;
    const slot = this.#slotIn(now, parent, name, hash);
    if (now[slot] !== 0) return now[slot] - 1;
    if (before !== undefined) {
      const known = before[this.#slotIn(before, parent, name, hash)];
      if (known !== 0) return known - 1;
    }
    return this.#add(parent, name, hash, slot);
  }

  /** The columns of the tree. @invariant parent[i] < i */
  columns(): { parent: Int32Array; name: Uint32Array } {
    return { parent: this.#parent.slice(0, this.#length), name: this.#name.slice(0, this.#length) };
  }

  /** The slot that has the child, or the free one where it is not found. */
  #slotIn(slots: Int32Array, parent: number, name: number, hash: number): number {
    const parents = this.#parent;
    const names = this.#name;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot] - 1;
      if (row === -1 || (parents[row] === parent && names[row] === name)) return slot;
    }
  }

  #add(parent: number, name: number, hash: number, slot: number): number {
    const row = this.#length++;
    if (row >= this.#parent.length) {
      this.#parent = widen(this.#parent, new Int32Array(row * 2));
      this.#name = widen(this.#name, new Uint32Array(row * 2));
    }
    this.#parent[row] = parent;
    this.#name[row] = name;
    this.#slots.add(row, hash, slot);
    return row;
  }
}

/** The hash of a child of a node. */
export function childHash([seed, secret]: HashSecret, parent: number, name: number): number {
  return mixed(mixed(seed, parent, secret), name, secret);
}

function widen<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
