import { Gauge } from 'prom-client';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { compareUtf8, type Label, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { DurationMs, TimeRange, UnixMs } from '#src/domain/model/units.ts';
import { MatchMeter } from '#src/domain/series/match-meter.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { metrics } from '#src/platform/metrics.ts';
import { type BlockRow, BlockTable } from './block-table.ts';
import { DatasetSignatures, type SignatureId, type SignatureMatches } from './dataset-signatures.ts';
import { type DatasetRow, IndexPartition } from './index-partition.ts';

/** As in the reference. Fixed: nothing but memory and speed depends on it. */
const PARTITION_MS: DurationMs = 6 * 3_600_000;

const blockCount = new Gauge({
  name: 'kiln_metastore_index_blocks',
  help: 'Blocks in the metadata index.',
  registers: [metrics],
});
const datasetCount = new Gauge({
  name: 'kiln_metastore_index_datasets',
  help: 'Datasets of these blocks.',
  registers: [metrics],
});
const signatureCount = new Gauge({
  name: 'kiln_metastore_index_signatures',
  help: 'Distinct combinations of tenant, service and label sets among the datasets.',
  registers: [metrics],
});
const partitionCount = new Gauge({
  name: 'kiln_metastore_index_partitions',
  help: 'Partitions of the metadata index, 6 hours of data each.',
  registers: [metrics],
});

export type IndexQuery = TimeRange & {
  readonly tenants: readonly string[];
  readonly matchers: readonly Matcher[];
  /** Where its limits are met, more is found than matches. None: all the time there is. */
  readonly meter?: MatchMeter;
};

type FoundDataset = { readonly partition: IndexPartition; readonly row: DatasetRow };

/** A block and those of its datasets that were asked for. `blockMetaOf` makes the answer of it. */
export type FoundBlock = { readonly block: BlockRow; readonly datasets: FoundDataset[] };

/**
 * Which blocks exist, in memory.
 *
 * A query first finds the signatures that match (tenant, then postings on labels), then the partitions whose data
 * overlaps its range, and there walks only the datasets with these signatures. A dataset belongs to the partition in
 * which its own data begins, so one late profile in a segment moves one dataset, and does not blur the times of the
 * others.
 */
export class MetadataIndex {
  readonly #blocks = new BlockTable();
  readonly #signatures = new DatasetSignatures();
  readonly #partitions = new Map<UnixMs, IndexPartition>();
  #datasetCount = 0;

  get blockCount(): number {
    return this.#blocks.length;
  }

  has(id: string): boolean {
    return this.#blocks.has(id);
  }

  /** Adds a block, unless its id is known. @order the block was checked. @returns whether it is new */
  add(block: BlockMeta): boolean {
    const row = this.#blocks.add(block);
    if (row === undefined) return false;
    for (const [ordinal, dataset] of block.datasets.entries()) {
      this.#partitionAt(dataset.minTimeMs).add(dataset, this.#signatures.intern(dataset), row, ordinal);
    }
    this.#datasetCount += block.datasets.length;
    this.#observe();
    return true;
  }

  /** The blocks with a dataset that overlaps the range and matches, by tenant, shard, id. */
  findBlocks(query: IndexQuery): FoundBlock[] {
    const found = new Map<BlockRow, FoundBlock>();
    const matches = this.#match(query);
    const wanted = new Set(matches.keys());
    for (const partition of this.#overlapping(query)) {
      for (const signature of partition.signaturesAmong(wanted)) {
        for (const row of partition.rowsOf(signature, query)) {
          const block = partition.blockOf(row);
          const entry = found.get(block);
          if (entry) entry.datasets.push({ partition, row });
          else found.set(block, { block, datasets: [{ partition, row }] });
        }
      }
    }
    return [...found.values()].sort((a, b) => this.#blocks.compare(a.block, b.block));
  }

  /** The metadata as it was added, with only the datasets that were found, in the order of the block. */
  blockMetaOf({ block, datasets }: FoundBlock): BlockMeta {
    const inOrder = datasets.toSorted((a, b) => a.partition.ordinalOf(a.row) - b.partition.ordinalOf(b.row));
    return {
      ...this.#blocks.blockAt(block),
      datasets: inOrder.map(({ partition, row }) =>
        partition.datasetAt(row, this.#signatures.signatureAt(partition.signatureOf(row))),
      ),
    };
  }

  /**
   * The distinct label sets that match, of datasets that overlap the range, projected to these names. A label that a
   * set has not is left out, and so is a set of which nothing is left. Sorted, name and value of the first label first.
   */
  findLabels(query: IndexQuery, names: readonly string[]): Labels[] {
    const matches = this.#match(query);
    const unseen = new Set<SignatureId>(matches.keys());
    const wanted = [...new Set(names)].sort(compareUtf8);
    const distinct = new Map<string, Labels>();
    for (const partition of this.#overlapping(query)) {
      for (const signature of [...partition.signaturesAmong(unseen)]) {
        if (partition.rowsOf(signature, query).next().done) continue;
        unseen.delete(signature);
        for (const labels of matches.get(signature) ?? []) {
          const projected = project(labels, wanted);
          if (projected.length > 0) distinct.set(JSON.stringify(projected), projected);
        }
      }
    }
    return [...distinct.values()].sort(compareLabels);
  }

  #match({ tenants, matchers, meter = MatchMeter.unlimited() }: IndexQuery): SignatureMatches {
    return this.#signatures.match(tenants, matchers, meter);
  }

  #partitionAt(timeMs: UnixMs): IndexPartition {
    const start = Math.floor(timeMs / PARTITION_MS) * PARTITION_MS;
    let partition = this.#partitions.get(start);
    if (partition === undefined) {
      partition = new IndexPartition(start);
      this.#partitions.set(start, partition);
    }
    return partition;
  }

  #overlapping({ startMs, endMs }: TimeRange): IndexPartition[] {
    return [...this.#partitions.values()].filter(
      ({ minTimeMs, maxTimeMs }) => minTimeMs <= endMs && maxTimeMs >= startMs,
    );
  }

  #observe(): void {
    blockCount.set(this.#blocks.length);
    datasetCount.set(this.#datasetCount);
    signatureCount.set(this.#signatures.count);
    partitionCount.set(this.#partitions.size);
  }
}

function project(labels: Labels, names: readonly string[]): Labels {
  const projected: Label[] = [];
  for (const name of names) {
    const value = valueOf(labels, name);
    if (value !== undefined) projected.push({ name, value });
  }
  return projected;
}

function compareLabels(a: Labels, b: Labels): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const order = compareUtf8(a[i].name, b[i].name) || compareUtf8(a[i].value, b[i].value);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
