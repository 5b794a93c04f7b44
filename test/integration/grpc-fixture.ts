import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { TestContext } from 'node:test';
import { type CallOptions, Client, credentials, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import { type GrpcConfig, grpcConstants } from '#src/transports/grpc/grpc-config.ts';
import { GrpcServer, type GrpcServices } from '#src/transports/grpc/server.ts';
import { createServerRoom, type ServerRoom } from '#src/transports/http/server-room.ts';
import type { Readiness } from '#src/transports/http/status-routes.ts';
import { FakeClock } from '../fixtures/fake-clock.ts';
import { FakePush, FakeQuerier } from './http-fixture.ts';

export const PUSH = '/push.v1.PusherService/Push';
export const PROFILE_TYPES = '/querier.v1.QuerierService/ProfileTypes';
export const EXPORT = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';
export const CHECK = '/grpc.health.v1.Health/Check';
export const WATCH = '/grpc.health.v1.Health/Watch';
export const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

export type GrpcFixture = {
  readonly server: GrpcServer;
  readonly port: number;
  readonly clock: FakeClock;
  readonly push: FakePush;
  readonly querier: FakeQuerier;
  readonly registry: Registry;
  readonly room: ServerRoom;
  /** Messages of log lines about bugs. */
  readonly bugs: string[];
  readiness: Readiness;
};

type Overrides = Partial<GrpcConfig> & { readonly ingestBufferBytesMax?: number };

/** A server with multi-tenancy on, on a free port of the loopback, that is closed when the test ends. */
export async function startGrpc(
  t: TestContext,
  { ingestBufferBytesMax = 64 << 20, ...overrides }: Overrides = {},
  services: GrpcServices = 'all',
): Promise<GrpcFixture> {
  const config: GrpcConfig = {
    ...grpcConstants,
    multitenancyEnabled: true,
    ingestionBodyBytesMax: 64 << 20,
    openable: { bytes: 64 << 20, name: 'a thread has room for' },
    ...overrides,
  };
  const [clock, push, querier, registry] = [new FakeClock(), new FakePush(), new FakeQuerier(), new Registry()];
  const room = createServerRoom(registry, ingestBufferBytesMax);
  const bugs: string[] = [];
  const log = {
    error: (_: string, fields?: Readonly<Record<string, unknown>>) => void bugs.push(String(fields?.['error'])),
    warn: () => {},
    info: () => {},
    debug: () => {},
  };
  const fixture = { clock, push, querier, registry, room, bugs, readiness: { ready: true } as Readiness };
  const ready = (): Readiness => fixture.readiness;
  const server = new GrpcServer({ clock, log, registry, room, push, querier: querier.asQuerier(), ready }, config);
  const port = await server.listen('127.0.0.1', 0, services, { port: 'port', address: 'address' });
  t.after(async () => {
    const closed = server.close(0);
    await clock.turn(0);
    await closed;
  });
  return Object.assign(fixture, { server, port });
}

export type CallAnswer = {
  /** Of gRPC. */
  readonly code: number;
  readonly message: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly body: Buffer | undefined;
};

export type CallSettings = {
  readonly tenant?: string | null;
  readonly gzip?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly options?: CallOptions;
};

/** A client as agents have it: the library of gRPC for Node. */
export function clientOf(t: TestContext, { port }: { readonly port: number }): Client {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // A connection of its own.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  t.after(() => client.close());
  return client;
}

export function metadataOf({ tenant = 'acme', metadata = {} }: CallSettings): Metadata {
  const all = new Metadata();
  if (tenant !== null) all.set('x-scope-orgid', tenant);
  for (const [name, value] of Object.entries(metadata)) all.set(name, value);
  return all;
}

/** One call. `begun` is there to cancel it. */
export function call(
  client: Client,
  path: string,
  message: Uint8Array | string,
  settings: CallSettings = {},
  begun: (cancel: () => void) => void = () => {},
): Promise<CallAnswer> {
  return new Promise((resolve) => {
    let metadata: Readonly<Record<string, unknown>> = {};
    let body: Buffer | undefined;
    const done = ({ code, details }: { readonly code: number; readonly details: string }, trailers: Metadata): void => {
      resolve({ code, message: details, metadata: { ...metadata, ...trailers.getMap() }, body });
    };
    const unary = client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.from(message),
      metadataOf(settings),
      settings.options ?? {},
      (error: ServiceError | null, value?: Buffer) => {
        body = value;
        if (error !== null) done(error, error.metadata);
      },
    );
    unary.on('metadata', (headers: Metadata) => {
      metadata = headers.getMap();
    });
    unary.on('status', (status: StatusObject) => {
      if (status.code === 0) setImmediate(() => done(status, status.metadata));
    });
    begun(() => unary.cancel());
  });
}

/** A connection whose frames are sent by hand. @param windowBytes  what it takes of an answer that nobody reads */
export function sessionOf(
  t: TestContext,
  { port }: { readonly port: number },
  windowBytes = 65_535,
): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: windowBytes } });
  session.on('error', () => {});
  t.after(() => session.destroy());
  return session;
}

export function frameOf(message: Uint8Array | string, flags = 0): Buffer {
  const bytes = Buffer.from(message);
  const header = Buffer.alloc(5);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

export type RawAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Those of an answer without a body are among its headers. */
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export const HEADERS: OutgoingHttpHeaders = {
  ':method': 'POST',
  'content-type': 'application/grpc',
  'x-scope-orgid': 'acme',
  te: 'trailers',
};

/** One request of HTTP/2, with a body that is sent as it is. */
export function request(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...HEADERS, ':path': path, ...headers });
    let received: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on('response', (all) => {
      received = all;
    });
    stream.on('trailers', (all) => {
      trailers = all;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      const status = Number(received[':status'] ?? 0);
      resolve({ status, headers: received, trailers: { ...received, ...trailers }, body: Buffer.concat(chunks) });
    });
    if (headers[':method'] === 'GET' || headers[':method'] === 'HEAD') stream.end();
    else stream.end(body);
  });
}

/** How often something was refused for a reason. */
export async function refusalsOf({ registry }: { readonly registry: Registry }, reason: string): Promise<number> {
  const metrics = await registry.getMetricsAsJSON();
  const refusals = metrics.find(({ name }) => name === 'kiln_grpc_refused_total');
  return refusals?.values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
}
