import { Random } from '../fixtures/random.ts';
import type { TextFormat } from '../fixtures/uploads.ts';
import { jfrForm, pprofForm } from './form-bytes.ts';
import { framed } from './grpc-bytes.ts';
import { gzipped } from './gzip-faults.ts';
import { ingestPath, strangeIngestPath } from './ingest-url.ts';
import { anyJfr } from './jfr-bytes.ts';
import { anyOtlpJson, anyOtlpProto } from './otlp-bytes.ts';
import type { Decoder, Payload } from './payload.ts';
import { anyPprof } from './pprof-bytes.ts';
import { anyPushJson, anyPushProto } from './push-bytes.ts';
import { anyText, TEXT_FORMATS } from './text-bytes.ts';

const PUSH = '/push.v1.PusherService/Push';
const EXPORT = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';
const OTLP_HTTP = '/v1development/profiles';

type Request = Omit<Payload, 'decoder'>;

/** One for every way in. */
export const DECODERS: readonly Decoder[] = [
  { name: 'push-proto', weight: 12, payload: (random) => connect(random, 'application/proto', anyPushProto(random)) },
  { name: 'push-json', weight: 6, payload: (random) => connect(random, 'application/json', anyPushJson(random)) },
  { name: 'push-gzip', weight: 6, payload: pushGzip },
  { name: 'push-grpc', weight: 4, payload: (random) => grpc(random, PUSH, anyPushProto(random), 'proto') },
  { name: 'push-grpc-json', weight: 2, payload: (random) => grpc(random, PUSH, anyPushJson(random), 'json') },
  { name: 'push-grpc-web', weight: 4, payload: pushGrpcWeb },
  { name: 'pprof', weight: 14, payload: pprof },
  { name: 'pprof-form', weight: 8, payload: pprofFormRequest },
  { name: 'jfr', weight: 5, payload: (random) => ingest(random, 'jfr', anyJfr(random)) },
  { name: 'jfr-form', weight: 4, payload: jfrFormRequest },
  ...TEXT_FORMATS.map((format) => ({
    ...{ name: format, weight: 5 },
    payload: (random: Random) => textRequest(random, format),
  })),
  { name: 'otlp-proto', weight: 10, payload: (random) => otlp(random, anyOtlpProto(random), 'application/x-protobuf') },
  { name: 'otlp-json', weight: 6, payload: (random) => otlp(random, anyOtlpJson(random), 'application/json') },
  { name: 'otlp-gzip', weight: 4, payload: otlpGzip },
  { name: 'otlp-grpc', weight: 3, payload: (random) => grpc(random, EXPORT, anyOtlpProto(random), 'proto') },
  { name: 'ingest-url', weight: 8, payload: ingestUrl },
  { name: 'other-format', weight: 5, payload: otherFormat },
];

const WEIGHTS = DECODERS.reduce((sum, { weight }) => sum + weight, 0);

/**
 * The payload of a number. It depends on nothing else, so that one of a million can be made alone.
 *
 * @param among  from which decoders; all of them if nothing is said
 */
export function payloadOf(seed: number, number: number, among: readonly Decoder[] = DECODERS): Payload {
  const random = new Random(mixed(seed, number));
  const { name, payload } = decoderOf(random, among);
  return { decoder: name, ...payload(random) };
}

function decoderOf(random: Random, among: readonly Decoder[]): Decoder {
  if (among.length === 1) return among[0];
  const weights = among === DECODERS ? WEIGHTS : among.reduce((sum, { weight }) => sum + weight, 0);
  let left = random.next() * weights;
  return among.find(({ weight }) => (left -= weight) < 0) ?? among[0];
}

