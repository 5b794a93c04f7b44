import type { Bytes } from '#src/domain/model/units.ts';
import { healthMessage } from '#src/transports/http/health-method.ts';
import type { Readiness } from '#src/transports/http/status-routes.ts';
import type { StreamingMethod } from './streaming.ts';

export const healthWatchPath = '/grpc.health.v1.Health/Watch';

/**
 * `grpc.health.v1.Health/Watch`. A server that answers is ready, and stays it until it closes: then the watchers learn
 * it first, and their calls end.
 */
export function healthWatchMethod(ready: () => Readiness, messageBytesMax: Bytes): StreamingMethod {
  return {
    limit: { bytesMax: messageBytesMax, name: 'the limit of stream messages', reason: 'message_limit' },
    async serve(stream) {
      await stream.read();
      await stream.write(healthMessage(ready().ready));
      await new Promise((resolve) => {
        if (stream.signal.aborted) resolve(undefined);
        stream.signal.addEventListener('abort', resolve, { once: true });
      });
      await stream.write(healthMessage(false));
      throw stream.signal.reason;
    },
  };
}
