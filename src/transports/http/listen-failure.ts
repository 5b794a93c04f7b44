import { once } from 'node:events';
import { createServer } from 'node:net';
import { StoreError } from '#src/domain/errors.ts';

/** The flags that set where a server listens. */
export type ListenFlags = { readonly port: string; readonly address: string };

const HTTP_FLAGS: ListenFlags = { port: 'server.http-listen-port', address: 'server.http-listen-address' };

/**
 * Finds out why the server library could not listen, which it does not say, by trying the same with Node's sockets.
 *
 * @param host the empty string: every interface
 * @returns    StoreError 'unavailable' that names address, reason and the flag that helps
 */
export async function listenFailure(host: string, port: number): Promise<StoreError> {
  return failureOfErrno(await errnoOf(host, port), host, port, HTTP_FLAGS);
}

/** The same for who knows why: what Node's sockets failed with. */
export function listenFailureOf(error: unknown, host: string, port: number, flags: ListenFlags): StoreError {
  return failureOfErrno((error as NodeJS.ErrnoException).code ?? String(error), host, port, flags);
}

function failureOfErrno(errno: string, host: string, port: number, flags: ListenFlags): StoreError {
  const reason = REASONS[errno] ?? `this machine has no such address (${errno})`;
  const flag = errno in REASONS ? flags.port : flags.address;
  const message = `cannot listen on ${host || '*'}:${port}: ${reason}; choose another one with --${flag}`;
  return new StoreError('unavailable', message, { host, port, errno });
}

/** Others are about the address. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has the port',
  EACCES: 'this user may not listen on the port',
};

/** 'EADDRINUSE' when it works this time: whoever had the port has let it go meanwhile. */
async function errnoOf(host: string, port: number): Promise<string> {
  const server = createServer();
  try {
    // An empty host is no host for Node.
    const listening = once(server, 'listening');
    server.listen({ port, ...(host !== '' && { host }) });
    await listening;
    return 'EADDRINUSE';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    server.close();
  }
}
