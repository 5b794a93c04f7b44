import type { Registry } from 'prom-client';
import type { PushService } from '#src/services/distributor/ports.ts';
import type { Querier } from '#src/services/query-frontend/ports.ts';
import { understandsUtf8LabelNames } from './accept.ts';
import { methodNotAllowed, textAnswer, wantsRestGzip, wrongContentType } from './answers.ts';
import type { BodyHost } from './body.ts';
import { connectContentTypes, isConnect, serveConnect } from './connect.ts';
import type { Answer, Exchange } from './exchange.ts';
import { grpcWebContentTypes, isGrpcWeb, serveGrpcWeb } from './grpc-web.ts';
import { healthCheckMethod, healthCheckPath } from './health-method.ts';
import type { HttpConfig } from './http-config.ts';
import { serveIngest } from './ingest.ts';
import { canonicalMediaType, type MediaType } from './media-type.ts';
import { otlpPaths, serveOtlp } from './otlp.ts';
import { pushMethod, pushPath } from './push-method.ts';
import { querierMethods } from './querier-methods.ts';
import { labelValues, render, renderDiff, serveQuery } from './render.ts';
import type { RpcMethod } from './rpc.ts';
import { type StaticFiles, staticAnswer } from './static-files.ts';
import { metricsAnswer, type Readiness, readyAnswer } from './status-routes.ts';

export type Route = {
  /** In metrics. */
  readonly name: string;
  /** Whether its answers can be large. Such routes are closed while too many answers wait for their readers. */
  readonly large: boolean;
  /** @order receives the body, if it wants it, before its first `await` */
  readonly serve: (exchange: Exchange, accept: readonly MediaType[]) => Answer | Promise<Answer>;
};

export type RouteDeps = BodyHost & {
  readonly push: PushService;
  readonly querier: Querier;
  readonly ready: () => Readiness;
  readonly registry: Registry;
  readonly files: StaticFiles;
  /** What is no StoreError is a bug, and goes to the log. */
  readonly onBug: (error: unknown) => void;
};

export type Router = (path: string) => Route;

/** Every route of the server, by exact path. */
export function createRouter(deps: RouteDeps, config: HttpConfig): Router {
  const host = { ...deps, ...config };
  const routes = new Map<string, Route>();
  const add = (path: string, serve: Route['serve'], large = false): void => {
    routes.set(path, { name: path, large, serve });
  };

  const methods = querierMethods(deps.querier, config.queryMessageBytesMax);
  for (const [path, method] of methods) add(path, rpcRoute(method, host), true);
  add(healthCheckPath, rpcRoute(healthCheckMethod(deps.ready, config.queryMessageBytesMax), host));
  add(pushPath, rpcRoute(pushMethod(deps.push, config.ingestionBodyBytesMax), host));

  for (const path of ['/ingest', '/pyroscope/ingest']) {
    add(path, (exchange) => serveIngest(exchange, host, deps.onBug));
  }
  for (const path of otlpPaths) add(path, (exchange) => serveOtlp(exchange, host, deps.onBug));
  add('/pyroscope/render', (exchange) => serveQuery(exchange, render, host, deps.onBug), true);
  add('/pyroscope/render-diff', (exchange) => serveQuery(exchange, renderDiff, host, deps.onBug), true);
  add('/pyroscope/label-values', (exchange) => serveQuery(exchange, labelValues, host, deps.onBug), true);

  add(
    '/ready',
    readOnly(() => readyAnswer(deps.ready())),
  );
  add('/metrics', (_, accept) => metricsAnswer(deps.registry, accept));
  for (const [path, file] of deps.files) {
    add(
      path,
      readOnly((exchange) => staticAnswer(file, wantsRestGzip(exchange))),
    );
  }
  return (path) => routes.get(path) ?? (path.startsWith('/api/') ? UNKNOWN_API : UNKNOWN);
}

const UNKNOWN: Route = { name: 'unknown', large: false, serve: () => textAnswer(404, '404 page not found\n') };

const UNKNOWN_API: Route = {
  name: 'unknown',
  large: false,
  serve: () => ({
    status: 404,
    headers: [['Content-Type', 'application/json']],
    body: [Buffer.from('{"code":5,"message":"Not Found","details":[]}')],
  }),
};

/** HEAD is GET without the body, which the exchange leaves out. */
function readOnly(serve: Route['serve']): Route['serve'] {
  return (exchange, accept) =>
    exchange.method === 'get' || exchange.method === 'head'
      ? serve(exchange, accept)
      : methodNotAllowed(exchange, 'GET', 'HEAD');
}

const ACCEPT_POST = [...connectContentTypes, ...grpcWebContentTypes].sort().join(', ');

/** The content type selects the protocol. */
function rpcRoute(method: RpcMethod, host: RouteDeps & HttpConfig): Route['serve'] {
  return (exchange, accept) => {
    if (exchange.method !== 'post') return methodNotAllowed(exchange, 'POST');
    const contentType = canonicalMediaType(exchange.header('content-type'));
    const utf8LabelNames = understandsUtf8LabelNames(accept);
    if (isConnect(contentType)) return serveConnect(exchange, method, contentType, utf8LabelNames, host, host.onBug);
    if (isGrpcWeb(contentType)) return serveGrpcWeb(exchange, method, contentType, utf8LabelNames, host, host.onBug);
    const { headers, ...answer } = wrongContentType(exchange.header('content-type'), ACCEPT_POST);
    return { ...answer, headers: [...headers, ['Accept-Post', ACCEPT_POST]] };
  };
}
