import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';
import type { Bytes } from '#src/domain/model/units.ts';
import { assert } from '#src/platform/assert.ts';
import { ZlibHandle } from './zlib-handle.ts';

/** A larger result gets a buffer for itself, so that one large chunk does not stay for the life of a thread. */
export const SCRATCH_BYTES_MAX: Bytes = 8 << 20;

/** Most chunks fit, so that the scratch of a thread mostly never grows. */
const SCRATCH_BYTES_MIN: Bytes = 64 << 10;

/**
 * Compresses to zstd frames that say how long their content is, without checksum: chunks have their own.
 *
 * @source docs/decisions/0006-call-the-handle-behind-zlib.md
 */
export class ZstdCompressor {
  readonly level: number;
  readonly #open: (level: number) => ZlibHandle | undefined;
  #handle: ZlibHandle | undefined;
  #scratch = new Uint8Array(0);

  /** @param open  gives a handle; undefined where there is none, and then the one-shot function is used */
  constructor(level: number, open: (level: number) => ZlibHandle | undefined = openZstdCompression) {
    this.level = level;
    this.#open = open;
  }

  /** Memory that stays for the next call, without that of zstd itself. */
  get scratchBytes(): Bytes {
    return this.#scratch.length;
  }

  /**
   * Compresses to one frame.
   *
   * @returns a view of memory that the next call overwrites
   */
  compress(source: Uint8Array): Uint8Array {
    const target = this.#scratchOf(zstdBytesMax(source.length));
    const bytes = this.compressInto(source, target);
    assert(bytes !== undefined, `a frame of ${source.length} bytes takes more than ${target.length}`);
    return target.subarray(0, bytes);
  }

  /**
   * Compresses to one frame, straight into memory that is there already. Never writes outside of the target.
   *
   * @param target  of `zstdBytesMax(source.length)` it is one pass without a copy; as views of the kernels' memory,
   *                both must be taken after the last call that may allocate
   * @returns       the length of the frame; undefined when the target does not have a byte more than that
   */
  compressInto(source: Uint8Array, target: Uint8Array): Bytes | undefined {
    this.#handle ??= this.#open(this.level);
    const handle = this.#handle;
    if (handle === undefined) return this.#compressOnce(source, target);

    handle.write(constants.ZSTD_e_end, source, target);
    const { failure, sourceLeft, targetLeft } = handle;
    if (failure === undefined && sourceLeft === 0 && targetLeft > 0) return target.length - targetLeft;
    // Half a frame is in it, which would come out in front of the next one.
    handle.close();
    this.#handle = undefined;
    assert(failure === undefined, `zstd does not compress: ${failure?.message}`);
    return undefined;
  }

  #compressOnce(source: Uint8Array, target: Uint8Array): Bytes | undefined {
    const frame = zstdCompressSync(source, {
      params: { [constants.ZSTD_c_compressionLevel]: this.level },
      pledgedSrcSize: source.length,
      // One piece of output.
      chunkSize: zstdBytesMax(source.length),
    });
    if (frame.length >= target.length) return undefined;
    target.set(frame);
    return frame.length;
  }

  #scratchOf(bytes: Bytes): Uint8Array {
    if (bytes > SCRATCH_BYTES_MAX) return new Uint8Array(bytes);
    if (bytes > this.#scratch.length) {
      const doubled = Math.max(SCRATCH_BYTES_MIN, 2 * this.#scratch.length, bytes);
      this.#scratch = new Uint8Array(Math.min(doubled, SCRATCH_BYTES_MAX));
    }
    return this.#scratch;
  }
}

/** What a frame of so many bytes may take. @source ZSTD_COMPRESSBOUND in zstd.h */
export function zstdBytesMax(sourceBytes: Bytes): Bytes {
  const small = 128 << 10;
  return sourceBytes + (sourceBytes >>> 8) + (sourceBytes < small ? (small - sourceBytes) >>> 11 : 0);
}

/** @returns undefined when this Node keeps its handle elsewhere */
export function openZstdCompression(level: number): ZlibHandle | undefined {
  return ZlibHandle.behind(createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }));
}