/** Neighbouring numbers must not give sequences that are alike: the finalizer of MurmurHash3. */
function mixed(seed: number, number: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The tenants of the server in this process: with the limits of the defaults, with none, with very small ones. */
export const TENANTS = ['default', 'unlimited', 'tight'] as const;

function headers(random: Random, contentType: string, more: Readonly<Record<string, string>> = {}) {
  const tenant = random.chance(0.6) ? 'default' : random.pick(TENANTS);
  return { 'x-scope-orgid': tenant, 'content-type': contentType, ...more };
}

function connect(random: Random, contentType: string, body: Uint8Array, more = {}): Request {
  return { protocol: 'http', path: PUSH, headers: headers(random, contentType, more), body };
}

function pushGzip(random: Random): Request {
  const proto = random.chance(0.6);
  const body = gzipped(random, proto ? anyPushProto(random) : anyPushJson(random));
  const contentType = proto ? 'application/proto' : 'application/json; charset=utf-8';
  return connect(random, contentType, body, { 'content-encoding': 'gzip' });
}

function grpc(random: Random, path: string, message: Uint8Array, codec: 'proto' | 'json'): Request {
  const { body, encoding } = framed(random, message);
  const contentType =
    codec === 'json' ? 'application/grpc+json' : random.pick(['application/grpc', 'application/grpc+proto']);
  const more = encoding === undefined ? {} : { 'grpc-encoding': encoding };
  return { protocol: 'grpc', path, headers: headers(random, contentType, more), body };
}

function pushGrpcWeb(random: Random): Request {
  const codec = random.chance(0.7) ? 'proto' : 'json';
  const message = codec === 'proto' ? anyPushProto(random) : anyPushJson(random);
  const { body, encoding } = framed(random, message);
  const contentType = `application/grpc-web+${codec}`;
  return connect(random, contentType, body, encoding === undefined ? {} : { 'grpc-encoding': encoding });
}

function ingest(random: Random, format: string | undefined, body: Uint8Array, contentType = 'text/plain'): Request {
  return { protocol: 'http', path: ingestPath(random, format), headers: headers(random, contentType), body };
}

function pprof(random: Random): Request {
  const profile = anyPprof(random);
  return ingest(random, 'pprof', random.chance(0.5) ? gzipped(random, profile) : profile);
}

function pprofFormRequest(random: Random): Request {
  const { contentType, body } = pprofForm(random);
  return ingest(random, random.pick([undefined, 'pprof']), body, contentType);
}

function jfrFormRequest(random: Random): Request {
  const { contentType, body } = jfrForm(random);
  return ingest(random, 'jfr', body, contentType);
}

function textRequest(random: Random, format: TextFormat): Request {
  const body = anyText(random, format);
  if (format === 'tree' || format === 'trie') {
    if (random.chance(0.3)) return ingest(random, undefined, body, `binary/octet-stream+${format}`);
  }
  return ingest(random, format === 'groups' ? random.pick([undefined, 'groups', 'folded']) : format, body);
}

function otlp(random: Random, body: Uint8Array, contentType: string, more = {}): Request {
  const path = random.chance(0.9) ? OTLP_HTTP : EXPORT;
  return { protocol: 'http', path, headers: headers(random, contentType, more), body };
}

function otlpGzip(random: Random): Request {
  const proto = random.chance(0.7);
  const body = gzipped(random, proto ? anyOtlpProto(random) : anyOtlpJson(random));
  const contentType = proto ? 'application/x-protobuf' : 'application/json';
  return otlp(random, body, contentType, { 'content-encoding': 'gzip' });
}

function ingestUrl(random: Random): Request {
  const body = random.chance(0.7) ? Buffer.from('main;work 3\nmain 1') : anyText(random, 'groups');
  const contentType = random.pick(['text/plain', '', 'binary/octet-stream+trie', 'multipart/form-data', 'a;b;c']);
  return { protocol: 'http', path: strangeIngestPath(random), headers: headers(random, contentType), body };
}

/** The body of one format, said to be of another. */
function otherFormat(random: Random): Request {
  const formats = DECODERS.filter(({ name }) => name !== 'other-format');
  const { body } = random.pick(formats).payload(random);
  return { ...random.pick(formats).payload(random), body };
}
