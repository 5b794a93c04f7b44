import type { GrpcCall } from '#src/transports/grpc/call.ts';
import type { Exchange } from '#src/transports/http/exchange.ts';
import type { PayloadAnswer } from './check-answer.ts';
import type { Payload } from './payload.ts';

/**
 * A request without a socket: its body is there at once. Routes and methods use nothing else of an exchange or a call.
 */
export class InlineExchange {
  readonly method: string;
  readonly path: string;
  route = '';
  readonly signal = new AbortController().signal;
  /** Of a call of gRPC. What an exchange is answered is what its route returns. */
  callAnswer: PayloadAnswer | undefined;
  readonly #query: string;
  readonly #payload: Payload;

  constructor(payload: Payload) {
    this.method = payload.protocol === 'grpc' ? 'POST' : 'post';
    const question = payload.path.indexOf('?');
    this.path = question === -1 ? payload.path : payload.path.slice(0, question);
    this.#query = question === -1 ? '' : payload.path.slice(question + 1);
    this.#payload = payload;
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#query);
  }

  header(name: string): string {
    return this.#payload.headers[name] ?? '';
  }

  get declaredBytes(): number {
    return this.#payload.protocol === 'grpc' ? 0 : this.#payload.body.length;
  }

  receive(onChunk: (chunk: Uint8Array, last: boolean) => void): void {
    queueMicrotask(() => onChunk(this.#payload.body, true));
  }

  pauseBody(): void {}

  resumeBody(): void {}

  cancel(): void {}

  answer(): void {
    this.callAnswer = { status: 200, grpcStatus: 0, message: '' };
  }

  answerHeaders(_: string, headers: Readonly<Record<string, unknown>>): void {
    const message = decodeURIComponent(String(headers['grpc-message']));
    this.callAnswer = { status: 200, grpcStatus: Number(headers['grpc-status']), message };
  }

  answerText(status: number, _: string, text: string): void {
    this.callAnswer = { status, grpcStatus: undefined, message: text };
  }

  asExchange(): Exchange {
    return this as unknown as Exchange;
  }

  asCall(): GrpcCall {
    return this as unknown as GrpcCall;
  }
}
