import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import type { BodyLimit } from '#src/transports/http/body.ts';
import { FRAME_HEADER_BYTES, frameLengthOf, unframe } from '#src/transports/http/grpc-wire.ts';
import type { Encoding, Message } from '#src/transports/http/rpc.ts';
import type { GrpcCall } from './call.ts';

/** Reads the messages of a call one by one. When more comes than somebody waits for, no more is read. */
export class MessageReader {
  readonly #call: GrpcCall;
  readonly #encoding: Encoding;
  readonly #limit: BodyLimit;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #paused = false;
  /** Resumes who waits for more. */
  #wake: (() => void) | undefined;

  /** @order in the turn in which the call arrived */
  constructor(call: GrpcCall, encoding: Encoding, limit: BodyLimit) {
    this.#call = call;
    this.#encoding = encoding;
    this.#limit = limit;
    call.signal.addEventListener('abort', () => this.#wakeUp(), { once: true });
    call.receive((chunk, last) => {
      // A limit of 16 KiB bounds what is copied here.
      if (chunk.length > 0) this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#ended ||= last;
      if (this.#whole && this.#wake === undefined && !last) this.#pause();
      this.#wakeUp();
    });
  }

  /**
   * @returns undefined after the last one
   * @throws  StoreError 'limit-exceeded' when it is too large, 'invalid-argument' when it is cut off or no message; the
   *          reason of the call's signal when that aborts
   */
  async next(): Promise<Message | undefined> {
    while (!this.#whole) {
      if (this.#call.signal.aborted) throw this.#call.signal.reason;
      this.#checkSize();
      if (this.#ended && this.#bytes.length === 0) return undefined;
      if (this.#ended) throw new StoreError('invalid-argument', 'the last message is cut off');
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#checkSize();
    const frameBytes = FRAME_HEADER_BYTES + frameLengthOf(this.#bytes);
    const frame = this.#bytes.subarray(0, frameBytes);
    this.#bytes = this.#bytes.subarray(frameBytes);
    return unframe(frame, this.#encoding);
  }

  get #whole(): boolean {
    return (
      this.#bytes.length >= FRAME_HEADER_BYTES && this.#bytes.length - FRAME_HEADER_BYTES >= frameLengthOf(this.#bytes)
    );
  }

  #checkSize(): void {
    if (this.#bytes.length < FRAME_HEADER_BYTES) return;
    const lengthBytes = frameLengthOf(this.#bytes);
    const { bytesMax, name } = this.#limit;
    if (lengthBytes > bytesMax) {
      throw new StoreError(
        'limit-exceeded',
        `the message is larger than ${name}: limit ${sizeText(bytesMax)}, actual ${sizeText(lengthBytes)}`,
      );
    }
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#call.pauseBody();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#call.resumeBody();
  }
}
