import { once } from 'node:events';
import { createServer } from 'node:net';
import { StoreError } from '#src/domain/errors.ts';

/**
 * Finds out why the server library could not listen, which it does not say, by trying the same with Node's sockets.
 *
 * @param host the empty string: every interface
 * @returns    StoreError 'unavailable' that names address, reason and the flag that helps
 */
export async function listenFailure(host: string, port: number): Promise<StoreError> {
  const errno = await errnoOf(host, port);
  const { reason, flag } = REASONS[errno] ?? noAddress(errno);
  const message = `cannot listen on ${host || '*'}:${port}: ${reason}; choose another one with --${flag}`;
  return new StoreError('unavailable', message, { host, port, errno });
}

type Reason = { readonly reason: string; readonly flag: string };

const REASONS: Readonly<Record<string, Reason>> = {
  EADDRINUSE: { reason: 'another process has the port', flag: 'server.http-listen-port' },
  EACCES: { reason: 'this user may not listen on the port', flag: 'server.http-listen-port' },
};

function noAddress(errno: string): Reason {
  return { reason: `this machine has no such address (${errno})`, flag: 'server.http-listen-address' };
}

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
