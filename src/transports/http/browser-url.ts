import { isIPv6 } from 'node:net';

/** Addresses that the machine itself reaches as localhost. */
const LOCAL: ReadonlySet<string> = new Set(['', '0.0.0.0', '::', '127.0.0.1', '::1']);

/** Where a person on this machine finds a server that listens there. @param host the empty string: every interface */
export function browserUrl(host: string, port: number): string {
  if (LOCAL.has(host)) return `http://localhost:${port}`;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
