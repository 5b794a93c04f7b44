import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { healthMessage } from '#src/transports/http/health-method.ts';
import type { Readiness } from '#src/transports/http/status-routes.ts';
import { SERVER_CLOSING } from './server-closing.ts';
import type { MessageStream, StreamingMethod } from './streaming.ts';

export const healthWatchPath = '/grpc.health.v1.Health/Watch';

/**
 * `grpc.health.v1.Health/Watch`. A server that answers is ready, and stays it until it closes: then the watchers learn
 * it first, and their calls end. Calls that end for another reason, as the deadline of the client, say nothing of the
 * server.
 */
export function healthWatchMethod(ready: () => Readiness, messageBytesMax: Bytes): StreamingMethod {
  return {
    limit: { bytesMax: messageBytesMax, name: 'the limit of stream messages', reason: 'message_limit' },
    async serve(stream) {
      await stream.read();
      await stream.write(healthMessage(ready().ready));
      const reason = await endOf(stream);
      if (reason === SERVER_CLOSING) await stream.write(healthMessage(false));
      throw reason;
    },
  };
}

/** Waits for the end of a watch, and reads meanwhile, though nothing may come. @returns why it ends */
async function endOf(stream: MessageStream): Promise<unknown> {
  try {
    const more = await stream.read();
    if (more !== undefined) return new StoreError('invalid-argument', 'a watch has one message, and another one came');
  } catch (error) {
    return error;
  }
  const { signal } = stream;
  await new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', resolve, { once: true });
  });
  return signal.reason;
}
