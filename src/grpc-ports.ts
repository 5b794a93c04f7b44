import { type ServerConfig, serverSection } from './config/server.ts';
import { StoreError } from './domain/errors.ts';
import type { Log } from './platform/log.ts';
import type { GrpcServer } from './transports/grpc/server.ts';

/** Where gRPC is served: everything, and OTLP, which may have a port of its own as well. */
export type GrpcPorts = { readonly all: number; readonly otlp: number };

/**
 * A collector of OpenTelemetry on this machine has the port that agents send to by default. That is no reason not to start:
 * what is served there is served on the other port as well.
 *
 * @param  defaultOtlpPort whoever says another one means it
 * @throws StoreError 'unavailable' when another port is taken, or any of them cannot be had for another reason
 */
export async function listenToGrpc(
  server: Pick<GrpcServer, 'listen'>,
  config: Pick<ServerConfig, 'grpcListenAddress' | 'grpcListenPort' | 'otlpGrpcListenPort'>,
  log: Log,
  defaultOtlpPort = serverSection.defaults.otlpGrpcListenPort,
): Promise<GrpcPorts> {
  const { grpcListenAddress: host, grpcListenPort, otlpGrpcListenPort } = config;
  const address = 'server.grpc-listen-address';
  const all = await server.listen(host, grpcListenPort, 'all', { port: 'server.grpc-listen-port', address });
  if (otlpGrpcListenPort === 0 || otlpGrpcListenPort === grpcListenPort) return { all, otlp: all };
  try {
    const otlp = await server.listen(host, otlpGrpcListenPort, 'otlp', {
      port: 'server.otlp-grpc-listen-port',
      address,
    });
    return { all, otlp };
  } catch (error) {
    const taken = error instanceof StoreError && error.details['errno'] === 'EADDRINUSE';
    if (!taken || otlpGrpcListenPort !== defaultOtlpPort) throw error;
    log.warn('OTLP over gRPC has no port of its own', { reason: error.message, servedOn: all });
    return { all, otlp: all };
  }
}
