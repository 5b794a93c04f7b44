import type { DescFile } from '@bufbuild/protobuf';
import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { PushService } from '#src/services/distributor/ports.ts';
import type { Querier } from '#src/services/query-frontend/ports.ts';
import { file_grpc_health_v1_health } from '#src/transports/gen/grpc/health/v1/health_pb.ts';
import { file_grpc_reflection_v1_reflection } from '#src/transports/gen/grpc/reflection/v1/reflection_pb.ts';
import { file_grpc_reflection_v1alpha_reflection } from '#src/transports/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { file_opentelemetry_proto_collector_profiles_v1development_profiles_service } from '#src/transports/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts';
import { file_push_v1_push } from '#src/transports/gen/push/v1/push_pb.ts';
import { file_querier_v1_querier } from '#src/transports/gen/querier/v1/querier_pb.ts';
import { parseAccept, understandsUtf8LabelNames } from '#src/transports/http/accept.ts';
import { wrongMethodText } from '#src/transports/http/answers.ts';
import { failureJson, failureOf } from '#src/transports/http/errors.ts';
import { healthCheckMethod, healthCheckPath } from '#src/transports/http/health-method.ts';
import { canonicalMediaType } from '#src/transports/http/media-type.ts';
import { otlpExportPath } from '#src/transports/http/otlp.ts';
import { pushMethod, pushPath } from '#src/transports/http/push-method.ts';
import { querierMethods } from '#src/transports/http/querier-methods.ts';
import type { RpcHost, RpcMethod } from '#src/transports/http/rpc.ts';
import type { Readiness } from '#src/transports/http/status-routes.ts';
import { noTenant, parseTenants } from '#src/transports/http/tenant.ts';
import type { GrpcCall } from './call.ts';
import { grpcCodecOf, grpcContentTypes } from './content-types.ts';
import type { GrpcConfig } from './grpc-config.ts';
import { healthWatchMethod, healthWatchPath } from './health-watch.ts';
import { otlpExportMethod } from './otlp-method.ts';
import { reflectionMethod, reflectionPaths } from './reflection.ts';
import { type StreamingMethod, serveStreaming } from './streaming.ts';
import { failCall, serveUnary } from './unary.ts';

export type GrpcRoute =
  | {
      readonly kind: 'unary';
      readonly method: RpcMethod;
      /** Whether its answers can be large. Such methods are closed while too many answers wait for their readers. */
      readonly large: boolean;
      /** Who names no tenant gets 401 instead of a status of gRPC. */
      readonly plain401?: boolean;
    }
  | { readonly kind: 'streaming'; readonly method: StreamingMethod };

/** By path. */
export type GrpcRoutes = ReadonlyMap<string, GrpcRoute>;

export type GrpcRouteDeps = {
  readonly push: PushService;
  readonly querier: Querier;
  readonly ready: () => Readiness;
};

/** What both ports serve, for reflection. */
const COMMON_FILES: readonly DescFile[] = [
  file_grpc_health_v1_health,
  file_grpc_reflection_v1_reflection,
  file_grpc_reflection_v1alpha_reflection,
  file_opentelemetry_proto_collector_profiles_v1development_profiles_service,
];

/** Everything that HTTP serves, and OTLP. */
export function allRoutes(deps: GrpcRouteDeps, config: GrpcConfig): GrpcRoutes {
  const { ingestionBodyBytesMax, queryMessageBytesMax } = config;
  const routes = new Map<string, GrpcRoute>();
  for (const [path, method] of querierMethods(deps.querier, queryMessageBytesMax)) {
    routes.set(path, { kind: 'unary', method, large: true });
  }
  routes.set(pushPath, { kind: 'unary', method: pushMethod(deps.push, ingestionBodyBytesMax), large: false });
  const files = [file_push_v1_push, file_querier_v1_querier];
  return new Map([...routes, ...otlpRoute(deps, config), ...commonRoutes(files, deps, config)]);
}

/** What agents of OpenTelemetry need, and nothing else. */
export function otlpRoutes(deps: GrpcRouteDeps, config: GrpcConfig): GrpcRoutes {
  return new Map([...otlpRoute(deps, config), ...commonRoutes([], deps, config)]);
}

function otlpRoute({ push }: GrpcRouteDeps, config: GrpcConfig): Map<string, GrpcRoute> {
  const method = otlpExportMethod(push, config);
  return new Map([[otlpExportPath, { kind: 'unary', method, large: false, plain401: true }]]);
}

function commonRoutes(
  files: readonly DescFile[],
  { ready }: GrpcRouteDeps,
  config: GrpcConfig,
): Map<string, GrpcRoute> {
  const { queryMessageBytesMax, streamMessageBytesMax } = config;
  const reflection = reflectionMethod([...files, ...COMMON_FILES], streamMessageBytesMax);
  const routes = new Map<string, GrpcRoute>();
  for (const path of reflectionPaths) routes.set(path, { kind: 'streaming', method: reflection });
  const check = healthCheckMethod(ready, queryMessageBytesMax);
  routes.set(healthCheckPath, { kind: 'unary', method: check, large: false });
  routes.set(healthWatchPath, { kind: 'streaming', method: healthWatchMethod(ready, streamMessageBytesMax) });
  return routes;
}

export type CallDeps = RpcHost & {
  /** @returns why the server refuses a call, if it does */
  readonly admit: (route: GrpcRoute) => StoreError | undefined;
  /** What is no StoreError is a bug, and goes to the log. */
  readonly onBug: (error: unknown) => void;
};

/** Serves a call, whatever it is. */
export async function serveCall(call: GrpcCall, routes: GrpcRoutes, deps: CallDeps): Promise<void> {
  const accept = parseAccept(call.header('accept'));
  if (accept === undefined) return call.answerText(400, TEXT, 'malformed Accept header\n');
  const route = routes.get(call.path);
  if (route === undefined) return call.answerText(404, TEXT, '404 page not found\n');
  call.route = call.path;
  if (call.method !== 'POST') {
    return call.answerText(405, TEXT, wrongMethodText(call.method, 'POST'), { allow: 'POST' });
  }

  const contentType = canonicalMediaType(call.header('content-type'));
  const codec = grpcCodecOf(contentType);
  if (codec === undefined) {
    const sent = quoted(call.header('content-type'));
    const text = `the content type ${sent} is not spoken here; these are: ${ACCEPT_POST}. The HTTP port speaks others.\n`;
    return call.answerText(415, TEXT, text, { 'accept-post': ACCEPT_POST });
  }

  const refusal = deps.admit(route);
  if (refusal !== undefined) return failCall(call, contentType, refusal);
  if (route.kind === 'streaming') {
    if (codec === 'proto') return await serveStreaming(call, route.method, contentType, deps);
    return failCall(call, contentType, new StoreError('unimplemented', 'this method has no JSON'));
  }
  if (route.plain401 && parseTenants(call.header('x-scope-orgid'), deps.multitenancyEnabled).kind === 'missing') {
    const failure = failureOf(noTenant());
    return call.answerText(failure.status, 'application/json', failureJson(failure));
  }
  const utf8LabelNames = understandsUtf8LabelNames(accept);
  return await serveUnary(call, route.method, { contentType, codec, utf8LabelNames }, deps);
}

const TEXT = 'text/plain; charset=utf-8';
const ACCEPT_POST = grpcContentTypes.join(', ');
