import { gzipSync } from 'node:zlib';
import type { PushService } from '#src/services/distributor/ports.ts';
import { type BodyLimit, otlpBodyLimit } from '#src/transports/http/body.ts';
import { otlpAnswerBytes } from '#src/transports/http/otlp-answer.ts';
import type { RpcMethod } from '#src/transports/http/rpc.ts';
import type { GrpcConfig } from './grpc-config.ts';

/** `ProfilesService/Export` of OTLP. The message goes on as it came: workers inflate and decode it. */
export function otlpExportMethod(push: PushService, config: GrpcConfig): RpcMethod {
  const body = otlpBodyLimit(config);
  const own: BodyLimit = {
    bytesMax: config.otlpMessageBytesMax,
    name: 'the limit of OTLP messages',
    reason: 'message_limit',
  };
  return {
    limit: body.bytesMax < own.bytesMax ? body : own,
    tenants: 'write',
    opened: false,
    async call({ tenants, message, codec, encoding, wire, signal }) {
      const outcome = await push.pushOtlp(tenants[0] as string, { body: message, codec, encoding }, signal);
      const answer = otlpAnswerBytes(outcome, codec);
      return { body: [wire.gzip ? gzipSync(answer) : answer], missingObjects: 0 };
    },
  };
}
