import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { failureText, type PayloadAnswer } from './check-answer.ts';
import type { Payload } from './payload.ts';

const SOCKETS_MAX = 32;

/** Sends payloads to a server over its sockets. */
export class PayloadClient {
  readonly #url: URL;
  readonly #session: ClientHttp2Session;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });

  constructor({ url, grpcUrl }: { readonly url: string; readonly grpcUrl: string }) {
    this.#url = new URL(url);
    this.#session = connect(grpcUrl);
    // Every call of it fails then, and says why.
    this.#session.on('error', () => {});
  }

  /** @throws Error when there is no answer */
  answer(payload: Payload): Promise<PayloadAnswer> {
    return payload.protocol === 'grpc' ? this.#call(payload) : this.#post(payload);
  }

  close(): void {
    this.#agent.destroy();
    this.#session.destroy();
  }

  async #post(payload: Payload): Promise<PayloadAnswer> {
    const response = await this.#sent(payload);
    const { statusCode: status = 0, headers: answered } = response;
    const text = Buffer.concat(await response.toArray());
    const grpcStatus = answered['grpc-status'];
    if (status === 200 && grpcStatus !== undefined) {
      return { status, grpcStatus: Number(grpcStatus), message: messageOf(answered['grpc-message']) };
    }
    return { status, grpcStatus: undefined, message: status === 200 ? '' : failureText(text) };
  }

  /** Once more where a connection was kept for so long that the server has ended it, which is no failure of either. */
  async #sent(payload: Payload): Promise<IncomingMessage> {
    const { path, headers, body } = payload;
    const { hostname, port } = this.#url;
    const sent = request({ hostname, port, path, method: 'POST', agent: this.#agent, headers });
    sent.end(body);
    try {
      const [response] = await once(sent, 'response');
      return response as IncomingMessage;
    } catch (error) {
      if (sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return this.#sent(payload);
      throw error;
    }
  }

  async #call({ path, headers, body }: Payload): Promise<PayloadAnswer> {
    const stream = this.#session.request({ ':method': 'POST', ':path': path, te: 'trailers', ...headers });
    let all: Record<string, unknown> = {};
    for (const event of ['response', 'trailers']) stream.on(event, (some) => void (all = { ...all, ...some }));
    stream.end(body);
    const text = Buffer.concat(await stream.toArray());
    const status = Number(all[':status']);
    if (all['grpc-status'] === undefined) return { status, grpcStatus: undefined, message: failureText(text) };
    return { status, grpcStatus: Number(all['grpc-status']), message: messageOf(all['grpc-message']) };
  }
}

function messageOf(header: unknown): string {
  return decodeURIComponent(typeof header === 'string' ? header : '');
}
