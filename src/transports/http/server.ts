import type { us_listen_socket } from 'uWebSockets.js';
import type { Registry } from 'prom-client';
import { StoreError } from '#src/domain/errors.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Log } from '#src/platform/log.ts';
import type { PushService } from '#src/services/distributor/ports.ts';
import type { Querier } from '#src/services/query-frontend/ports.ts';
import { parseAccept } from './accept.ts';
import { codedFailure, textAnswer } from './answers.ts';
import { failureOf } from './errors.ts';
import { type Answer, Exchange, type ExchangeHost } from './exchange.ts';
import type { HttpConfig } from './http-config.ts';
import { listenFailure } from './listen-failure.ts';
import { RequestFlood } from './request-flood.ts';
import { createRouter, type Router } from './routes.ts';
import type { ServerRoom } from './server-room.ts';
import { readStaticFiles } from './static-files.ts';
import type { Readiness } from './status-routes.ts';
import { listenAlone, loadUws, type Uws } from './uws.ts';

export type HttpServerDeps = {
  readonly clock: Clock;
  readonly log: Log;
  /** What `/metrics` prints. */
  readonly registry: Registry;
  readonly room: ServerRoom;
  readonly push: PushService;
  readonly querier: Querier;
  readonly ready: () => Readiness;
  /** The built page and its files. */
  readonly uiDirectory: URL;
};

export interface HttpServer {
  /**
   * @param host the empty string: every interface
   * @param port 0: any free one
   * @returns    the port
   * @throws     StoreError 'unavailable' when the port is taken or not allowed, or the address is of another machine
   */
  listen(host: string, port: number): Promise<number>;
  /**
   * Takes no more connections, lets requests finish until the deadline, then ends what is left. A request whose body
   * does not come on is ended earlier.
   */
  close(deadlineMs: DurationMs): Promise<void>;
}

/** @throws StoreError 'corrupted' when the native library is not the one that it should be */
export async function createHttpServer(deps: HttpServerDeps, config: HttpConfig): Promise<HttpServer> {
  const uws = await loadUws(deps.log);
  const files = await readStaticFiles(deps.uiDirectory);
  const { clock, log, room } = deps;
  const { bodies: budget, answers, metrics } = room;
  const { roomTimeoutMs, bodyTimeoutMs } = config;
  const onBug = (error: unknown): void => log.error('a request failed because of a bug', { error: textOf(error) });
  const routeDeps = { ...deps, budget, metrics, roomTimeoutMs, bodyTimeoutMs, files, onBug };
  return new UwsServer(uws, createRouter(routeDeps, config), config, { clock, metrics, answers, onBug });
}

/** The stack of a bug is worth its place in the log; what is no error is at least shown. */
function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

type ServerParts = Pick<ExchangeHost, 'clock' | 'metrics' | 'answers'> & { readonly onBug: (error: unknown) => void };

class UwsServer implements HttpServer {
  readonly #uws: Uws;
  readonly #app;
  readonly #route: Router;
  readonly #config: HttpConfig;
  readonly #parts: ServerParts;
  readonly #exchanges: ExchangeHost;
  /** Ends the wait of `close`, when there is one. */
  readonly #idle = new AbortController();
  #socket: us_listen_socket | undefined;
  #closing = false;

  constructor(uws: Uws, route: Router, config: HttpConfig, parts: ServerParts) {
    this.#uws = uws;
    this.#route = route;
    this.#config = config;
    this.#parts = parts;
    const { clock, metrics, answers } = parts;
    const onEnd = (): void => this.#ended();
    const [open, lingering] = [new Set<Exchange>(), new Set<Exchange>()];
    const limits = { ...config, lingeringMax: config.requestsMax };
    this.#exchanges = { clock, metrics, answers, limits, open, lingering, closing: false, onEnd };
    const flood = new RequestFlood(clock, config.requestsTurnMs);
    this.#app = uws.App().any('/*', (response, request) => {
      if (flood.meets()) {
        metrics.refused('requests_flood');
        response.close();
        return;
      }
      void this.#serve(new Exchange(response, request, this.#exchanges));
    });
    this.#app.filter((_, change) => flood.connections(change));
  }

  async listen(host: string, port: number): Promise<number> {
    const socket = await listenAlone(this.#app, host, port);
    if (socket === false) throw await listenFailure(host, port);
    this.#socket = socket;
    return this.#uws.us_socket_local_port(socket);
  }

  async close(deadlineMs: DurationMs): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#exchanges.closing = true;
    if (this.#socket !== undefined) this.#uws.us_listen_socket_close(this.#socket);
    for (const exchange of this.#exchanges.open) this.#limitBody(exchange);
    for (const exchange of this.#exchanges.lingering) exchange.stopLingering();
    this.#ended();
    await this.#parts.clock.sleep(deadlineMs, this.#idle.signal);
    for (const exchange of this.#exchanges.open) this.#turnAway(exchange, 'the server is closing');
    // Answers to what was cancelled are written in the turns that follow the aborts.
    await new Promise((resolve) => setImmediate(resolve));
    this.#app.close();
  }

  /** Ends a request whose body does not come on, as the server closes. */
  #limitBody(exchange: Exchange): void {
    const timeoutMs = this.#config.closingBodyIdleTimeoutMs;
    void exchange.bodyIdleFor(timeoutMs).then((idle) => {
      if (!idle) return;
      this.#turnAway(exchange, `the server is closing, and nothing of the body came for ${timeoutMs} ms`);
    });
  }

  #turnAway(exchange: Exchange, message: string): void {
    this.#parts.metrics.refused('closing');
    exchange.cancel(new StoreError('unavailable', message));
  }

  #ended(): void {
    if (this.#closing && this.#exchanges.open.size === 0) this.#idle.abort();
  }

  /** Never throws: nobody would catch it. */
  async #serve(exchange: Exchange): Promise<void> {
    try {
      if (exchange.framingFault !== undefined) {
        this.#parts.metrics.refused('framing');
        await new Promise((resolve) => setImmediate(resolve));
        exchange.answerLast(textAnswer(400, `${exchange.framingFault}\n`));
        return;
      }
      const answer = this.#answerTo(exchange);
      if (this.#closing) this.#limitBody(exchange);
      exchange.answer(answer instanceof Promise ? await answer : answer);
    } catch (error) {
      this.#parts.onBug(error);
      exchange.answer(codedFailure(failureOf(error)));
    }
  }

  #answerTo(exchange: Exchange): Answer | Promise<Answer> {
    const route = this.#route(exchange.path);
    exchange.route = route.name;
    const accept = parseAccept(exchange.header('accept'));
    if (accept === undefined) return textAnswer(400, 'malformed Accept header\n');
    if (this.#exchanges.open.size > this.#config.requestsMax) {
      return this.#refuse('requests', `more than ${this.#config.requestsMax} requests are open`);
    }
    if (route.large && this.#exchanges.answers.bytes > this.#config.answerBytesMax) {
      return this.#refuse(
        'answers',
        `more than ${this.#config.answerBytesMax} bytes of answers wait for their readers`,
      );
    }
    return route.serve(exchange, accept);
  }

  #refuse(reason: 'requests' | 'answers', message: string): Answer {
    this.#parts.metrics.refused(reason);
    return codedFailure(failureOf(new StoreError('unavailable', message)));
  }
}
