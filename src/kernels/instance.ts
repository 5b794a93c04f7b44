import { readFileSync } from 'node:fs';
import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';

/** A place in the memory of an instance. 0 is never one. */
export type Pointer = number;

/** The exports of wasm/index.ts, as seen from TypeScript. Pointers and counts are u32 and arrive signed: use `>>> 0`. */
export type KernelExports = {
  readonly arenaFull: WebAssembly.Global<'i32'>;
  readonly arenaNeed: WebAssembly.Global<'i64'>;
  arenaInit(scratchBytes: number, headBytes: number): void;
  resetScratch(): void;
  resetHead(): void;
  reserveHead(bytes: number): void;
  scratchUsed(): number;
  headUsed(): number;
  scratchPeak(): number;
  headPeak(): number;
  allocScratch(bytes: number): Pointer;
  allocHead(bytes: number): Pointer;
  shrinkScratch(end: Pointer): void;
  arenaTop(arena: number): Pointer;
  releaseScratch(top: Pointer): void;
  hashInit(a: bigint, b: bigint, c: bigint): void;

  tableNew(arena: number, rows: number, bytes: number): Pointer;
  tableRows(table: Pointer): number;
  tableOffsets(table: Pointer): Pointer;
  tableBytes(table: Pointer): Pointer;
  intern(table: Pointer, pointer: Pointer, length: number): number;

  treeChild(tree: Pointer, parent: number, key: number): number;
  treeNew(arena: number, nodes: number, withValues: number): Pointer;
  treeRows(tree: Pointer): number;
  treeNodes(tree: Pointer): Pointer;
  treeValues(tree: Pointer): Pointer;

  spaceNew(arena: number, scale: number, withValues: number): Pointer;
  spaceNames(space: Pointer): Pointer;
  spaceTexts(space: Pointer): Pointer;
  spaceFunctions(space: Pointer): Pointer;
  spaceMappings(space: Pointer): Pointer;
  spaceLocations(space: Pointer): Pointer;
  spaceFamily(space: Pointer, family: number): Pointer;
  spaceStacks(space: Pointer, family: number): Pointer;
  inlinedFrames(space: Pointer, family: number, from: number): number;
  spaceAddStacks(
    space: Pointer,
    source: Pointer,
    parent: Pointer,
    location: Pointer,
    sums: Pointer,
    needed: Pointer,
    rows: Pointer,
    start: number,
    stacks: number,
    budget: number,
  ): number;
  sourceRowsReset(source: Pointer): void;

  readonly decodeError: WebAssembly.Global<'i32'>;
  readonly decodeDetail: WebAssembly.Global<'i64'>;
  readonly decodeDetail2: WebAssembly.Global<'i64'>;
  readonly decodeWhat: WebAssembly.Global<'i32'>;
  decodeProfile(
    input: Pointer,
    length: number,
    maxSamples: number,
    maxLabels: number,
    maxDepth: number,
    maxSymbol: number,
  ): Pointer;
  dropAddresses(profile: Pointer): void;
  findMarker(source: Pointer, markers: Pointer): number;
  repairGoStacks(profile: Pointer): void;
  stripGoShapes(source: Pointer, prefix: Pointer): void;

  readonly labelKeys: WebAssembly.Global<'i32'>;
  readonly sampleGroup: WebAssembly.Global<'i32'>;
  readonly groupTable: WebAssembly.Global<'i32'>;
  readonly hasSpans: WebAssembly.Global<'i32'>;
  collectLabelKeys(profile: Pointer): number;
  setLabelRole(key: number, role: number): void;
  groupSamples(profile: Pointer): void;

  readonly keptSamples: WebAssembly.Global<'i32'>;
  readonly resultRows: WebAssembly.Global<'i32'>;
  readonly rowCount: WebAssembly.Global<'i32'>;
  datasetNew(): Pointer;
  datasetFamily(dataset: Pointer, family: number): Pointer;
  keepSamples(profile: Pointer): number;
  appendSamples(
    profile: Pointer,
    space: Pointer,
    dataset: Pointer,
    keptCount: number,
    seriesOfGroup: Pointer,
    seriesCount: number,
    familyOfSeries: Pointer,
  ): void;

  fieldU32(target: Pointer, table: Pointer, field: number, width: number): void;
  fieldU64(target: Pointer, table: Pointer, field: number, width: number): void;
  subtractU32(a: Pointer, b: Pointer, n: number): void;
  lowBytes(target: Pointer, column: Pointer, n: number): void;
  locationColumns(
    locations: Pointer,
    startLine: Pointer,
    lineOffsets: Pointer,
    mapping: Pointer,
    address: Pointer,
    folded: Pointer,
    lineFunction: Pointer,
    lineDistance: Pointer,
  ): void;
  treeColumns(tree: Pointer, distance: Pointer, key: Pointer): void;
  markStacks(place: Pointer, stack: Pointer, n: number): void;
  placeStacks(place: Pointer, sampled: Pointer, rows: number): number;
  placesOf(target: Pointer, place: Pointer, stack: Pointer, n: number): void;

  stringRows(at: Pointer, length: Pointer, offsets: Pointer, bytes: Pointer, n: number): void;
  parentRows(column: Pointer, n: number, firstRow: number): number;
  firstNotRising(column: Pointer, n: number): number;
  firstZero(column: Pointer, n: number): number;
  addU32(a: Pointer, b: Pointer, n: number): void;
  shiftReferences(a: Pointer, n: number, b: number): void;
  addStartLines(line: Pointer, fn: Pointer, startLine: Pointer, n: number): void;
  hasTooLarge(column: Pointer, n: number): number;
  selectRows(
    series: Pointer,
    push: Pointer,
    n: number,
    wanted: Pointer,
    time: Pointer,
    start: bigint,
    end: bigint,
    rows: Pointer,
  ): number;
  timesOfRows(target: Pointer, row: Pointer, push: Pointer, time: Pointer, n: number): void;
  spreadSums(target: Pointer, row: Pointer, sums: Pointer, n: number): void;
  foldSums(target: Pointer, row: Pointer, sums: Pointer, n: number): void;

  sumSamples(sums: Pointer, stack: Pointer, value: Pointer, n: number): void;
  markNeeded(needed: Pointer, parent: Pointer, sums: Pointer, stacks: number): number;
  treeAddStacks(
    tree: Pointer,
    names: Pointer,
    source: Pointer,
    parent: Pointer,
    location: Pointer,
    sums: Pointer,
    needed: Pointer,
    made: Pointer,
    nodes: Pointer,
    start: number,
    stacks: number,
    budget: number,
  ): number;
  treeMerge(
    tree: Pointer,
    names: Pointer,
    nameAt: Pointer,
    nameLength: Pointer,
    nameRow: Pointer,
    parent: Pointer,
    name: Pointer,
    self: Pointer,
    needed: Pointer,
    nodes: Pointer,
    start: number,
    rows: number,
    budget: number,
  ): number;

  outputNew(arena: number, bytes: number): Pointer;
  outputPointer(output: Pointer): Pointer;
  outputLength(output: Pointer): number;
  outputReset(output: Pointer): void;
  columnBytes(output: Pointer, pointer: Pointer, n: number): void;
  columnNumber(output: Pointer, value: number): void;
  columnU32(output: Pointer, pointer: Pointer, n: number): void;
  columnU32Deltas(output: Pointer, pointer: Pointer, n: number): void;
  columnFirstUse(output: Pointer, pointer: Pointer, n: number, next: number): void;
  columnU64(output: Pointer, pointer: Pointer, n: number): void;
  columnI64(output: Pointer, pointer: Pointer, n: number): void;
  columnI64Deltas(output: Pointer, pointer: Pointer, n: number): void;
  columnValues(output: Pointer, pointer: Pointer, n: number): void;
  columnStrings(output: Pointer, bytes: Pointer, offsets: Pointer, firstRow: number, n: number): void;

  readonly columnError: WebAssembly.Global<'i32'>;
  readonly columnDetail: WebAssembly.Global<'i64'>;
  readonly columnDetail2: WebAssembly.Global<'i64'>;
  readonly columnDetail3: WebAssembly.Global<'i64'>;
  readerNew(pointer: Pointer, length: number): Pointer;
  readerOffset(reader: Pointer): number;
  readerClaim(reader: Pointer, n: number): number;
  readerEnd(reader: Pointer): number;
  readNumber(reader: Pointer): number;
  readBytes(reader: Pointer, n: number): Pointer;
  readU32(reader: Pointer, target: Pointer, n: number): number;
  readU32Deltas(reader: Pointer, target: Pointer, n: number): number;
  readFirstUse(reader: Pointer, target: Pointer, n: number, next: number): number;
  readU64(reader: Pointer, target: Pointer, n: number): number;
  readI64(reader: Pointer, target: Pointer, n: number): number;
  readI64Deltas(reader: Pointer, target: Pointer, n: number): number;
  readValues(reader: Pointer, target: Pointer, n: number): number;
  readStrings(reader: Pointer, offsets: Pointer, n: number, bytesMax: number): Pointer;

  allBelow(column: Pointer, n: number, limit: number): number;
  rises(column: Pointer, n: number): number;
  offsetsOfCounts(offsets: Pointer, counts: Pointer, n: number): number;

  sortRows(rows: Pointer, keys: Pointer, spare: Pointer, n: number): void;
  stackMapNew(
    tree: Pointer,
    space: Pointer,
    source: Pointer,
    parent: Pointer,
    location: Pointer,
    stacks: number,
    sampled: Pointer,
  ): Pointer;
  reserveSamples(dataset: Pointer, index: number, columns: number, samples: number, runs: number): void;
  mergeRuns(
    map: Pointer,
    dataset: Pointer,
    family: number,
    columns: number,
    runs: Pointer,
    masks: Pointer,
    runCount: number,
    offsets: Pointer,
    stack: Pointer,
    values: Pointer,
    spans: number,
    spanSample: Pointer,
    spanId: Pointer,
    spanTrace: Pointer,
  ): void;
  internSeries(
    strings: Pointer,
    series: Pointer,
    stringOffsets: Pointer,
    bytes: Pointer,
    stringCount: number,
    offsets: Pointer,
    name: Pointer,
    value: Pointer,
    n: number,
    rows: Pointer,
  ): void;
  labelOfSeries(series: Pointer, name: number, firstRow: number, target: Pointer): void;
  neededRows(
    tree: Pointer,
    stamp: Pointer,
    mark: number,
    stack: Pointer,
    n: number,
    list: Pointer,
    count: number,
  ): number;
  stampLocations(tree: Pointer, list: Pointer, count: number, stamp: Pointer, mark: number): number;
  projectStacks(
    target: Pointer,
    space: Pointer,
    source: Pointer,
    tree: Pointer,
    list: Pointer,
    count: number,
    rank: Pointer,
    first: Pointer,
    next: Pointer,
  ): void;
  foldStacks(
    target: Pointer,
    stacks: Pointer,
    lineOffsets: Pointer,
    lineFunction: Pointer,
    functionName: Pointer,
    made: Pointer,
    node: Pointer,
  ): void;
  sampleKeys(keys: Pointer, rank: Pointer, runSamples: Pointer, runs: number, place: Pointer): void;
  ascending(target: Pointer, n: number): void;
  gatherU32(target: Pointer, column: Pointer, row: Pointer, n: number): void;
  gatherU64(target: Pointer, column: Pointer, row: Pointer, n: number): void;
  orderSpans(
    order: Pointer,
    samples: number,
    spanAt: Pointer,
    sample: Pointer,
    id: Pointer,
    trace: Pointer,
    spans: number,
    toSample: Pointer,
    toId: Pointer,
    toTrace: Pointer,
  ): void;
  nonZeroValues(values: Pointer, n: number, row: Pointer, value: Pointer): number;
};

