/**
 * What is used of Node's own object behind a zlib stream. It is internal, so `ZlibHandle.behind` asks first whether it
 * is there, and whoever asks has a plain way as well.
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
  close(): void;
  onerror: (message: string, errno: number, code: string) => void;
};
type Stream = { readonly _handle?: Partial<Handle>; readonly _writeState?: unknown };

/**
 * The native part of a zlib or zstd stream, kept for many calls. The one-shot functions of `node:zlib` make an object, a
 * native context and a buffer for each call: 5 µs for gzip and 20 to 45 µs for zstd before the first byte.
 *
 * @source docs/decisions/0006-call-the-handle-behind-zlib.md
 */
export class ZlibHandle {
  readonly #handle: Handle;
  /** [bytes of the target left, bytes of the source left] after each write. */
  readonly #state: Uint32Array;
  #failure: { readonly code: string; readonly message: string } | undefined;

  private constructor(handle: Handle, state: Uint32Array) {
    this.#handle = handle;
    this.#state = state;
    handle.onerror = (message, _errno, code) => {
      this.#failure = { code, message };
    };
  }

  /** @returns undefined when this Node keeps its handle elsewhere */
  static behind(stream: object): ZlibHandle | undefined {
    const { _handle: handle, _writeState: state } = stream as Stream;
    const known = [handle?.writeSync, handle?.reset, handle?.close].every((method) => typeof method === 'function');
    if (!known || !(state instanceof Uint32Array) || state.length !== 2) return undefined;
    return new ZlibHandle(handle as Handle, state);
  }

  /** Why the last write failed. The state of a zstd stream is lost then: close it. */
  get failure(): { readonly code: string; readonly message: string } | undefined {
    return this.#failure;
  }

  /** Bytes of the target that the last write, if it did not fail, left as they were. */
  get targetLeft(): number {
    return this.#state[0];
  }

  /** Bytes of the source that the last write, if it did not fail, did not take. */
  get sourceLeft(): number {
    return this.#state[1];
  }

  /**
   * Goes on with the stream until the source is taken or the target is full. Writes nowhere else.
   *
   * @param flush  `Z_FINISH` or `ZSTD_e_end`: the source is all that there is
   * @order        never after `close`, on which Node ends the process
   * @cost         no allocation
   */
  write(flush: number, source: Uint8Array, target: Uint8Array): void {
    this.#failure = undefined;
    this.#handle.writeSync(flush, source, 0, source.length, target, 0, target.length);
  }

  /** Begins a new zlib stream. Not for zstd, which forgets its parameters, level included. */
  reset(): void {
    this.#handle.reset();
  }

  /** Gives the native memory back. */
  close(): void {
    // `close` alone leaves all that a zstd stream holds, 64 MiB of a window even, to a garbage collector that does not see
    // it. `reset` puts an empty stream in its place.
    this.#handle.reset();
    this.#handle.close();
  }
}
