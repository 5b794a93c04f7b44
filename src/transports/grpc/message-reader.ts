import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { type BodyHost, type BodyLimit, BodyRefusal } from '#src/transports/http/body.ts';
import { FRAME_HEADER_BYTES, frameLengthOf, unframe } from '#src/transports/http/grpc-wire.ts';
import type { Encoding, Message } from '#src/transports/http/rpc.ts';
import type { GrpcCall } from './call.ts';

/** What a reader must be able to do with its call. */
export type MessageSource = Pick<GrpcCall, 'signal' | 'receive' | 'pauseBody' | 'resumeBody'>;

/**
 * Reads the messages of a call one by one.
 *
 * Nothing is taken while nobody waits for it. So what is kept here is less than a message of the limit and two frames of
 * HTTP/2, whatever the client sends.
 */
export class MessageReader {
  readonly #call: MessageSource;
  readonly #encoding: Encoding;
  readonly #limit: BodyLimit;
  readonly #metrics: BodyHost['metrics'];
  /** What came and was not read yet, from `#start` to `#end`. A message that was handed out is never written over. */
  #buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #ended = false;
  #paused = false;
  /** Resumes who waits for more. */
  #wake: (() => void) | undefined;

  /** @order in the turn in which the call arrived */
  constructor(call: MessageSource, encoding: Encoding, limit: BodyLimit, metrics: BodyHost['metrics']) {
    this.#call = call;
    this.#encoding = encoding;
    this.#limit = limit;
    this.#metrics = metrics;
    call.signal.addEventListener('abort', () => this.#abort(call.signal.reason), { once: true });
    call.receive((chunk, last) => {
      this.#append(chunk);
      this.#ended ||= last;
      if (this.#wake === undefined && !last) this.#pause();
      this.#wakeUp();
    });
  }

  /**
   * @returns undefined after the last one
   * @throws  BodyRefusal when it is too large, as soon as its frame says so; StoreError 'invalid-argument' when it is cut
   *          off or no message; the reason of the call's signal when that aborts
   */
  async next(): Promise<Message | undefined> {
    while (!this.#whole) {
      if (this.#call.signal.aborted) throw this.#call.signal.reason;
      this.#checkSize();
      if (this.#ended && this.#unread.length === 0) return undefined;
      if (this.#ended) throw new StoreError('invalid-argument', 'the last message is cut off');
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#checkSize();
    const frame = this.#unread.subarray(0, FRAME_HEADER_BYTES + frameLengthOf(this.#unread));
    this.#start += frame.length;
    return unframe(frame, this.#encoding);
  }

  get #unread(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  get #whole(): boolean {
    const unread = this.#unread;
    return unread.length >= FRAME_HEADER_BYTES && unread.length - FRAME_HEADER_BYTES >= frameLengthOf(unread);
  }

  /** Copies each byte a few times at most, however small the chunks are. They are not kept: each could hold a larger one. */
  #append(chunk: Uint8Array): void {
    if (chunk.length > this.#buffer.length - this.#end) {
      const unread = this.#unread;
      this.#buffer = Buffer.allocUnsafe(Math.max(unread.length + chunk.length, 2 * unread.length));
      this.#buffer.set(unread);
      this.#start = 0;
      this.#end = unread.length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  #checkSize(): void {
    const unread = this.#unread;
    if (unread.length < FRAME_HEADER_BYTES) return;
    const lengthBytes = frameLengthOf(unread);
    const { bytesMax, name, reason } = this.#limit;
    if (lengthBytes <= bytesMax) return;
    this.#metrics.refused(reason);
    const text = `the message is larger than ${name}: limit ${sizeText(bytesMax)}, actual ${sizeText(lengthBytes)}`;
    throw new BodyRefusal(reason, 'limit-exceeded', text);
  }

  #abort(reason: unknown): void {
    if (reason instanceof BodyRefusal) this.#metrics.refused(reason.reason);
    this.#wakeUp();
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
