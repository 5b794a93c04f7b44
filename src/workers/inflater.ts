import { constants, createGunzip } from 'node:zlib';

/** How an inflation ended. */
export type Inflated =
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'cut-off' }
  | { readonly kind: 'corrupt' }
  /** The target is full, so there may be more: it must have a byte more than the largest result. */
  | { readonly kind: 'no-room' };

/**
 * What is used of Node's own object behind a zlib stream. It is internal, so whoever makes an `Inflater` asks first
 * whether it is there; a test inflates with it and without it.
 */
type Handle = {
  writeSync(
    flush: number,
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    targetLength: number,
  ): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
};
type Stream = { readonly _handle?: Partial<Handle>; readonly _writeState?: unknown };

/**
 * Inflates gzip straight into memory that is there already, such as the kernels' arena.
 *
 * `gunzipSync` makes a buffer for each result. At a few hundred profiles a second these are most of what the garbage
 * collector has to do, a fifth of a thread's time; and then the bytes are copied once more.
 */
export class Inflater {
  readonly #handle: Handle;
  /** [bytes of the target left, bytes of the source left] after each write. */
  readonly #state: Uint32Array;
  #failure: string | undefined;

  private constructor(handle: Handle, state: Uint32Array) {
    this.#handle = handle;
    this.#state = state;
    handle.onerror = (_message, _errno, code) => {
      this.#failure = code;
    };
  }

  /** @returns undefined when this Node keeps its handle elsewhere */
  static create(): Inflater | undefined {
    const stream = createGunzip() as unknown as Stream;
    const handle = stream._handle;
    const state = stream._writeState;
    const known = typeof handle?.writeSync === 'function' && typeof handle.reset === 'function';
    if (!known || !(state instanceof Uint32Array) || state.length !== 2) return undefined;
    return new Inflater(handle as Handle, state);
  }

  /**
   * Inflates all members of a gzip body. Never writes outside of the target.
   *
   * @cost one pass, no allocation
   */
  inflateInto(source: Uint8Array, target: Uint8Array): Inflated {
    this.#failure = undefined;
    this.#handle.reset();
    this.#handle.writeSync(constants.Z_FINISH, source, 0, source.length, target, 0, target.length);
    const [targetLeft] = this.#state;
    if (this.#failure !== undefined) return { kind: this.#failure === 'Z_BUF_ERROR' ? 'cut-off' : 'corrupt' };
    return targetLeft === 0 ? { kind: 'no-room' } : { kind: 'done', bytes: target.length - targetLeft };
  }
}
