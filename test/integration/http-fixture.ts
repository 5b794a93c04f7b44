import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Registry } from 'prom-client';
import type { Upload } from '#src/domain/upload/upload.ts';
import type { Log } from '#src/platform/log.ts';
import type {
  OtlpMessage,
  OtlpOutcome,
  PushedProfile,
  PushMessage,
  PushService,
} from '#src/services/distributor/ports.ts';
import type { Body, Querier, Reply, Wire } from '#src/services/query-frontend/ports.ts';
import { type HttpConfig, httpConstants } from '#src/transports/http/http-config.ts';
import { createHttpServer, type HttpServer } from '#src/transports/http/server.ts';
import { createServerRoom } from '#src/transports/http/server-room.ts';
import type { Readiness } from '#src/transports/http/status-routes.ts';
import { FakeClock } from '../fixtures/fake-clock.ts';

/** Remembers what is pushed, and does with it what the test wants. */
export class FakePush implements PushService {
  readonly messages: (PushMessage & { readonly tenant: string })[] = [];
  readonly profiles: (PushedProfile & { readonly tenant: string })[] = [];
  readonly uploads: (Upload & { readonly tenant: string })[] = [];
  readonly otlp: (OtlpMessage & { readonly tenant: string })[] = [];
  otlpOutcome: OtlpOutcome = { rejectedProfiles: 0, message: '' };
  work: (signal: AbortSignal) => Promise<void> = async () => {};

  pushMessage(tenant: string, message: PushMessage, signal: AbortSignal): Promise<void> {
    this.messages.push({ ...message, tenant });
    return this.work(signal);
  }

  pushProfiles(tenant: string, profiles: readonly PushedProfile[], signal: AbortSignal): Promise<void> {
    this.profiles.push(...profiles.map((profile) => ({ ...profile, tenant })));
    return this.work(signal);
  }

  pushUpload(tenant: string, upload: Upload, signal: AbortSignal): Promise<void> {
    this.uploads.push({ ...upload, tenant });
    return this.work(signal);
  }

  async pushOtlp(tenant: string, message: OtlpMessage, signal: AbortSignal): Promise<OtlpOutcome> {
    this.otlp.push({ ...message, tenant });
    await this.work(signal);
    return this.otlpOutcome;
  }
}

type QueryCall = {
  readonly method: string;
  readonly tenants: readonly string[];
  readonly request: unknown;
  readonly wire: Wire;
};

/** Remembers what is asked, and answers what the test wants, compressed if the wire says so. */
export class FakeQuerier {
  readonly calls: QueryCall[] = [];
  work: (signal: AbortSignal) => Promise<string | Body> = async () => '{}';
  missingObjects = 0;
  lookbackMs: number | undefined;

  /** Every method of the port is the same here. */
  asQuerier(): Querier {
    const method =
      (name: string) =>
      async (tenants: readonly string[], request: unknown, wire: Wire, signal: AbortSignal): Promise<Reply> => {
        this.calls.push({ method: name, tenants, request, wire });
        const answer = await this.work(signal);
        const { missingObjects, lookbackMs } = this;
        const partial = { missingObjects, ...(lookbackMs === undefined ? {} : { lookbackMs }) };
        if (typeof answer !== 'string') return { body: answer, ...partial };
        return { body: [wire.gzip ? gzipSync(answer) : Buffer.from(answer)], ...partial };
      };
    return {
      profileTypes: method('profileTypes'),
      labelNames: method('labelNames'),
      labelValues: method('labelValues'),
      series: method('series'),
      selectMergeStacktraces: method('selectMergeStacktraces'),
      selectMergeProfile: method('selectMergeProfile'),
      selectSeries: method('selectSeries'),
      diff: method('diff'),
      render: method('render'),
      renderDiff: method('renderDiff'),
    };
  }
}

export type Fixture = {
  readonly server: HttpServer;
  readonly port: number;
  readonly clock: FakeClock;
  readonly push: FakePush;
  readonly querier: FakeQuerier;
  readonly registry: Registry;
  /** Messages of log lines about bugs. */
  readonly bugs: string[];
  readiness: Readiness;
};

