import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type ChunkTable, symbolTable } from '#src/domain/block/chunk-table.ts';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import { Arena, type Pointer } from '#src/kernels/instance.ts';
import { BlockDataset } from '#src/kernels/read-dataset.ts';
import { readSamples } from '#src/kernels/read-samples.ts';
import { type BlockFamily, readFamily, readSource } from '#src/kernels/read-space.ts';
import type { MergedHead } from './merge-head.ts';
import type { MergeTarget } from './merge-target.ts';
import type { RunGroup } from './source-runs.ts';

/**
 * A symbol space of a source block, in scratch, with what it has become in the target so far.
 *
 * @order  lives until the next `resetScratch`
 * @throws StoreError 'corrupted' from everything, when a checksum differs or a value is not what the format promises;
 *         'limit-exceeded' inside of `guard`. The target is not whole then
 */
export class MergeSource {
  readonly #target: MergeTarget;
  readonly #fetched: readonly FetchedRange[];
  readonly #decompress: Decompress;
  readonly #table: ChunkTable;
  readonly #source: Pointer;
  readonly #families: ReadonlyMap<number, BlockFamily>;
  readonly #maps = new Map<string, Pointer>();

  /** @param heads  of the datasets that will be merged: of other families nothing is read */
  constructor(
    target: MergeTarget,
    meta: DatasetMeta,
    heads: readonly MergedHead[],
    fetched: readonly FetchedRange[],
    decompress: Decompress,
  ) {
    this.#target = target;
    this.#fetched = fetched;
    this.#decompress = decompress;
    target.kernels.exports.resetScratch();
    const pages = new ArenaPages(target.kernels, fetched, decompress);
    const table = runSteps(symbolTable(meta, fetched));
    const { source, locationCount } = runSteps(readSource(pages, table, true));
    this.#table = table;
    this.#source = source;
    const used = new Set(heads.flatMap(({ groups }) => groups.map(({ family }) => family)));
    this.#families = new Map(
      [...used].map((family) => [family, runSteps(readFamily(pages, table, family, locationCount))]),
    );
  }

  get sizeBytes(): Bytes {
    return this.#table.range.sizeBytes;
  }

  /** Merges the samples of one dataset. */
  merge(head: MergedHead): void {
    const { exports } = this.#target.kernels;
    // What outlives this dataset comes before what does not.
    for (const group of head.groups) this.#mapOf(group);
    const top = exports.arenaTop(Arena.scratch) >>> 0;
    for (const family of new Set(head.groups.map((group) => group.family))) {
      this.#mergeFamily(head, family);
      exports.releaseScratch(top);
    }
  }

  #mergeFamily({ table, dataset, sampleOffsets, groups }: MergedHead, family: number): void {
    const { kernels } = this.#target;
    const pages = new ArenaPages(kernels, this.#fetched, this.#decompress);
    const { sampledCount } = this.#familyOf(family);
    const samples = runSteps(readSamples(pages, new BlockDataset(pages, table), family, sampledCount));
    const values = kernels.putColumn(Uint32Array.from(samples.values));
    const offsets = kernels.putColumn(sampleOffsets[family]);
    for (const group of groups) {
      if (group.family !== family) continue;
      kernels.exports.mergeRuns(
        this.#mapOf(group),
        dataset.pointer,
        group.target,
        samples.values.length,
        kernels.putColumn(Uint32Array.from(group.runs)),
        kernels.putColumn(Uint32Array.from(group.masks)),
        group.runs.length,
        offsets,
        samples.stack,
        values,
        samples.spanCount,
        samples.spanSample,
        samples.spanId,
        samples.spanTrace,
      );
    }
  }

  #mapOf({ family, target: to }: RunGroup): Pointer {
    const key = `${family} ${to}`;
    let map = this.#maps.get(key);
    if (map === undefined) {
      const { kernels, space } = this.#target;
      const tree = kernels.exports.spaceStacks(space, to) >>> 0;
      const { parent, location, stackCount, sampled } = this.#familyOf(family);
      map = kernels.exports.stackMapNew(tree, space, this.#source, parent, location, stackCount, sampled) >>> 0;
      this.#maps.set(key, map);
    }
    return map;
  }

  #familyOf(family: number): BlockFamily {
    const of = this.#families.get(family);
    if (of !== undefined) return of;
    throw corruptedBlock('symbols: there is no such family', { offset: this.#table.range.offset, family });
  }
}
