import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import type { TimeRange, UnixMs } from '#src/domain/model/units.ts';
import type { BlockRow } from './block-table.ts';
import type { Signature, SignatureId } from './dataset-signatures.ts';
import { grown } from './growing-columns.ts';

/** Row number in an IndexPartition. */
export type DatasetRow = number;

const NONE = 0;

/**
 * The datasets whose data begins in one window of time, as columns: 72 bytes each.
 *
 * The rows of one signature are a list: `#newest` names the last, and each row the one before it. These lists are the
 * postings of the partition; a signature that does not match costs nothing, however many datasets have it.
 */
export class IndexPartition {
  length = 0;
  /** Of all rows: what does not overlap this needs no look inside. */
  minTimeMs: UnixMs = Number.POSITIVE_INFINITY;
  maxTimeMs: UnixMs = Number.NEGATIVE_INFINITY;
  /** Row + 1. */
  readonly #newest = new Map<SignatureId, number>();
  /** Row + 1 of the one before with the same signature, or 0. */
  #before = new Uint32Array(0);
  #signature = new Uint32Array(0);
  #block = new Uint32Array(0);
  /** The place among the datasets of its block. */
  #ordinal = new Uint32Array(0);
  #minTimeMs = new Float64Array(0);
  #maxTimeMs = new Float64Array(0);
  #offset = new Float64Array(0);
  #sizeBytes = new Float64Array(0);
  #headBytes = new Float64Array(0);
  #symbolsOffset = new Float64Array(0);
  #symbolsSizeBytes = new Float64Array(0);

  add(dataset: DatasetMeta, signature: SignatureId, block: BlockRow, ordinal: number): void {
    const row = this.length++;
    this.#grow();
    this.#before[row] = this.#newest.get(signature) ?? NONE;
    this.#newest.set(signature, row + 1);
    this.#signature[row] = signature;
    this.#block[row] = block;
    this.#ordinal[row] = ordinal;
    this.#minTimeMs[row] = dataset.minTimeMs;
    this.#maxTimeMs[row] = dataset.maxTimeMs;
    this.#offset[row] = dataset.range.offset;
    this.#sizeBytes[row] = dataset.range.sizeBytes;
    this.#headBytes[row] = dataset.headBytes;
    this.#symbolsOffset[row] = dataset.symbols.offset;
    this.#symbolsSizeBytes[row] = dataset.symbols.sizeBytes;
    this.minTimeMs = Math.min(this.minTimeMs, dataset.minTimeMs);
    this.maxTimeMs = Math.max(this.maxTimeMs, dataset.maxTimeMs);
  }

  /** Of these signatures, those that the partition has. @cost O(the smaller side) */
  *signaturesAmong(wanted: ReadonlySet<SignatureId>): Generator<SignatureId> {
    if (wanted.size < this.#newest.size) {
      for (const signature of wanted) if (this.#newest.has(signature)) yield signature;
    } else {
      for (const signature of this.#newest.keys()) if (wanted.has(signature)) yield signature;
    }
  }

  /** The rows with this signature whose times overlap the range, newest first. */
  *rowsOf(signature: SignatureId, { startMs, endMs }: TimeRange): Generator<DatasetRow> {
    for (let next = this.#newest.get(signature) ?? NONE; next !== NONE; next = this.#before[next - 1]) {
      const row = next - 1;
      if (this.#minTimeMs[row] <= endMs && this.#maxTimeMs[row] >= startMs) yield row;
    }
  }

  signatureOf(row: DatasetRow): SignatureId {
    return this.#signature[row];
  }

  blockOf(row: DatasetRow): BlockRow {
    return this.#block[row];
  }

  ordinalOf(row: DatasetRow): number {
    return this.#ordinal[row];
  }

  /** The dataset as it was added. @param signature that of the row */
  datasetAt(row: DatasetRow, { tenant, service, labels }: Signature): DatasetMeta {
    return {
      tenant,
      service,
      minTimeMs: this.#minTimeMs[row],
      maxTimeMs: this.#maxTimeMs[row],
      range: { offset: this.#offset[row], sizeBytes: this.#sizeBytes[row] },
      headBytes: this.#headBytes[row],
      symbols: { offset: this.#symbolsOffset[row], sizeBytes: this.#symbolsSizeBytes[row] },
      labels,
    };
  }

  #grow(): void {
    this.#before = grown(this.#before, this.length);
    this.#signature = grown(this.#signature, this.length);
    this.#block = grown(this.#block, this.length);
    this.#ordinal = grown(this.#ordinal, this.length);
    this.#minTimeMs = grown(this.#minTimeMs, this.length);
    this.#maxTimeMs = grown(this.#maxTimeMs, this.length);
    this.#offset = grown(this.#offset, this.length);
    this.#sizeBytes = grown(this.#sizeBytes, this.length);
    this.#headBytes = grown(this.#headBytes, this.length);
    this.#symbolsOffset = grown(this.#symbolsOffset, this.length);
    this.#symbolsSizeBytes = grown(this.#symbolsSizeBytes, this.length);
  }
}
