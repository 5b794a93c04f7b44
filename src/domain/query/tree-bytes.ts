import { StoreError } from '#src/domain/errors.ts';
import { halvesOf } from '#src/domain/model/halves.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { ChildTable } from '#src/domain/profile/child-table.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { NameTable, nameBytes, ranksOfNames } from '#src/domain/profile/name-table.ts';
import { sortedChildren } from '#src/domain/profile/sorted-children.ts';
import { ChunkedBytes } from './chunked-bytes.ts';

/** No node is shorter: an empty name, and two numbers below 128. */
const nodeBytesMin = 3;

const NO_NAME = new Uint8Array(0);

/** A node is four writes. */
const STEP_NODES = STEP_ROWS / 4;

/**
 * Writes a tree in the form that the public API calls TREE.
 *
 *     node = uvarint(length of name)  name  uvarint(self)  uvarint(count of children)
 *
 * Depth first, from the root, which has no name. Of siblings the last by name comes first. Totals are not written. A
 * tree without nodes is no bytes at all.
 */
export function* encodeTree(tree: FunctionTree): Steps<Uint8Array> {
  const { parent, name, self, names } = tree;
  const n = parent.length;
  if (n === 1) return new Uint8Array(0);
  const { offsets, children } = yield* sortedChildren(parent, name, yield* ranksOfNames(names));
  const halves = halvesOf(self);
  const out = new ChunkedBytes();
  const stack = new Uint32Array(n);
  let depth = 1;
  const write = (count: number): void => {
    let open = depth;
    for (let i = 0; i < count && open > 0; i++) {
      const node = stack[--open];
      const text = node === 0 ? NO_NAME : nameBytes(names, name[node]);
      out.varint(text.length);
      out.bytes(text);
      out.varint64(halves[2 * node], halves[2 * node + 1]);
      out.varint(offsets[node + 1] - offsets[node]);
      for (let k = offsets[node]; k < offsets[node + 1]; k++) stack[open++] = children[k];
    }
    depth = open;
  };
  for (; depth > 0; yield) write(STEP_NODES);
  return Buffer.concat(out.take());
}

/**
 * Reads what encodeTree, or any other writer of this form, wrote. Siblings may be in any order; nodes with the same
 * path are added up.
 *
 * @throws StoreError 'corrupted' with the offset, when a length or a count is more than there is, a value is beyond
 *         63 bits, or something follows the tree
 */
export function decodeTree(bytes: Uint8Array, secret: HashSecret): FunctionTree {
  const names = new NameTable();
  const nodes = new ChildTable(secret);
  let self = new BigInt64Array(64);
  if (bytes.length > 0) {
    const reader = new TreeReader(bytes);
    const root = reader.takeNode();
    self[0] = root.self;
    // The nodes whose children are being read, and how many of each are still to come.
    const open: { row: number; missing: number }[] = [{ row: 0, missing: root.childCount }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (top.missing === 0) {
        open.pop();
        continue;
      }
      top.missing--;
      const node = reader.takeNode();
      const row = nodes.childOf(top.row, names.intern(node.name));
      if (row >= self.length) {
        const longer = new BigInt64Array(row * 2);
        longer.set(self);
        self = longer;
      }
      addSaturatedAt(self, row, node.self);
      if (node.childCount > 0) open.push({ row, missing: node.childCount });
    }
    reader.expectEnd();
  }
  return { ...nodes.columns(), self: self.slice(0, nodes.length), names: names.toByteStrings() };
}

class TreeReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  takeNode(): { name: Uint8Array; self: bigint; childCount: number } {
    const nameBytes = this.#takeCount('name length', 1);
    const name = this.#bytes.subarray(this.#at, this.#at + nameBytes);
    this.#at += nameBytes;
    const self = this.#takeVarint();
    return { name, self, childCount: this.#takeCount('child count', nodeBytesMin) };
  }

  expectEnd(): void {
    if (this.#at < this.#bytes.length) this.#fail(`${this.#bytes.length - this.#at} bytes follow the tree`, this.#at);
  }

  /** A number of things that must still fit in the rest of the bytes. */
  #takeCount(what: string, bytesEach: number): number {
    const at = this.#at;
    const count = this.#takeVarint();
    const room = Math.floor((this.#bytes.length - this.#at) / bytesEach);
    if (count > BigInt(room)) this.#fail(`${what} ${count} is more than fits in the rest, ${room}`, at);
    return Number(count);
  }

  #takeVarint(): bigint {
    const start = this.#at;
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      if (this.#at >= this.#bytes.length) this.#fail('a number ends beyond the last byte', start);
      const byte = this.#bytes[this.#at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.#fail('a number has more than 63 bits', start);
  }

  #fail(what: string, offset: number): never {
    throw new StoreError('corrupted', `tree bytes: ${what}, at offset ${offset}`, { offset });
  }
}
