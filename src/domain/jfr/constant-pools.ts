import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { ChunkHeader } from './chunk-header.ts';
import { type ChunkTypes, type JfrClass, typeKey } from './chunk-metadata.ts';
import type { JfrCursor } from './jfr-cursor.ts';
import { malformedJfr } from './malformed-jfr.ts';
import type { StepWork } from './step-work.ts';
import { runPlan, type ValuePlan, type ValuePlanner, ValueSlots } from './value-plan.ts';
import { type TableMeans, WordTable } from './word-table.ts';

/** The constants that samples refer to, directly or not. All others are stepped over. */
const POOLS = {
  'jdk.types.StackTrace': 'stack traces',
  'jdk.types.Method': 'methods',
  'java.lang.Class': 'classes',
  'jdk.types.Symbol': 'symbols',
  'jdk.types.ThreadState': 'thread states',
  'java.lang.String': 'strings',
} as const;

export type PoolName = keyof typeof POOLS;

/** Of a pool and of an event with pools, beside the constants in them: there may be none. */
const POOL_WORK = 16;

/** A key is small when it is at most so many times the number of constants so far, or just small. */
const DIRECT_RATIO = 2;
const DIRECT_SLACK = 256;

/**
 * The constants of one type: where each of them lies, by its key. They are decoded when a sample needs them, so a pool
 * costs 8 bytes a constant and at most 36 for its key, however large it is.
 */
export class ConstantPool {
  readonly type: JfrClass;
  #length = 0;
  #offsets = new Int32Array(DIRECT_SLACK);
  #made = new Int32Array(DIRECT_SLACK);
  /** Rows + 1, by their keys when these are small. Most writers count from 1. */
  #direct = new Int32Array(DIRECT_SLACK);
  /** The row beside every other key. */
  readonly #others: WordTable;
  readonly #memory: MemoryBudget;

  constructor(type: JfrClass, what: string, means: TableMeans) {
    this.type = type;
    this.#memory = means.memory;
    means.memory.take(this.#columnBytes);
    this.#others = new WordTable(what, { keyWords: 2, dataWords: 1 }, means);
  }

  get length(): number {
    return this.#length;
  }

  get sizeBytes(): Bytes {
    return this.#columnBytes + this.#others.sizeBytes;
  }

  get #columnBytes(): Bytes {
    return this.#offsets.byteLength + this.#made.byteLength + this.#direct.byteLength;
  }

