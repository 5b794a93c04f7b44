import type { ByteRange, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { carriedBytes } from '#src/domain/block/carried-dataset.ts';
import { symbolTable } from '#src/domain/block/chunk-table.ts';
import type { Compress } from '#src/domain/block/chunk-writer.ts';
import type { FetchedRange } from '#src/domain/block/fetched-ranges.ts';
import type { BlockPart } from '#src/domain/block/part-writer.ts';
import { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { ArenaPages, type Decompress } from '#src/kernels/arena-pages.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { type CarriedDataset, carryDataset } from './carry-dataset.ts';
import { encodeMerged } from './encode-merged.ts';
import { type MergedHead, mergeHead, reserveMerged } from './merge-head.ts';
import { MergeSource } from './merge-source.ts';
import { MergeTarget } from './merge-target.ts';

/** Stored bytes that one step works on, about: so much takes some 30 ms. A single dataset may be larger. */
export const mergeStepBytes: Bytes = 512 << 10;

/** A byte of series and rows of profiles costs so many times what one of symbols and samples does. */
const HEAD_FACTOR = 4;

/** An object that is merged, in memory. */
export type MergedObject = { readonly datasets: readonly DatasetMeta[]; readonly fetched: readonly FetchedRange[] };

export type BlockMergeInput = {
  readonly tenant: string;
  /** Whole objects, segments or merged blocks, oldest first. Data of other tenants is left out. */
  readonly sources: readonly MergedObject[];
};

export type BlockMergeTools = {
  /** Of the merge alone, until it is done: what it has so far is in both arenas between two steps. */
  readonly kernels: KernelInstance;
  readonly compress: Compress;
  readonly decompress: Decompress;
};

/** A dataset of a source, to be merged. */
type Input = { readonly source: number; readonly meta: DatasetMeta };

/**
 * Merges the blocks of a tenant, step by step, so that a thread can do other work in between.
 *
 * Datasets of one service become one. A push that is in several sources, because a segment was registered twice or a
 * request was repeated inside of the system, counts once.
 *
 * The memory of the kernels is the limit. What does not fit in is merged in two halves, by service; a service that does
 * not fit in alone, by source. A dataset of a source that does not fit in alone is taken over as it is, with its symbol
 * space: whatever could be written can be merged.
 *
 * @throws StoreError from `step`: 'corrupted' when a source is not what its checksums or the format promise;
 *         'limit-exceeded' when not even the pushes and profiles of a dataset fit, without their samples
 */
export class BlockMerge {
  readonly #input: BlockMergeInput;
  readonly #tools: BlockMergeTools;
  /** What is still to be merged, each into parts of its own. */
  readonly #waiting: (readonly Input[])[];
  readonly #parts: BlockPart[] = [];
  /** What was taken over, by symbol space of a source, which is written once. */
  readonly #carried = new Map<string, { readonly symbols: Uint8Array; readonly datasets: CarriedDataset[] }>();
  /** By service: the ids of pushes that are in finished parts. */
  readonly #pushes = new Map<string, Set<string>>();
  #running: Generator<Bytes, FinishedGroup, undefined> | undefined;

  constructor(input: BlockMergeInput, tools: BlockMergeTools) {
    this.#input = input;
    this.#tools = tools;
    const inputs = input.sources.flatMap(({ datasets }, source) =>
      datasets.filter(({ tenant }) => tenant === input.tenant).map((meta) => ({ source, meta })),
    );
    inputs.sort((a, b) => (a.meta.service < b.meta.service ? -1 : a.meta.service > b.meta.service ? 1 : 0));
    this.#waiting = inputs.length === 0 ? [] : [inputs];
  }

  /** Works on about `mergeStepBytes`. @returns whether there is more to do */
  step(): boolean {
    const group = this.#waiting[0];
    if (group === undefined) return false;
    try {
      this.#tools.kernels.guard(() => this.#work(group));
    } catch (error) {
      this.#running = undefined;
      if (!isFull(error)) throw error;
      if (group.length > 1) this.#waiting.splice(0, 1, ...halves(group));
      else this.#tools.kernels.guard(() => this.#carry(group[0]));
    }
    return this.#waiting.length > 0;
  }

  /** What was merged: mostly one part. Of an object, or of one object each. @order after `step` returned false */
  take(): BlockPart[] {
    const carried = [...this.#carried.values()].map(({ symbols, datasets }) => carriedPart(symbols, datasets));
    this.#carried.clear();
    return [...this.#parts.splice(0), ...carried];
  }

  #work(group: readonly Input[]): void {
    this.#running ??= this.#merge(group);
    for (let bytes = 0; bytes < mergeStepBytes; ) {
      const { done, value } = this.#running.next();
      if (done === true) {
        this.#finish(value);
        return;
      }
      bytes += value;
    }
  }

  #carry({ source, meta }: Input): void {
    const { kernels, compress, decompress } = this.#tools;
    const { fetched } = this.#input.sources[source];
    kernels.exports.resetScratch();
    const pages = new ArenaPages(kernels, fetched, decompress);
    const pushes = new Map<string, Set<string>>();
    const carried = carryDataset(pages, meta, this.#newPushes(meta.service, pushes), compress);
    if (carried !== undefined) {
      const key = symbolSpaceOf({ source, meta });
      const known = this.#carried.get(key);
      if (known !== undefined) known.datasets.push(carried);
      else {
        const symbols = carriedBytes(runSteps(symbolTable(meta, fetched)), fetched);
        this.#carried.set(key, { symbols, datasets: [carried] });
      }
    }
    this.#finish({ parts: [], pushes });
  }

  #finish({ parts, pushes }: FinishedGroup): void {
    this.#running = undefined;
    this.#waiting.shift();
    this.#parts.push(...parts);
    for (const [service, ids] of pushes) {
      const known = this.#pushes.get(service);
      if (known === undefined) this.#pushes.set(service, ids);
      else for (const id of ids) known.add(id);
    }
    // Groups are in the order of services: what is behind comes no more.
    const next = this.#waiting[0]?.[0].meta.service;
    for (const service of this.#pushes.keys()) {
      if (next === undefined || service < next) this.#pushes.delete(service);
    }
  }

  *#merge(group: readonly Input[]): Generator<Bytes, FinishedGroup, undefined> {
    const { kernels, compress, decompress } = this.#tools;
    const target = new MergeTarget(kernels);
    const pushes = new Map<string, Set<string>>();
    const spaces = bySymbolSpace(group).map((space) => ({ ...space, heads: [] as MergedHead[] }));
    for (const { source, datasets, heads } of spaces) {
      const { fetched } = this.#input.sources[source];
      for (const meta of datasets) {
        kernels.exports.resetScratch();
        const pages = new ArenaPages(kernels, fetched, decompress);
        heads.push(mergeHead(target, meta, pages, this.#newPushes(meta.service, pushes)));
        target.chargeHeap();
        yield HEAD_FACTOR * meta.headBytes;
      }
    }
    reserveMerged(
      kernels,
      spaces.flatMap(({ heads }) => heads),
    );
    for (const { source, datasets, heads } of spaces) {
      const { fetched } = this.#input.sources[source];
      const space = new MergeSource(target, datasets[0], heads, fetched, decompress);
      yield space.sizeBytes;
      for (const [i, { range, headBytes }] of datasets.entries()) {
        space.merge(heads[i]);
        yield range.sizeBytes - headBytes;
      }
    }
    const parts = yield* encodeMerged(target, this.#input.tenant, compress);
    return { parts, pushes };
  }

  #newPushes(service: string, pushes: Map<string, Set<string>>): (id: Uint8Array) => boolean {
    const finished = this.#pushes.get(service);
    let met = pushes.get(service);
    if (met === undefined) {
      met = new Set();
      pushes.set(service, met);
    }
    const all = met;
    return (id) => {
      const key = Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
      if (finished?.has(key) === true || all.has(key)) return false;
      all.add(key);
      return true;
    };
  }
}

type FinishedGroup = { readonly parts: readonly BlockPart[]; readonly pushes: ReadonlyMap<string, Set<string>> };

/** Datasets of one symbol space of one source, source by source. */
function bySymbolSpace(group: readonly Input[]): { readonly source: number; readonly datasets: DatasetMeta[] }[] {
  const spaces = new Map<string, { source: number; datasets: DatasetMeta[] }>();
  for (const { source, meta } of group.toSorted((a, b) => a.source - b.source)) {
    const key = symbolSpaceOf({ source, meta });
    const known = spaces.get(key);
    if (known === undefined) spaces.set(key, { source, datasets: [meta] });
    else known.datasets.push(meta);
  }
  return [...spaces.values()];
}

function symbolSpaceOf({ source, meta }: Input): string {
  return `${source} ${meta.symbols.offset}`;
}

function carriedPart(space: Uint8Array, carried: readonly CarriedDataset[]): BlockPart {
  const bytes = [space];
  const symbols: ByteRange = { offset: 0, sizeBytes: space.length };
  let offset = space.length;
  const datasets = carried.map(({ meta, encoded: { bytes: ofDataset, ...found } }): DatasetMeta => {
    const range = { offset, sizeBytes: ofDataset.length };
    bytes.push(ofDataset);
    offset += ofDataset.length;
    return { ...meta, range, symbols, ...found };
  });
  return { bytes, datasets };
}

/** By bytes, and between two services if there are two. */
function halves(group: readonly Input[]): [Input[], Input[]] {
  const sizes = group.map(({ meta }) => meta.range.sizeBytes);
  const half = sizes.reduce((sum, bytes) => sum + bytes, 0) / 2;
  const between = (i: number): boolean => group[i - 1].meta.service !== group[i].meta.service;
  const many = group[0].meta.service !== group[group.length - 1].meta.service;
  let best = 0;
  let before = 0;
  let distance = Number.POSITIVE_INFINITY;
  for (let i = 1; i < group.length; i++) {
    before += sizes[i - 1];
    if ((many && !between(i)) || Math.abs(before - half) >= distance) continue;
    distance = Math.abs(before - half);
    best = i;
  }
  return [group.slice(0, best), group.slice(best)];
}

/** Of an arena, or of a section of the format: half as much may fit. */
function isFull(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'limit-exceeded';
}
