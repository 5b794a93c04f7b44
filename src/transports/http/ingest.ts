import { StoreError } from '#src/domain/errors.ts';
import { type Label, LabelName } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { IngestOptions } from '#src/domain/pprof/ingest-options.ts';
import type { PushedProfile, PushService } from '#src/services/distributor/ports.ts';
import { codedFailure, emptyAnswer, methodNotAllowed, statusFailure } from './answers.ts';
import { type BodyHost, BodyRefusal, type BodyRefusalReason, readBody } from './body.ts';
import { failureOf, failureOfStatus } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { type IngestFormat, ingestFormat } from './ingest-format.ts';
import { type IngestName, parseIngestName } from './ingest-name.ts';
import { type FormPart, parseForm } from './multipart.ts';
import { untilAborted } from './rpc.ts';
import { parseSampleTypeConfig } from './sample-type-config.ts';
import { parseTenants, writeTenant } from './tenant.ts';
import { parseTimeNanos } from './time-parameter.ts';

export type IngestHost = BodyHost & {
  readonly multitenancyEnabled: boolean;
  readonly ingestionBodyBytesMax: Bytes;
  readonly push: PushService;
};

/** The formats that are read. */
type PprofFormat = 'pprof' | 'pprof-form';

/** What the URL says about the profile in the body. */
type IngestParameters = {
  readonly name: IngestName;
  readonly format: PprofFormat;
  readonly spyName: string;
  readonly fromNanos: bigint;
};

/**
 * `POST /ingest`: one profile, in the body or in a form, and everything else in the URL.
 *
 * What is wrong with the request itself is told before its body is read.
 */
export async function serveIngest(
  exchange: Exchange,
  host: IngestHost,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  if (exchange.method !== 'post') return methodNotAllowed('POST');
  let tenant: string;
  let parameters: IngestParameters;
  try {
    tenant = writeTenant(parseTenants(exchange.header('x-scope-orgid'), host.multitenancyEnabled));
    parameters = parametersOf(exchange, host);
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return codedFailure(failureOf(error));
  }
  try {
    await untilAborted(pushBody(exchange, tenant, parameters, host), exchange.signal);
    return emptyAnswer(200);
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return pprofFailure(error);
  }
}

/** @throws StoreError 'invalid-argument', 'unimplemented' */
function parametersOf(exchange: Exchange, host: IngestHost): IngestParameters {
  const { query } = exchange;
  return {
    name: parseIngestName(query.get('name') ?? ''),
    format: readable(ingestFormat(query.get('format'), exchange.header('content-type'))),
    spyName: query.get('spyName') || 'unknown',
    fromNanos: parseTimeNanos(query.get('from'), host.clock.now()),
  };
}

function readable(format: IngestFormat): PprofFormat {
  if (format === 'pprof' || format === 'pprof-form') return format;
  throw new StoreError('unimplemented', `bodies in format "${format}" are not implemented, only pprof`);
}

async function pushBody(
  exchange: Exchange,
  tenant: string,
  parameters: IngestParameters,
  host: IngestHost,
): Promise<void> {
  const limit = {
    bytesMax: host.ingestionBodyBytesMax,
    name: 'ingestion_body_limit_mb',
    reason: 'body_limit',
  } as const;
  const body = await readBody(exchange, limit, host);
  try {
    const upload = await uploadOf(body.bytes, parameters.format, exchange.header('content-type'));
    // An upload without a profile is no failure. Agents that had nothing to sample send such.
    if (upload.profile.length === 0) return;
    await host.push.pushProfiles(tenant, [pushedProfile(upload, parameters)], exchange.signal);
  } finally {
    body.release();
  }
}

type Upload = {
  readonly profile: Uint8Array;
  readonly displayNames: IngestOptions['displayNames'];
};

/** @throws StoreError 'invalid-argument' */
async function uploadOf(body: Uint8Array, format: PprofFormat, contentType: string): Promise<Upload> {
  if (format === 'pprof') return { profile: body, displayNames: undefined };
  const parts = await parseForm(body, contentType);
  const part = (name: string): Uint8Array => partOf(parts, name)?.data ?? new Uint8Array(0);
  if (part('prev_profile').length > 0) {
    throw new StoreError('invalid-argument', 'prev_profile is not supported: upgrade to a client that sends deltas');
  }
  const config = part('sample_type_config');
  return { profile: part('profile'), displayNames: config.length > 0 ? parseSampleTypeConfig(config) : undefined };
}

/** Files first. The reference sees nothing else, and loses a profile in a plain field with an answer of 200. */
function partOf(parts: readonly FormPart[], name: string): FormPart | undefined {
  const named = parts.filter((part) => part.name === name);
  return named.find(({ filename }) => filename !== undefined) ?? named[0];
}

/** The profile's own name follows from its sample types, which only the worker sees. */
function pushedProfile({ profile, displayNames }: Upload, parameters: IngestParameters): PushedProfile {
  const { name, spyName, fromNanos } = parameters;
  const labels: Label[] = [
    { name: '__delta__', value: 'false' },
    { name: LabelName.spy, value: spyName },
    ...name.tags,
  ];
  if (!name.tags.some((tag) => tag.name === LabelName.serviceName)) {
    labels.push({ name: LabelName.serviceName, value: name.app });
  }
  return { labels, profile, ingest: { spyName, fromNanos, displayNames } };
}

/**
 * Clients expect 422 for whatever is wrong with a profile. Unlike the reference, which answers 422 for those too, a
 * bad tenant is 401, and what may succeed later is 503 or 504, so that agents try again.
 */
function pprofFailure(error: unknown): Answer {
  if (error instanceof BodyRefusal) {
    return statusFailure(failureOfStatus(BODY_STATUS[error.reason], error.message));
  }
  const failure = failureOf(error);
  const rejected = failure.status === 400 || failure.status === 404 || failure.code === 'data_loss';
  return statusFailure(failureOfStatus(rejected ? 422 : failure.status, failure.message));
}

const BODY_STATUS: Record<BodyRefusalReason, number> = {
  body_limit: 413,
  message_limit: 413,
  body_timeout: 408,
  no_room: 503,
};
