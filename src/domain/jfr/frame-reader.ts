import type { Bytes } from '#src/domain/model/units.ts';
import type { ConstantPool, ConstantPools } from './constant-pools.ts';
import { JfrCursor, TEXT_LENGTH_MAX } from './jfr-cursor.ts';
import { malformedJfr } from './malformed-jfr.ts';
import { EMPTY_STACK, EMPTY_SYMBOL, FRAMES_MAX, type RecordedStacks } from './recorded-stacks.ts';
import { stableSymbol } from './symbol-name.ts';
import {
  beginsWithText,
  integerSlotsOf,
  runPlan,
  type ValuePlan,
  type ValuePlanner,
  ValueSlots,
  type WantedField,
} from './value-plan.ts';

/** What the thread of a sample did. */
export type ThreadState = 'unknown' | 'runnable' | 'sleeping' | 'other';

const wantedOfClass = new Map<string, WantedField>([
  ['name', { slot: 0, type: 'jdk.types.Symbol', shape: 'constant' }],
]);
const wantedOfMethod = new Map<string, WantedField>([
  ['type', { slot: 0, type: 'java.lang.Class', shape: 'constant' }],
  ['name', { slot: 1, type: 'jdk.types.Symbol', shape: 'constant' }],
]);
const wantedOfFrame = new Map<string, WantedField>([
  ['method', { slot: 0, type: 'jdk.types.Method', shape: 'constant' }],
  ['lineNumber', { slot: 1, type: 'int', shape: 'value' }],
]);
const wantedOfSymbol = new Map<string, WantedField>([
  ['string', { slot: 0, type: 'java.lang.String', shape: 'value' }],
]);
const wantedOfState = new Map<string, WantedField>([['name', { slot: 0, type: 'java.lang.String', shape: 'value' }]]);

/** Settings and states that are known by their names have shorter ones: so much says whether a text is one of them. */
export const KNOWN_LENGTH_MAX = 32;

/** What is wanted of a constant at most. */
const SLOTS = 2;

/** What is gone through in a step: frames of stacktraces that are met for the first time, and the texts of their names. */
const STEP_FRAMES = 1 << 15;
const STEP_TEXT_BYTES: Bytes = 1 << 20;

/** Instead of a stacktrace: its names are too long for the step. */
export const UNFINISHED = -1;

/** Instead of a stacktrace: no constant has the key. */
export const NO_STACK = -2;

/** What a function costs beside its names, when it is met for the first time, in bytes of names. */
const FUNCTION_TEXT_BYTES: Bytes = 256;

/** What was made of a constant that cannot be used. Everything else that is made of one is a number from 1. */
const UNKNOWN = -1;

/**
 * Decodes the constants of a chunk that samples refer to, each when it is needed first, and once.
 *
 * A frame whose method or class is unknown is left out. A function is the name of its class and its own, and a symbol
 * that is unknown counts as an empty one.
 */
export class FrameReader {
  readonly #cursor: JfrCursor;
  readonly #pools: ConstantPools;
  readonly #stacks: RecordedStacks;
  readonly #frames: { before: ValuePlan; item: ValuePlan } | undefined;
  readonly #plans: { readonly class: ValuePlan; method: ValuePlan; symbol: ValuePlan; state: ValuePlan };
  readonly #slots = new ValueSlots(SLOTS);
  readonly #frameCursor: JfrCursor;
  /** What is wanted of a frame that is integers only, as it is in all known writers; it takes a fraction of the time. */
  readonly #frameIntegers: Int32Array | undefined;
  /** Which of the two columns frames do not have. */
  readonly #framesLack: readonly number[];
  /**
   * Of each method with a small key the line that was met last, and its location + 1: most methods are met in one line.
   *
   * @shapes Int32Array[2 × small keys]
   */
  readonly #lastLines: Int32Array;
  /** A symbol begins with its text, as it does in all known writers. */
  readonly #textsFirst: boolean;
  #framesRead = 0;
  #stopFrames = 0;
  #stopTexts: Bytes = 0;

