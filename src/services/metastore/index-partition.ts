import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import type { TimeRange, UnixMs } from '#src/domain/model/units.ts';
import type { BlockRow } from './block-table.ts';
import type { Signature, SignatureId } from './dataset-signatures.ts';
import { NumberColumn } from './number-column.ts';

/** Row number in an IndexPartition. */
export type DatasetRow = number;

const NONE = 0;

/**
 * The datasets whose data begins in one window of time, as columns: 44 bytes each.
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
  readonly #before = new NumberColumn();
  readonly #signature = new NumberColumn();
  readonly #block = new NumberColumn();
  /** The place among the datasets of its block. */
  readonly #ordinal = new NumberColumn();
  readonly #minTimeMs: NumberColumn;
  readonly #maxTimeMs: NumberColumn;
  readonly #offset = new NumberColumn();
  readonly #sizeBytes = new NumberColumn();
  readonly #headBytes = new NumberColumn();
  readonly #symbolsOffset = new NumberColumn();
  readonly #symbolsSizeBytes = new NumberColumn();

  /** @param startMs  of the window */
  constructor(startMs: UnixMs) {
    this.#minTimeMs = new NumberColumn(startMs);
    this.#maxTimeMs = new NumberColumn(startMs);
  }

  add(dataset: DatasetMeta, signature: SignatureId, block: BlockRow, ordinal: number): void {
    const row = this.length++;
    this.#before.push(this.#newest.get(signature) ?? NONE);
    this.#newest.set(signature, row + 1);
    this.#signature.push(signature);
    this.#block.push(block);
    this.#ordinal.push(ordinal);
    this.#minTimeMs.push(dataset.minTimeMs);
    this.#maxTimeMs.push(dataset.maxTimeMs);
    this.#offset.push(dataset.range.offset);
    this.#sizeBytes.push(dataset.range.sizeBytes);
    this.#headBytes.push(dataset.headBytes);
    this.#symbolsOffset.push(dataset.symbols.offset);
    this.#symbolsSizeBytes.push(dataset.symbols.sizeBytes);
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
    for (let next = this.#newest.get(signature) ?? NONE; next !== NONE; next = this.#before.at(next - 1)) {
      const row = next - 1;
      if (this.#minTimeMs.at(row) <= endMs && this.#maxTimeMs.at(row) >= startMs) yield row;
    }
  }

  signatureOf(row: DatasetRow): SignatureId {
    return this.#signature.at(row);
  }

  blockOf(row: DatasetRow): BlockRow {
    return this.#block.at(row);
  }

  ordinalOf(row: DatasetRow): number {
    return this.#ordinal.at(row);
  }

  /** The dataset as it was added. @param signature that of the row */
  datasetAt(row: DatasetRow, { tenant, service, labels }: Signature): DatasetMeta {
    return {
      tenant,
      service,
      minTimeMs: this.#minTimeMs.at(row),
      maxTimeMs: this.#maxTimeMs.at(row),
      range: { offset: this.#offset.at(row), sizeBytes: this.#sizeBytes.at(row) },
      headBytes: this.#headBytes.at(row),
      symbols: { offset: this.#symbolsOffset.at(row), sizeBytes: this.#symbolsSizeBytes.at(row) },
      labels,
    };
  }
}
