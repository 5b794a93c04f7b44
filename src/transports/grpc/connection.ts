import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { TurnCount } from '#src/transports/http/turn-count.ts';
import { type CallHost, GrpcCall } from './call.ts';
import { destroyLater } from './destroy-later.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';

export type ConnectionHost = Omit<CallHost, 'onFrame'> & {
  readonly metrics: GrpcMetrics;
  readonly framesPerTurnMax: number;
  /** Open at once. */
  readonly callsPerConnectionMax: number;
  /** Connections that are not over yet. */
  readonly connections: Set<Connection>;
  readonly onCall: (call: GrpcCall) => void;
};

/** How many more calls in a turn than may be open at once: some are answered at once, and make room for others. */
const SPARE_CALLS = 16;

/** One connection of a client: a session of HTTP/2. */
export class Connection {
  readonly #session: ServerHttp2Session;
  readonly #host: ConnectionHost;
  readonly #calls: CallHost;
  readonly #framesInTurn = new TurnCount();
  readonly #callsInTurn = new TurnCount();
  /** Whether something came since the last look. */
  #alive = true;
  #asked = false;
  /** Will be destroyed as soon as the event loop turns. */
  #refused = false;

  constructor(session: ServerHttp2Session, host: ConnectionHost) {
    destroyLater(session);
    this.#session = session;
    this.#host = host;
    this.#calls = { ...host, onFrame: () => this.#countFrame() };
    const { connections, metrics } = host;
    connections.add(this);
    metrics.openConnections(connections.size);
    session.on('close', () => {
      connections.delete(this);
      metrics.openConnections(connections.size);
    });
    // The session closes by itself. What is no HTTP/2 is no bug of ours, and who leaves is no fault.
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_HTTP2_ERROR') metrics.refused('protocol');
    });
    session.on('stream', (stream, headers) => this.#take(stream, headers));
  }

  /** Ends the connection of a client that is gone without a word, and asks for a word where none came for long. */
  lookAfter(): void {
    if (this.#session.destroyed) return;
    if (this.#asked && !this.#alive) {
      this.#refuse('keep_alive', constants.NGHTTP2_NO_ERROR);
      return;
    }
    this.#asked = !this.#alive;
    this.#alive = false;
    if (this.#asked) this.#ask();
  }

  /** Tells the client to call on another connection. Calls that are open go on. */
  closeWhenIdle(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #ask(): void {
    this.#session.ping((error) => {
      if (error === null) this.#alive = true;
    });
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.#alive = true;
    if (this.#callsInTurn.add() > this.#host.callsPerConnectionMax + SPARE_CALLS) this.#endFlood();
    if (this.#refused) return;
    this.#host.onCall(new GrpcCall(stream, headers, this.#calls));
  }

  /**
   * The library reads on while there is something to read, so that a flood would have all turns.
   *
   * @returns whether somebody still wants it
   */
  #countFrame(): boolean {
    this.#alive = true;
    if (this.#framesInTurn.add() > this.#host.framesPerTurnMax) this.#endFlood();
    return !this.#refused;
  }

  #endFlood(): void {
    this.#refuse('flood', constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #refuse(reason: 'keep_alive' | 'flood', code: number): void {
    if (this.#refused || this.#session.destroyed) return;
    this.#refused = true;
    this.#host.metrics.refused(reason);
    this.#session.destroy(undefined, code);
  }
}
