/**
 * Finds the child of a node by its name, and adds what is missing: a tree while it grows.
 *
 * An open hash table of row numbers, with the rows themselves as the keys. It grows by doubling, so a row costs about
 * 20 bytes in all, where a Map of pairs costs ten times as much.
 */
export class ChildTable {
  #parent = new Int32Array(64);
  #name = new Uint32Array(64);
  #length = 1;
  /** Rows; 0, the root, is nobody's child and marks a free slot. Always more than half free. */
  #slots = new Uint32Array(256);

  constructor() {
    this.#parent[0] = -1;
  }

  /** Rows so far, the root included. */
  get length(): number {
    return this.#length;
  }

  /** @returns the row of the child, which is new when it equals the length before the call */
  childOf(parent: number, name: number): number {
    let slot = this.#slotOf(parent, name);
    if (this.#slots[slot] !== 0) return this.#slots[slot];
    if (this.#length * 2 >= this.#slots.length) {
      this.#grow();
      slot = this.#slotOf(parent, name);
    }
    const row = this.#length++;
    if (row >= this.#parent.length) {
      this.#parent = widen(this.#parent, new Int32Array(row * 2));
      this.#name = widen(this.#name, new Uint32Array(row * 2));
    }
    this.#parent[row] = parent;
    this.#name[row] = name;
    this.#slots[slot] = row;
    return row;
  }

  /** The columns of the tree. @invariant parent[i] < i */
  columns(): { parent: Int32Array; name: Uint32Array } {
    return { parent: this.#parent.slice(0, this.#length), name: this.#name.slice(0, this.#length) };
  }

  /** The slot that holds the child, or the free one where it belongs. */
  #slotOf(parent: number, name: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(name, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    for (let slot = (hash ^ (hash >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot];
      if (row === 0 || (this.#parent[row] === parent && this.#name[row] === name)) return slot;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 1; row < this.#length; row++) this.#slots[this.#slotOf(this.#parent[row], this.#name[row])] = row;
  }
}

function widen<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
