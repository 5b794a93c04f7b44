import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import {
  type Fixture,
  fetchFrom,
  gate,
  metricOf,
  query,
  RawClient,
  refusalsOf,
  startServer,
  until,
} from './http-fixture.ts';

const RANGE = { start: '1', end: '2' };
const PUSH = '/push.v1.PusherService/Push';
const PROTO = { 'content-type': 'application/proto' };
const PROFILE_TYPES = '/querier.v1.QuerierService/ProfileTypes';

/** Of a request with a body of one byte and the header `X-Scope-OrgID` twice. */
async function statusOfTwoTenants(
  { port }: Fixture,
  path: string,
  contentType: string,
  ...tenants: readonly [string, string]
): Promise<number> {
  const client = new RawClient(port);
  const headers = tenants.map((tenant) => `X-Scope-OrgID: ${tenant}\r\n`).join('');
  const method = path.startsWith('/pyroscope/') ? 'GET' : 'POST';
  const body = method === 'GET' || path === PROFILE_TYPES ? '' : 'x';
  const more = `Content-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n`;
  client.send(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}${more}\r\n${body}`);
  await client.receive(/\r\n\r\n/);
  client.leave();
  return Number(/^HTTP\/1.1 (\d+)/.exec(client.received)?.[1]);
}

describe('Connect', () => {
  test('hands a query to the querier, and its answer to the client', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = async () => '{"profileTypes":[]}';

    const response = await query(fixture, 'ProfileTypes', RANGE, { tenant: 'b|a:meta|b' });

    equal(response.status, 200);
    equal(response.body.toString(), '{"profileTypes":[]}');
    equal(response.headers['content-type'], 'application/json');
    equal(response.headers['accept-encoding'], 'gzip');
    equal(response.headers['content-encoding'], undefined);
    deepEqual(fixture.querier.calls, [
      {
        method: 'profileTypes',
        tenants: ['a', 'b'],
        request: { startMs: 1, endMs: 2 },
        wire: { codec: 'json', gzip: false },
      },
    ]);
  });

  test('knows every method of the querier', async (t) => {
    const fixture = await startServer(t);
    const methods = [
      'ProfileTypes',
      'LabelNames',
      'LabelValues',
      'Series',
      'SelectMergeStacktraces',
      'SelectMergeProfile',
      'SelectSeries',
      'Diff',
    ];

    for (const method of methods) equal((await query(fixture, method, {})).status, 200, method);

    deepEqual(
      fixture.querier.calls.map(({ method }) => method.toLowerCase()),
      methods.map((method) => method.toLowerCase()),
    );
  });

  test('answers AnalyzeQuery with an empty message, and says what is not implemented', async (t) => {
    const fixture = await startServer(t);

    equal((await query(fixture, 'AnalyzeQuery', {})).body.toString(), '{}');
    for (const method of ['SelectHeatmap', 'GetProfileStats']) {
      const response = await query(fixture, method, {});
      equal(response.status, 501);
      deepEqual(JSON.parse(response.body.toString()), {
        code: 'unimplemented',
        message: `${method} is not implemented`,
      });
    }
  });

  test('hands a push on as it came, neither inflated nor decoded', async (t) => {
    const fixture = await startServer(t);
    const body = gzipSync('not even a message');

    const response = await fetchFrom(fixture, PUSH, { body, headers: { ...PROTO, 'content-encoding': 'gzip' } });

    equal(response.status, 200);
    equal(response.headers['content-type'], 'application/proto');
    equal(response.headers['content-encoding'], 'gzip');
    equal(gunzipSync(response.body).length, 0);
    const [pushed] = fixture.push.messages;
    deepEqual(
      { ...pushed, body: Buffer.from(pushed?.body ?? []) },
      { body, codec: 'proto', encoding: 'gzip', tenant: 'acme' },
    );
    equal(await metricOf(fixture, 'kiln_http_body_in_flight_bytes'), 0);
  });

  test('inflates compressed queries, and then compresses the answer too', async (t) => {
    const fixture = await startServer(t);

    const response = await query(fixture, 'ProfileTypes', gzipSync(JSON.stringify(RANGE)), {
      headers: { 'content-encoding': 'gzip' },
    });

    equal(gunzipSync(response.body).toString(), '{}');
    equal(response.headers['content-encoding'], 'gzip');
    deepEqual(fixture.querier.calls[0]?.request, { startMs: 1, endMs: 2 });
  });

  for (const [header, compressed] of [
    ['gzip', true],
    ['deflate, gzip, br', true],
    ['gzip;q=1.0', false],
  ] as const) {
    test(`${compressed ? 'compresses' : 'does not compress'} for Accept-Encoding: ${header}`, async (t) => {
      const response = await query(
        await startServer(t),
        'ProfileTypes',
        {},
        { headers: { 'accept-encoding': header } },
      );

      equal(response.headers['content-encoding'], compressed ? 'gzip' : undefined);
    });
  }

  test('never compresses errors', async (t) => {
    const response = await query(await startServer(t), 'SelectHeatmap', {}, { headers: { 'accept-encoding': 'gzip' } });

    equal(response.headers['content-encoding'], undefined);
    equal(JSON.parse(response.body.toString()).code, 'unimplemented');
  });

  for (const [problem, status, code, body, headers] of [
    ['bytes that are not gzip', 400, 'invalid_argument', '{}', { 'content-encoding': 'gzip' }],
    ['an unknown compression', 501, 'unimplemented', '{}', { 'content-encoding': 'br' }],
    ['an empty JSON body', 400, 'invalid_argument', '', {}],
    ['a JSON body that is no object', 400, 'invalid_argument', '[]', {}],
    ['another version', 400, 'invalid_argument', '{}', { 'connect-protocol-version': '2' }],
    ['a timeout that is no number', 400, 'invalid_argument', '{}', { 'connect-timeout-ms': 'abc' }],
    ['a timeout of 11 digits', 400, 'invalid_argument', '{}', { 'connect-timeout-ms': '12345678901' }],
  ] as const) {
    test(`refuses ${problem} with ${status} ${code}`, async (t) => {
      const response = await query(await startServer(t), 'ProfileTypes', body, { headers });

      equal(response.status, status);
      equal(response.headers['content-type'], 'application/json');
      equal(JSON.parse(response.body.toString()).code, code);
    });
  }

  for (const [body, problem] of [
    [Buffer.from('{}'), 'it is not gzip, but begins with the bytes 7b7d, as JSON does'],
    [gzipSync('{}').subarray(0, -3), 'the gzip data is cut off: it ends early, at byte 19'],
    [Buffer.concat([gzipSync('{}'), Buffer.from('{}')]), 'behind the gzip data comes what is no gzip'],
  ] as const) {
    test(`says of a compressed message that ${problem}`, async (t) => {
      const headers = { 'content-encoding': 'gzip' };
      const response = await query(await startServer(t), 'ProfileTypes', body, { headers });

      equal(JSON.parse(response.body.toString()).message, `the message cannot be inflated: ${problem}`);
    });
  }

  test('takes an empty binary message, version 1, any authorization and a timeout of months', async (t) => {
    const headers = {
      ...PROTO,
      'connect-protocol-version': '1',
      authorization: 'Bearer x',
      'connect-timeout-ms': '9999999999',
    };
    const response = await query(await startServer(t), 'ProfileTypes', '', { headers });

    equal(response.status, 200);
  });

  test('says when an answer misses objects or what is before the lookback, in Connect and in gRPC-Web, and not otherwise', async (t) => {
    const fixture = await startServer(t);
    equal((await query(fixture, 'ProfileTypes', {})).headers['x-kiln-partial'], undefined);

    fixture.querier.missingObjects = 3;

    equal((await query(fixture, 'ProfileTypes', {})).headers['x-kiln-partial'], 'missing-objects=3');
    const framed = await fetchFrom(fixture, PROFILE_TYPES, {
      body: Buffer.alloc(5),
      headers: { 'content-type': 'application/grpc-web+proto' },
    });
    equal(framed.headers['x-kiln-partial'], 'missing-objects=3');

    fixture.querier.lookbackMs = 90 * 60_000;
    const both = 'missing-objects=3, max-query-lookback=1h30m';
    equal((await query(fixture, 'ProfileTypes', {})).headers['x-kiln-partial'], both);
    fixture.querier.missingObjects = 0;
    equal((await query(fixture, 'ProfileTypes', {})).headers['x-kiln-partial'], 'max-query-lookback=1h30m');
  });

  test('answers 422 to a query that is too large, so that nobody sends it again', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = () => Promise.reject(new StoreError('too-large', 'the limit is 1 byte'));

    const { status, headers, body } = await query(fixture, 'ProfileTypes', {});

    deepEqual([status, headers['retry-after']], [422, undefined]);
    deepEqual(JSON.parse(body.toString()), { code: 'resource_exhausted', message: 'the limit is 1 byte' });
  });

  test('answers deadline_exceeded as soon as the deadline of the client passes, and stops the work', async (t) => {
    const fixture = await startServer(t);
    let stopped = false;
    fixture.querier.work = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          stopped = true;
          reject(new StoreError('aborted', 'stopped'));
        });
      });
    const response = query(fixture, 'ProfileTypes', {}, { headers: { 'connect-timeout-ms': '250' } });
    await until(() => fixture.querier.calls.length === 1);

    await fixture.clock.turn(250);

    const { status, body } = await response;
    equal(status, 504);
    equal(JSON.parse(body.toString()).code, 'deadline_exceeded');
    equal(stopped, true);
  });

  test('leaves work alone that was done in time', async (t) => {
    const fixture = await startServer(t);
    let reason: unknown;
    fixture.querier.work = async (signal) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return '{}';
    };
    await query(fixture, 'ProfileTypes', {}, { headers: { 'connect-timeout-ms': '250' } });

    await fixture.clock.turn(250);

    equal(reason, undefined);
  });

  test('keeps a body counted while the work on it goes on, though the answer is out', async (t) => {
    const fixture = await startServer(t);
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const response = fetchFrom(fixture, PUSH, { body: '12345', headers: { ...PROTO, 'connect-timeout-ms': '1' } });
    await until(() => fixture.push.messages.length === 1);

    await fixture.clock.turn(1);
    equal((await response).status, 504);
    equal(await metricOf(fixture, 'kiln_http_body_in_flight_bytes'), 5);

    open();
    await until(async () => (await metricOf(fixture, 'kiln_http_body_in_flight_bytes')) === 0);
  });

  test('tells what failed by its code, and of bugs nothing', async (t) => {
    const fixture = await startServer(t);
    const failures: [unknown, number, unknown][] = [
      [new StoreError('limit-exceeded', 'slow down'), 429, { code: 'resource_exhausted', message: 'slow down' }],
      [new StoreError('invalid-argument', 'no pprof'), 400, { code: 'invalid_argument', message: 'no pprof' }],
      [new StoreError('unavailable', 'away'), 503, { code: 'unavailable', message: 'away' }],
      [new TypeError('secret'), 500, { code: 'internal', message: 'internal error' }],
    ];
    for (const [error, status, body] of failures) {
      fixture.push.work = () => Promise.reject(error);
      const response = await fetchFrom(fixture, PUSH, { body: 'x', headers: PROTO });

      equal(response.status, status);
      equal(response.headers['retry-after'], status === 503 ? '1' : undefined);
      deepEqual(JSON.parse(response.body.toString()), body);
    }
    equal(fixture.bugs.length, 1);
    match(fixture.bugs[0] ?? '', /secret/);
  });

  for (const [tenant, pushStatus, queryStatus] of [
    [null, 401, 401],
    ['a b', 401, 401],
    ['a|b', 401, 200],
    ['a|', 401, 200],
    ['|', 400, 200],
    ['a', 200, 200],
  ] as const) {
    test(`tenant ${tenant}: ${pushStatus} for a push, ${queryStatus} for a query`, async (t) => {
      const fixture = await startServer(t);

      equal((await fetchFrom(fixture, PUSH, { body: 'x', headers: PROTO, tenant })).status, pushStatus);
      equal((await query(fixture, 'ProfileTypes', {}, { tenant })).status, queryStatus);
    });
  }

  test('ignores the tenant while multi-tenancy is off', async (t) => {
    const fixture = await startServer(t, { multitenancyEnabled: false });

    await fetchFrom(fixture, PUSH, { body: 'x', headers: PROTO, tenant: 'a b' });
    equal(await statusOfTwoTenants(fixture, PUSH, 'application/proto', 'a', 'b'), 200);

    deepEqual(
      fixture.push.messages.map(({ tenant }) => tenant),
      ['anonymous', 'anonymous'],
    );
  });

  for (const [path, contentType, status] of [
    [PUSH, 'application/proto', 401],
    [PROFILE_TYPES, 'application/proto', 401],
    ['/ingest?name=app&format=pprof', 'application/octet-stream', 401],
    ['/v1development/profiles', 'application/x-protobuf', 401],
    ['/pyroscope/render?query=cpu:a:b:c:d{}', 'text/plain', 400],
  ] as const) {
    test(`answers ${status} on ${path} to two headers that name different tenants`, async (t) => {
      const fixture = await startServer(t);

      equal(await statusOfTwoTenants(fixture, path, contentType, 'acme', 'other'), status);
      equal(await statusOfTwoTenants(fixture, path, contentType, '', 'other'), status);
      equal(await statusOfTwoTenants(fixture, path, contentType, 'acme', 'acme'), 200);
      const { push, querier } = fixture;
      const tenants = [push.messages, push.profiles, push.uploads, push.otlp].flat().map(({ tenant }) => tenant);
      deepEqual([...tenants, ...querier.calls.flatMap((one) => one.tenants)], ['acme']);
    });
  }

  for (const method of ['GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS']) {
    test(`refuses ${method} with 405, and names POST`, async (t) => {
      const response = await fetchFrom(await startServer(t), PROFILE_TYPES, { method });

      equal(response.status, 405);
      equal(response.headers.allow, 'POST');
      const text = method === 'HEAD' ? '' : `the method "${method}" is not taken here; these are: POST\n`;
      equal(response.body.toString(), text);
    });
  }

  for (const [contentType, status] of [
    ['application/json', 200],
    ['Application/JSON', 200],
    ['application/json;charset=UTF-8', 200],
    ['application/json; charset=latin1', 415],
    ['application/protobuf', 415],
    ['application/connect+json', 415],
    ['application/grpc', 415],
    ['application/grpc-web-text', 415],
    ['text/plain', 415],
    ['', 415],
  ] as const) {
    test(`answers ${status} to content type "${contentType}"`, async (t) => {
      const headers = { 'content-type': contentType };
      const response = await fetchFrom(await startServer(t), PROFILE_TYPES, { body: '{}', headers });

      equal(response.status, status);
      if (status === 415) {
        const spoken = String(response.headers['accept-post']);
        match(spoken, /application\/json, .*application\/proto/);
        const elsewhere = '. gRPC is spoken over HTTP/2, on the port of server.grpc-listen-port';
        equal(
          response.body.toString(),
          `the content type ${JSON.stringify(contentType)} is not spoken here; these are: ${spoken}` +
            `${contentType === 'application/grpc' ? elsewhere : ''}\n`,
        );
      }
    });
  }

  test('tells the querier which label names the client understands', async (t) => {
    const fixture = await startServer(t);
    const accept = '*/*;allow-utf8-labelnames=true';

    for (const method of ['LabelNames', 'Series']) {
      await query(fixture, method, {});
      await query(fixture, method, {}, { headers: { accept } });
    }

    deepEqual(
      fixture.querier.calls.map(({ request }) => (request as { utf8Names: boolean }).utf8Names),
      [false, true, false, true],
    );
  });

  test('refuses query messages over their limit with 429, compressed or not', async (t) => {
    const fixture = await startServer(t, { queryMessageBytesMax: 1000 });
    const exact = JSON.stringify({ x: 'y'.repeat(1000 - 8) });
    equal(exact.length, 1000);

    equal((await query(fixture, 'ProfileTypes', exact)).status, 200);
    equal((await query(fixture, 'ProfileTypes', `${exact} `)).status, 429);
    const gzip = { headers: { 'content-encoding': 'gzip' } };
    equal((await query(fixture, 'ProfileTypes', gzipSync(exact), gzip)).status, 200);
    equal((await query(fixture, 'ProfileTypes', gzipSync(`${exact} `), gzip)).status, 429);
    equal(await refusalsOf(fixture, 'message_limit'), 2);
  });

  test('refuses push messages over the body limit with 429', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 1000 });

    equal((await fetchFrom(fixture, PUSH, { body: 'x'.repeat(1000), headers: PROTO })).status, 200);
    const response = await fetchFrom(fixture, PUSH, { body: 'x'.repeat(1001), headers: PROTO });

    equal(response.status, 429);
    match(
      JSON.parse(response.body.toString()).message,
      /--distributor.ingestion-body-limit-mb: limit 1000 bytes, actual 1001 bytes/,
    );
    equal(await refusalsOf(fixture, 'body_limit'), 1);
  });
});

describe('gRPC-Web', () => {
  const frameOf = (flags: number, message: Uint8Array): Buffer => {
    const frame = Buffer.alloc(5 + message.length);
    frame.writeUInt8(flags, 0);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, 5);
    return frame;
  };
  const TYPE = { 'content-type': 'application/grpc-web+proto' };

  test('answers with the message and the trailers, each in a frame', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = async () => 'abc';

    const response = await fetchFrom(fixture, PROFILE_TYPES, { body: frameOf(0, Buffer.from('')), headers: TYPE });

    equal(response.status, 200);
    equal(response.headers['content-type'], 'application/grpc-web+proto');
    const trailers = frameOf(0x80, Buffer.from('grpc-status: 0\r\n'));
    deepEqual(response.body, Buffer.concat([frameOf(0, Buffer.from('abc')), trailers]));
  });

  test('compresses what was compressed', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = async () => 'abc';
    const headers = { ...TYPE, 'grpc-encoding': 'gzip' };

    const response = await fetchFrom(fixture, PROFILE_TYPES, { body: frameOf(1, gzipSync('')), headers });

    equal(response.headers['grpc-encoding'], 'gzip');
    equal(response.body[0], 1);
    equal(gunzipSync(response.body.subarray(5, 5 + response.body.readUInt32BE(1))).toString(), 'abc');
  });

  test('hands a push on without its frame', async (t) => {
    const fixture = await startServer(t);

    await fetchFrom(fixture, PUSH, { body: frameOf(0, Buffer.from('message')), headers: TYPE });

    const [pushed] = fixture.push.messages;
    equal(Buffer.from(pushed?.body ?? []).toString(), 'message');
    equal(pushed?.encoding, 'identity');
  });

  test('tells failures in headers, with HTTP status 200', async (t) => {
    const fixture = await startServer(t);
    fixture.push.work = () => Promise.reject(new StoreError('limit-exceeded', 'zu schnell: 100 % ü'));

    const response = await fetchFrom(fixture, PUSH, { body: frameOf(0, Buffer.from('x')), headers: TYPE });

    equal(response.status, 200);
    equal(response.headers['grpc-status'], '8');
    equal(response.headers['grpc-message'], 'zu schnell: 100 %25 %C3%BC');
    const noTenant = await fetchFrom(fixture, PUSH, {
      body: frameOf(0, Buffer.from('x')),
      headers: TYPE,
      tenant: null,
    });
    equal(noTenant.headers['grpc-status'], '16');
    const noFrame = await fetchFrom(fixture, PUSH, { body: 'x', headers: TYPE });
    equal(noFrame.headers['grpc-status'], '3');
  });

  test('tells with a failure when to come again', async (t) => {
    const fixture = await startServer(t);
    for (const [error, status, seconds] of [
      [new StoreError('unavailable', 'away'), '14', '1'],
      [new StoreError('limit-exceeded', 'slow down', { retryAfterMs: 1200 }), '8', '2'],
      [new StoreError('limit-exceeded', 'never'), '8', undefined],
    ] as const) {
      fixture.push.work = () => Promise.reject(error);
      const { headers } = await fetchFrom(fixture, PUSH, { body: frameOf(0, Buffer.from('x')), headers: TYPE });
      deepEqual([headers['grpc-status'], headers['retry-after']], [status, seconds]);
    }
  });

  test('takes the deadline of the client', async (t) => {
    const fixture = await startServer(t);
    fixture.push.work = () => new Promise(() => {});
    const headers = { ...TYPE, 'grpc-timeout': '2S' };
    const response = fetchFrom(fixture, PUSH, { body: frameOf(0, Buffer.from('x')), headers });
    await until(() => fixture.push.messages.length === 1);

    await fixture.clock.turn(2000);

    equal((await response).headers['grpc-status'], '4');
  });

  test('has the limit of the message, not of its frame', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 10 });
    const send = (bytes: number) => fetchFrom(fixture, PUSH, { body: frameOf(0, Buffer.alloc(bytes)), headers: TYPE });

    equal((await send(10)).headers['grpc-status'], undefined);
    equal((await send(11)).headers['grpc-status'], '8');
  });
});
