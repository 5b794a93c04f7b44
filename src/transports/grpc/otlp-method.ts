import { gzipSync } from 'node:zlib';
import type { Bytes } from '#src/domain/model/units.ts';
import type { PushService } from '#src/services/distributor/ports.ts';
import { otlpAnswerBytes } from '#src/transports/http/otlp-answer.ts';
import type { RpcMethod } from '#src/transports/http/rpc.ts';

/** `ProfilesService/Export` of OTLP. The message goes on as it came: workers inflate and decode it. */
export function otlpExportMethod(push: PushService, messageBytesMax: Bytes): RpcMethod {
  return {
    limit: { bytesMax: messageBytesMax, name: 'the limit of OTLP messages', reason: 'message_limit' },
    tenants: 'write',
    opened: false,
    async call({ tenants, message, codec, encoding, wire, signal }) {
      const outcome = await push.pushOtlp(tenants[0] as string, { body: message, codec, encoding }, signal);
      const answer = otlpAnswerBytes(outcome, codec);
      return { body: [wire.gzip ? gzipSync(answer) : answer], missingObjects: 0 };
    },
  };
}
