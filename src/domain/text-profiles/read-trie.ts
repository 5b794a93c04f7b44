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

/** Frames of one step, some ten milliseconds: one node may have millions. */
const STEP_FRAMES = 1 << 14;

/**
 * Reads a trie of folded stacks: the key of a node is what stands on the way to it, `main;work`, cut anywhere. A node
 * with a value is a stack. No bytes at all are a trie without stacks. What follows the trie is one more.
 *
 * @throws StoreError 'invalid-argument' when the bytes are no such trie
 * @cost   O(bytes), and at most `SHARED_BYTES_MAX` more; without recursion
 * @source the write-path reference, "/ingest: trie"
 */
export function* readTrie(body: Uint8Array, stacks: StackCollector): Steps<void> {
  const trie = new TrieReading(body, stacks);
  while (trie.readSome()) yield;
}

class TrieReading {
  readonly #reader: NodeReader;
  /** Per node: the length of its key, where the frame that is not complete begins in it, and the stack before that. */
  readonly #open: OpenNodes;
  readonly #stacks: StackCollector;
  #key = Buffer.alloc(256);
  #sharedBytes: Bytes = 0;
  #frames = 0;
  /** The node that is read: where in the key what it brought begins, how far that was read, and where it ends. */
  #inNode = false;
  #start = 0;
  #at = 0;
  #end = 0;
  /** Where the frame that is not complete begins in the key, and the stack before that. */
  #frameStart = 0;
  #stack = 0;

  constructor(body: Uint8Array, stacks: StackCollector) {
    this.#reader = new NodeReader('trie', body);
    this.#open = new OpenNodes(this.#reader, 3);
    this.#stacks = stacks;
  }

  /** Goes on for a step. @returns whether there is more */
  readSome(): boolean {
    const sharedBytesEnd = this.#sharedBytes + STEP_SHARED_BYTES;
    const nameBytesEnd = this.#reader.nameBytes + STEP_NAME_BYTES;
    const framesEnd = this.#frames + STEP_FRAMES;
    for (let i = 0; i < STEP_NODES; i++) {
      if (this.#sharedBytes >= sharedBytesEnd || this.#reader.nameBytes >= nameBytesEnd) break;
      if (!this.#inNode && !this.#openNode()) return false;
      this.#inNode = !this.#readFrames(framesEnd);
      if (this.#inNode) break;
      this.#closeNode();
    }
    return true;
  }

  /** @returns whether there is a node left */
  #openNode(): boolean {
    const reader = this.#reader;
    if (!this.#open.takeChild()) {
      if (reader.isAtEnd) return false;
      this.#open.push(0, 0, 0, 0); // A root is a child of nothing.
    }
    reader.next();
    this.#start = this.#at = this.#open.parent(0);
    this.#frameStart = this.#open.parent(1);
    this.#stack = this.#open.parent(2);
    this.#end = this.#start + reader.nameEnd - reader.nameStart;
    this.#write(this.#start, reader.bytes.subarray(reader.nameStart, reader.nameEnd));
    return true;
  }

  /** Reads frames that end in the node, until there were `framesEnd` in all. @returns whether none is left */
  #readFrames(framesEnd: number): boolean {
    for (let i = this.#at; i < this.#end; i++) {
      if (this.#key[i] !== SEMICOLON) continue;
      if (this.#frames === framesEnd) {
        this.#at = i;
        return false;
      }
      this.#frames++;
      this.#stack = this.#withFrame(i);
      this.#frameStart = i + 1;
    }
    return true;
  }

  /** The frame that does not end in the node goes on in its children. */
  #closeNode(): void {
    const { value, childCount } = this.#reader;
    if (value > 0n) this.#stacks.add(this.#stackOfKey(), value);
    this.#open.push(childCount, this.#end, this.#frameStart, this.#stack);
  }

  /** The stack of the whole key. A semicolon at its end begins no frame; a key of nothing is a frame without a name. */
  #stackOfKey(): number {
    const isFrameEmpty = this.#frameStart === this.#end;
    return isFrameEmpty && this.#end > 0 ? this.#stack : this.#withFrame(this.#end);
  }

  /** The stack with the frame that ends before `end`. */
  #withFrame(end: number): number {
    this.#sharedBytes += Math.max(0, this.#start - this.#frameStart);
    if (this.#sharedBytes > SHARED_BYTES_MAX) {
      throw this.#reader.fault(`its nodes share more than ${SHARED_BYTES_MAX} bytes of names with their parents`);
    }
    return this.#stacks.childOf(this.#stack, this.#nameOf(this.#frameStart, end));
  }

  #nameOf(start: number, end: number): number {
    if (start >= this.#start) {
      const inBody = this.#reader.nameStart - this.#start;
      return this.#stacks.name(this.#reader.bytes, inBody + start, inBody + end);
    }
    // A copy, because the key is overwritten by the next branch.
    return this.#stacks.name(Buffer.from(this.#key.subarray(start, end)), 0, end - start);
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
