import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '#src/transports/gen/grpc/health/v1/health_pb.ts';
import type { RpcMethod } from './rpc.ts';
import type { Readiness } from './status-routes.ts';

export const healthCheckPath = '/grpc.health.v1.Health/Check';

/** `grpc.health.v1.Health/Check`. Which service is asked for does not matter: one process, one status. */
export function healthCheckMethod(ready: () => Readiness, messageBytesMax: Bytes): RpcMethod {
  return {
    limit: { bytesMax: messageBytesMax, name: 'the limit of query messages', reason: 'message_limit' },
    tenants: 'none',
    opened: false,
    async call({ wire }) {
      const { ready: serving } = ready();
      const plain = wire.codec === 'json' ? healthJson(serving) : healthMessage(serving);
      return { body: [wire.gzip ? gzipSync(plain) : plain], missingObjects: 0 };
    },
  };
}

export function healthMessage(serving: boolean): Uint8Array {
  const status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}

/** Pyroscope's names of the statuses are longer than those of gRPC. @source case transport/status #6 */
function healthJson(serving: boolean): Uint8Array {
  return Buffer.from(JSON.stringify({ status: `SERVING_STATUS_${serving ? 'SERVING' : 'NOT_SERVING'}` }));
}
