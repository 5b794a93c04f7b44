import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { StoreError } from '#src/domain/errors.ts';
import type { DurationMs, UnixMs } from '#src/domain/model/units.ts';
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
  /** How long a turn may take in which there are more calls than may be open at once. */
  readonly callsTurnMs: DurationMs;
  readonly onCall: (call: GrpcCall) => void;
};

/** One connection of a client: a session of HTTP/2. */
export class Connection {
  readonly #session: ServerHttp2Session;
  readonly #host: ConnectionHost;
  readonly #calls: CallHost;
  readonly #framesInTurn = new TurnCount();
  readonly #callsInTurn = new TurnCount();
  /** When the first of them came. */
  #turnMs: UnixMs = 0;
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
      this.#refuse('keep_alive');
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
    if (this.#isFlood()) this.#endFlood();
    if (this.#refused) {
      stream.on('error', () => {}); // Of the session that is destroyed.
      return;
    }
    this.#host.onCall(new GrpcCall(stream, headers, this.#calls));
  }

  /**
   * The number of calls alone tells nothing: those that are answered at once, be it with a refusal, make room for others
   * in the same turn. But who keeps a turn from its end, and everybody else from theirs, is to blame for it.
   */
  #isFlood(): boolean {
    const { clock, callsPerConnectionMax, callsTurnMs } = this.#host;
    const count = this.#callsInTurn.add();
    if (count === 1) this.#turnMs = clock.now();
    return count > callsPerConnectionMax && clock.now() - this.#turnMs >= callsTurnMs;
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
    this.#refuse('flood');
  }

  #refuse(reason: 'keep_alive' | 'flood'): void {
    if (this.#refused || this.#session.destroyed) return;
    this.#refused = true;
    this.#host.metrics.refused(reason);
    if (reason === 'keep_alive') this.#session.destroy();
    // Node tells the client the code only if there is an error.
    else this.#session.destroy(FLOOD, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

const FLOOD = new StoreError('limit-exceeded', 'the connection floods the server');
