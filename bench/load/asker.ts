import { Agent, request } from 'node:http';
import { Random } from '../../test/fixtures/random.ts';

/** Both ends included. @units UnixMs */
export type AskedRange = { readonly start: number; readonly end: number };

type Ask = { readonly kind: string; readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object };

/** Types of the small profiles among the variants, with short stacktraces and with long ones. */
const PROFILE_TYPES = ['go-mutex:delay:nanoseconds:contentions:count', 'python-cpu:cpu:nanoseconds:cpu:nanoseconds'];
const MAX_NODES = [1024, 8192, 65_536];

/** Asks all that people ask, in random order, in closed loop, compressed or not, for one service or for all of them. */
export class Asker {
  readonly #url: string;
  readonly #services: number;
  readonly #range: () => AskedRange;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #random = new Random(11);
  readonly #statuses: Record<string, number> = {};
  #sent = 0;
  #bytes = 0;

  /** @param range  what the next query asks for */
  constructor(url: string, services: number, range: () => AskedRange) {
    this.#url = url;
    this.#services = services;
    this.#range = range;
  }

  /** Each client waits for its answer before it asks again. */
  async closedLoop(clients: number, queries: number): Promise<{ statuses: Record<string, number>; bytes: number }> {
    const client = async (): Promise<void> => {
      while (this.#sent < queries) await this.#ask();
    };
    await Promise.all(Array.from({ length: clients }, client));
    return { statuses: { ...this.#statuses }, bytes: this.#bytes };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(): Promise<void> {
    this.#sent++;
    const ask = this.#next();
    const { status, bytes } = await this.#send(ask);
    const key = `${ask.kind} ${status}`;
    this.#statuses[key] = (this.#statuses[key] ?? 0) + 1;
    this.#bytes += bytes;
  }

  #next(): Ask {
    const random = this.#random;
    const range = this.#range();
    const profileTypeID = random.pick(PROFILE_TYPES);
    const maxNodes = random.pick(MAX_NODES);
    const one = (): string => `service_name="svc-${random.int(0, this.#services - 1)}"`;
    const some = random.pick(['', one(), `pod=~"pod-[${random.int(0, 4)}-${random.int(5, 9)}]"`]);
    const selected = { ...range, profileTypeID, labelSelector: `{${some}}` };
    const rendered = `{__name__="${profileTypeID}",${one()}}`;
    const render = { query: rendered, from: String(range.start), until: String(range.end) };
    return random.pick<Ask>([
      rpc('ProfileTypes', range),
      rpc('LabelNames', range),
      rpc('LabelValues', { ...range, name: 'pod' }),
      rpc('Series', { ...range, labelNames: ['service_name', '__profile_type__'] }),
      rpc('SelectMergeStacktraces', { ...selected, maxNodes }),
      rpc('SelectMergeProfile', selected),
      rpc('SelectSeries', { ...selected, groupBy: ['pod'], step: 15 }),
      rpc('Diff', {
        left: { ...range, profileTypeID, labelSelector: `{${one()}}` },
        right: { ...range, profileTypeID, labelSelector: `{${one()}}` },
      }),
      { kind: 'render', method: 'GET', path: `/pyroscope/render?${new URLSearchParams(render)}` },
    ]);
  }

  #send({ method, path, body }: Ask): Promise<{ status: string; bytes: number }> {
    const headers = {
      'accept-encoding': this.#random.pick(['gzip', 'identity']),
      ...(body && { 'content-type': 'application/json' }),
    };
    return new Promise((resolve) => {
      let bytes = 0;
      const sent = request(new URL(path, this.#url), { method, agent: this.#agent, headers }, (response) => {
        response.on('data', (chunk: Uint8Array) => {
          bytes += chunk.length;
        });
        response.on('end', () => resolve({ status: String(response.statusCode), bytes }));
      });
      sent.on('error', (error: NodeJS.ErrnoException) => resolve({ status: error.code ?? 'error', bytes }));
      sent.end(body && JSON.stringify(body));
    });
  }
}

function rpc(name: string, body: object): Ask {
  return { kind: name, method: 'POST', path: `/querier.v1.QuerierService/${name}`, body };
}