/** The two arenas of wasm/arena.ts, as `alloc` and the structures name them. */
export const Arena = { scratch: 1, head: 2 } as const;

export type ArenaLimits = {
  /** What one task may use: its input, and everything decoded from it. */
  readonly scratchBytesMax: Bytes;
  /** What lives longer than its input: the head of a window, or the answer of a query. */
  readonly headBytesMax: Bytes;
  /** The flags that set the two, for the message of an error. */
  readonly flags?: { readonly scratch: string; readonly head: string };
  /** What a full arena means to who asked: come again with less at a time, as is usual, or ask for less. */
  readonly fullCode?: 'limit-exceeded' | 'too-large';
};

/** The most that each arena of an instance ever held. */
export type ArenaMemory = { readonly scratchBytes: Bytes; readonly headBytes: Bytes };

/** Three random numbers of 64 bits, so that nobody outside can choose strings that collide in a hash table. */
export type HashSecrets = readonly [bigint, bigint, bigint];

/** Both lie in one memory of 4 GiB, with a page of its own before them. */
const ARENAS_BYTES_MAX = 2 ** 32 - 2 * 65_536;

const MODULE_PATH = new URL('../../build/kernels.wasm', import.meta.url);

let compiled: WebAssembly.Module | undefined;

function kernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(MODULE_PATH));
  return compiled;
}

