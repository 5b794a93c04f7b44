import { constants, createGunzip } from 'node:zlib';
import { ZlibHandle } from './zlib-handle.ts';

/** How an inflation ended. */
export type Inflated =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'cut-off' }
  /** In zlib's words. */
  | { readonly kind: 'corrupt'; readonly reason: string }
  /** The target is full, so there may be more: go on in another one. */
  | { readonly kind: 'no-room' }
  /** A part of the source is used up: go on behind those bytes of the target. */
  | { readonly kind: 'paused'; readonly bytes: number };

const NOTHING = new Uint8Array(0);

/**
 * Inflates gzip straight into memory that is there already, such as the kernels' arena.
 *
 * `gunzipSync` makes a buffer for each result. At a few hundred profiles a second these are most of what the garbage
 * collector has to do, a fifth of a thread's time; and then the bytes are copied once more.
 */
export class Inflater {
  readonly #handle: ZlibHandle;
  /** What is not inflated yet, for `continueInto`. */
  #rest: Uint8Array = NOTHING;
  #partBytes = 0;
  #takenBytes = 0;

  private constructor(handle: ZlibHandle) {
    this.#handle = handle;
  }

  /** @returns undefined when this Node keeps its handle elsewhere */
  static create(): Inflater | undefined {
    const handle = ZlibHandle.behind(createGunzip());
    return handle && new Inflater(handle);
  }

  /** Bytes of the source that were taken, save for those of the last call where that met a fault. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /**
   * Inflates all members of a gzip body. Never writes outside of the target.
   *
   * @param target  a byte more than the result, or else it ends with 'no-room' even if the result just fits
   * @param partBytes  of the source that are looked at before it pauses. What many empty members come to fits any target
   * @cost one pass, no copy
   */
  inflateInto(source: Uint8Array, target: Uint8Array, partBytes = source.length): Inflated {
    this.#handle.reset();
    this.#partBytes = partBytes;
    this.#rest = source;
    this.#takenBytes = 0;
    return this.continueInto(target);
  }

  /**
   * Goes on with what did not fit into the targets before.
   *
   * @param partBytes  as above; as before, if nothing is said
   * @order after 'no-room' and 'paused'
   */
  continueInto(target: Uint8Array, partBytes = this.#partBytes): Inflated {
    const source = this.#rest;
    this.#partBytes = partBytes;
    this.#rest = NOTHING;
    const isLast = source.length <= this.#partBytes;
    const part = isLast ? source : source.subarray(0, this.#partBytes);
    this.#handle.write(isLast ? constants.Z_FINISH : constants.Z_NO_FLUSH, part, target);
    const { failure, targetLeft, sourceLeft } = this.#handle;
    if (failure !== undefined) {
      return failure.code === 'Z_BUF_ERROR' ? { kind: 'cut-off' } : { kind: 'corrupt', reason: failure.message };
    }
    this.#takenBytes += part.length - sourceLeft;
    const bytes = target.length - targetLeft;
    // With room and bytes left it met what is no member, such as zeros that pad the last one.
    if (targetLeft > 0 && (isLast || sourceLeft > 0)) return { kind: 'done', bytes };
    this.#rest = source.subarray(part.length - sourceLeft);
    if (targetLeft > 0) return { kind: 'paused', bytes };
    return { kind: 'no-room' };
  }
}
