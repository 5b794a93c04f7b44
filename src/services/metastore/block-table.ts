import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { compareUtf8 } from '#src/domain/model/labels.ts';
import { grown } from './growing-columns.ts';
import { ulidBytes, ulidText } from './ulid.ts';

/** Row number in a BlockTable. Rows are never moved. */
export type BlockRow = number;

const ID_WORDS = 4;
const NONE = 0;

/**
 * The blocks that exist, without their datasets, as columns: 44 bytes each, and 8 for finding them by id.
 *
 * @shapes  id Uint32Array[4 * length], most significant word first; the others [length]
 */
export class BlockTable {
  length = 0;
  #id = new Uint32Array(0);
  #shard = new Uint32Array(0);
  #level = new Uint32Array(0);
  #tenant = new Uint32Array(0);
  #minTimeMs = new Float64Array(0);
  #maxTimeMs = new Float64Array(0);
  #sizeBytes = new Float64Array(0);
  readonly #tenants: string[] = [];
  readonly #tenantNumbers = new Map<string, number>();
  /** Open addressing: row + 1, or 0. A power of two, at most half full. */
  #slots = new Uint32Array(16);

  /** The row of a new block, or undefined when its id is known. @order the block was checked */
  add(block: BlockMeta): BlockRow | undefined {
    const id = idWords(block.id);
    const slot = this.#slotOf(id);
    if (this.#slots[slot] !== NONE) return undefined;

    const row = this.length++;
    this.#grow();
    this.#id.set(id, row * ID_WORDS);
    this.#shard[row] = block.shard;
    this.#level[row] = block.level;
    this.#tenant[row] = this.#tenantNumber(block.tenant);
    this.#minTimeMs[row] = block.minTimeMs;
    this.#maxTimeMs[row] = block.maxTimeMs;
    this.#sizeBytes[row] = block.sizeBytes;
    this.#slots[slot] = row + 1;
    if (this.length * 2 > this.#slots.length) this.#rehash();
    return row;
  }

  has(id: string): boolean {
    return this.#slots[this.#slotOf(idWords(id))] !== NONE;
  }

  /** The block as it was added, but for its datasets. */
  blockAt(row: BlockRow): Omit<BlockMeta, 'datasets'> {
    return {
      id: idText(this.#id.subarray(row * ID_WORDS, (row + 1) * ID_WORDS)),
      shard: this.#shard[row],
      tenant: this.#tenants[this.#tenant[row]],
      level: this.#level[row],
      minTimeMs: this.#minTimeMs[row],
      maxTimeMs: this.#maxTimeMs[row],
      sizeBytes: this.#sizeBytes[row],
    };
  }

  /** By tenant, shard, id: the order of answers. */
  compare(a: BlockRow, b: BlockRow): number {
    if (this.#tenant[a] !== this.#tenant[b]) {
      return compareUtf8(this.#tenants[this.#tenant[a]], this.#tenants[this.#tenant[b]]);
    }
    if (this.#shard[a] !== this.#shard[b]) return this.#shard[a] - this.#shard[b];
    for (let i = 0; i < ID_WORDS; i++) {
      const difference = this.#id[a * ID_WORDS + i] - this.#id[b * ID_WORDS + i];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #tenantNumber(tenant: string): number {
    let number = this.#tenantNumbers.get(tenant);
    if (number === undefined) {
      number = this.#tenants.push(tenant) - 1;
      this.#tenantNumbers.set(tenant, number);
    }
    return number;
  }

  #grow(): void {
    this.#id = grown(this.#id, this.length * ID_WORDS);
    this.#shard = grown(this.#shard, this.length);
    this.#level = grown(this.#level, this.length);
    this.#tenant = grown(this.#tenant, this.length);
    this.#minTimeMs = grown(this.#minTimeMs, this.length);
    this.#maxTimeMs = grown(this.#maxTimeMs, this.length);
    this.#sizeBytes = grown(this.#sizeBytes, this.length);
  }

  #rehash(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let row = 0; row < this.length; row++) {
      const id = this.#id.subarray(row * ID_WORDS, (row + 1) * ID_WORDS);
      this.#slots[this.#slotOf(id)] = row + 1;
    }
  }

  /** Where the id is, or where it would be put. */
  #slotOf(id: Uint32Array): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(id) & mask;
    for (; this.#slots[slot] !== NONE; slot = (slot + 1) & mask) {
      const at = (this.#slots[slot] - 1) * ID_WORDS;
      if (id.every((word, i) => this.#id[at + i] === word)) return slot;
    }
    return slot;
  }
}

/** The last 80 bits of a ULID are random, but tests and other writers may count. */
function hashOf(id: Uint32Array): number {
  let hash = 0;
  for (let i = 0; i < ID_WORDS; i++) {
    hash = Math.imul(hash ^ id[i], 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function idWords(id: string): Uint32Array {
  const bytes = ulidBytes(id);
  const view = new DataView(bytes.buffer);
  return Uint32Array.from({ length: ID_WORDS }, (_, i) => view.getUint32(i * 4));
}

function idText(words: Uint32Array): string {
  const view = new DataView(new ArrayBuffer(ID_WORDS * 4));
  words.forEach((word, i) => {
    view.setUint32(i * 4, word);
  });
  return ulidText(new Uint8Array(view.buffer));
}
