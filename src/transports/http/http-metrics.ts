import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Bytes } from '#src/domain/model/units.ts';

/** Why a request was refused before anybody looked at what it says. */
export type RefusalReason =
  | 'framing' // nobody can tell where it ends
  | 'requests' // too many are open
  | 'requests_flood' // they left nobody else a turn
  | 'chunks_flood' // the chunks of a body left nobody else a turn
  | 'answers' // clients read too slowly
  | 'body_limit'
  | 'message_limit'
  | 'no_room' // too many bodies in memory
  | 'body_timeout'
  | 'closing'; // not finished when the server closed, or its body did not come on

/** What the HTTP server counts. */
export class HttpMetrics {
  readonly #durations: Histogram<'route' | 'status'>;
  readonly #open: Gauge;
  readonly #lingering: Gauge;
  readonly #bodyBytes: Gauge;
  readonly #answerBytes: Gauge;
  readonly #pauses: Counter;
  readonly #refusals: Counter<'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#durations = new Histogram({
      name: 'kiln_http_request_duration_seconds',
      help: 'From the headers of a request to the end of its answer. Status 499: the client left.',
      labelNames: ['route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.#open = new Gauge({ name: 'kiln_http_requests_open', help: 'Requests not answered yet.', registers });
    this.#lingering = new Gauge({
      name: 'kiln_http_answers_lingering',
      help: 'Answers that wait for the end of a body that nobody wants.',
      registers,
    });
    this.#bodyBytes = new Gauge({
      name: 'kiln_http_body_in_flight_bytes',
      help: 'Request bodies in memory, those of gRPC included; bounded by ingest-buffer-bytes-max.',
      registers,
    });
    this.#answerBytes = new Gauge({
      name: 'kiln_http_answer_in_flight_bytes',
      help: 'Answers that clients have not read yet, those of gRPC included.',
      registers,
    });
    this.#pauses = new Counter({
      name: 'kiln_http_body_pauses_total',
      help: 'Bodies that had to wait because too many were in memory.',
      registers,
    });
    this.#refusals = new Counter({
      name: 'kiln_http_requests_refused_total',
      help: 'Requests refused because of a bound of the server, or because nobody can tell where they end.',
      labelNames: ['reason'],
      registers,
    });
  }

  answered(route: string, status: number, durationMs: number): void {
    this.#durations.observe({ route, status: String(status) }, durationMs / 1000);
  }

  openRequests(count: number): void {
    this.#open.set(count);
  }

  lingeringAnswers(count: number): void {
    this.#lingering.set(count);
  }

  bodyBytes(bytes: Bytes): void {
    this.#bodyBytes.set(bytes);
  }

  answerBytes(bytes: Bytes): void {
    this.#answerBytes.set(bytes);
  }

  paused(): void {
    this.#pauses.inc();
  }

  refused(reason: RefusalReason): void {
    this.#refusals.inc({ reason });
  }
}
