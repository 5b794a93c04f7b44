import type { ServerHttp2Session } from 'node:http2';

/**
 * Has a session destroyed in the next turn at the earliest, whoever asks for it, Node included.
 *
 * Node destroys a session at once when its client says that something is wrong (GOAWAY), in the middle of what it reads.
 * A call and its first bytes in the same packet then belong to nobody, and a failed assertion ends the process: one
 * packet would end any server.
 *
 * @source https://github.com/nodejs/node/issues/64850, in all releases up to 22.23.3 at least
 */
export function destroyLater(session: ServerHttp2Session): void {
  const destroy = session.destroy;
  session.destroy = (...reason: Parameters<typeof destroy>) => {
    setImmediate(() => destroy.apply(session, reason));
  };
}
