import { StoreError } from '#src/domain/errors.ts';
import { beginsAsRecording } from '#src/domain/jfr/chunk-header.ts';
import { type Label, LabelName } from '#src/domain/model/labels.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { IngestOptions } from '#src/domain/pprof/ingest-options.ts';
import { discardReasonOf } from '#src/domain/pprof/profile-errors.ts';
import { isUndecodable, type Upload, undecodableUpload } from '#src/domain/upload/upload.ts';
import type { PushedProfile, PushService } from '#src/services/distributor/ports.ts';
import { codedFailure, emptyAnswer, methodNotAllowed } from './answers.ts';
import { type BodyHost, ingestionBodyLimit, readBody } from './body.ts';
import { failureOf } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { ingestFailure } from './ingest-failure.ts';
import { formatHint, type IngestFormat, ingestFormat, isForm } from './ingest-format.ts';
import { type IngestName, parseIngestName } from './ingest-name.ts';
import { type FormPart, parseForm } from './multipart.ts';
import { untilAborted } from './rpc.ts';
import { parseSampleRate } from './sample-rate.ts';
import { parseSampleTypeConfig } from './sample-type-config.ts';
import { parseTenants, writeTenant } from './tenant.ts';
import { parseTimeNanos } from './time-parameter.ts';
import { formHint, linesRunTogether } from './url-encoded-form.ts';

export type IngestHost = BodyHost & {
  readonly multitenancyEnabled: boolean;
  readonly ingestionBodyBytesMax: Bytes;
  readonly push: PushService;
};

/** What the URL says about the profile in the body. */
type IngestParameters = {
  readonly name: IngestName;
  readonly format: IngestFormat;
  readonly spyName: string;
  readonly fromNanos: UnixNanos;
  readonly untilNanos: UnixNanos;
  readonly sampleRate: number;
};

/**
 * `POST /ingest`: one profile, in the body or in a form, and everything else in the URL.
 *
 * What is wrong with the request itself is told before its body is read. `units` and `aggregationType` are taken and have
 * no effect, as in Pyroscope: both follow from the type of a profile.
 */
export async function serveIngest(
  exchange: Exchange,
  host: IngestHost,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  if (exchange.method !== 'post') return methodNotAllowed(exchange, 'POST');
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
    return ingestFailure(error, parameters.format);
  }
}

/** Not the header says what a profile or a recording is compressed with, but its first bytes; text cannot be. */
function encodingHint(encoding: string): string {
  return encoding === '' ? '' : '; Content-Encoding is not looked at on this route';
}

/** @throws StoreError 'invalid-argument' */
function parametersOf(exchange: Exchange, host: IngestHost): IngestParameters {
  const { query } = exchange;
  const nowMs = host.clock.now();
  for (const parameter of ['name', 'spyName']) refuseReplaced(parameter, query, exchange.rawQuery);
  return {
    name: parseIngestName(query.get('name') ?? ''),
    format: ingestFormat(query.get('format'), exchange.header('content-type')),
    spyName: query.get('spyName') || 'unknown',
    fromNanos: parseTimeNanos(query.get('from'), nowMs),
    untilNanos: parseTimeNanos(query.get('until'), nowMs),
    sampleRate: parseSampleRate(query.get('sampleRate')),
  };
}

/**
 * Bytes that are not UTF-8 are U+FFFD where a URL is decoded. They would be labels that nobody sent.
 *
 * @throws StoreError 'invalid-argument' unless somebody did send U+FFFD
 */
function refuseReplaced(parameter: string, query: URLSearchParams, rawQuery: string): void {
  if (!query.get(parameter)?.includes('\ufffd') || /%ef%bf%bd/i.test(rawQuery)) return;
  throw new StoreError('invalid-argument', `${parameter}: it is not valid UTF-8`);
}

async function pushBody(
  exchange: Exchange,
  tenant: string,
  parameters: IngestParameters,
  host: IngestHost,
): Promise<void> {
  const body = await readBody(exchange, ingestionBodyLimit(host.ingestionBodyBytesMax), host);
  const contentType = exchange.header('content-type');
  // Now, because the body may be moved to a thread.
  const form = formHint(contentType, body.bytes);
  const joined = form !== '' && parameters.format === 'groups' ? linesRunTogether(body.bytes) : undefined;
  try {
    if (joined !== undefined) throw undecodableUpload('groups', joined);
    if (parameters.format !== 'pprof' && parameters.format !== 'pprof-form') {
      const upload = await uploadOf(body.bytes, contentType, parameters.format, parameters);
      await host.push.pushUpload(tenant, upload, exchange.signal);
      return;
    }
    const pprof = await pprofOf(body.bytes, parameters.format, contentType);
    // An upload without a profile is no failure. Agents that had nothing to sample send such.
    if (pprof.profile.length === 0) return;
    await host.push.pushProfiles(tenant, [pushedProfile(pprof, parameters)], exchange.signal);
  } catch (error) {
    if (isUndecodable(error)) {
      const format = formatHint(exchange.query.get('format'), parameters.format);
      throw withHint(error, format + encodingHint(exchange.header('content-encoding')) + form);
    }
    // Where bytes are missing, the last ones are no trailer, and say any size.
    throw error instanceof StoreError && isTooLarge(error) ? withHint(error, form) : error;
  } finally {
    body.release();
  }
}

