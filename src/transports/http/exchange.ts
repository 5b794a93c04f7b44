import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { STATUS_CODES } from 'node:http';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import { nextTurn } from '#src/platform/next-turn.ts';
import type { Body } from '#src/services/query-frontend/ports.ts';
import type { AnswerCount } from './answer-count.ts';
import { framingFault } from './framing.ts';
import type { HttpMetrics } from './http-metrics.ts';
import { type HeaderName, RequestHeaders } from './request-headers.ts';
import { TurnCount } from './turn-count.ts';

export type Header = readonly [name: string, value: string];

export type Answer = {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: Body;
};

export type ExchangeLimits = {
  /** Of one body, before the event loop turns. */
  readonly chunksPerTurnMax: number;
  /** From the headers to the end of a body, whether or not somebody wants it. */
  readonly bodyTimeoutMs: DurationMs;
  /** After so long without a chunk an answer does not wait for the rest of a body any more. */
  readonly lingerIdleMs: DurationMs;
  readonly lingeringMax: number;
};

/** What the exchanges of one server share. */
export type ExchangeHost = {
  readonly clock: Clock;
  readonly metrics: HttpMetrics;
  readonly limits: ExchangeLimits;
  /** Requests that are not answered yet. */
  readonly open: Set<Exchange>;
  /** Requests whose answers are ready, and wait for the end of bodies that nobody wants. */
  readonly lingering: Set<Exchange>;
  readonly answers: AnswerCount;
  /** Clients are asked to come back on another connection, which then is another server. */
  closing: boolean;
  /** Runs after each exchange. */
  readonly onEnd: () => void;
};

/** So much of a refused body of known length is thrown away by the library: half a second of it at most. */
const DISCARDED_BYTES_MAX: Bytes = 1 << 30;

/**
 * How long a connection may be used again. The library ends an idle one after 10 s, which it counts in steps of 4, so after
 * 8 to 12, and has no setting for it. A client that sends at that moment has no answer, and does not know whether it was
 * heard. One that reads this does not: a second is left for the way.
 */
const KEEP_ALIVE = 'timeout=7';

