import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { durationText } from '#src/domain/model/amount-text.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Body, Reply } from '#src/services/query-frontend/ports.ts';
import { acceptsGzip } from './accept-encoding.ts';
import { type Failure, failureJson } from './errors.ts';
import type { Answer, Exchange, Header } from './exchange.ts';
import { CURL_DATA, isUrlEncodedForm } from './url-encoded-form.ts';

const JSON_TYPE: Header = ['Content-Type', 'application/json'];
const TEXT_TYPE: Header = ['Content-Type', 'text/plain; charset=utf-8'];

export function emptyAnswer(status: number): Answer {
  return { status, headers: [], body: [] };
}

/** @param methods  those that the route has */
export function methodNotAllowed({ method }: Pick<Exchange, 'method'>, ...methods: readonly string[]): Answer {
  const allow = methods.join(', ');
  const { headers, ...answer } = textAnswer(405, wrongMethodText(method, allow));
  return { ...answer, headers: [...headers, ['Allow', allow]] };
}

/** @param sent  in either case: that is lost before a request is looked at */
export function wrongMethodText(sent: string, allow: string): string {
  return `the method ${quoted(sent.toUpperCase())} is not taken here; these are: ${allow}\n`;
}

export function textAnswer(status: number, text: string): Answer {
  return { status, headers: [TEXT_TYPE], body: [Buffer.from(text)] };
}

/** @param spoken  the content types of the route */
export function wrongContentType(sent: string, spoken: string): Answer {
  const text = `the content type ${quoted(sent)} is not spoken here; these are: ${spoken}${contentTypeHint(sent)}\n`;
  return textAnswer(415, text);
}

/** Whoever speaks gRPC to this port learns where it is spoken, and who has a file for curl how it sends that. */
function contentTypeHint(sent: string): string {
  if (/^application\/grpc($|[+;])/i.test(sent)) {
    return '. gRPC is spoken over HTTP/2, on the port of server.grpc-listen-port';
  }
  return isUrlEncodedForm(sent) ? `. curl sends it unless -H 'Content-Type: …' names another; and ${CURL_DATA}` : '';
}

/** The answer of a failed Connect call, and of a query route. */
export function codedFailure(failure: Failure): Answer {
  const headers = [JSON_TYPE, ...retryHeaders(failure)];
  return { status: failure.status, headers, body: [Buffer.from(failureJson(failure))] };
}

/** The answer of routes whose failures are known by their HTTP status. */
export function statusFailure(failure: Failure): Answer {
  const headers: Header[] = [JSON_TYPE, ['X-Content-Type-Options', 'nosniff'], ...retryHeaders(failure)];
  return { status: failure.status, headers, body: [Buffer.from(`${failureJson(failure)}\n`)] };
}

/** What is away or full now may be back in a second. Who was too fast is told when it fits. */
export function retryHeaders({ status, retryAfterMs }: Failure): Header[] {
  if (retryAfterMs !== undefined) return [['Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))]];
  return status === 503 ? [['Retry-After', '1']] : [];
}

/** REST answers below this size are not compressed. */
const GZIP_BYTES_MIN = 1400;

/** What gzip adds to bytes that it cannot make smaller. */
const GZIP_OVERHEAD_BYTES = 64;

export function wantsRestGzip(exchange: Exchange): boolean {
  return acceptsGzip(exchange.header('accept-encoding'));
}

/** Says that an answer is not whole. Its body is what it would be if what is missing had never been there. */
export function partialHeaders({ missingObjects, lookbackMs }: Reply): Header[] {
  const reasons: string[] = [];
  if (missingObjects > 0) reasons.push(`missing-objects=${missingObjects}`);
  if (lookbackMs !== undefined) reasons.push(`max-query-lookback=${durationText(lookbackMs)}`);
  return reasons.length > 0 ? [['X-Kiln-Partial', reasons.join(', ')]] : [];
}

/**
 * The answer of a REST route: compressed if the client takes it and it pays.
 *
 * @param reply  its body is compressed as a whole if `gzip`. Small ones go out plain all the same
 */
export async function restAnswer(contentType: string, reply: Reply, gzip: boolean): Promise<Answer> {
  const { body } = reply;
  const headers: Header[] = [['Content-Type', contentType], ['Vary', 'Accept-Encoding'], ...partialHeaders(reply)];
  const plain = gzip ? await inflateSmall(body) : body;
  if (plain === undefined) headers.push(['Content-Encoding', 'gzip']);
  return { status: 200, headers, body: plain ?? body };
}

/** @returns undefined when it is not small */
async function inflateSmall(body: Body): Promise<Body | undefined> {
  const sizeBytes = body.reduce((sum, piece) => sum + piece.length, 0);
  if (sizeBytes >= GZIP_BYTES_MIN + GZIP_OVERHEAD_BYTES) return undefined;
  try {
    return [await promisify(gunzip)(Buffer.concat(body), { maxOutputLength: GZIP_BYTES_MIN - 1 })];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}
