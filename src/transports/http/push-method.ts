import type { Bytes } from '#src/domain/model/units.ts';
import type { PushService } from '#src/services/distributor/ports.ts';
import { ingestionBodyLimit } from './body.ts';
import { emptyMessage } from './querier-methods.ts';
import type { RpcMethod } from './rpc.ts';

export const pushPath = '/push.v1.PusherService/Push';

/** `push.v1.PusherService/Push`. The message goes on as it came: workers inflate and decode it. */
export function pushMethod(push: PushService, bodyBytesMax: Bytes): RpcMethod {
  return {
    limit: ingestionBodyLimit(bodyBytesMax),
    tenants: 'write',
    opened: false,
    async call({ tenants, message, codec, encoding, wire, signal }) {
      await push.pushMessage(tenants[0] as string, { body: message, codec, encoding }, signal);
      return emptyMessage(wire);
    },
  };
}
