import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Body } from '#src/services/query-frontend/ports.ts';
import { noRoom } from '#src/transports/http/body.ts';
import { FRAME_HEADER_BYTES, frameLengthOf } from '#src/transports/http/grpc-wire.ts';
import type { HeaderName } from '#src/transports/http/request-headers.ts';
import type { RpcSource } from '#src/transports/http/rpc.ts';
import type { ServerRoom } from '#src/transports/http/server-room.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';

/** What the calls of one server share. */
export type CallHost = {
  readonly clock: Clock;
  readonly metrics: GrpcMetrics;
  readonly room: ServerRoom;
  /** What a client may send of a message before it is asked for more. */
  readonly windowBytes: Bytes;
  /** How long a client may go on sending after the answer. */
  readonly lingerMs: DurationMs;
  /** Calls that are not over yet. */
  readonly open: Set<GrpcCall>;
  /** Runs for each frame of a message. @returns whether somebody still wants it */
  readonly onFrame: () => boolean;
  /** Runs after each call. */
  readonly onEnd: () => void;
};

/** The metadata that some method looks at. The rest is not kept. */
const HEADERS: readonly HeaderName[] = [
  'accept',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-timeout',
  'x-scope-orgid',
];

/** Of an answer, handed to the library at once. It keeps a copy until the client takes it. */
export const WRITE_BYTES = 64 << 10;

/** What Node keeps of a paused stream besides its window: a full buffer, and the frame that came last. */
const PAUSED_BUFFER_BYTES = 128 << 10;

const NOTHING = new Uint8Array(0);

/**
 * One gRPC call: a stream of HTTP/2.
 *
 * Nothing here throws when the client is gone: an answer to nobody is dropped.
 */
export class GrpcCall implements RpcSource {
  readonly method: string;
  readonly path: string;
  /** The name of the method in metrics. */
  route = 'unknown';
  /** Whether it may take as long as it likes. */
  streaming = false;

  readonly #host: CallHost;
  readonly #stream: ServerHttp2Stream;
  readonly #headers = new Map<HeaderName, string>();
  readonly #startedMs: UnixMs;
  readonly #abort = new AbortController();
  #state: 'open' | 'answering' | 'over' = 'open';
  #code = 'left';
  #answerBytes: Bytes = 0;
  #declaredBytes: Bytes = 0;
  #receivedBytes: Bytes = 0;
  /** The last chunk of a message, until its end is there or the event loop turns. */
  #held: Uint8Array | undefined;
  /** Whether some of the message has not arrived yet. */
  #bodyPending = true;
  /** Frames that came and writes that were taken: whoever sees the same number twice has seen nothing happen. */
  #progress = 0;
  #pausedBytes: Bytes = 0;
  /** Whether some of the message was thrown away, as its connection ends. What is left is no message. */
  #cut = false;
  #onChunk: ((chunk: Uint8Array, last: boolean) => void) | undefined;
  /** Pieces of the answer that the library has and the client has not taken. */
  #untakenWrites = 0;
  /** Whether what still comes is thrown away. */
  #dismissed = false;
  #thrownAwayBytes: Bytes = 0;
  /** Aborts when the call is over. There when it will be hung up. */
  #lingering: AbortController | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, host: CallHost) {
    this.#host = host;
    this.#stream = stream;
    this.#startedMs = host.clock.now();
    this.method = textOf(headers[':method']);
    this.path = textOf(headers[':path']);
    for (const name of HEADERS) {
      const value = textOf(headers[name]);
      if (value !== '') this.#headers.set(name, value);
    }
    host.open.add(this);
    host.metrics.openCalls(host.open.size);
    stream.on('error', () => {}); // 'close' follows.
    // Unless the client resets it without an error: then it follows when all is read, and of a paused stream that is never.
    stream.on('aborted', () => setImmediate(() => stream.destroy()));
    stream.on('close', () => this.#end());
  }

  /** The empty string when it was not sent. */
  header(name: HeaderName): string {
    return this.#headers.get(name) ?? '';
  }

  /** What the first frame promises, with its header; 0 until it is there. */
  get declaredBytes(): Bytes {
    return this.#declaredBytes;
  }

  /** Aborts when the client leaves, its deadline passes or the server closes; the reason says which. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether an answer would reach anybody. */
  get answerable(): boolean {
    return this.#state === 'open';
  }

