import type { HttpRequest } from 'uWebSockets.js';

/** The headers that some route looks at. */
const HEADERS = [
  'accept',
  'accept-encoding',
  'connect-protocol-version',
  'connect-timeout-ms',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-timeout',
  'transfer-encoding',
  'x-scope-orgid',
] as const;

export type HeaderName = (typeof HEADERS)[number];

const NAMES: ReadonlyMap<string, HeaderName> = new Map(HEADERS.map((name) => [name, name]));

/**
 * The headers of a request that some route looks at, read in one pass: the request itself is gone when its handler
 * returns.
 */
export class RequestHeaders {
  readonly #first = new Map<HeaderName, string>();
  /** Those whose name was there before. */
  #repeated: { readonly name: HeaderName; readonly value: string }[] | undefined;

  constructor(request: Pick<HttpRequest, 'forEach'>) {
    request.forEach((key, value) => {
      const name = NAMES.get(key);
      if (name === undefined) return;
      const first = this.#first.get(name);
      if (first === undefined) {
        this.#first.set(name, value);
        return;
      }
      (this.#repeated ??= []).push({ name, value });
      // One of them may be the client's and one of a proxy, and nobody can tell which. Together they are no tenant, as
      // over HTTP/2, where the library joins them so.
      if (name === 'x-scope-orgid' && value !== first) this.#first.set(name, `${first}, ${value}`);
    });
  }

  has(name: HeaderName): boolean {
    return this.#first.has(name);
  }

  /** The first one, of tenants all if they differ; the empty string when it was not sent. */
  get(name: HeaderName): string {
    return this.#first.get(name) ?? '';
  }

  /** Those behind the first one. */
  repeated(name: HeaderName): readonly string[] {
    if (this.#repeated === undefined) return [];
    return this.#repeated.filter((header) => header.name === name).map(({ value }) => value);
  }
}
