import { Section } from '#src/domain/block/block-format.ts';
import { pagesOf, rowCountOf } from '#src/domain/block/chunk-table.ts';
import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { byWork, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { madeUpName } from '#src/domain/query/frame-names.ts';
import { type ArenaPages, pageFault } from './arena-pages.ts';
import type { CallSiteNames } from './call-site-names.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { checkReferences, roomFor } from './read-columns.ts';
import type { BlockDataset, SamplePages, SampleRange } from './read-dataset.ts';
import type { BlockFamily, BlockSource } from './read-space.ts';
import { Source } from './source.ts';
import { MADE_NAME_ROWS, SummedStacks } from './summed-stacks.ts';

/** Which samples count, when a query names spans or traces. @param traceId 16 bytes */
export type SpanTest = (spanId: bigint, traceId: Uint8Array) => boolean;

/**
 * Sums of the samples of a family, over all datasets that share a symbol space.
 *
 * @order lives until the next `resetScratch`
 */
export class FamilySums {
  /** i64[sampled] */
  readonly sums: Pointer;
  readonly #pages: ArenaPages;
  readonly #family: number;
  readonly #sampledCount: number;
  #stack: Pointer = 0;
  #value: Pointer = 0;
  #room = 0;

  constructor(pages: ArenaPages, family: number, sampledCount: number) {
    const { kernels } = pages;
    this.#pages = pages;
    this.#family = family;
    this.#sampledCount = sampledCount;
    this.sums = roomFor(kernels, sampledCount, 8);
    kernels.u8().fill(0, this.sums, this.sums + sampledCount * 8);
  }

  /**
   * Adds the samples of a dataset in certain ranges.
   *
   * @param ranges  of `SelectedRows.sampleRanges`: by column, then by start; ends do not fall
   * @cost  O(ranges + pages), and the rows of the pages that have any of them
   */
  *add(dataset: BlockDataset, ranges: readonly SampleRange[]): Steps<void> {
    const { kernels } = this.#pages;
    yield* this.#eachPage(dataset, ranges, (start, end, offset) => {
      const at = start - offset;
      kernels.exports.sumSamples(this.sums, this.#stack + at * 4, this.#value + at * 8, end - start);
    });
  }

  /** Adds those samples alone whose span passes the test. @cost as `add`, and O(spans + ranges log spans) */
  *addSpans(dataset: BlockDataset, ranges: readonly SampleRange[], test: SpanTest): Steps<void> {
    const wanted = yield* this.#samplesOf(dataset, test);
    if (wanted.length === 0) return;
    const { kernels } = this.#pages;
    yield* this.#eachPage(dataset, ranges, (start, end, offset) => {
      const [u32, i64] = [kernels.u32(), kernels.i64()];
      for (let i = firstFrom(wanted, start); i < wanted.length && wanted[i] < end; i++) {
        const at = wanted[i] - offset;
        const sum = (this.sums >>> 3) + u32[(this.#stack >>> 2) + at];
        i64[sum] = addSaturated(i64[sum], i64[(this.#value >>> 3) + at]);
      }
    });
  }

  /**
   * Brings the rows of every pair of pages into the arena that has some of the ranges.
   *
   * @param use   gets the part of a range that is in the page, whose first row is `offset`
   * @cost  O(ranges + pages), and the rows of those pages
   */
  *#eachPage(
    dataset: BlockDataset,
    ranges: readonly SampleRange[],
    use: (start: number, end: number, offset: number) => void,
  ): Steps<void> {
    for (let next = 0; next < ranges.length; ) {
      const { column } = ranges[next];
      for (const pair of dataset.samplePages(this.#family, column)) {
        const { firstRow, rowCount } = pair.stacks;
        const endRow = firstRow + rowCount;
        next = behindOf(ranges, next, column, firstRow);
        if (!beginsBefore(ranges[next], column, endRow)) continue;
        this.#readPair(pair);
        // One that goes on in the next page is met again there.
        for (let i = next; beginsBefore(ranges[i], column, endRow); i++) {
          const { start, end } = ranges[i];
          use(Math.max(start, firstRow), Math.min(end, endRow), firstRow);
        }
        if (this.#pages.spend(pair.stacks) || this.#pages.spend(pair.values)) yield;
      }
      next = behindOf(ranges, next, column, Number.POSITIVE_INFINITY);
    }
  }

  #readPair({ stacks, values }: SamplePages): void {
    const { kernels } = this.#pages;
    const { rowCount } = stacks;
    this.#makeRoom(rowCount);
    const ofStacks = this.#pages.open(stacks);
    ofStacks.u32Deltas(rowCount, this.#stack);
    ofStacks.end();
    checkReferences(kernels, stacks, 'stack', this.#stack, rowCount, this.#sampledCount);
    const ofValues = this.#pages.open(values);
    ofValues.values(rowCount, this.#value);
    ofValues.end();
    if (kernels.exports.hasTooLarge(this.#value, rowCount) !== 0) throw pageFault(values, 'a value is negative', 0);
  }

  #makeRoom(rows: number): void {
    if (rows <= this.#room) return;
    this.#stack = roomFor(this.#pages.kernels, rows, 4);
    this.#value = roomFor(this.#pages.kernels, rows, 8);
    this.#room = rows;
  }

  /** The samples whose span passes the test, rising. */
  *#samplesOf({ table }: BlockDataset, test: SpanTest): Steps<number[]> {
    const { kernels } = this.#pages;
    const sampleCount = rowCountOf(table, Section.sampleStacks, this.#family);
    const samples: number[] = [];
    let before = -1;
    for (const page of pagesOf(table, Section.spans, this.#family)) {
      const n = page.rowCount;
      const columns = this.#pages.open(page);
      const sampleAt = columns.u32Deltas(n);
      const ids = kernels.takeU8(columns.raw(n * 8), n * 8);
      const traces = kernels.takeU8(columns.raw(n * 16), n * 16);
      columns.end();
      checkReferences(kernels, page, 'sample', sampleAt, n, sampleCount);
      const sample = kernels.takeU32(sampleAt, n);
      const spanIds = new BigUint64Array(ids.buffer);
      for (let i = 0; i < n; i++) {
        if (i % STEP_SPANS === 0) yield;
        // One that is there twice would count twice.
        if (sample[i] <= before) throw pageFault(page, 'samples do not rise', i, { value: sample[i], limit: before });
        before = sample[i];
        if (test(spanIds[i], traces.subarray(16 * i, 16 * i + 16))) samples.push(before);
      }
    }
    return samples;
  }
}

/** Spans that are tested in one step: an id becomes a text, and is looked up. */
const STEP_SPANS = STEP_ROWS / 8;

/** @returns the first range, from `next` on, that is of another column, or has a row that is not before `row` */
function behindOf(ranges: readonly SampleRange[], next: number, column: number, row: number): number {
  let at = next;
  while (at < ranges.length) {
    const { column: own, start, end } = ranges[at];
    if (own !== column || (start < end && end > row)) break;
    at++;
  }
  return at;
}

function beginsBefore(range: SampleRange | undefined, column: number, row: number): boolean {
  return range !== undefined && range.column === column && range.start < row;
}

/** @returns the place of the first number that is not below `from` @param rising sorted */
function firstFrom(rising: readonly number[], from: number): number {
  let [start, end] = [0, rising.length];
  while (start < end) {
    const middle = (start + end) >>> 1;
    if (rising[middle] < from) start = middle + 1;
    else end = middle;
  }
  return start;
}

/** The stacktraces of a family of a block with a sum for each: what trees and profiles are built from. */
export class BlockStacks extends SummedStacks {
  readonly source: Pointer;
  readonly stackCount: number;
  readonly parent: Pointer;
  readonly location: Pointer;
  readonly sums: Pointer;
  readonly needed: Pointer;
  readonly #block: BlockSource;

  /** @param sums  i64[sampled], of the sampled stacks */
  constructor(kernels: KernelInstance, block: BlockSource, family: BlockFamily, sums: Pointer) {
    super(kernels);
    const { stackCount, parent, location, sampled, sampledCount } = family;
    this.#block = block;
    this.source = block.source;
    this.stackCount = stackCount;
    this.parent = parent;
    this.location = location;
    this.sums = roomFor(kernels, stackCount, 8);
    kernels.u8().fill(0, this.sums, this.sums + stackCount * 8);
    kernels.exports.spreadSums(this.sums, sampled, sums, sampledCount);
    this.needed = roomFor(kernels, stackCount, 1);
  }

  /**
   * Leaves only what begins with the functions of a call site, inlined ones counted: the fast side of
   * `stacksAtCallSite`.
   *
   * @cost  O(stacks), and of those that begin with a part of the call site their lines
   */
  *keepCallSite(callSite: CallSiteNames): Steps<void> {
    // How many names of the call site the stack has matched so far, or -1 when one was different.
    const matched = new Int32Array(this.stackCount);
    yield* byWork(0, this.stackCount, (start) => this.#keepFrom(start, matched, callSite));
  }

  /** @returns the row to go on from, a step later */
  #keepFrom(start: number, matched: Int32Array, callSite: CallSiteNames): number {
    const { kernels, stackCount } = this;
    const { wanted, numberOfRow } = callSite;
    const [u32, i64] = [kernels.u32(), kernels.i64()];
    const [parent, location, sums] = [this.parent >>> 2, this.location >>> 2, this.sums >>> 3];
    const lineOffsets = this.#field(Source.locationLines) >>> 2;
    const lineFunction = this.#field(Source.lineFunction) >>> 2;
    const functionName = this.#field(Source.functionName) >>> 2;
    let row = start;
    for (let work = 0; row < stackCount && work < STEP_ROWS; row++) {
      let count = row === 0 ? 0 : matched[u32[parent + row]];
      if (row > 0 && count >= 0 && count < wanted.length) {
        const at = u32[location + row];
        const first = u32[lineOffsets + at];
        let line = u32[lineOffsets + at + 1];
        if (line === first) {
          count = callSite.numberOf(this.#madeUpName(at)) === wanted[count] ? count + 1 : -1;
          work += MADE_NAME_ROWS;
        }
        // Lines are innermost first; a stack is read from the root.
        for (; line > first && count >= 0 && count < wanted.length; line--) {
          const number = numberOfRow[u32[functionName + u32[lineFunction + line - 1]]];
          count = number === wanted[count] ? count + 1 : -1;
          work++;
        }
      }
      matched[row] = count;
      if (count !== wanted.length) i64[sums + row] = 0n;
      work++;
    }
    return row;
  }

  *internMadeNames(names: Pointer): Steps<Pointer> {
    if (!this.#block.hasUnnamed) return 0; // Nobody looks there.
    const kernels = this.kernels;
    const { locationCount } = this.#block;
    const made = new Uint32Array(locationCount);
    const needed = kernels.takeU8(this.needed, this.stackCount);
    const location = kernels.takeU32(this.location, this.stackCount);
    const lineOffsets = kernels.takeU32(this.#field(Source.locationLines), locationCount + 1);
    for (let i = 1, work = 0; i < this.stackCount; i++, work++) {
      if (work >= STEP_ROWS) {
        work = 0;
        yield;
      }
      const at = location[i];
      if (needed[i] === 0 || made[at] !== 0 || lineOffsets[at] !== lineOffsets[at + 1]) continue;
      const name = Buffer.from(this.#madeUpName(at));
      work += MADE_NAME_ROWS;
      made[at] = kernels.exports.intern(names, kernels.put(name), name.length) >>> 0;
    }
    return kernels.putColumn(made);
  }

  #madeUpName(location: number): Uint8Array {
    const kernels = this.kernels;
    const u32 = (field: number, row: number): number => kernels.u32()[(this.#field(field) >>> 2) + row];
    const u64 = (field: number, row: number): bigint =>
      BigInt.asUintN(64, kernels.i64()[(this.#field(field) >>> 3) + row]);
    const mapping = u32(Source.locationMapping, location);
    const file = u32(Source.mappingFile, mapping);
    const at = u32(Source.stringAt, file);
    return madeUpName(u64(Source.locationAddress, location), {
      file: Buffer.from(kernels.takeU8(at, u32(Source.stringLength, file))).toString(),
      memoryStart: u64(Source.mappingStart, mapping),
      fileOffset: u64(Source.mappingOffset, mapping),
      known: mapping !== 0,
    });
  }

  #field(field: number): number {
    return this.kernels.u32()[(this.source + field) >>> 2];
  }
}