  /** Whether there is some of an answer that the client has to take. */
  get untaken(): boolean {
    return this.#state === 'answering' && (!this.streaming || this.#untakenWrites > 0);
  }

  get answering(): boolean {
    return this.#state === 'answering';
  }

  get bodyPending(): boolean {
    return this.#bodyPending;
  }

  get startedMs(): UnixMs {
    return this.#startedMs;
  }

  get progress(): number {
    return this.#progress;
  }

  /** Ends the work for this call early. The reason becomes the answer, if the client is still there. */
  cancel(reason: StoreError): void {
    this.#abort.abort(reason);
  }

  /**
   * Starts to receive the frames of HTTP/2 that the messages are cut into.
   *
   * @order in the turn in which the call arrived
   */
  receive(onChunk: (chunk: Uint8Array, last: boolean) => void): void {
    this.#onChunk = onChunk;
    this.#listen();
  }

  /**
   * Takes no more until `resumeBody`. What the client may still send has to be kept somewhere, so it is counted as if
   * it were there.
   */
  pauseBody(): void {
    const { bodies } = this.#host.room;
    const bytes = this.#host.windowBytes + PAUSED_BUFFER_BYTES;
    if (!bodies.reserve(bytes)) {
      this.cancel(noRoom(bodies.bytesMax));
      return;
    }
    this.#pausedBytes = bytes;
    this.#stream.pause();
  }

