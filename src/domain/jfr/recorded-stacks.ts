import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import type { IntegerColumns } from './jfr-cursor.ts';
import { SymbolTable } from './symbol-table.ts';
import { WordLists } from './word-lists.ts';
import { type TableMeans, WordTable } from './word-table.ts';

/** Of one stacktrace. async-profiler and the JDK cut them at 2048 unless they are told otherwise. */
export const FRAMES_MAX = 16_384;

/** Most stacktraces are shorter. */
const FRAMES_AT_FIRST = 256;

/** The number of the symbol that has no characters. */
export const EMPTY_SYMBOL = 0;

/** The number of the stacktrace that has no frames. */
export const EMPTY_STACK = 0;

/** Two symbols, and a function. */
const FUNCTION_STRIDE = 3;

const POINT = 0x2e;

/** Of all functions: each method may have a long name of its own, made of a class that is written only once. */
const FUNCTION_NAME_BYTES_MAX: Bytes = 16 << 20;

/**
 * The functions, locations and stacktraces of a recording. Chunks number them anew, here they have one number for all.
 *
 * All of them count from 0. A stacktrace is a list of locations, leaf first, and `EMPTY_STACK` is the one without any.
 */
export class RecordedStacks {
  /** Room for the two columns that a stacktrace is made of, while it is read. */
  columns: IntegerColumns;
  /** Names of classes and methods. */
  readonly symbols: SymbolTable;
  /** Symbols of the class and the method; the function, which is the row where the method has no point. */
  readonly #functions: WordTable;
  #nameBytes: Bytes = 0;
  /** Function, line. */
  readonly #locations: WordTable;
  readonly #stacks: WordLists;

  constructor(means: TableMeans) {
    this.columns = columnsOf(FRAMES_AT_FIRST);
    this.symbols = new SymbolTable(means);
    this.symbols.intern('');
    this.#functions = new WordTable('functions', { keyWords: 2, dataWords: 1, rows: 1024 }, means);
    this.#locations = new WordTable('locations', { keyWords: 2, dataWords: 0, rows: 1024 }, means);
    this.#stacks = new WordLists('stacktraces', { words: 1 << 14, rows: 512 }, means);
    this.#stacks.internLast(0);
  }

  get locationCount(): number {
    return this.#locations.length;
  }

  /** All functions have smaller numbers. */
  get functionCount(): number {
    return this.#functions.length;
  }

  /**
   * The function of a class and a method, whose names are symbols. Its name is both of them with a point in between.
   *
   * @throws StoreError 'invalid-argument' when all names together are too long
   */
  functionOf(className: number, name: number): number {
    const functions = this.#functions;
    const { key, length } = functions;
    key[0] = className;
    key[1] = name;
    const row = functions.intern();
    const at = FUNCTION_STRIDE * row + 2;
    if (row < length) return functions.words[at];
    const functionId = this.#newFunction(row, className, name);
    // Other words by now, if the table grew.
    functions.words[at] = functionId;
    return functionId;
  }

  /**
   * Two pairs of symbols say the same when one has a method with a point: what stands before its last point belongs to
   * the class then.
   */
  #newFunction(row: number, className: number, name: number): number {
    const { symbols } = this;
    // Counted before anything is joined: many methods may have one long class.
    this.#nameBytes += symbols.bytesOf(className) + 1 + symbols.bytesOf(name);
    if (this.#nameBytes > FUNCTION_NAME_BYTES_MAX) throw functionNamesTooLong();
    const point = symbols.lastPointOf(name);
    if (point === -1) return row;
    return this.functionOf(symbols.internJoined(className, name, point), symbols.internRest(name, point + 1));
  }

  locationOf(functionId: number, line: number): number {
    const { key } = this.#locations;
    key[0] = functionId;
    key[1] = line;
    return this.#locations.intern();
  }

  /** Makes room for a stacktrace, in the columns and where its locations are written. */
  reserveFrames(count: number): void {
    this.#stacks.reserve(count);
    const { stride } = this.columns;
    if (count > stride) this.columns = columnsOf(Math.max(count, Math.min(2 * stride, FRAMES_MAX)));
  }

  /**
   * Where the locations of the next stacktrace are written, leaf first.
   *
   * @order behind `reserveFrames`
   */
  nextFrames(): { words: Int32Array; start: number } {
    return { words: this.#stacks.words, start: this.#stacks.end };
  }

  /** The stacktrace that was written. */
  stackOfFrames(count: number): number {
    return this.#stacks.internLast(count);
  }

  functionAndLineOf(location: number): { functionId: number; line: number } {
    const { words } = this.#locations;
    return { functionId: words[2 * location], line: words[2 * location + 1] };
  }

  /** How many locations a stacktrace has. They begin at `firstOf` among the `frames`, leaf first. */
  countOf(stack: number): number {
    return this.#stacks.lengthOf(stack);
  }

  firstOf(stack: number): number {
    return this.#stacks.startOf(stack);
  }

  get frames(): Int32Array {
    return this.#stacks.words;
  }

  /** How long the name of a function is. */
  functionNameBytes(functionId: number): Bytes {
    const { words } = this.#functions;
    const at = FUNCTION_STRIDE * functionId;
    return this.symbols.bytesOf(words[at]) + 1 + this.symbols.bytesOf(words[at + 1]);
  }

  /** Writes the name of a function, UTF-8. @returns where it ends */
  writeFunctionName(target: Uint8Array, at: Bytes, functionId: number): Bytes {
    const { words } = this.#functions;
    const row = FUNCTION_STRIDE * functionId;
    const point = this.symbols.writeTo(target, at, words[row]);
    target[point] = POINT;
    return this.symbols.writeTo(target, point + 1, words[row + 1]);
  }
}

function columnsOf(stride: number): IntegerColumns {
  return { low: new Int32Array(2 * stride), high: new Int32Array(2 * stride), stride };
}

function functionNamesTooLong(): Error {
  return undecodableUpload('jfr', `its names of functions take more than ${FUNCTION_NAME_BYTES_MAX} bytes`);
}
