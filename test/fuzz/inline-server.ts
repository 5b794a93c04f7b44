import { ok } from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { LimitsConfig } from '#src/config/limits.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import { Distributor, distributorDefaults } from '#src/services/distributor/distributor.ts';
import type { Querier } from '#src/services/query-frontend/ports.ts';
import { grpcConstants } from '#src/transports/grpc/grpc-config.ts';
import { allRoutes, serveCall } from '#src/transports/grpc/routes.ts';
import { httpConstants } from '#src/transports/http/http-config.ts';
import { createRouter } from '#src/transports/http/routes.ts';
import { createServerRoom } from '#src/transports/http/server-room.ts';
import { openableShare } from '#src/workers/opening.ts';
import { INGEST_NOW_MS } from '../fixtures/ingest.ts';
import { defaultLimits } from '../fixtures/limits.ts';
import { stillClock } from '../fixtures/still-clock.ts';
import { failureText, type PayloadAnswer } from './check-answer.ts';
import { InlineExchange } from './inline-exchange.ts';
import { InlineHeads } from './inline-heads.ts';
import { InlineOpener } from './inline-opener.ts';
import type { Payload } from './payload.ts';
import { TaskMeter } from './task-meter.ts';

/** No limit at all, so that those of the process are what is met. */
const UNLIMITED: LimitsConfig = {
  ...defaultLimits,
  ...{ ingestionRateBytes: 0, maxProfileSizeBytes: 0, maxProfileStacktraceSamples: 0 },
  ...{ maxProfileStacktraceSampleLabels: 0, maxProfileStacktraceDepth: 0, maxProfileSymbolValueLength: 0 },
  ...{ maxLabelNamesPerSeries: 0, maxLabelNameLength: 0, maxLabelValueLength: 0 },
  ...{ rejectNewerThanMs: 0, rejectOlderThanMs: 0, maxSessionsPerSeries: 16 },
};

/** Limits that small payloads are over. */
const TIGHT: LimitsConfig = {
  ...defaultLimits,
  ...{ ingestionRateBytes: 0, maxProfileSizeBytes: 2000, maxProfileStacktraceSamples: 20 },
  ...{ maxProfileStacktraceSampleLabels: 2, maxProfileStacktraceDepth: 3, maxProfileSymbolValueLength: 5 },
  ...{ maxLabelNamesPerSeries: 10, maxLabelNameLength: 30, maxLabelValueLength: 50 },
  ...{ disableLabelSanitization: false, ingestionRelabelingDefaultRulesPosition: 'last' },
};

const LIMITS: Readonly<Record<string, LimitsConfig>> = { unlimited: UNLIMITED, tight: TIGHT };
const DEFAULT: LimitsConfig = { ...defaultLimits, ingestionRateBytes: 0 };

const ATTRIBUTE_RULES: readonly AttributeRule[] = [
  { attribute: 'host.', isPrefix: true, label: 'host_' },
  { attribute: 'tid', isPrefix: false, label: undefined },
];

/** Of the body that is being read: there is one. */
const BUFFER_BYTES_MAX = 256 << 20;

/**
 * A server without sockets, threads and a disk: everything that a push passes until it is encoded for its segment, in this
 * thread, one request after the other.
 */
export class InlineServer {
  readonly meter = new TaskMeter();
  readonly heads = new InlineHeads(this.meter, INGEST_NOW_MS);
  /** What was no StoreError. */
  readonly #bugs: unknown[] = [];
  readonly #room = createServerRoom(new Registry(), BUFFER_BYTES_MAX);
  readonly #route;
  readonly #call;

  constructor() {
    const clock = stillClock(INGEST_NOW_MS);
    const push = new Distributor(
      { ...distributorDefaults, attributeRules: ATTRIBUTE_RULES },
      {
        clock,
        writer: this.heads,
        opener: new InlineOpener(this.meter),
        limitsOf: (tenant) => LIMITS[tenant] ?? DEFAULT,
      },
    );
    const { ingestionBodyBytesMax } = defaultLimits;
    const tenancy = { multitenancyEnabled: true, ingestionBodyBytesMax, openable: openableShare(256 << 20) };
    // Payloads ask for nothing that is stored.
    const querier = {} as Querier;
    const deps = {
      ...{ budget: this.#room.bodies, clock, metrics: this.#room.metrics, push, querier },
      ...{ registry: new Registry(), files: new Map(), ready: () => ({ ready: true }) as const },
      ...{ roomTimeoutMs: 0, bodyTimeoutMs: 0, onBug: (error: unknown) => void this.#bugs.push(error) },
    };
    this.#route = createRouter(deps, { ...httpConstants, ...tenancy });
    const calls = allRoutes(deps, { ...grpcConstants, ...tenancy });
    this.#call = (exchange: InlineExchange) =>
      serveCall(exchange.asCall(), calls, { ...deps, ...tenancy, admit: () => undefined });
  }

  /** @throws AssertionError, or the bug that it met */
  async answer(payload: Payload): Promise<PayloadAnswer> {
    const exchange = new InlineExchange(payload);
    const answer = payload.protocol === 'grpc' ? await this.#grpc(exchange) : await this.#http(exchange);
    if (this.#bugs.length > 0) throw this.#bugs.pop();
    ok(this.#room.bodies.usedBytes === 0, `${this.#room.bodies.usedBytes} bytes of the body are still counted`);
    return answer;
  }

  async #http(exchange: InlineExchange): Promise<PayloadAnswer> {
    const { status, headers, body } = await this.#route(exchange.path).serve(exchange.asExchange(), []);
    const grpcStatus = headers.find(([name]) => name === 'Grpc-Status')?.[1];
    if (status === 200 && grpcStatus !== undefined) {
      const message = decodeURIComponent(headers.find(([name]) => name === 'Grpc-Message')?.[1] ?? '');
      return { status, grpcStatus: Number(grpcStatus), message };
    }
    return { status, grpcStatus: undefined, message: status === 200 ? '' : failureText(Buffer.concat(body)) };
  }

  async #grpc(exchange: InlineExchange): Promise<PayloadAnswer> {
    await this.#call(exchange);
    ok(exchange.callAnswer !== undefined, 'the call was not answered');
    return exchange.callAnswer;
  }
}