  resumeBody(): void {
    const bytes = this.#pausedBytes;
    if (bytes === 0) return;
    this.#pausedBytes = 0;
    // Later: room that is given back resumes other bodies, and this may be one of them already.
    queueMicrotask(() => this.#host.room.bodies.release(bytes));
    this.#stream.resume();
  }

  /**
   * Answers with a message, framed, and the status `ok`.
   *
   * @param trailers with the status
   */
  answer(headers: OutgoingHttpHeaders, framed: Body, trailers: OutgoingHttpHeaders): void {
    if (!this.#begin('ok')) return;
    this.#answerBytes = framed.reduce((sum, piece) => sum + piece.length, 0);
    this.#host.room.answers.add(this.#answerBytes);
    this.#respond(headers, trailers);
    void this.#send(framed);
  }

  /** Answers with headers alone: a failure, or something that is no gRPC. */
  answerHeaders(code: string, headers: OutgoingHttpHeaders): void {
    if (!this.#begin(code)) return;
    this.#stream.respond(headers, { endStream: true });
    this.#dismiss();
  }

  /** Answers to what is no gRPC call. */
  answerText(status: number, contentType: string, text: string, headers: OutgoingHttpHeaders = {}): void {
    if (!this.#begin(String(status))) return;
    this.#stream.respond({ ':status': status, 'content-type': contentType, ...headers });
    this.#stream.end(text, () => this.#dismiss());
  }

  /** Begins an answer of any number of messages. Their status comes with `finish`. */
  begin(headers: OutgoingHttpHeaders): void {
    if (!this.#begin('left')) return;
    this.#stream.respond(headers, { waitForTrailers: true });
  }

  /**
   * Writes a message of an answer that was begun.
   *
   * @returns a promise that resolves when the client has taken it, when it is gone, or when the signal aborts: who reads
   *          nothing must not keep a call open
   */
  write(framed: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      this.signal.addEventListener('abort', done);
      void this.#hand(framed).then(done);
      if (this.signal.aborted) done();
    });
  }

  /** Ends an answer that was begun. A client that does not take what is left of it gets no status, but a reset. */
  finish(code: string, trailers: OutgoingHttpHeaders): void {
    if (this.#state !== 'answering') return;
    this.#code = code;
    this.#stream.once('wantTrailers', () => {
      this.#sendTrailers(trailers);
      this.#dismiss();
    });
    this.#stream.end();
    this.#linger();
  }

  /** Ends it without an answer, or in the middle of one. */
  destroy(): void {
    // One that the client has reset is closed, and may wait for who reads the rest.
    if (this.#stream.closed) this.#stream.destroy();
    else this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  #begin(code: string): boolean {
    if (this.#state !== 'open') return false;
    this.#state = 'answering';
    this.#code = code;
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  #respond(headers: OutgoingHttpHeaders, trailers: OutgoingHttpHeaders): void {
    this.#stream.respond(headers, { waitForTrailers: true });
    this.#stream.once('wantTrailers', () => this.#sendTrailers(trailers));
  }

  #sendTrailers(trailers: OutgoingHttpHeaders): void {
    if (!this.#stream.destroyed && !this.#stream.closed) this.#stream.sendTrailers(trailers);
  }

  #listen(): void {
    this.#stream.on('data', (chunk: Buffer) => {
      this.#progress++;
      this.#cut ||= !this.#host.onFrame();
      if (this.#cut) return;
      if (!this.#dismissed) this.#take(chunk);
      else this.#throwAway(chunk.length);
    });
    this.#stream.on('end', () => {
      // Also when the client gave up in the middle; then 'close' follows, and nobody may take half for the whole.
      if (this.#cut || this.#stream.aborted || this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
      this.#bodyPending = false;
      const last = this.#held ?? NOTHING;
      this.#held = undefined;
      if (!this.#dismissed) this.#onChunk?.(last, true);
    });
  }

  #take(chunk: Buffer): void {
    this.#handOn();
    // A header that is cut in two declares nothing, and nothing needs it to.
    if (this.#receivedBytes === 0 && chunk.length >= FRAME_HEADER_BYTES) {
      this.#declaredBytes = FRAME_HEADER_BYTES + frameLengthOf(chunk);
    }
    this.#receivedBytes += chunk.length;
    this.#held = chunk;
    if (this.#receivedBytes !== this.#declaredBytes) {
      this.#handOn();
      return;
    }
    // The message is whole. Its end comes in this turn as a rule, and whose end is known need not be paused nor timed.
    setImmediate(() => this.#handOn());
  }

  #handOn(): void {
    const chunk = this.#held;
    if (chunk === undefined) return;
    this.#held = undefined;
    if (!this.#dismissed) this.#onChunk?.(chunk, false);
  }

  /**
   * Nobody listens any more. A client that is still sending is told so, but not at once: some take a stream that is
   * reset for one that was not answered.
   */
  #dismiss(): void {
    if (!this.#bodyPending || this.#stream.destroyed) return;
    this.#dismissed = true;
    if (this.#onChunk === undefined) this.#listen();
    this.resumeBody();
    this.#linger();
  }

  #linger(): void {
    if (this.#lingering !== undefined || this.#stream.destroyed) return;
    this.#lingering = new AbortController();
    void this.#host.clock.sleep(this.#host.lingerMs, this.#lingering.signal).then(() => this.#hangUp());
  }

  #throwAway(bytes: Bytes): void {
    this.#thrownAwayBytes += bytes;
    if (this.#thrownAwayBytes > this.#host.windowBytes) this.#hangUp();
  }

  /** Ends what is answered, or answered as far as the client took it. */
  #hangUp(): void {
    if (this.#untakenWrites > 0) this.destroy();
    else if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Hands over as much as the client takes, and goes on when it has. */
  async #send(framed: Body): Promise<void> {
    if (this.#answerBytes <= WRITE_BYTES) {
      this.#stream.end(framed.length === 1 ? framed[0] : Buffer.concat(framed));
      return;
    }
    for (const piece of framed) {
      for (let start = 0; start < piece.length; start += WRITE_BYTES) {
        await this.#hand(piece.subarray(start, start + WRITE_BYTES));
        if (this.#stream.destroyed) return;
      }
    }
    this.#stream.end();
  }

  /** @returns a promise that resolves when the client has taken it, or when it is gone */
  #hand(framed: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state !== 'answering') return resolve();
      this.#untakenWrites++;
      this.#stream.once('close', resolve);
      this.#stream.write(framed, () => {
        this.#untakenWrites--;
        this.#progress++;
        this.#stream.off('close', resolve);
        resolve();
      });
    });
  }

  #end(): void {
    if (this.#state === 'over') return;
    const { clock, metrics, room, open, onEnd } = this.#host;
    const left = this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR;
    // A call that is answered needs no end.
    if (this.#state === 'open' || this.streaming) this.cancel(CLIENT_LEFT);
    this.#state = 'over';
    this.#bodyPending = false;
    this.#held = undefined;
    this.#lingering?.abort();
    this.resumeBody();
    open.delete(this);
    room.answers.add(-this.#answerBytes);
    metrics.openCalls(open.size);
    metrics.answered(this.route, left ? 'left' : this.#code, clock.now() - this.#startedMs);
    onEnd();
  }
}

/** Made once, as in http/body.ts. */
const CLIENT_LEFT = new StoreError('aborted', 'the client left');

function textOf(header: string | string[] | undefined): string {
  return typeof header === 'string' ? header : (header?.join(', ') ?? '');
}
