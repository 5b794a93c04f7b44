import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { StoreError } from '#src/domain/errors.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Log } from '#src/platform/log.ts';
import { BodyRefusal } from '#src/transports/http/body.ts';
import { type ListenFlags, listenFailureOf } from '#src/transports/http/listen-failure.ts';
import type { RpcHost } from '#src/transports/http/rpc.ts';
import type { ServerRoom } from '#src/transports/http/server-room.ts';
import { type GrpcCall, WRITE_BYTES } from './call.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import type { GrpcConfig } from './grpc-config.ts';
import { GrpcMetrics } from './grpc-metrics.ts';
import { allRoutes, type GrpcRoute, type GrpcRouteDeps, type GrpcRoutes, otlpRoutes, serveCall } from './routes.ts';
import { SERVER_CLOSING } from './server-closing.ts';

export type GrpcServerDeps = GrpcRouteDeps & {
  readonly clock: Clock;
  readonly log: Log;
  /** Where this server counts. */
  readonly registry: Registry;
  readonly room: ServerRoom;
};

/** What a port serves: everything, or what agents of OpenTelemetry need. */
export type GrpcServices = 'all' | 'otlp';

/** gRPC over HTTP/2 without TLS, on any number of ports. */
export class GrpcServer {
  readonly #deps: GrpcServerDeps;
  readonly #config: GrpcConfig;
  readonly #metrics: GrpcMetrics;
  readonly #host: RpcHost;
  readonly #routes: Readonly<Record<GrpcServices, GrpcRoutes>>;
  readonly #listeners: Http2Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #open = new Set<GrpcCall>();
  /** Aborts when the server closes. */
  readonly #closing = new AbortController();
  /** Ends the wait of `close`, when there is one. */
  readonly #idle = new AbortController();
  /** What calls whose answers are being read had done when they were last looked at. */
  readonly #progress = new WeakMap<GrpcCall, number>();

