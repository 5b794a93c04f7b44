import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { NodeReader, OpenNodes, STEP_NAME_BYTES, STEP_NODES } from './node-reader.ts';
import type { StackCollector } from './stack-collector.ts';

/**
 * Bytes of frames that began in a node and are read again for its descendants. Real tries share a few dozen bytes a
 * node; without a bound, a long name with many children would cost its length for each of them.
 */
export const SHARED_BYTES_MAX: Bytes = 64 << 20;

/** So much of them is read again in one step. */
const STEP_SHARED_BYTES: Bytes = 1 << 20;

/**
 * Reads a trie of folded stacks: the key of a node is what stands on the way to it, `main;work`, cut anywhere. A node
 * with a value is a stack. What follows the trie is not looked at.
 *
 * @throws StoreError 'invalid-argument' when the bytes are no such trie
 * @cost   O(bytes), and at most `SHARED_BYTES_MAX` more; without recursion
 * @source the write-path reference, "/ingest: trie"
 */
export function* readTrie(body: Uint8Array, stacks: StackCollector): Steps<void> {
  const trie = new TrieReading(body, stacks);
  while (trie.readNodes()) yield;
}

class TrieReading {
  readonly #reader: NodeReader;
  /** Per node: the length of its key, where the frame that is not complete begins in it, and the stack before that. */
  readonly #open: OpenNodes;
  readonly #stacks: StackCollector;
  #key = Buffer.alloc(256);
  #sharedBytes: Bytes = 0;

  constructor(body: Uint8Array, stacks: StackCollector) {
    this.#reader = new NodeReader('trie', body);
    this.#open = new OpenNodes(this.#reader, 3);
    this.#stacks = stacks;
    this.#open.push(1, 0, 0, 0); // The root is the one child of nothing.
  }

  /** @returns whether there are more */
  readNodes(): boolean {
    const sharedBytesEnd = this.#sharedBytes + STEP_SHARED_BYTES;
    const nameBytesEnd = this.#reader.nameBytes + STEP_NAME_BYTES;
    for (let i = 0; i < STEP_NODES; i++) {
      if (this.#sharedBytes >= sharedBytesEnd || this.#reader.nameBytes >= nameBytesEnd) break;
      if (!this.#open.takeChild()) return false;
      this.#reader.next();
      this.#readNode(this.#open.parent(0), this.#open.parent(1), this.#open.parent(2));
    }
    return true;
  }

  #readNode(start: number, parentFrameStart: number, parentStack: number): void {
    const { bytes, nameStart, nameEnd, value, childCount } = this.#reader;
    const end = start + nameEnd - nameStart;
    this.#write(start, bytes.subarray(nameStart, nameEnd));
    let frameStart = parentFrameStart;
    let stack = parentStack;
    for (let i = start; i < end; i++) {
      if (this.#key[i] !== SEMICOLON) continue;
      stack = this.#withFrame(stack, frameStart, i, start);
      frameStart = i + 1;
    }
    if (value > 0n) this.#stacks.add(this.#withFrame(stack, frameStart, end, start), value);
    this.#open.push(childCount, end, frameStart, stack);
  }

  /** @param nodeStart  where what the node itself brought begins in the key */
  #withFrame(stack: number, start: number, end: number, nodeStart: number): number {
    this.#sharedBytes += Math.max(0, nodeStart - start);
    if (this.#sharedBytes > SHARED_BYTES_MAX) {
      throw this.#reader.fault(`its nodes share more than ${SHARED_BYTES_MAX} bytes of names with their parents`);
    }
    // A copy, because the key is overwritten by the next branch.
    return this.#stacks.childOf(stack, this.#stacks.name(Buffer.from(this.#key.subarray(start, end))));
  }

  #write(start: number, fragment: Uint8Array): void {
    const end = start + fragment.length;
    if (end > this.#key.length) {
      const longer = Buffer.alloc(2 * end);
      this.#key.copy(longer, 0, 0, start);
      this.#key = longer;
    }
    this.#key.set(fragment, start);
  }
}

const [SEMICOLON] = [...Buffer.from(';')];
