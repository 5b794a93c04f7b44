import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { pushProto } from '../../test/fixtures/push-message.ts';
import { Random } from '../../test/fixtures/random.ts';
import { uniqueBody, type Variant } from './variants.ts';

export type LoadShape = {
  readonly services: number;
  readonly pods: number;
  /** How many kinds of profile a service has; 0: all of them. */
  readonly kindsPerService: number;
};

/** What a load did. @units latencies: milliseconds from when a push was due */
export type LoadResult = {
  readonly seconds: number;
  readonly rawBytes: number;
  readonly latenciesMs: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
};

/** Sends one message of `push.v1.PusherService/Push`. */
type Sender = {
  /** @returns the status: 200, or what it is instead */
  send(message: Uint8Array): Promise<string>;
  close(): void;
};

/** How pushes are sent: Connect over HTTP/1.1, or gRPC on so many connections. */
export type PushProtocol = { readonly kind: 'connect' } | { readonly kind: 'grpc'; readonly connections: number };

/** Sends pushes like a fleet of agents. */
export class Pusher {
  readonly #sender: Sender;
  readonly #variants: readonly Variant[];
  readonly #kinds: readonly string[];
  readonly #shape: LoadShape;
  readonly #random = new Random(7);
  readonly #statuses: Record<string, number> = {};
  #latenciesMs: number[] = [];
  #rawBytes = 0;
  #sent = 0;

  /** @param url of the protocol's server */
  constructor(
    url: string,
    variants: readonly Variant[],
    shape: LoadShape,
    protocol: PushProtocol = { kind: 'connect' },
  ) {
    this.#sender = protocol.kind === 'connect' ? connectSender(url) : grpcSender(url, protocol.connections);
    this.#variants = variants;
    this.#kinds = [...new Set(variants.map(({ kind }) => kind))];
    this.#shape = shape;
  }

  /** Closed loop: each client waits for its answer before it pushes again. Ends after `seconds`, or `pushes`. */
  async closedLoop(clients: number, seconds: number, pushes = Number.POSITIVE_INFINITY): Promise<LoadResult> {
    const startMs = performance.now();
    const untilMs = startMs + seconds * 1000;
    const client = async (): Promise<void> => {
      while (performance.now() < untilMs && this.#sent < pushes) await this.#push(performance.now());
    };
    await Promise.all(Array.from({ length: clients }, client));
    return this.#take(startMs);
  }

  /** Open loop: pushes are due at random times of this mean rate, whether or not the server keeps up. */
  async openLoop(pushesPerSecond: number, seconds: number): Promise<LoadResult> {
    const startMs = performance.now();
    const running: Promise<void>[] = [];
    let dueMs = startMs;
    for (;;) {
      dueMs += (-Math.log(1 - this.#random.next()) * 1000) / pushesPerSecond;
      if (dueMs > startMs + seconds * 1000) break;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      running.push(this.#push(dueMs));
    }
    await Promise.all(running);
    return this.#take(startMs);
  }

  close(): void {
    this.#sender.close();
  }

  async #push(dueMs: number): Promise<void> {
    const n = this.#sent++;
    const service = this.#random.int(0, this.#shape.services - 1);
    const variant = this.#variantFor(service);
    const profile = uniqueBody(variant, BigInt(Date.now()) * 1_000_000n + BigInt(n % 1_000_000), n + 1);
    const labels = Object.entries({
      __name__: variant.kind,
      service_name: `svc-${service}`,
      pod: `pod-${this.#random.int(0, this.#shape.pods - 1)}`,
    }).map(([name, value]) => ({ name, value }));
    const status = await this.#sender.send(pushProto([{ labels, profiles: [profile] }]));
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (status !== '200') return;
    this.#latenciesMs.push(performance.now() - dueMs);
    this.#rawBytes += variant.rawBytes;
  }

  #variantFor(service: number): Variant {
    const { kindsPerService } = this.#shape;
    if (kindsPerService === 0) return this.#random.pick(this.#variants);
    const kind =
      this.#kinds[(service * kindsPerService + this.#random.int(0, kindsPerService - 1)) % this.#kinds.length];
    return this.#random.pick(this.#variants.filter((variant) => variant.kind === kind));
  }

  #take(startMs: number): LoadResult {
    const latenciesMs = this.#latenciesMs;
    const rawBytes = this.#rawBytes;
    this.#latenciesMs = [];
    this.#rawBytes = 0;
    return { seconds: (performance.now() - startMs) / 1000, rawBytes, latenciesMs, statuses: { ...this.#statuses } };
  }
}

const PATH = '/push.v1.PusherService/Push';

function connectSender(server: string): Sender {
  const url = new URL(PATH, server);
  const agent = new Agent({ keepAlive: true, maxSockets: 4096 });
  return {
    send: (body) =>
      new Promise((resolve) => {
        const headers = { 'content-type': 'application/proto', 'content-length': body.length };
        const sent = request(url, { method: 'POST', agent, headers }, (response) => {
          response.resume();
          response.on('end', () => resolve(String(response.statusCode)));
        });
        sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

function grpcSender(server: string, connections: number): Sender {
  const sessions = Array.from({ length: connections }, () => connect(server));
  let next = 0;
  return {
    send: (message) => grpcCall(sessions[next++ % connections] as ClientHttp2Session, message),
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

function grpcCall(session: ClientHttp2Session, message: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const headers = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(headers);
    let status = 'no status';
    const look = (received: Record<string, unknown>): void => {
      if (received['grpc-status'] !== undefined) status = String(received['grpc-status']);
    };
    stream.on('response', look);
    stream.on('trailers', look);
    stream.on('error', () => {});
    stream.on('close', () => resolve(status === '0' ? '200' : `grpc-status ${status}`));
    stream.resume();
    const header = Buffer.alloc(5);
    header.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([header, message]));
  });
}
