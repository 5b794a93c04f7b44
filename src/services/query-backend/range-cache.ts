import { Counter, Gauge } from 'prom-client';
import type { ByteRange } from '#src/domain/block/block-meta.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { metrics } from '#src/platform/metrics.ts';

/** Larger pieces are read once in a while, and copying them would hold up the main loop. */
const PIECE_BYTES_MAX: Bytes = 64 << 10;

/** What a piece takes beside its bytes: the key, the entry of the map, the buffer. */
const PIECE_OVERHEAD_BYTES: Bytes = 400;

const lookups = new Counter({
  name: 'kiln_query_backend_cache_lookups_total',
  help: 'Small ranges of objects that queries asked for, by whether the cache had them.',
  labelNames: ['result'],
  registers: [metrics],
});
const sizeGauge = new Gauge({
  name: 'kiln_query_backend_cache_bytes',
  help: 'Memory of the cache of ranges of objects.',
  registers: [metrics],
});
const evictions = new Counter({
  name: 'kiln_query_backend_cache_evictions_total',
  help: 'Ranges that left the cache to make room.',
  registers: [metrics],
});

/**
 * Small ranges of objects that queries read again and again: heads of datasets, and the symbols of small segments.
 * Objects never change, so nothing in here becomes wrong; what was used longest ago leaves first. Checksums are checked by
 * whoever uses a piece, each time.
 *
 * @invariant 0 <= bytes <= bytesMax
 */
export class RangeCache {
  readonly #bytesMax: Bytes;
  readonly #pieces = new Map<string, Uint8Array>();
  #bytes: Bytes = 0;

  /** @param bytesMax  0: nothing is kept */
  constructor(bytesMax: Bytes) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): Bytes {
    return this.#bytes;
  }

  /** A copy, which the caller may give away. @returns undefined when it is not here */
  get(path: string, range: ByteRange): Uint8Array<ArrayBuffer> | undefined {
    if (range.sizeBytes > PIECE_BYTES_MAX) return undefined;
    const key = keyOf(path, range);
    const piece = this.#pieces.get(key);
    lookups.inc({ result: piece === undefined ? 'miss' : 'hit' });
    if (piece === undefined) return undefined;
    this.#pieces.delete(key);
    this.#pieces.set(key, piece);
    return new Uint8Array(piece);
  }

  /** Keeps a copy, unless the piece is too large or the object ended before it. */
  put(path: string, range: ByteRange, bytes: Uint8Array): void {
    const size = range.sizeBytes + PIECE_OVERHEAD_BYTES;
    if (range.sizeBytes > PIECE_BYTES_MAX || size > this.#bytesMax || bytes.length !== range.sizeBytes) return;
    const key = keyOf(path, range);
    if (this.#pieces.has(key)) return;
    for (const [oldest, piece] of this.#pieces) {
      if (this.#bytes + size <= this.#bytesMax) break;
      this.#pieces.delete(oldest);
      this.#bytes -= piece.length + PIECE_OVERHEAD_BYTES;
      evictions.inc();
    }
    this.#pieces.set(key, new Uint8Array(bytes));
    this.#bytes += size;
    sizeGauge.set(this.#bytes);
  }

  /** Forgets all ranges of an object. @cost O(pieces of all objects) */
  drop(path: string): void {
    for (const [key, piece] of this.#pieces) {
      if (!key.startsWith(`${path} `)) continue;
      this.#pieces.delete(key);
      this.#bytes -= piece.length + PIECE_OVERHEAD_BYTES;
    }
    sizeGauge.set(this.#bytes);
  }
}

function keyOf(path: string, { offset, sizeBytes }: ByteRange): string {
  return `${path} ${offset} ${sizeBytes}`;
}
