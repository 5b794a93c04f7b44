import type { Random } from '../fixtures/random.ts';

/** A request as a client sends it, or as no client ever would. */
export type Payload = {
  /** Who is to read its body, by the name of a `Decoder`. */
  readonly decoder: string;
  /** Over HTTP/1.1, gRPC-Web included, or a call of gRPC. */
  readonly protocol: 'http' | 'grpc';
  /** With the query. Printable ASCII, so that a client can send it. */
  readonly path: string;
  /** By their names in lower case, values of printable ASCII. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

/** What makes the payloads of one format, for all that can be told from its declaration. */
export type Decoder = {
  readonly name: string;
  /** How often its turn comes, compared with others: a costly one comes less often. */
  readonly weight: number;
  readonly payload: (random: Random) => Omit<Payload, 'decoder'>;
};

/** As JSON, so that a failure can be kept, looked at and sent again. */
export function payloadText(payload: Payload): string {
  const body = Buffer.from(payload.body).toString('base64');
  return `${JSON.stringify({ ...payload, body }, undefined, 2)}\n`;
}

/** @param text that `payloadText` wrote */
export function payloadOfText(text: string): Payload {
  const { body, ...rest } = JSON.parse(text) as Omit<Payload, 'body'> & { readonly body: string };
  return { ...rest, body: new Uint8Array(Buffer.from(body, 'base64')) };
}
