import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { notConvertible, otlpMessageTooLarge } from '#src/domain/otlp/otlp-errors.ts';
import { malformed } from '#src/domain/pprof/profile-errors.ts';
import { otlpPaths } from '#src/transports/http/otlp.ts';
import { type Fixture, fetchFrom, metricOf, type RequestOptions, type Response, startServer } from './http-fixture.ts';

function send(fixture: Fixture, options: RequestOptions & { readonly type?: string } = {}): Promise<Response> {
  const { type = 'application/x-protobuf', headers = {}, ...rest } = options;
  return fetchFrom(fixture, '/v1development/profiles', {
    ...{ body: 'message', ...rest },
    headers: { 'content-type': type, ...headers },
  });
}

function failing(fixture: Fixture, error: unknown): void {
  fixture.push.work = async () => {
    throw error;
  };
}

describe('POST /v1development/profiles', () => {
  for (const [type, codec, answerType, answer] of [
    ['application/x-protobuf', 'proto', 'application/x-protobuf', ''],
    ['application/protobuf', 'proto', 'application/x-protobuf', ''],
    ['application/json', 'json', 'application/json', '{}'],
  ] as const) {
    test(`takes ${type}, and answers in kind`, async (t) => {
      const fixture = await startServer(t);

      const response = await send(fixture, { type });

      equal(response.status, 200);
      equal(response.headers['content-type'], answerType);
      equal(response.body.toString(), answer);
      deepEqual(
        fixture.push.otlp.map(({ tenant, codec, encoding }) => [tenant, codec, encoding]),
        [['acme', codec, 'identity']],
      );
      equal(Buffer.from(fixture.push.otlp[0]?.body ?? []).toString(), 'message');
      equal(await metricOf(fixture, 'kiln_http_body_in_flight_bytes'), 0);
    });
  }

  test('is the gRPC method as well, for who posts messages to it', async (t) => {
    const fixture = await startServer(t);
    const headers = { 'content-type': 'application/json' };
    equal((await fetchFrom(fixture, otlpPaths[1], { body: '{}', headers })).status, 200);
    equal(fixture.push.otlp.length, 1);
  });

  test('leaves gzip to the pool, and takes other codings for none', async (t) => {
    const fixture = await startServer(t);
    await send(fixture, { headers: { 'content-encoding': 'GZIP' } });
    await send(fixture, { headers: { 'content-encoding': 'br' } });
    deepEqual(
      fixture.push.otlp.map(({ encoding }) => encoding),
      ['gzip', 'identity'],
    );
  });

  test('says when to come again, if that is known', async (t) => {
    const fixture = await startServer(t);
    for (const [details, seconds] of [
      [{}, undefined],
      [{ retryAfterMs: 1200 }, '2'],
      [{ retryAfterMs: 0 }, '1'],
    ] as const) {
      failing(fixture, new StoreError('limit-exceeded', 'slow', details));
      const { status, headers } = await send(fixture);
      deepEqual([status, headers['retry-after']], [429, seconds]);
    }
  });

  test('tells what was rejected', async (t) => {
    const fixture = await startServer(t);
    fixture.push.otlpOutcome = { rejectedProfiles: 300, message: 'no' };

    const { status, body } = await send(fixture);

    equal(status, 200);
    // partial_success { rejected_profiles: 300, error_message: "no" }
    equal(body.toString('hex'), '0a0708ac0212026e6f');

    const json = await send(fixture, { type: 'application/json' });

    const partialSuccess = { rejectedProfiles: '300', errorMessage: 'no' };
    deepEqual(JSON.parse(json.body.toString()), { partialSuccess });
  });

  test('refuses other types, parameters included, and other methods', async (t) => {
    const fixture = await startServer(t);
    for (const type of ['text/plain', 'application/json; charset=utf-8', 'application/grpc', 'Application/JSON']) {
      const { status, headers, body } = await send(fixture, { type });
      equal(status, 415, type);
      match(headers['content-type'] ?? '', /^text\/plain/);
      match(body.toString(), /is not spoken here; these are: application\/x-protobuf, application\/protobuf/);
    }
    const { status, headers, body } = await fetchFrom(fixture, '/v1development/profiles');
    deepEqual([status, headers['allow']], [405, 'POST']);
    equal(body.toString(), 'the method "GET" is not taken here; these are: POST\n');
    equal(fixture.push.otlp.length, 0);
  });

  test('needs one tenant', async (t) => {
    const fixture = await startServer(t);
    for (const [tenant, status] of [
      [null, 401],
      ['a|b', 401],
      ['a b', 401],
    ] as const) {
      const response = await send(fixture, { tenant });
      equal(response.status, status, String(tenant));
      equal(response.headers['content-type'], 'application/json');
      equal(JSON.parse(response.body.toString()).code, 'unauthenticated');
    }
    equal(fixture.push.otlp.length, 0);
  });

  for (const [what, error, status] of [
    ['a message that cannot be decoded', new StoreError('invalid-argument', 'it is no message'), 400],
    ['profiles that were refused', malformed('x'), 400],
    ['a profile that cannot be converted', notConvertible('no stack'), 400],
    ['a message that is too large once inflated', otlpMessageTooLarge(10, undefined), 413],
    ['a tenant that sends too fast', new StoreError('limit-exceeded', 'slow down'), 429],
    ['a bug', new TypeError('secret'), 500],
  ] as const) {
    test(`answers ${status} to ${what}`, async (t) => {
      const fixture = await startServer(t);
      failing(fixture, error);

      const response = await send(fixture);

      equal(response.status, status);
      match(response.headers['content-type'] ?? '', /^text\/plain/);
      equal(response.body.toString(), error instanceof StoreError ? `${error.message}\n` : 'internal error\n');
      deepEqual(fixture.bugs.length, error instanceof StoreError ? 0 : 1);
    });
  }

  test('says that a coding is not known, where a message cannot be decoded', async (t) => {
    const fixture = await startServer(t);
    failing(fixture, new StoreError('invalid-argument', 'it is no message'));
    for (const [encoding, text] of [
      ['zstd', 'it is no message; its Content-Encoding is "zstd", and only gzip is known here\n'],
      ['GZIP', 'it is no message\n'],
      ['identity', 'it is no message\n'],
    ]) {
      equal((await send(fixture, { headers: { 'content-encoding': encoding } })).body.toString(), text);
    }
  });

  test('says nothing of a coding where that is not why', async (t) => {
    const fixture = await startServer(t);
    for (const [error, status] of [
      [otlpMessageTooLarge(10, undefined), 413],
      [new StoreError('limit-exceeded', 'slow down'), 429],
      [new StoreError('unavailable', 'the queue is full'), 503],
    ] as const) {
      failing(fixture, error);
      const response = await send(fixture, { headers: { 'content-encoding': 'zstd' } });
      deepEqual([response.status, response.body.toString()], [status, `${error.message}\n`]);
    }
  });

  test('says when to come again', async (t) => {
    const fixture = await startServer(t);
    failing(fixture, new StoreError('unavailable', 'the queue is full'));
    const { status, headers } = await send(fixture);
    deepEqual([status, headers['retry-after']], [503, '1']);
  });

  test('refuses a body over the limit by its length', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 6 });
    const { status, body } = await send(fixture);
    equal(status, 413);
    match(
      body.toString(),
      /the body is larger than --distributor.ingestion-body-limit-mb: limit 6 bytes, actual 7 bytes/,
    );
  });

  test('refuses at its length what a thread could not open', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 0, openable: { bytes: 6, name: 'a share' } });
    const { status, body } = await send(fixture);
    equal(status, 413);
    match(body.toString(), /larger than a share: limit 6 bytes, actual 7 bytes/);
    equal(fixture.push.messages.length, 0);
  });
});
