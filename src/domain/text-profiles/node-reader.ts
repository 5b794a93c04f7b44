import { sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/** Nodes that may be open at once. */
export const NODE_DEPTH_MAX = 1 << 18;

/** Nodes that are read in one step: half a millisecond, or some ten where each has a name of its own. */
export const STEP_NODES = 1 << 12;

/** Bytes of names of one step: what is beyond the last node that fits is one name. */
export const STEP_NAME_BYTES: Bytes = 1 << 20;

const INT64_MAX = 2n ** 63n - 1n;

export type NodeFormat = 'tree' | 'trie';

/**
 * Reads the nodes of a binary tree, which both formats write alike: a length, so many bytes of name, a value and the
 * number of children, as varints; the children follow.
 *
 * @throws StoreError 'invalid-argument' where the bytes end too early, or a number is too large
 */
export class NodeReader {
  readonly bytes: Buffer;
  readonly #format: NodeFormat;
  #at = 0;

  /** Of the node that was read last: `bytes.subarray(nameStart, nameEnd)`. */
  nameStart = 0;
  nameEnd = 0;
  value = 0n;
  childCount = 0;
  /** Of all nodes that were read. */
  nameBytes: Bytes = 0;

  constructor(format: NodeFormat, bytes: Uint8Array) {
    this.#format = format;
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether there is nothing behind the node that was read last. */
  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  /** @param maxNameBytes  0: any number; likewise `maxChildren` */
  next(maxNameBytes: Bytes = 0, maxChildren = 0): void {
    const start = this.#at;
    const nameBytes = this.#count();
    if (maxNameBytes > 0 && nameBytes > maxNameBytes) {
      throw this.fault(
        `the name of the node at byte ${start} is longer than --${LimitFlag.symbolLength}: ` +
          `limit ${sizeText(maxNameBytes)}, actual ${sizeText(nameBytes)}`,
      );
    }
    if (nameBytes > this.bytes.length - this.#at) {
      throw this.fault(`the name of the node at byte ${start} has ${nameBytes} bytes, and the body ends before`);
    }
    this.nameStart = this.#at;
    this.nameEnd = this.#at += nameBytes;
    this.nameBytes += nameBytes;
    this.value = this.#value(start);
    this.childCount = this.#count();
    if (maxChildren > 0 && this.childCount > maxChildren) {
      throw this.fault(
        `the node at byte ${start} has more children than --${LimitFlag.samples}: ` +
          `limit ${maxChildren}, actual ${this.childCount}`,
      );
    }
  }

  fault(what: string) {
    return undecodableUpload(this.#format, what);
  }

  /** @returns a number that is exact, or too large to be right */
  #count(): number {
    let count = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte(scale);
      count += (byte & 0x7f) * scale;
      if (byte < 0x80) return count;
    }
  }

  #value(node: number): bigint {
    const start = this.#at;
    const count = this.#count();
    if (count <= Number.MAX_SAFE_INTEGER) return BigInt(count);
    let value = 0n;
    for (let i = this.#at - 1; i >= start; i--) value = (value << 7n) | BigInt(this.bytes[i] & 0x7f);
    if (value > INT64_MAX) throw this.fault(`the value of the node at byte ${node} is over ${INT64_MAX}: ${value}`);
    return value;
  }

  /** @param scale  of the byte in its varint */
  #byte(scale: number): number {
    if (this.#at === this.bytes.length) throw this.fault(`it ends within a node, after ${this.#at} bytes`);
    if (scale > 2 ** 63) throw this.fault(`the number before byte ${this.#at} has more than 64 bits`);
    return this.bytes[this.#at++];
  }
}

/** The nodes that are open, each with the children that are still to come, and what the reader keeps for it. */
export class OpenNodes {
  readonly #columns: readonly number[][];
  readonly #reader: NodeReader;

  /** @param width  numbers that are kept per node */
  constructor(reader: NodeReader, width: number) {
    this.#reader = reader;
    this.#columns = Array.from({ length: width + 1 }, () => []);
  }

  /** @param kept  in the order in which `parent` gives them */
  push(childCount: number, ...kept: readonly number[]): void {
    const [remaining] = this.#columns as [number[]];
    if (remaining.length === NODE_DEPTH_MAX) {
      throw this.#reader.fault(`its nodes are nested deeper than ${NODE_DEPTH_MAX}`);
    }
    remaining.push(childCount);
    for (let i = 0; i < kept.length; i++) this.#columns[i + 1].push(kept[i]);
  }

  /** Takes a child off the innermost node that has one left, and closes those that have none. @returns whether there is one */
  takeChild(): boolean {
    const [remaining] = this.#columns as [number[]];
    while (remaining.length > 0) {
      if (remaining[remaining.length - 1]-- > 0) return true;
      for (const column of this.#columns) column.pop();
    }
    return false;
  }

  /** What is kept for the node whose child was taken. */
  parent(i: number): number {
    const column = this.#columns[i + 1];
    return column[column.length - 1];
  }
}
