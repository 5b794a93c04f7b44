import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { RpcMethod } from '#src/transports/http/rpc.ts';

export const otlpExportPath = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';

/** `ProfilesService/Export` of OTLP. The message goes on as it came: workers inflate and decode it. */
export function otlpExportMethod(messageBytesMax: Bytes): RpcMethod {
  return {
    limit: { bytesMax: messageBytesMax, name: 'the limit of OTLP messages', reason: 'message_limit' },
    tenants: 'write',
    opened: false,
    async call() {
      throw new StoreError('unimplemented', 'OTLP profiles are not implemented');
    },
  };
}