/**
 * One instance of the kernels with the memory they work in. Belongs to one thread.
 *
 * The memory only ever grows, so an instance that met an outlier is replaced by a new one when its head is empty.
 */
export class KernelInstance {
  readonly exports: KernelExports;
  readonly limits: ArenaLimits;
  readonly #memory: WebAssembly.Memory;
  // Growing detaches every view, so they are looked up again whenever the buffer is another one.
  #buffer: ArrayBuffer;
  #u8: Uint8Array;
  #u32: Uint32Array;
  #i64: BigInt64Array;

  constructor(limits: ArenaLimits, secrets: HashSecrets) {
    const { scratchBytesMax, headBytesMax } = limits;
    assert(
      scratchBytesMax + headBytesMax <= ARENAS_BYTES_MAX,
      `arenas of ${scratchBytesMax} and ${headBytesMax} bytes`,
    );
    this.limits = limits;
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const instance = new WebAssembly.Instance(kernelModule(), { env: { memory: this.#memory } });
    this.exports = instance.exports as unknown as KernelExports;
    this.exports.arenaInit(limits.scratchBytesMax, limits.headBytesMax);
    this.exports.hashInit(...secrets);
    this.#buffer = this.#memory.buffer;
    this.#u8 = new Uint8Array(this.#buffer);
    this.#u32 = new Uint32Array(this.#buffer);
    this.#i64 = new BigInt64Array(this.#buffer);
  }

  /** Memory that the arenas take. It never becomes less. */
  get memory(): ArenaMemory {
    return { scratchBytes: this.exports.scratchPeak() >>> 0, headBytes: this.exports.headPeak() >>> 0 };
  }

  /** Memory that both arenas take together. */
  get peakBytes(): Bytes {
    const { scratchBytes, headBytes } = this.memory;
    return scratchBytes + headBytes;
  }

  /** How far its addresses go, which is more than what it takes: nothing is resident between the arenas. */
  get addressBytes(): Bytes {
    return this.#memory.buffer.byteLength;
  }

  /**
   * Runs kernels and turns the trap of a full arena into an error that names the arena and its limit. What was in
   * the head before is still whole.
   *
   * @throws StoreError 'limit-exceeded', or what `fullCode` says
   */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const full = this.exports.arenaFull.value;
      if (!(error instanceof WebAssembly.RuntimeError) || full === 0) throw error;
      this.exports.arenaFull.value = 0;
      throw arenaFullError(full, this.limits, Number(BigInt.asUintN(64, this.exports.arenaNeed.value)));
    }
  }

  /** `guard` for each step. */
  *guardSteps<T>(steps: Steps<T>): Steps<T> {
    try {
      for (;;) {
        const step = this.guard(() => steps.next());
        if (step.done) return step.value;
        yield;
      }
    } finally {
      steps.return(undefined as never); // When this one was given up. It changes nothing when they came to their end.
    }
  }

  u8(): Uint8Array {
    if (this.#memory.buffer !== this.#buffer) this.#refresh();
    return this.#u8;
  }

  u32(): Uint32Array {
    if (this.#memory.buffer !== this.#buffer) this.#refresh();
    return this.#u32;
  }

  i64(): BigInt64Array {
    if (this.#memory.buffer !== this.#buffer) this.#refresh();
    return this.#i64;
  }

  /** Copies bytes into scratch. */
  put(bytes: Uint8Array): Pointer {
    const pointer = this.exports.allocScratch(bytes.length) >>> 0;
    this.u8().set(bytes, pointer);
    return pointer;
  }

  /** Copies a column into scratch, whatever its element type. */
  putColumn(column: Uint32Array | Int32Array | BigInt64Array | BigUint64Array | Uint8Array): Pointer {
    return this.put(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }

  /** Copies `length` numbers out. */
  takeU32(pointer: Pointer, length: number): Uint32Array {
    return this.u32().slice(pointer >>> 2, (pointer >>> 2) + length);
  }

  takeI64(pointer: Pointer, length: number): BigInt64Array {
    return this.i64().slice(pointer >>> 3, (pointer >>> 3) + length);
  }

  takeU8(pointer: Pointer, length: number): Uint8Array {
    return this.u8().slice(pointer, pointer + length);
  }

  #refresh(): void {
    this.#buffer = this.#memory.buffer;
    this.#u8 = new Uint8Array(this.#buffer);
    this.#u32 = new Uint32Array(this.#buffer);
    this.#i64 = new BigInt64Array(this.#buffer);
  }
}

/**
 * @param full         one of `Arena`; anything else is the memory of the machine
 * @param neededBytes  what the arena would have had to hold when it was full
 * @returns            StoreError that names the arena, its limit, and what was needed
 */
export function arenaFullError(full: number, limits: ArenaLimits, neededBytes: Bytes): StoreError {
  if (full === Arena.scratch) return memoryError('scratch', limits, neededBytes);
  if (full === Arena.head) return memoryError('head', limits, neededBytes);
  return new StoreError('unavailable', 'the machine has no memory left');
}

function memoryError(arena: 'scratch' | 'head', limits: ArenaLimits, actualBytes: Bytes): StoreError {
  const limitBytes = limits[`${arena}BytesMax`];
  const limit = limits.flags?.[arena] ?? `${arena}BytesMax`;
  const shown = limits.flags === undefined ? limit : `--${limit}`;
  const message = `needs more memory than ${shown}: limit ${sizeText(limitBytes)}, actual at least ${sizeText(actualBytes)}`;
  return new StoreError(limits.fullCode ?? 'limit-exceeded', message, { arena, limit, limitBytes, actualBytes });
}