/**
 * One request and its answer.
 *
 * The library lets nobody touch a response after its end or after the client left, and throws if somebody does. Here
 * that is safe: an answer to nobody is dropped.
 */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly #query: string;
  /** Why nobody can tell where the request ends, and so where the next one on its connection begins. */
  readonly framingFault: string | undefined;
  /** The name of the route in metrics. */
  route = 'unknown';

  readonly #host: ExchangeHost;
  readonly #response: HttpResponse;
  readonly #headers: RequestHeaders;
  readonly #startedMs: UnixMs;
  readonly #abort = new AbortController();
  #state: 'open' | 'answering' | 'over' = 'open';
  #status = 499;
  #answerBytes: Bytes = 0;
  /** Whether some of the body has not arrived yet. */
  #bodyPending: boolean;
  #onChunk: ((chunk: Uint8Array, last: boolean) => void) | undefined;
  /** There once a body came in several chunks. */
  #chunksInTurn: TurnCount | undefined;
  /** Aborts when more of the body comes, or none is wanted any more. There while somebody waits for that. */
  #bodyProgress: AbortController | undefined;

  constructor(response: HttpResponse, request: HttpRequest, host: ExchangeHost) {
    this.#host = host;
    this.#response = response;
    this.#startedMs = host.clock.now();
    this.method = request.getMethod();
    this.path = request.getUrl();
    this.#query = request.getQuery() ?? '';
    this.#headers = new RequestHeaders(request);
    this.framingFault = framingFault(this.#headers);
    this.#bodyPending = this.declaredBytes > 0 || this.header('transfer-encoding') !== '';
    host.open.add(this);
    host.metrics.openRequests(host.open.size);
    response.onAborted(() => {
      this.#end();
      this.cancel(new StoreError('aborted', 'the client left'));
    });
    // Also when no route wants it: once there is an answer, nobody could end a connection whose body is a flood.
    if (this.#bodyPending) this.#listen();
  }

  /** As it came, percent signs and all. */
  get rawQuery(): string {
    return this.#query;
  }

  /** Made of the text each time. */
  get query(): URLSearchParams {
    return new URLSearchParams(this.#query);
  }

  /** The empty string when it was not sent. */
  header(name: HeaderName): string {
    return this.#headers.get(name);
  }

  /** How long the body claims to be; 0 when it is chunked. The library has refused lengths that are no numbers. */
  get declaredBytes(): Bytes {
    return Number(this.header('content-length')) || 0;
  }

  /** Aborts when the client leaves, its deadline passes or the server closes; the reason says which. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether an answer would reach anybody. */
  get answerable(): boolean {
    return this.#state === 'open';
  }

  /** Ends the work for this request early. The reason becomes the answer, if the client is still there. */
  cancel(reason: StoreError): void {
    this.#abort.abort(reason);
  }

  /**
   * Starts to receive the body.
   *
   * @param onChunk gets memory that is only valid during the call
   * @order         in the turn in which the request arrived
   */
  receive(onChunk: (chunk: Uint8Array, last: boolean) => void): void {
    this.#onChunk = onChunk;
    // A request without a body has a last chunk too.
    if (!this.#bodyPending) this.#listen();
  }

  #listen(): void {
    this.#response.onData((chunk, last) => {
      if (last) this.#bodyPending = false;
      else if (this.#isFlood()) {
        this.#endFlood();
        return;
      }
      this.#bodyProgress?.abort();
      this.#onChunk?.(new Uint8Array(chunk), last);
    });
  }

  #isFlood(): boolean {
    this.#chunksInTurn ??= new TurnCount();
    return this.#chunksInTurn.add() > this.#host.limits.chunksPerTurnMax;
  }

  /**
   * Ends a connection whose chunks leave nobody else a turn. The library reads on while there is something to read,
   * whatever `pauseBody` says.
   */
  #endFlood(): void {
    if (this.#state === 'over') return;
    this.#host.metrics.refused('chunks_flood');
    this.cancel(
      new StoreError('limit-exceeded', `more than ${this.#host.limits.chunksPerTurnMax} chunks came at once`),
    );
    this.#response.close();
  }

  /**
   * Waits until nothing of the body came for `ms`, whether the client sends nothing or the server takes nothing.
   *
   * @returns false as soon as the body is complete or the request is answered
   */
  async bodyIdleFor(ms: DurationMs): Promise<boolean> {
    while (this.#bodyPending && this.answerable) if (!(await this.#bodyProgresses(ms))) return true;
    return false;
  }

  /** @returns false when nothing of the body came for `ms` */
  async #bodyProgresses(ms: DurationMs): Promise<boolean> {
    const progress = new AbortController();
    this.#bodyProgress = progress;
    await this.#host.clock.sleep(ms, progress.signal);
    return progress.signal.aborted;
  }

  pauseBody(): void {
    if (this.answerable) this.#response.pause();
  }

  resumeBody(): void {
    if (this.answerable) this.#response.resume();
  }

  answer(answer: Answer): void {
    if (!this.answerable) return;
    this.#state = 'answering';
    this.#bodyProgress?.abort();
    if (this.#mayFlood()) void this.#answerAfterBody(answer);
    else this.#answerNow(answer);
  }

  /**
   * Whether what is still to come of the body may be without end. The library throws it away once there is an answer,
   * and then nothing could end the connection.
   */
  #mayFlood(): boolean {
    if (!this.#bodyPending) return false;
    return this.header('transfer-encoding') !== '' || this.declaredBytes > DISCARDED_BYTES_MAX;
  }

  /**
   * Throws the rest of the body away before the answer, because many clients read only after they have written. One that
   * stops, or does not come to an end, is answered all the same, but not read from any more.
   */
  async #answerAfterBody(answer: Answer): Promise<void> {
    const { lingering, limits, clock } = this.#host;
    this.#leaveOpen();
    if (lingering.size < limits.lingeringMax && !this.#host.closing) {
      lingering.add(this);
      this.#host.metrics.lingeringAnswers(lingering.size);
      const endMs = this.#startedMs + limits.bodyTimeoutMs;
      while (this.#lingers() && clock.now() < endMs && (await this.#bodyProgresses(limits.lingerIdleMs)));
      this.#leaveLingering();
    }
    // Inside of a read a pause has no effect.
    if (this.#bodyPending && this.#chunksInTurn?.count && !this.#host.closing) await nextTurn();
    if (this.#state !== 'answering') return;
    if (this.#bodyPending) this.#response.pause();
    this.#answerNow(answer);
  }

  #lingers(): boolean {
    return this.#bodyPending && this.#state === 'answering' && !this.#host.closing;
  }

  /** Ends the wait of an answer for the rest of a body that nobody wants, as the server closes. */
  stopLingering(): void {
    this.#bodyProgress?.abort();
  }

  #answerNow(answer: Answer): void {
    const { body } = answer;
    this.#countAnswer(body.reduce((sum, piece) => sum + piece.length, 0));
    this.#response.cork(() => {
      this.#writeHead(answer);
      // The rest of the body is read and thrown away. A client that listens stops sending instead.
      if (this.#bodyPending || this.#host.closing || this.header('connection').toLowerCase() === 'close') {
        this.#response.writeHeader('Connection', 'close');
      } else this.#response.writeHeader('Keep-Alive', KEEP_ALIVE);
      this.#send(body);
    });
  }

  /**
   * Answers a request of which nobody can tell where it ends, and ends its connection. What came with it would be taken
   * for the next request if there were an answer; the library ends the connection instead if there is none yet.
   *
   * @order in a later turn than the one in which the request arrived
   */
  answerLast(answer: Answer): void {
    if (!this.answerable) return;
    this.#state = 'answering';
    this.#response.cork(() => {
      this.#writeHead(answer);
      this.#response.end(Buffer.concat(answer.body), true);
    });
    this.#end();
  }

  #writeHead({ status, headers }: Answer): void {
    this.#status = status;
    this.#response.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Client Closed Request'}`);
    for (const [name, value] of headers) this.#response.writeHeader(name, value);
  }

  /** Gives the socket as much as it takes, and goes on when it takes more. Nothing is buffered twice. */
  #send(body: Body): void {
    const totalBytes = this.#answerBytes;
    if (totalBytes === 0 || this.method === 'head') {
      this.#response.endWithoutBody(totalBytes);
      this.#end();
      return;
    }
    let index = 0;
    let startOffset = 0;
    const sendMore = (): boolean => {
      for (; index < body.length; startOffset += (body[index++] as Uint8Array).length) {
        const rest = (body[index] as Uint8Array).subarray(this.#response.getWriteOffset() - startOffset);
        if (rest.length === 0) continue;
        const [sent, complete] = this.#response.tryEnd(rest, totalBytes);
        if (complete) {
          this.#end();
          return true;
        }
        if (!sent) return false;
      }
      return true;
    };
    if (!sendMore()) this.#response.onWritable(sendMore);
  }

  #countAnswer(bytes: Bytes): void {
    this.#answerBytes = bytes;
    this.#host.answers.add(bytes);
  }

  #leaveLingering(): void {
    if (this.#host.lingering.delete(this)) this.#host.metrics.lingeringAnswers(this.#host.lingering.size);
  }

  #leaveOpen(): void {
    this.#host.open.delete(this);
    this.#host.metrics.openRequests(this.#host.open.size);
  }

  #end(): void {
    if (this.#state === 'over') return;
    const status = this.#state === 'answering' ? this.#status : 499;
    this.#state = 'over';
    this.#bodyProgress?.abort();
    this.#leaveOpen();
    this.#leaveLingering();
    this.#host.answers.add(-this.#answerBytes);
    this.#host.metrics.answered(this.route, status, this.#host.clock.now() - this.#startedMs);
    this.#host.onEnd();
  }
}
