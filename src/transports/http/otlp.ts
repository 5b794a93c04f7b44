import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import { isMessageTooLarge } from '#src/domain/otlp/otlp-errors.ts';
import type { OtlpOutcome, PushService } from '#src/services/distributor/ports.ts';
import { codedFailure, methodNotAllowed, retryHeaders, textAnswer, wrongContentType } from './answers.ts';
import { type BodyHost, BodyRefusal, otlpBodyLimit, readBody } from './body.ts';
import { failureOf } from './errors.ts';
import type { Answer, Exchange } from './exchange.ts';
import { otlpAnswerBytes } from './otlp-answer.ts';
import { untilAborted } from './rpc.ts';
import { parseTenants, writeTenant } from './tenant.ts';
import type { TransportConfig } from './transport-config.ts';

export const otlpExportPath = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';

/** The route of OTLP over HTTP, and the method of its gRPC service, which takes the same bodies. */
export const otlpPaths = ['/v1development/profiles', otlpExportPath] as const;

export type OtlpHost = BodyHost &
  Pick<TransportConfig, 'multitenancyEnabled' | 'ingestionBodyBytesMax' | 'openable'> & {
    readonly push: PushService;
  };

/** Compared as they are: a parameter behind one is another type, as in Pyroscope. */
const CODECS: ReadonlyMap<string, 'proto' | 'json'> = new Map([
  ['application/x-protobuf', 'proto'],
  ['application/protobuf', 'proto'],
  ['application/json', 'json'],
]);

const ANSWER_TYPE = { proto: 'application/x-protobuf', json: 'application/json' } as const;

/** `POST /v1development/profiles`: profiles as OTLP sends them. The answer is written as they were; failures are text. */
export async function serveOtlp(exchange: Exchange, host: OtlpHost, onBug: (error: unknown) => void): Promise<Answer> {
  if (exchange.method !== 'post') return methodNotAllowed(exchange, 'POST');
  let tenant: string;
  try {
    tenant = writeTenant(parseTenants(exchange.header('x-scope-orgid'), host.multitenancyEnabled));
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return codedFailure(failureOf(error));
  }
  const codec = CODECS.get(exchange.header('content-type'));
  if (codec === undefined) return wrongContentType(exchange.header('content-type'), [...CODECS.keys()].join(', '));
  try {
    const outcome = await untilAborted(pushBody(exchange, tenant, codec, host), exchange.signal);
    return { status: 200, headers: [['Content-Type', ANSWER_TYPE[codec]]], body: [otlpAnswerBytes(outcome, codec)] };
  } catch (error) {
    if (!(error instanceof StoreError)) onBug(error);
    return otlpFailure(error, encodingHint(exchange.header('content-encoding')));
  }
}

async function pushBody(
  exchange: Exchange,
  tenant: string,
  codec: 'proto' | 'json',
  host: OtlpHost,
): Promise<OtlpOutcome> {
  const body = await readBody(exchange, otlpBodyLimit(host), host);
  try {
    // Other codings are taken for none, and then the message cannot be decoded.
    const encoding = exchange.header('content-encoding').toLowerCase() === 'gzip' ? 'gzip' : 'identity';
    return await host.push.pushOtlp(tenant, { body: body.bytes, codec, encoding }, exchange.signal);
  } finally {
    body.release();
  }
}

/** Codings that nobody knows are taken for none, so that a message cannot be decoded. Its sender should hear why. */
function encodingHint(encoding: string): string {
  if (/^(gzip|identity)?$/i.test(encoding)) return '';
  return `; its Content-Encoding is ${quoted(encoding)}, and only gzip is known here`;
}

/** What a client of OTLP sends again is 429, 502, 503 and 504. */
function otlpFailure(error: unknown, hint: string): Answer {
  const failure = failureOf(error);
  const message = failure.status === 400 ? failure.message + hint : failure.message;
  const { headers, ...answer } = textAnswer(statusOf(error) ?? failure.status, `${message}\n`);
  return { ...answer, headers: [...headers, ...retryHeaders(failure)] };
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof BodyRefusal) return error.status;
  return error instanceof StoreError && isMessageTooLarge(error) ? 413 : undefined;
}
