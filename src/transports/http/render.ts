import { StoreError } from '#src/domain/errors.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import { parseRenderQuery } from '#src/domain/query/render-query.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Querier, SelectRequest, Wire } from '#src/services/query-frontend/ports.ts';
import { codedFailure, methodNotAllowed, restAnswer, wantsRestGzip } from './answers.ts';
import { failureOf } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { untilAborted } from './rpc.ts';
import { parseTenants, readTenants } from './tenant.ts';
import { parseTimeMs } from './time-parameter.ts';

export type RenderHost = {
  readonly clock: Clock;
  readonly multitenancyEnabled: boolean;
  readonly querier: Querier;
};

type QueryRoute = (exchange: Exchange, tenants: readonly string[], host: RenderHost) => Promise<Answer>;

/** Serves one of the query routes below `/pyroscope`, all of which are GET and fail alike. */
export async function serveQuery(
  exchange: Exchange,
  route: QueryRoute,
  host: RenderHost,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  try {
    const header = parseTenants(exchange.header('x-scope-orgid'), host.multitenancyEnabled);
    if (exchange.method !== 'get') return methodNotAllowed(exchange, 'GET');
    const tenants = readTenants(header, 'invalid-argument');
    return await untilAborted(route(exchange, tenants, host), exchange.signal);
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return codedFailure(failureOf(error));
  }
}

/** `GET /pyroscope/render`: a flame graph and its timeline. */
export async function render(exchange: Exchange, tenants: readonly string[], host: RenderHost): Promise<Answer> {
  const { query, signal } = exchange;
  if (query.get('format') === 'dot') throw new StoreError('unimplemented', 'format=dot is not implemented');
  const request = { ...selection(query, PLAIN, host), groupBy: query.getAll('groupBy') };
  const wire: Wire = { codec: 'render', gzip: wantsRestGzip(exchange) };
  const reply = await host.querier.render(tenants, request, wire, signal);
  return restAnswer('application/json', reply, wire.gzip);
}

/** `GET /pyroscope/render-diff`: a flame graph of two selections. */
export async function renderDiff(exchange: Exchange, tenants: readonly string[], host: RenderHost): Promise<Answer> {
  const { query, signal } = exchange;
  const left = selection(query, LEFT, host);
  const right = selection(query, RIGHT, host);
  if (left.profileTypeId !== right.profileTypeId) {
    throw new StoreError('invalid-argument', 'leftQuery and rightQuery must have the same profile type');
  }
  const wire: Wire = { codec: 'render', gzip: wantsRestGzip(exchange) };
  const reply = await host.querier.renderDiff(tenants, { left, right }, wire, signal);
  return restAnswer('application/json', reply, wire.gzip);
}

/** `GET /pyroscope/label-values`: the profile types of the last hour. It knows no other label, as in the reference. */
export async function labelValues(exchange: Exchange, tenants: readonly string[], host: RenderHost): Promise<Answer> {
  const { query, signal } = exchange;
  const label = query.get('label') ?? '';
  if (label === '') throw new StoreError('invalid-argument', '"label" is required');
  if (label !== LabelName.name) throw new StoreError('invalid-argument', 'missing time range for label values');
  const lastHour = { startMs: 0, endMs: 0 };
  const reply = await host.querier.profileTypes(tenants, lastHour, { codec: 'json', gzip: false }, signal);
  // A tenant has some dozens of profile types, so this is a small message.
  const { profileTypes = [] } = JSON.parse(Buffer.concat(reply.body).toString()) as ProfileTypesJson;
  const ids = profileTypes.map(({ ID }) => ID);
  const body = [Buffer.from(JSON.stringify(ids.length === 0 ? null : ids))];
  return restAnswer('application/json', { ...reply, body }, false);
}

/** The JSON form of querier.v1.ProfileTypesResponse, as our own querier writes it. */
type ProfileTypesJson = { readonly profileTypes?: readonly { readonly ID: string }[] };

type SelectionParameters = { readonly query: string; readonly from: string; readonly until: string };

const PLAIN: SelectionParameters = { query: 'query', from: 'from', until: 'until' };
const LEFT: SelectionParameters = { query: 'leftQuery', from: 'leftFrom', until: 'leftUntil' };
const RIGHT: SelectionParameters = { query: 'rightQuery', from: 'rightFrom', until: 'rightUntil' };

function selection(query: URLSearchParams, parameters: SelectionParameters, { clock }: RenderHost): SelectRequest {
  const nowMs = clock.now();
  const text = query.get(parameters.query) ?? '';
  if (text === '') throw new StoreError('invalid-argument', `"${parameters.query}" is required`);
  const { profileType, labelSelector } = parseRenderQuery(text);
  return {
    profileTypeId: profileType.id,
    labelSelector,
    startMs: parseTimeMs(query.get(parameters.from), nowMs),
    endMs: parseTimeMs(query.get(parameters.until), nowMs),
    maxNodes: integerOf(query.get('maxNodes') || query.get('max-nodes')),
  };
}

/** @returns undefined for what is no integer, and for 0: the default */
function integerOf(text: string | null): number | undefined {
  return /^[+-]?[0-9]{1,19}$/.test(text ?? '') ? Number(text) || undefined : undefined;
}