  constructor(deps: GrpcServerDeps, config: GrpcConfig) {
    const { clock, room } = deps;
    const { roomTimeoutMs, bodyTimeoutMs, multitenancyEnabled } = config;
    this.#deps = deps;
    this.#config = config;
    this.#metrics = new GrpcMetrics(deps.registry);
    this.#host = {
      budget: room.bodies,
      clock,
      metrics: this.#metrics,
      roomTimeoutMs,
      bodyTimeoutMs,
      multitenancyEnabled,
    };
    this.#routes = { all: allRoutes(deps, config), otlp: otlpRoutes(deps, config) };
    void this.#lookAfter();
  }

  /**
   * @param host  the empty string: every interface
   * @param port  0: any free one
   * @param flags that set the two, for the message of a failure
   * @returns     the port
   * @throws      StoreError 'unavailable' when the port is taken or not allowed, or the address is of another machine
   */
  async listen(host: string, port: number, services: GrpcServices, flags: ListenFlags): Promise<number> {
    const { callsPerConnectionMax, windowBytes, connectionWindowBytes, connectionsMax } = this.#config;
    const listener = createServer({
      // Above it the library refuses new calls: what all open ones may have handed to it, and their headers.
      maxSessionMemory: Math.ceil((callsPerConnectionMax * 2 * WRITE_BYTES) / 1e6),
      settings: { maxConcurrentStreams: callsPerConnectionMax, initialWindowSize: windowBytes, enablePush: false },
    });
    listener.maxConnections = connectionsMax;
    listener.on('drop', () => this.#metrics.refused('connections'));
    const onCall = (call: GrpcCall): void => void this.#serve(call, this.#routes[services]);
    const connectionHost = this.#connectionHost(onCall);
    listener.on('session', (session) => {
      const connection = new Connection(session, connectionHost);
      session.setLocalWindowSize(connectionWindowBytes);
      if (this.#closing.signal.aborted) connection.destroy();
    });
    // Said by the session as well, where it is counted.
    listener.on('sessionError', () => {});
    try {
      const listening = once(listener, 'listening');
      // An empty host is no host for Node.
      listener.listen({ port, ...(host !== '' && { host }) });
      await listening;
    } catch (error) {
      throw listenFailureOf(error, host, port, flags);
    }
    this.#listeners.push(listener);
    return (listener.address() as AddressInfo).port;
  }

  /**
   * Takes no more connections and calls, lets those that are open finish until the deadline, then ends what is left. A
   * call whose message does not come on is ended earlier, one that could last for ever at once.
   */
  async close(deadlineMs: DurationMs): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const listener of this.#listeners) listener.close();
    for (const call of this.#open) if (call.streaming) call.cancel(SERVER_CLOSING);
    for (const connection of this.#connections) connection.closeWhenIdle();
    void this.#endIdleBodies();
    this.#ended();
    await this.#deps.clock.sleep(deadlineMs, this.#idle.signal);
    this.#idle.abort();
    for (const call of this.#open) this.#turnAway(call, 'the server is closing');
    // Answers to what was cancelled are written in the turns that follow the aborts.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (const connection of this.#connections) connection.destroy();
  }

  #connectionHost(onCall: (call: GrpcCall) => void): ConnectionHost {
    const { clock, room } = this.#deps;
    const { framesPerTurnMax, callsPerConnectionMax, callsTurnMs, windowBytes, lingerMs } = this.#config;
    return {
      clock,
      metrics: this.#metrics,
      room,
      windowBytes,
      lingerMs,
      framesPerTurnMax,
      callsPerConnectionMax,
      callsTurnMs,
      open: this.#open,
      connections: this.#connections,
      onCall,
      onEnd: () => this.#ended(),
    };
  }

  async #serve(call: GrpcCall, routes: GrpcRoutes): Promise<void> {
    const onBug = (error: unknown): void => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#deps.log.error('a gRPC call failed because of a bug', { error: text });
    };
    try {
      const admit = (route: GrpcRoute): StoreError | undefined => this.#refusalOf(call, route);
      await serveCall(call, routes, { ...this.#host, admit, onBug });
    } catch (error) {
      onBug(error);
      call.destroy();
    }
  }

  #refusalOf(call: GrpcCall, route: GrpcRoute): StoreError | undefined {
    const { callsMax, streamingCallsMax, answerBytesMax } = this.#config;
    if (this.#open.size > callsMax) return this.#refuse('calls', `more than ${callsMax} calls are open`);
    if (route.kind === 'streaming') {
      call.streaming = true;
      let count = 0;
      for (const { streaming } of this.#open) if (streaming) count++;
      if (count > streamingCallsMax) {
        return this.#refuse('streams', `more than ${streamingCallsMax} calls that last are open`);
      }
    } else if (route.large && this.#deps.room.answers.bytes > answerBytesMax) {
      return this.#refuse('answers', `more than ${answerBytesMax} bytes of answers wait for their readers`);
    }
    return undefined;
  }

  #refuse(reason: 'calls' | 'streams' | 'answers', message: string): StoreError {
    this.#metrics.refused(reason);
    return new StoreError('unavailable', message);
  }

  async #lookAfter(): Promise<void> {
    const { keepAliveMs } = this.#config;
    for (;;) {
      await this.#deps.clock.sleep(keepAliveMs, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
      for (const connection of this.#connections) connection.lookAfter();
      for (const call of this.#open) this.#lookAfterCall(call);
    }
  }

  #lookAfterCall(call: GrpcCall): void {
    const { bodyTimeoutMs } = this.#config;
    if (call.untaken) {
      if (this.#progress.get(call) === call.progress) {
        this.#metrics.refused('slow_reader');
        call.destroy();
      }
      this.#progress.set(call, call.progress);
    } else if (!call.streaming && call.bodyPending && this.#deps.clock.now() - call.startedMs >= bodyTimeoutMs) {
      // One whose first frame came has a timer of its own.
      const message = `the body was not complete after ${bodyTimeoutMs} ms`;
      call.cancel(new BodyRefusal('body_timeout', 'deadline-exceeded', message));
    }
  }

  /** While the server closes, a message that does not come on must not hold the stop. */
  async #endIdleBodies(): Promise<void> {
    const { closingBodyIdleTimeoutMs } = this.#config;
    while (!this.#idle.signal.aborted) {
      const before = new Map([...this.#open].map((call) => [call, call.progress]));
      await this.#deps.clock.sleep(closingBodyIdleTimeoutMs, this.#idle.signal);
      for (const [call, progress] of before) {
        if (!call.answerable || !call.bodyPending || call.progress !== progress) continue;
        const message = `the server is closing, and nothing of the body came for ${closingBodyIdleTimeoutMs} ms`;
        this.#turnAway(call, message);
      }
    }
  }

  #turnAway(call: GrpcCall, message: string): void {
    this.#metrics.refused('closing');
    call.cancel(new StoreError('unavailable', message));
  }

  #ended(): void {
    if (this.#closing.signal.aborted && this.#open.size === 0) this.#idle.abort();
  }
}
