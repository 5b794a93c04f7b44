import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import type { IntegerColumns } from './jfr-cursor.ts';
import { SymbolTable } from './symbol-table.ts';
import { type TableMeans, WordTable } from './word-table.ts';

/** Of one stacktrace. async-profiler and the JDK cut them at 2048 unless they are told otherwise. */
export const FRAMES_MAX = 16_384;

/** Most stacktraces are shorter. */
const FRAMES_AT_FIRST = 256;

/** The number of the symbol that has no characters. */
export const EMPTY_SYMBOL = 0;

/** Two symbols, and a function. */
const FUNCTION_STRIDE = 3;

const POINT = 0x2e;

/** Of all functions: each method may have a long name of its own, made of a class that is written only once. */
const FUNCTION_NAME_BYTES_MAX: Bytes = 16 << 20;

/**
 * The functions, locations and stacktraces of a recording. Chunks number them anew, here they have one number for all.
 *
 * Functions count from 0 and locations as well; stacktraces are rows of a tree, as in a stack table: 0 is the empty one,
 * and every other one is a location called from another stacktrace.
 */
export class RecordedStacks {
  /** Room for the locations of one stacktrace, while it is read, and for the two columns that they are made of. */
  frames: Int32Array;
  columns: IntegerColumns;
  /** The stacktrace before, root first: its locations, and the stacktraces that end in them. */
  #pathLocations: Int32Array;
  #pathStacks: Int32Array;
  #pathLength = 0;
  /** Names of classes and methods. */
  readonly symbols: SymbolTable;
  /** Symbols of the class and the method; the function, which is the row where the method has no point. */
  readonly #functions: WordTable;
  #nameBytes: Bytes = 0;
  /** Function, line. */
  readonly #locations: WordTable;
  /** The stacktrace of the caller, location. Row i is stacktrace i + 1. */
  readonly #stacks: WordTable;

  constructor(means: TableMeans) {
    this.frames = new Int32Array(FRAMES_AT_FIRST);
    this.columns = columnsOf(FRAMES_AT_FIRST);
    this.#pathLocations = new Int32Array(FRAMES_AT_FIRST);
    this.#pathStacks = new Int32Array(FRAMES_AT_FIRST);
    this.symbols = new SymbolTable(means);
    this.symbols.intern('');
    this.#functions = new WordTable('functions', { keyWords: 2, dataWords: 1, rows: 1024 }, means);
    this.#locations = new WordTable('locations', { keyWords: 2, dataWords: 0, rows: 1024 }, means);
    this.#stacks = new WordTable('calls', { keyWords: 2, dataWords: 0, rows: 2048 }, means);
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

  /** Makes room for a stacktrace. What was in it is gone, save for the one before. */
  reserveFrames(count: number): void {
    if (count <= this.frames.length) return;
    const length = Math.max(count, Math.min(2 * this.frames.length, FRAMES_MAX));
    this.frames = new Int32Array(length);
    this.columns = columnsOf(length);
    this.#pathLocations = widened(this.#pathLocations, length);
    this.#pathStacks = widened(this.#pathStacks, length);
  }

  /** The stacktrace of the first locations in `frames`, leaf first. */
  stackOfFrames(count: number): number {
    const { key } = this.#stacks;
    let depth = 0;
    // Neighbours mostly begin alike, and need not be looked for as long as they do.
    const common = Math.min(count, this.#pathLength);
    while (depth < common && this.#pathLocations[depth] === this.frames[count - 1 - depth]) depth++;
    let stack = depth === 0 ? 0 : this.#pathStacks[depth - 1];
    for (; depth < count; depth++) {
      key[0] = stack;
      key[1] = this.#pathLocations[depth] = this.frames[count - 1 - depth];
      stack = this.#pathStacks[depth] = this.#stacks.intern() + 1;
    }
    this.#pathLength = count;
    return stack;
  }

  functionAndLineOf(location: number): { functionId: number; line: number } {
    const { words } = this.#locations;
    return { functionId: words[2 * location], line: words[2 * location + 1] };
  }

  /** Writes the locations of a stacktrace into `frames`, leaf first. @returns how many they are */
  locationsOf(stack: number): number {
    const { words } = this.#stacks;
    const { frames } = this;
    let count = 0;
    for (let row = stack; row > 0; row = words[2 * row - 2]) frames[count++] = words[2 * row - 1];
    return count;
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

function widened(column: Int32Array, length: number): Int32Array {
  const wider = new Int32Array(length);
  wider.set(column);
  return wider;
}

function functionNamesTooLong(): Error {
  return undecodableUpload('jfr', `its names of functions take more than ${FUNCTION_NAME_BYTES_MAX} bytes`);
}
