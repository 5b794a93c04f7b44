import { Section } from '#src/domain/block/block-format.ts';
import { type ChunkTable, familyCountOf, pagesOf, rowCountOf } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import { nodesAtCallSite } from '#src/domain/query/call-site.ts';
import { type ArenaPages, pageFault } from './arena-pages.ts';
import type { CallSiteNames } from './call-site-names.ts';
import type { Pointer } from './instance.ts';
import { checkReferences, readPages, roomFor } from './read-columns.ts';
import type { BlockDataset } from './read-dataset.ts';
import { readTree, type StringRows, stringsOf, type TreeRows } from './read-space.ts';

/** The names of a symbol space, and which rows of a tree's names they have become. */
export type BlockNames = StringRows & {
  /** u32[rows], UNKNOWN of wasm/source.ts until it is one. */
  readonly nameRow: Pointer;
};

/** @order lives until the next `resetScratch` @throws StoreError 'corrupted' */
export function* readNames(pages: ArenaPages, table: ChunkTable): Steps<BlockNames> {
  const names = yield* stringsOf(pages, table, Section.names);
  const nameRow = roomFor(pages.kernels, names.rows, 4);
  pages.kernels.u8().fill(0xff, nameRow, nameRow + names.rows * 4);
  return { ...names, nameRow };
}

/** Whether the families of a symbol space have function trees. */
export function hasFunctionTrees(table: ChunkTable): boolean {
  const families = familyCountOf(table, Section.stacks);
  for (let family = 0; family < families; family++) {
    const hasStacks = rowCountOf(table, Section.stacks, family) > 0;
    if (hasStacks && rowCountOf(table, Section.functionTree, family) === 0) return false;
  }
  return true;
}

/**
 * The function tree of a family of a compacted block with a sum for each node: what a flame graph is made of, without
 * stacktraces, locations and functions.
 *
 * @order  lives until the next `resetScratch`
 * @throws StoreError 'corrupted' from everything; 'limit-exceeded' inside of `guard`
 */
export class FoldedSums {
  readonly names: BlockNames;
  readonly rows: number;
  /** i32[rows] */
  readonly parent: Pointer;
  /** u32[rows], rows of the names. */
  readonly name: Pointer;
  /** i64[rows] */
  readonly sums: Pointer;
  readonly sampledCount: number;
  readonly #pages: ArenaPages;
  readonly #table: ChunkTable;
  readonly #family: number;

  static *read(pages: ArenaPages, table: ChunkTable, family: number, names: BlockNames): Steps<FoldedSums> {
    const tree = yield* readTree(pages, table, Section.functionTree, family, names.rows);
    return new FoldedSums(pages, table, family, names, tree);
  }

  private constructor(
    pages: ArenaPages,
    table: ChunkTable,
    family: number,
    names: BlockNames,
    { rows, parent, key }: TreeRows,
  ) {
    const { kernels } = pages;
    this.names = names;
    this.rows = rows;
    this.parent = parent;
    this.name = key;
    this.sums = roomFor(kernels, rows, 8);
    kernels.u8().fill(0, this.sums, this.sums + rows * 8);
    this.sampledCount = rowCountOf(table, Section.sampledStacks, family);
    this.#pages = pages;
    this.#table = table;
    this.#family = family;
  }

  /** Adds sums of the sampled stacks. @param sums i64[sampledCount] */
  *addStacks(sums: Pointer): Steps<void> {
    const { kernels } = this.#pages;
    const of = pagesOf(this.#table, Section.foldedStacks, this.#family);
    if (rowCountOf(this.#table, Section.foldedStacks, this.#family) !== this.sampledCount) {
      const details = { offset: this.#table.range.offset, family: this.#family, limit: this.sampledCount };
      throw corruptedBlock('page table: not every sampled stack is folded', details);
    }
    const node = roomFor(kernels, this.sampledCount, 4);
    yield* readPages(this.#pages, of, (columns, start, n, page) => {
      columns.u32Deltas(n, node + start * 4);
      checkReferences(kernels, page, 'node', node + start * 4, n, this.rows);
    });
    kernels.exports.foldSums(this.sums, node, sums, this.sampledCount);
  }

  /** Adds the totals of a dataset in a value column. */
  *addTotals(dataset: BlockDataset, column: number): Steps<void> {
    const { kernels } = this.#pages;
    for (const page of pagesOf(dataset.table, Section.totals, this.#family, column)) {
      const n = page.rowCount;
      const columns = this.#pages.open(page);
      const node = columns.u32Deltas(n);
      checkReferences(kernels, page, 'node', node, n, this.rows);
      const value = columns.values(n);
      columns.end();
      if (kernels.exports.hasTooLarge(value, n) !== 0) throw pageFault(page, 'a value is negative', 0);
      kernels.exports.foldSums(this.sums, node, value, n);
      if (this.#pages.spend(page)) yield;
    }
  }

  /** Leaves only what begins with the functions of a call site. @cost O(nodes) */
  *keep(callSite: CallSiteNames): Steps<void> {
    const { kernels } = this.#pages;
    const parent = new Int32Array(kernels.takeU32(this.parent, this.rows).buffer);
    const selected = yield* nodesAtCallSite({ parent, name: kernels.takeU32(this.name, this.rows) }, callSite.row);
    yield* inSteps(0, this.rows, (start, end) => {
      const i64 = kernels.i64();
      for (let row = start; row < end; row++) if (selected[row] === 0) i64[(this.sums >>> 3) + row] = 0n;
    });
  }
}

/** What trees are built from: the columns alone. */
export type FoldedColumns = Pick<FoldedSums, 'names' | 'rows' | 'parent' | 'name' | 'sums'>;