  /** The first one of a key stays. */
  add(low: number, high: number, offset: Bytes): void {
    if (this.rowOf(low, high) !== -1) return;
    const row = this.#length++;
    if (row === this.#offsets.length) {
      this.#offsets = this.#widened(this.#offsets, row);
      this.#made = this.#widened(this.#made, row);
    }
    this.#offsets[row] = offset;
    if (high === 0 && low >= 0 && low < DIRECT_RATIO * row + DIRECT_SLACK) {
      if (low >= this.#direct.length) this.#direct = this.#widened(this.#direct, low);
      this.#direct[low] = row + 1;
    } else {
      this.#setKey(low, high);
      const other = this.#others.intern();
      this.#others.words[3 * other + 2] = row;
    }
  }

  /** The row of a key, -1 when there is no such constant. */
  rowOf(low: number, high: number): number {
    if (high === 0 && low >= 0 && low < this.#direct.length && this.#direct[low] !== 0) return this.#direct[low] - 1;
    if (this.#others.length === 0) return -1;
    this.#setKey(low, high);
    const other = this.#others.find();
    return other === -1 ? -1 : this.#others.words[3 * other + 2];
  }

  /** All keys below that have nothing in their upper half may be small ones: whoever notes something by key needs so much room. */
  get smallKeys(): number {
    return this.#direct.length;
  }

  offsetOf(row: number): Bytes {
    return this.#offsets[row];
  }

  /** What was made of the constant, as a number; 0 until it is set. */
  madeOf(row: number): number {
    return this.#made[row];
  }

  setMade(row: number, made: number): void {
    this.#made[row] = made;
  }

  #setKey(low: number, high: number): void {
    this.#others.key[0] = low;
    this.#others.key[1] = high;
  }

  /** Twice as long, so that there is a place `at`. */
  #widened(column: Int32Array, at: number): Int32Array<ArrayBuffer> {
    const length = 2 ** (32 - Math.clz32(at));
    this.#memory.take(4 * length - column.byteLength);
    const wider = new Int32Array(length);
    wider.set(column);
    return wider;
  }
}

export type ConstantPools = Readonly<Record<PoolName, ConstantPool>>;

/**
 * Finds the constants of a chunk. They are in events that are a chain, of which the header names the last one:
 *
 *     size, type 1, start, duration, delta to the one before or 0, kind | n pools
 *
 *     pool     := id of a type, n constants
 *     constant := key, the fields of the type
 *
 * @throws StoreError 'invalid-argument' when a type or one of the pools cannot be
 */
export function* readConstantPools(
  cursor: JfrCursor,
  header: ChunkHeader,
  { types, planner, means, work }: { types: ChunkTypes; planner: ValuePlanner; means: TableMeans; work: StepWork },
): Steps<ConstantPools> {
  const pools = emptyPools(types, header.metadataStart, means);
  const plans = new Map<JfrClass, ValuePlan>();
  const found = new Map<number, ConstantPool>(Object.values(pools).map((pool) => [pool.type.id, pool]));

  // The last one first: where a key is written twice, the younger constant is the one that is meant.
  let start = header.constantsStart;
  let end = header.end;
  for (;;) {
    cursor.position = start;
    cursor.end = end;
    const size = cursor.number('the size of constants');
    // Those before must end here, or a chain could go through the same bytes for ever.
    if (size > end - start) throw malformedJfr(`constants of ${size} bytes, where ${end - start} are free`, start);
    cursor.end = start + size;
    const type = cursor.number('the type of constants');
    if (type !== 1) throw malformedJfr(`where constants should be is an event of type ${type}`, start);
    cursor.skipIntegers(2);
    cursor.long();
    const delta = cursor.signed();
    cursor.skipIntegers(1);
    for (let left = cursor.count('pools of constants', 2); left > 0; left--) {
      yield* readPool(cursor, { types, planner, plans, found }, work);
    }
    if (work.add(POOL_WORK)) yield;
    if (delta === 0n) return pools;
    const before = BigInt(start) + delta;
    if (delta > 0n || before < BigInt(header.eventsStart)) {
      throw malformedJfr(`the constants before are ${delta} bytes away, outside of the chunk`, start);
    }
    end = start;
    start = Number(before);
  }
}

function emptyPools(types: ChunkTypes, offset: Bytes, means: TableMeans): ConstantPools {
  const entries = Object.entries(POOLS).map(([name, what]) => {
    const type = types.byName.get(name);
    if (type === undefined) throw malformedJfr(`the metadata has no type ${name}`, offset);
    return [name, new ConstantPool(type, what, means)];
  });
  return Object.fromEntries(entries) as ConstantPools;
}

type Pools = {
  readonly types: ChunkTypes;
  readonly planner: ValuePlanner;
  /** Of the types that were met. */
  readonly plans: Map<JfrClass, ValuePlan>;
  /** Those that are kept. */
  readonly found: ReadonlyMap<number, ConstantPool>;
};

function* readPool(cursor: JfrCursor, { types, planner, plans, found }: Pools, work: StepWork): Steps<void> {
  const start = cursor.position;
  const id = cursor.number('the type of a pool');
  const type = types.byId.get(typeKey(id));
  if (type === undefined) throw malformedJfr(`a pool of type ${id}, which the metadata does not have`, start);
  const plan = plans.get(type) ?? planner.planOf(type);
  plans.set(type, plan);
  let left = cursor.count('constants', 1 + plan.bytesMin);
  if (work.add(POOL_WORK)) yield;
  while (left > 0) {
    const from = cursor.position;
    left = readConstants(cursor, plan, found.get(id), left, from + work.left);
    if (work.add(cursor.position - from)) yield;
  }
}

const nothing = new ValueSlots(0);

/** Goes through constants up to where a step ends. @returns how many are left */
function readConstants(
  cursor: JfrCursor,
  plan: ValuePlan,
  pool: ConstantPool | undefined,
  count: number,
  stop: Bytes,
): number {
  let left = count;
  while (left > 0 && cursor.position < stop) {
    cursor.long();
    pool?.add(cursor.low, cursor.high, cursor.position);
    runPlan(plan, cursor, nothing);
    left--;
  }
  return left;
}
