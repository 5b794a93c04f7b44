import { constants, createGunzip } from 'node:zlib';
import { ZlibHandle } from './zlib-handle.ts';

/** How an inflation ended. */
export type Inflated =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'cut-off' }
  | { readonly kind: 'corrupt' }
  /** The target is full, so there may be more: go on in another one. */
  | { readonly kind: 'no-room' };

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

  private constructor(handle: ZlibHandle) {
    this.#handle = handle;
  }

  /** @returns undefined when this Node keeps its handle elsewhere */
  static create(): Inflater | undefined {
    const handle = ZlibHandle.behind(createGunzip());
    return handle && new Inflater(handle);
  }

  /**
   * Inflates all members of a gzip body. Never writes outside of the target.
   *
   * @param target  a byte more than the result, or else it ends with 'no-room' even if the result just fits
   * @cost one pass, no copy
   */
  inflateInto(source: Uint8Array, target: Uint8Array): Inflated {
    this.#handle.reset();
    this.#rest = source;
    return this.continueInto(target);
  }

  /**
   * Goes on with what did not fit into the targets before.
   *
   * @order after 'no-room'
   */
  continueInto(target: Uint8Array): Inflated {
    const source = this.#rest;
    this.#rest = NOTHING;
    this.#handle.write(constants.Z_FINISH, source, target);
    const { failure, targetLeft, sourceLeft } = this.#handle;
    if (failure !== undefined) return { kind: failure.code === 'Z_BUF_ERROR' ? 'cut-off' : 'corrupt' };
    if (targetLeft > 0) return { kind: 'done', bytes: target.length - targetLeft };
    this.#rest = source.subarray(source.length - sourceLeft);
    return { kind: 'no-room' };
  }
}