function withHint({ code, message, details }: StoreError, hint: string): StoreError {
  return new StoreError(code, message + hint, details);
}

function isTooLarge(error: StoreError): boolean {
  return ['profile_size_limit', 'body_size_limit_exceeded'].includes(discardReasonOf(error));
}

/** @throws StoreError 'invalid-argument' */
async function uploadOf(
  body: Uint8Array,
  contentType: string,
  format: Upload['format'],
  { name, spyName, fromNanos, untilNanos, sampleRate }: IngestParameters,
): Promise<Upload> {
  const form = isForm(contentType);
  if (form && format !== 'jfr' && beginsAsForm(body)) {
    throw undecodableUpload(format, 'it is a form, and only pprof and jfr come in one');
  }
  const files = form && format === 'jfr' ? await jfrFilesOf(body, contentType) : undefined;
  return {
    ...{ format, body: files?.jfr ?? body, fromForm: files !== undefined, jfrLabels: files?.labels },
    ...{ ...name, spyName, fromNanos, untilNanos, sampleRate },
  };
}

function beginsAsForm(body: Uint8Array): boolean {
  return body[0] === DASH && body[1] === DASH;
}

const DASH = 0x2d;

async function jfrFilesOf(body: Uint8Array, contentType: string) {
  const parts = await parseForm(body, contentType);
  const jfr = mainPartOf(parts, 'jfr');
  if (jfr === undefined) throw undecodableUpload('jfr', 'the form has no part "jfr"');
  return { jfr: jfr.data, labels: partOf(parts, 'labels')?.data };
}

type PprofBody = {
  readonly profile: Uint8Array;
  readonly displayNames: IngestOptions['displayNames'];
};

/** @throws StoreError 'invalid-argument' */
async function pprofOf(body: Uint8Array, format: 'pprof' | 'pprof-form', contentType: string): Promise<PprofBody> {
  if (format === 'pprof') return { profile: body, displayNames: undefined };
  const parts = await parseForm(body, contentType);
  if (parts.some(({ name, data }) => name === 'prev_profile' && data.length > 0)) {
    throw new StoreError('invalid-argument', 'prev_profile is not supported: upgrade to a client that sends deltas');
  }
  const profile = mainPartOf(parts, 'profile')?.data ?? new Uint8Array(0);
  const config = partOf(parts, 'sample_type_config')?.data ?? new Uint8Array(0);
  return { profile, displayNames: config.length > 0 ? parseSampleTypeConfig(config) : undefined };
}

const PARTS_BESIDE: Readonly<Record<'profile' | 'jfr', ReadonlySet<string>>> = {
  profile: new Set(['sample_type_config', 'prev_profile']),
  jfr: new Set(['labels']),
};

const FORM_HINTS: ReadonlyMap<string, string> = new Map([
  ['jfr', '; a recording needs format=jfr'],
  ['profile', '; a pprof needs format=pprof, or none'],
]);

/**
 * What the form is sent for, which may be missing or empty if nothing else is there. The reference answers 200 to a
 * profile under another name, or beside a recording, and it is lost.
 *
 * @throws StoreError 'invalid-argument'
 */
function mainPartOf(parts: readonly FormPart[], name: 'profile' | 'jfr'): FormPart | undefined {
  const part = partOf(parts, name);
  const isThere = part !== undefined && part.data.length > 0;
  const other = parts.find(
    (another) =>
      another.data.length > 0 &&
      another.name !== name &&
      (isThere ? FORM_HINTS.has(another.name) : !PARTS_BESIDE[name].has(another.name)),
  );
  if (other === undefined) return part;
  const hint = beginsAsRecording(other.data)
    ? '; it is a recording: send it as part "jfr", with format=jfr'
    : (FORM_HINTS.get(other.name) ?? '');
  if (isThere) {
    throw new StoreError(
      'invalid-argument',
      `the form has a part "${name}", and one called ${quoted(other.name)}, which must be sent by itself${hint}`,
    );
  }
  const found = part === undefined ? `no part "${name}"` : `an empty part "${name}"`;
  throw new StoreError('invalid-argument', `the form has ${found}, but one called ${quoted(other.name)}${hint}`);
}

/**
 * The part that is not empty. The reference sees files alone, and keeps the first of several.
 *
 * @throws StoreError 'invalid-argument' when there are several, because only one would be stored
 */
function partOf(parts: readonly FormPart[], name: string): FormPart | undefined {
  const named = parts.filter((part) => part.name === name);
  const full = named.filter(({ data }) => data.length > 0);
  if (full.length > 1) {
    throw new StoreError('invalid-argument', `the form has ${full.length} parts called "${name}", the limit is 1`);
  }
  return full[0] ?? named[0];
}

/** The profile's own name follows from its sample types, which only the worker sees. */
function pushedProfile({ profile, displayNames }: PprofBody, parameters: IngestParameters): PushedProfile {
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