/** A server with multi-tenancy on, by default on a free port of the loopback, that is closed when the test ends. */
export async function startServer(
  t: TestContext,
  {
    ingestBufferBytesMax = 64 << 20,
    ...overrides
  }: Partial<HttpConfig> & { readonly ingestBufferBytesMax?: number } = {},
  at: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'kiln-http-'));
  await writeFile(join(directory, 'index.html'), `<title>page</title>${' '.repeat(2000)}`);
  await writeFile(join(directory, 'app.js'), 'let small;');
  await writeFile(join(directory, 'notes.md'), 'not for browsers');

  const config: HttpConfig = {
    multitenancyEnabled: true,
    ingestionBodyBytesMax: 64 << 20,
    openable: { bytes: 64 << 20, name: 'a thread has room for' },
    ...httpConstants,
    ...overrides,
  };
  const [clock, push, querier, registry] = [new FakeClock(), new FakePush(), new FakeQuerier(), new Registry()];
  const bugs: string[] = [];
  const log: Log = {
    error: (_, fields) => void bugs.push(String(fields?.['error'])),
    warn: () => {},
    info: () => {},
    debug: () => {},
  };
  const uiDirectory = pathToFileURL(`${directory}/`);
  const fixture = { clock, push, querier, registry, bugs, readiness: { ready: true } as Readiness };
  const ready = (): Readiness => fixture.readiness;
  const room = createServerRoom(registry, ingestBufferBytesMax);
  const deps = { clock, log, registry, room, push, querier: querier.asQuerier(), ready, uiDirectory };
  const server = await createHttpServer(deps, config);
  const port = await server.listen(at.host, at.port);
  t.after(async () => {
    const closed = server.close(0);
    await clock.turn(0);
    await closed;
    await rm(directory, { recursive: true });
  });
  return Object.assign(fixture, { server, port });
}

export type Response = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

export type RequestOptions = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Of the header; null: none. */
  readonly tenant?: string | null;
};

/** One request on a connection of its own. */
export function fetchFrom(
  { port }: { readonly port: number },
  path: string,
  options: RequestOptions = {},
): Promise<Response> {
  const { method = options.body === undefined ? 'GET' : 'POST', body, tenant = 'acme' } = options;
  const headers = { ...(tenant !== null && { 'x-scope-orgid': tenant }), ...options.headers };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A call of `querier.v1.QuerierService` in JSON. */
export function query(
  fixture: Fixture,
  method: string,
  body: unknown,
  options: RequestOptions = {},
): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...options.headers };
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return fetchFrom(fixture, `/querier.v1.QuerierService/${method}`, { body: text, ...options, headers });
}

/** A connection that is written and read by hand. */
export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #received = '';
  #receivedBytes = 0;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#receivedBytes += chunk.length;
      if (this.#received.length < 65_536) this.#received += chunk.toString('latin1');
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
  }

  /** The first 64 KiB. */
  get received(): string {
    return this.#received;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Starts a POST whose body is sent by hand. */
  post(path: string, headers: string): void {
    this.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\n${headers}\r\n\r\n`);
  }

  async receive(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.#received), `${pattern} in ${JSON.stringify(this.#received.slice(0, 200))}`);
  }

  leave(): void {
    this.socket.destroy();
  }
}

/** Lets sockets and promises work until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, what = String(condition)): Promise<void> {
  for (let turn = 0; turn < 200_000; turn++) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never: ${what}`);
}

/** The value of a metric without labels. */
export async function metricOf({ registry }: Fixture, name: string): Promise<number> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.find((metric) => metric.name === name)?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
}

/** How often requests were refused for a reason. */
export async function refusalsOf({ registry }: Fixture, reason: string): Promise<number> {
  const metrics = await registry.getMetricsAsJSON();
  const refusals = metrics.find(({ name }) => name === 'kiln_http_requests_refused_total');
  return refusals?.values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
}

/** A promise, and what resolves it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
