import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { STATUS_CODES } from 'node:http';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import { nextTurn } from '#src/platform/next-turn.ts';
import type { Body } from '#src/services/query-frontend/ports.ts';
import { framingFault } from './framing.ts';
import type { HttpMetrics } from './http-metrics.ts';
import { TurnCount } from './turn-count.ts';

export type Header = readonly [name: string, value: string];

export type Answer = {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: Body;
};

/** What the exchanges of one server share. */
export type ExchangeHost = {
  readonly clock: Clock;
  readonly metrics: HttpMetrics;
  /** Of one body, before the event loop turns. */
  readonly chunksPerTurnMax: number;
  /** How long the answer to a chunked body that goes on waits for its end. */
  readonly lingerMs: DurationMs;
  /** Requests that are not answered yet. */
  readonly open: Set<Exchange>;
  /** Of answers that are not read yet. */
  answerBytes: Bytes;
  /** Clients are asked to come back on another connection, which then is another server. */
  closing: boolean;
  /** Runs after each exchange. */
  readonly onEnd: () => void;
};

/** The headers that some route looks at. The request itself is gone when its handler returns. */
const HEADERS = [
  'accept',
  'accept-encoding',
  'connect-protocol-version',
  'connect-timeout-ms',
  'content-encoding',
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-timeout',
  'transfer-encoding',
  'x-scope-orgid',
] as const;

export type HeaderName = (typeof HEADERS)[number];

/**
 * One request and its answer.
 *
 * The library lets nobody touch a response after its end or after the client left, and throws if somebody does. Here
 * that is safe: an answer to nobody is dropped.
 */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Why nobody can tell where the request ends, and so where the next one on its connection begins. */
  readonly framingFault: string | undefined;
  /** The name of the route in metrics. */
  route = 'unknown';

  readonly #host: ExchangeHost;
  readonly #response: HttpResponse;
  readonly #headers = new Map<HeaderName, string>();
  readonly #startedMs: UnixMs;
  readonly #abort = new AbortController();
  #state: 'open' | 'answering' | 'over' = 'open';
  #status = 499;
  #answerBytes: Bytes = 0;
  /** Whether some of the body has not arrived yet. */
  #bodyPending: boolean;
  #onChunk: ((chunk: Uint8Array, last: boolean) => void) | undefined;
  readonly #chunksInTurn = new TurnCount();
  /** Aborts when all of the body has come, or nobody waits for it. There while an answer waits for that. */
  #bodyOver: AbortController | undefined;
  /** Aborts when more of the body comes, or none is wanted any more. There while somebody waits for that. */
  #bodyProgress: AbortController | undefined;

  constructor(response: HttpResponse, request: HttpRequest, host: ExchangeHost) {
    this.#host = host;
    this.#response = response;
    this.#startedMs = host.clock.now();
    this.method = request.getMethod();
    this.path = request.getUrl();
    this.query = new URLSearchParams(request.getQuery() ?? '');
    for (const name of HEADERS) {
      const value = request.getHeader(name);
      if (value !== '') this.#headers.set(name, value);
    }
    this.framingFault = framingFault(request);
    this.#bodyPending = Number(this.header('content-length')) > 0 || this.header('transfer-encoding') !== '';
    host.open.add(this);
    host.metrics.openRequests(host.open.size);
    response.onAborted(() => {
      this.#end();
      this.cancel(new StoreError('aborted', 'the client left'));
    });
    // Also when no route wants it: once there is an answer, nobody could end a connection whose body is a flood.
    if (this.#bodyPending) this.#listen();
  }

  /** The empty string when it was not sent. */
  header(name: HeaderName): string {
    return this.#headers.get(name) ?? '';
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
      if (last) this.#endBody();
      else if (this.#chunksInTurn.add() > this.#host.chunksPerTurnMax) {
        this.#endFlood();
        return;
      }
      this.#bodyProgress?.abort();
      this.#onChunk?.(new Uint8Array(chunk), last);
    });
  }

  #endBody(): void {
    this.#bodyPending = false;
    this.#bodyOver?.abort();
  }

  /**
   * Ends a connection from which chunks come faster than they can be counted. The library reads on while there is
   * something to read, whatever `pauseBody` says, so that nothing else would have a turn until the client tires.
   */
  #endFlood(): void {
    if (this.#state === 'over') return;
    this.#host.metrics.refused('chunks');
    this.cancel(new StoreError('limit-exceeded', `more than ${this.#host.chunksPerTurnMax} chunks came at once`));
    this.#response.close();
  }

  /**
   * Waits until nothing of the body came for `ms`, whether the client sends nothing or the server takes nothing.
   *
   * @returns false as soon as the body is complete or the request is answered
   */
  async bodyIdleFor(ms: DurationMs): Promise<boolean> {
    while (this.#bodyPending && this.answerable) {
      const progress = new AbortController();
      this.#bodyProgress = progress;
      await this.#host.clock.sleep(ms, progress.signal);
      if (!progress.signal.aborted) return true;
    }
    return false;
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
    // What comes after an answer is thrown away by the library, where nobody counts it. A body of known length is read
    // faster than anybody sends it. Chunks of a byte each are not.
    if (this.#bodyPending && this.header('transfer-encoding') !== '') void this.#answerAfterBody(answer);
    else this.#answerNow(answer);
  }

  /** A client that does not come to the end of its chunks is answered all the same, but not read from any more. */
  async #answerAfterBody(answer: Answer): Promise<void> {
    this.#bodyOver = new AbortController();
    if (!this.#host.closing) await this.#host.clock.sleep(this.#host.lingerMs, this.#bodyOver.signal);
    // Inside of a read a pause has no effect.
    if (this.#chunksInTurn.count > 0) await nextTurn();
    if (this.#state !== 'answering') return;
    if (this.#bodyPending) this.#response.pause();
    this.#answerNow(answer);
  }

  #answerNow(answer: Answer): void {
    const { body } = answer;
    this.#countAnswer(body.reduce((sum, piece) => sum + piece.length, 0));
    this.#response.cork(() => {
      this.#writeHead(answer);
      // The rest of the body is read and thrown away. A client that listens stops sending instead.
      if (this.#bodyPending || this.#host.closing) this.#response.writeHeader('Connection', 'close');
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
    this.#host.answerBytes += bytes;
    this.#host.metrics.answerBytes(this.#host.answerBytes);
  }

  #end(): void {
    if (this.#state === 'over') return;
    const status = this.#state === 'answering' ? this.#status : 499;
    this.#state = 'over';
    this.#bodyProgress?.abort();
    this.#bodyOver?.abort();
    this.#host.open.delete(this);
    this.#host.answerBytes -= this.#answerBytes;
    this.#host.metrics.openRequests(this.#host.open.size);
    this.#host.metrics.answerBytes(this.#host.answerBytes);
    this.#host.metrics.answered(this.route, status, this.#host.clock.now() - this.#startedMs);
    this.#host.onEnd();
  }
}
