import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { DurationMs } from '#src/domain/model/units.ts';
import type { BodyRefusalReason } from '#src/transports/http/body.ts';

/** Why a call or a connection was refused before anybody looked at what it says. */
export type GrpcRefusalReason =
  | BodyRefusalReason
  | 'calls' // too many are open
  | 'streams' // too many of those that last are open
  | 'connections' // too many are open
  | 'answers' // clients read too slowly
  | 'slow_reader' // nothing of an answer was taken for too long
  | 'flood' // too many frames or calls of a connection before the event loop turned
  | 'keep_alive' // the client gave no sign of life
  | 'protocol' // what came is not HTTP/2
  | 'closing'; // not finished when the server closed, or its message did not come on

/** What the gRPC server counts. */
export class GrpcMetrics {
  readonly #durations: Histogram<'method' | 'code'>;
  readonly #calls: Gauge;
  readonly #connections: Gauge;
  readonly #refusals: Counter<'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#durations = new Histogram({
      name: 'kiln_grpc_call_duration_seconds',
      help: 'From the headers of a call to the end of its answer. Code "left": the client left.',
      labelNames: ['method', 'code'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.#calls = new Gauge({ name: 'kiln_grpc_calls_open', help: 'Calls not answered yet.', registers });
    this.#connections = new Gauge({
      name: 'kiln_grpc_connections_open',
      help: 'Connections of gRPC clients.',
      registers,
    });
    this.#refusals = new Counter({
      name: 'kiln_grpc_refused_total',
      help: 'Calls and connections refused because of a bound of the server, or because they are not HTTP/2.',
      labelNames: ['reason'],
      registers,
    });
  }

  /** @param code of gRPC, an HTTP status, or `left` */
  answered(method: string, code: string, durationMs: DurationMs): void {
    this.#durations.observe({ method, code }, durationMs / 1000);
  }

  openCalls(count: number): void {
    this.#calls.set(count);
  }

  openConnections(count: number): void {
    this.#connections.set(count);
  }

  refused(reason: GrpcRefusalReason): void {
    this.#refusals.inc({ reason });
  }
}