  /** @param end  of the chunk */
  constructor(recording: Uint8Array, end: Bytes, pools: ConstantPools, planner: ValuePlanner, stacks: RecordedStacks) {
    this.#cursor = new JfrCursor(recording, 0, end);
    this.#frameCursor = new JfrCursor(recording, 0, end);
    this.#pools = pools;
    this.#stacks = stacks;
    this.#frames = planner.arrayOf(pools['jdk.types.StackTrace'].type, 'frames', wantedOfFrame);
    this.#lastLines = new Int32Array(2 * pools['jdk.types.Method'].smallKeys);
    this.#frameIntegers = this.#frames && integerSlotsOf(this.#frames.item);
    this.#framesLack = [0, 1].filter((column) => this.#frameIntegers?.includes(column) === false);
    this.#plans = {
      class: planner.planOf(pools['java.lang.Class'].type, wantedOfClass),
      method: planner.planOf(pools['jdk.types.Method'].type, wantedOfMethod),
      symbol: planner.planOf(pools['jdk.types.Symbol'].type, wantedOfSymbol),
      state: planner.planOf(pools['jdk.types.ThreadState'].type, wantedOfState),
    };
    this.#textsFirst = beginsWithText(this.#plans.symbol);
  }

  /** Of what is noted for each method. */
  get sizeBytes(): Bytes {
    return this.#lastLines.byteLength;
  }

  /** Begins a step, which is over after so many frames, or bytes of texts. */
  beginStep(): void {
    this.#stopFrames = this.#framesRead + STEP_FRAMES;
    this.#stopTexts = this.#cursor.decoded + STEP_TEXT_BYTES;
  }

  get stepIsOver(): boolean {
    return this.#framesRead >= this.#stopFrames || this.#cursor.decoded >= this.#stopTexts;
  }

  /**
   * The stacktrace of a key, which is the empty one where it has no frame, or none that is known; `NO_STACK` when there is no
   * such constant. `UNFINISHED` when its names are too long for a step: what was read of them is kept, and who asks again in
   * the next step gets further.
   */
  stackOf(low: number, high: number): number {
    const pool = this.#pools['jdk.types.StackTrace'];
    const row = pool.rowOf(low, high);
    if (row === -1) return NO_STACK;
    const made = pool.madeOf(row);
    if (made !== 0) return made - 1;
    const stack = this.#readStack(pool.offsetOf(row));
    if (stack === UNFINISHED) return UNFINISHED;
    pool.setMade(row, stack + 1);
    return stack;
  }

  threadStateOf(low: number, high: number): ThreadState {
    const pool = this.#pools['jdk.types.ThreadState'];
    const row = pool.rowOf(low, high);
    if (row === -1) return 'unknown';
    let made = pool.madeOf(row);
    if (made === 0) {
      this.#run(this.#plans.state, pool, row);
      const name = this.textOf(this.#slots, 0, KNOWN_LENGTH_MAX);
      made =
        1 +
        Math.max(
          0,
          THREAD_STATES.findIndex((state) => state.name === name),
        );
      pool.setMade(row, made);
    }
    return THREAD_STATES[made - 1].state;
  }

  /**
   * What a field with a text says, which may be a constant. Nothing remembers it: many fields may refer to one constant.
   *
   * @param lengthMax  what is looked at of a constant
   */
  textOf(slots: ValueSlots, slot: number, lengthMax: number): string {
    const { low, high, text } = slots;
    if (low[slot] === 0 && high[slot] === 0) return text[slot];
    const pool = this.#pools['java.lang.String'];
    const row = pool.rowOf(low[slot], high[slot]);
    return row === -1 ? '' : this.#textAt(pool.offsetOf(row), lengthMax);
  }

  #textAt(offset: Bytes, lengthMax: number): string {
    this.#cursor.position = offset;
    // A constant that is a constant again would be no text, and could be itself.
    return this.#cursor.textBeginning(lengthMax) ?? '';
  }

  #readStack(offset: Bytes): number {
    if (this.#frames === undefined) return EMPTY_STACK;
    const { before, item } = this.#frames;
    // A cursor of its own, because functions are read in between.
    const cursor = this.#frameCursor;
    cursor.position = offset;
    runPlan(before, cursor, this.#slots);
    const count = cursor.count('frames', item.bytesMin);
    if (count > FRAMES_MAX) throw malformedJfr(`a stacktrace of ${count} frames, the limit is ${FRAMES_MAX}`, offset);
    this.#framesRead += count;
    this.#stacks.reserveFrames(count);
    this.#readFrames(cursor, item, count);
    const { low, high, stride } = this.#stacks.columns;
    const { words, start } = this.#stacks.nextFrames();
    let end = start;
    const lastLines = this.#lastLines;
    const smallKeys = lastLines.length >>> 1;
    for (let i = 0; i < count; i++) {
      const key = low[i];
      // Lines below zero are those that are not known.
      const line = Math.max(0, low[stride + i]);
      const small = high[i] === 0 && key >= 0 && key < smallKeys;
      if (small && lastLines[2 * key] === line && lastLines[2 * key + 1] !== 0) {
        words[end++] = lastLines[2 * key + 1] - 1;
        continue;
      }
      if (this.#cursor.decoded >= this.#stopTexts) return UNFINISHED;
      const location = this.#locationOf(key, high[i], line);
      if (location === UNKNOWN) continue;
      words[end++] = location;
      if (!small) continue;
      lastLines[2 * key] = line;
      lastLines[2 * key + 1] = location + 1;
    }
    return this.#stacks.stackOfFrames(end - start);
  }

  /** Reads the keys of methods and the lines of frames, as two columns. */
  #readFrames(cursor: JfrCursor, item: ValuePlan, count: number): void {
    const { columns } = this.#stacks;
    if (this.#frameIntegers !== undefined) {
      for (const column of this.#framesLack) {
        columns.low.fill(0, column * columns.stride, column * columns.stride + count);
        columns.high.fill(0, column * columns.stride, column * columns.stride + count);
      }
      cursor.records(count, this.#frameIntegers, columns);
      return;
    }
    const slots = new ValueSlots(2);
    for (let i = 0; i < count; i++) {
      runPlan(item, cursor, slots);
      for (let column = 0; column < 2; column++) {
        columns.low[column * columns.stride + i] = slots.low[column];
        columns.high[column * columns.stride + i] = slots.high[column];
      }
    }
  }

  #locationOf(low: number, high: number, line: number): number {
    const row = this.#pools['jdk.types.Method'].rowOf(low, high);
    if (row === -1) return UNKNOWN;
    const functionId = this.#functionOf(row);
    return functionId === UNKNOWN ? UNKNOWN : this.#stacks.locationOf(functionId, line);
  }

  #functionOf(row: number): number {
    const pool = this.#pools['jdk.types.Method'];
    const made = pool.madeOf(row);
    if (made !== 0) return made === UNKNOWN ? UNKNOWN : made - 1;
    this.#cursor.decoded += FUNCTION_TEXT_BYTES;
    this.#run(this.#plans.method, pool, row);
    const [nameLow, nameHigh] = [this.#slots.low[1], this.#slots.high[1]];
    const className = this.#classNameOf(this.#slots.low[0], this.#slots.high[0]);
    if (className === undefined) {
      pool.setMade(row, UNKNOWN);
      return UNKNOWN;
    }
    const name = this.#symbolOf(nameLow, nameHigh);
    const functionId = this.#stacks.functionOf(className, name);
    pool.setMade(row, functionId + 1);
    return functionId;
  }

  /** @returns the number of a symbol */
  #classNameOf(low: number, high: number): number | undefined {
    const pool = this.#pools['java.lang.Class'];
    const row = pool.rowOf(low, high);
    if (row === -1) return undefined;
    let made = pool.madeOf(row);
    if (made === 0) {
      this.#run(this.#plans.class, pool, row);
      made = 1 + this.#symbolOf(this.#slots.low[0], this.#slots.high[0]);
      pool.setMade(row, made);
    }
    return made - 1;
  }

  /** @returns its number in the recording */
  #symbolOf(low: number, high: number): number {
    const pool = this.#pools['jdk.types.Symbol'];
    const row = pool.rowOf(low, high);
    if (row === -1) return EMPTY_SYMBOL;
    let made = pool.madeOf(row);
    if (made === 0) {
      made = 1 + this.#readSymbol(pool, row);
      pool.setMade(row, made);
    }
    return made - 1;
  }

  #readSymbol(pool: ConstantPool, row: number): number {
    const { symbols } = this.#stacks;
    if (this.#textsFirst) {
      const cursor = this.#cursor;
      cursor.position = pool.offsetOf(row);
      const length = cursor.textBytes();
      const symbol = length === -1 ? -1 : symbols.internPlain(cursor.bytes, cursor.position, length);
      if (symbol !== -1) return symbol;
    }
    this.#run(this.#plans.symbol, pool, row);
    const { low, high, text } = this.#slots;
    if (low[0] === 0 && high[0] === 0) return symbols.intern(stableSymbol(text[0]));
    return this.#symbolOfString(low[0], high[0]);
  }

  /** A symbol that is a constant itself. Very many may be one and the same, which is decoded once. */
  #symbolOfString(low: number, high: number): number {
    const pool = this.#pools['java.lang.String'];
    const row = pool.rowOf(low, high);
    if (row === -1) return EMPTY_SYMBOL;
    let made = pool.madeOf(row);
    if (made === 0) {
      const text = this.#textAt(pool.offsetOf(row), TEXT_LENGTH_MAX);
      made = 1 + this.#stacks.symbols.intern(stableSymbol(text));
      pool.setMade(row, made);
    }
    return made - 1;
  }

  /** Reads a constant into the slots. What it has no field for is 0 and empty. */
  #run(plan: ValuePlan, pool: ConstantPool, row: number): void {
    const { low, high, text } = this.#slots;
    for (let slot = 0; slot < SLOTS; slot++) {
      low[slot] = 0;
      high[slot] = 0;
      text[slot] = '';
    }
    this.#cursor.position = pool.offsetOf(row);
    runPlan(plan, this.#cursor, this.#slots);
  }
}

/** The first one is that of all other names. */
const THREAD_STATES: readonly { readonly name: string; readonly state: ThreadState }[] = [
  { name: '', state: 'other' },
  { name: 'STATE_RUNNABLE', state: 'runnable' },
  { name: 'STATE_SLEEPING', state: 'sleeping' },
];
