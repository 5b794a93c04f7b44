import { constants, createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import { corruptedBlock } from '#src/domain/block/corrupted-block.ts';
import { zstdFrameOf, zstdWindowLogMax } from '#src/domain/block/zstd-frame.ts';
import type { ErrorDetails } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { ZlibHandle } from './zlib-handle.ts';

/** Where a frame came from, for the details of an error. `offset` counts from the start of the object. */
export type FrameOrigin = ErrorDetails & { readonly offset: number };

const PARAMS = { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax };

/**
 * Decompresses the zstd frames of chunks into memory that is there already, such as the kernels' arena.
 *
 * @source docs/decisions/0006-call-the-handle-behind-zlib.md
 */
export class ZstdDecompressor {
  readonly #open: () => ZlibHandle | undefined;
  #handle: ZlibHandle | undefined;

  /** @param open  gives a handle; undefined where there is none, and then the one-shot function is used */
  constructor(open: () => ZlibHandle | undefined = openZstdDecompression) {
    this.#open = open;
  }

  /**
   * Decompresses one frame. Never writes outside of the target; what is in it after an error means nothing.
   *
   * @param target  exactly as long as the content must be; as a view of the kernels' memory, taken after the last call
   *                that may allocate
   * @throws StoreError 'corrupted' when the frame is cut off, has bytes behind it, wants a window above 64 MiB, does not
   *         decompress, or decompresses to another length
   * @cost   one pass, no copy
   */
  decompressInto(frame: Uint8Array, target: Uint8Array, origin: FrameOrigin): void {
    const outline = zstdFrameOf(frame);
    if (outline.kind === 'faulty') throw undecompressable(outline.fault, target.length, origin);
    const declared = outline.contentBytes;
    if (declared !== undefined && declared !== target.length) throw anotherLength(declared, target.length, origin);

    this.#handle ??= this.#open();
    if (this.#handle === undefined) decompressOnce(frame, target, origin);
    else this.#decompressKept(this.#handle, frame, target, origin);
  }

  #decompressKept(handle: ZlibHandle, frame: Uint8Array, target: Uint8Array, origin: FrameOrigin): void {
    handle.write(constants.ZSTD_e_end, frame, target);
    const { failure, sourceLeft, targetLeft } = handle;
    if (failure === undefined && sourceLeft === 0 && targetLeft === 0) return;
    // An error stays in it, and the rest of a frame that is too long would come out in front of the next one.
    handle.close();
    this.#handle = undefined;
    if (failure !== undefined) throw undecompressable(failure.message, target.length, origin);
    throw anotherLength(sourceLeft > 0 ? undefined : target.length - targetLeft, target.length, origin);
  }
}

/** @returns undefined when this Node keeps its handle elsewhere */
export function openZstdDecompression(): ZlibHandle | undefined {
  return ZlibHandle.behind(createZstdDecompress({ params: PARAMS }));
}

function decompressOnce(frame: Uint8Array, target: Uint8Array, origin: FrameOrigin): void {
  let content: Uint8Array;
  try {
    content = zstdDecompressSync(frame, {
      maxOutputLength: Math.max(1, target.length),
      // One byte more than the result, so that it is made in one piece and not joined from several.
      chunkSize: Math.max(constants.Z_MIN_CHUNK, target.length + 1),
      params: PARAMS,
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw anotherLength(undefined, target.length, origin);
    }
    throw undecompressable(cause instanceof Error ? cause.message : String(cause), target.length, origin);
  }
  if (content.length !== target.length) throw anotherLength(content.length, target.length, origin);
  target.set(content);
}

function undecompressable(reason: string, rawBytes: Bytes, origin: FrameOrigin): Error {
  return corruptedBlock('chunk: it does not decompress', { ...origin, rawBytes, reason });
}

/** @param actual  undefined: more than expected, and how much more was not found out */
function anotherLength(actual: Bytes | undefined, expected: Bytes, origin: FrameOrigin): Error {
  const message = 'chunk: it decompresses to another length';
  return corruptedBlock(message, { ...origin, expected, actual: actual ?? `above ${expected}` });
}
