import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { ClientHttp2Stream } from 'node:http2';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Client, compressionAlgorithms, credentials, status as Status } from '@grpc/grpc-js';
import { type ErrorCode, StoreError } from '#src/domain/errors.ts';
import {
  CHECK,
  call,
  clientOf,
  EXPORT,
  frameOf,
  type GrpcFixture,
  HEADERS,
  PROFILE_TYPES,
  PUSH,
  refusalsOf,
  request,
  sessionOf,
  startGrpc,
} from './grpc-fixture.ts';
import { gate, metricOf, until } from './http-fixture.ts';

describe('gRPC calls', () => {
  test('hand a push on as it came, and answer with an empty message', async (t) => {
    const fixture = await startGrpc(t);

    const { code, body } = await call(clientOf(t, fixture), PUSH, 'not even a message');

    equal(code, Status.OK);
    equal(body?.length, 0);
    const [pushed] = fixture.push.messages;
    deepEqual(
      { ...pushed, body: Buffer.from(pushed?.body ?? []).toString() },
      { tenant: 'acme', body: 'not even a message', codec: 'proto', encoding: 'identity' },
    );
  });

  test('leave a compressed push compressed', async (t) => {
    const fixture = await startGrpc(t);
    const packed = gzipSync('message');

    const answer = await request(sessionOf(t, fixture), PUSH, frameOf(packed, 1), { 'grpc-encoding': 'gzip' });

    equal(answer.trailers['grpc-status'], '0');
    equal(answer.headers['grpc-encoding'], 'gzip');
    equal(answer.body[0], 1);
    equal(gunzipSync(answer.body.subarray(5)).length, 0);
    deepEqual(Buffer.from(fixture.push.messages[0]?.body ?? []), packed);
    equal(fixture.push.messages[0]?.encoding, 'gzip');
  });

  test('hand a query to the querier, and its answer to the client, compressed or not', async (t) => {
    const fixture = await startGrpc(t);
    fixture.querier.work = async () => 'answer';
    const range = Buffer.from('08011002', 'hex');
    const client = clientOf(t, fixture);

    // This client takes gzip, so it gets it, and unpacks it by itself.
    const answer = await call(client, PROFILE_TYPES, range, { tenant: 'b|a' });
    const plain = await request(sessionOf(t, fixture), PROFILE_TYPES, frameOf(range));

    equal(answer.code, Status.OK);
    equal(answer.body?.toString(), 'answer');
    equal(plain.headers['content-type'], 'application/grpc');
    equal(plain.headers['grpc-accept-encoding'], 'gzip');
    equal(plain.headers['grpc-encoding'], undefined);
    deepEqual(plain.body, frameOf('answer'));
    equal(plain.trailers['grpc-status'], '0');
    deepEqual(fixture.querier.calls[0], {
      method: 'profileTypes',
      tenants: ['a', 'b'],
      request: { startMs: 1, endMs: 2 },
      wire: { codec: 'proto', gzip: true },
    });
    deepEqual(fixture.querier.calls[1]?.wire, { codec: 'proto', gzip: false });
  });

  test('open a compressed query', async (t) => {
    const fixture = await startGrpc(t);
    const packed = frameOf(gzipSync(Buffer.from('08011002', 'hex')), 1);

    const answer = await request(sessionOf(t, fixture), PROFILE_TYPES, packed, { 'grpc-encoding': 'gzip' });

    equal(answer.trailers['grpc-status'], '0');
    deepEqual(fixture.querier.calls[0]?.request, { startMs: 1, endMs: 2 });
  });

  test('know every method of the querier', async (t) => {
    const fixture = await startGrpc(t);
    const client = clientOf(t, fixture);
    const methods = ['ProfileTypes', 'LabelNames', 'LabelValues', 'Series', 'SelectMergeStacktraces'];
    methods.push('SelectMergeProfile', 'SelectSeries', 'Diff', 'AnalyzeQuery', 'SelectMergeSpanProfile');

    for (const method of methods) {
      equal((await call(client, `/querier.v1.QuerierService/${method}`, '')).code, Status.OK, method);
    }
    for (const method of ['SelectHeatmap', 'GetProfileStats']) {
      const { code, message } = await call(client, `/querier.v1.QuerierService/${method}`, '');
      deepEqual([code, message], [Status.UNIMPLEMENTED, `${method} is not implemented`]);
    }
  });

  test('speak JSON to clients that ask for it', async (t) => {
    const fixture = await startGrpc(t);
    const headers = { 'content-type': 'application/grpc+json', accept: '*/*;allow-utf8-labelnames=true' };

    const answer = await request(
      sessionOf(t, fixture),
      '/querier.v1.QuerierService/LabelNames',
      frameOf('{"start":"1","end":"2"}'),
      headers,
    );

    equal(answer.headers['content-type'], 'application/grpc+json');
    deepEqual(answer.body, frameOf('{}'));
    deepEqual(fixture.querier.calls[0]?.request, { startMs: 1, endMs: 2, matchers: [], utf8Names: true });
    equal(fixture.querier.calls[0]?.wire.codec, 'json');
  });

  test('say when an answer misses objects', async (t) => {
    const fixture = await startGrpc(t);
    fixture.querier.missingObjects = 2;

    const { metadata } = await call(clientOf(t, fixture), PROFILE_TYPES, '');

    equal(metadata['x-kiln-partial'], 'missing-objects=2');
  });

  test('bring answers of any size, and count them until they are read', async (t) => {
    const fixture = await startGrpc(t);
    const pieces = [Buffer.alloc(3 << 20, 1), Buffer.alloc(10, 2), Buffer.alloc(5 << 20, 3)];
    fixture.querier.work = async () => pieces;
    const session = sessionOf(t, fixture);

    const answer = await request(session, PROFILE_TYPES, frameOf(''));

    equal(answer.trailers['grpc-status'], '0');
    equal(Buffer.compare(answer.body, frameOf(Buffer.concat(pieces))), 0);
    await until(async () => (await metricOf(fixture as never, 'kiln_http_answer_in_flight_bytes')) === 0);
  });

  test('of one connection go on at the same time', async (t) => {
    const fixture = await startGrpc(t);
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const client = clientOf(t, fixture);

    const answers = Array.from({ length: 300 }, (_, i) => call(client, PUSH, String(i)));
    await until(() => fixture.push.messages.length === 300);
    open();

    ok((await Promise.all(answers)).every(({ code }) => code === Status.OK));
    equal(fixture.room.bodies.usedBytes, 0);
  });
});

describe('gRPC failures', () => {
  const codes: Record<ErrorCode, Status> = {
    'invalid-argument': Status.INVALID_ARGUMENT,
    unauthenticated: Status.UNAUTHENTICATED,
    'limit-exceeded': Status.RESOURCE_EXHAUSTED,
    'too-large': Status.RESOURCE_EXHAUSTED,
    'not-found': Status.NOT_FOUND,
    stale: Status.ABORTED,
    'not-leader': Status.UNAVAILABLE,
    unavailable: Status.UNAVAILABLE,
    'deadline-exceeded': Status.DEADLINE_EXCEEDED,
    aborted: Status.CANCELLED,
    unimplemented: Status.UNIMPLEMENTED,
    corrupted: Status.DATA_LOSS,
  };

  test('have the codes of Connect, and their message', async (t) => {
    const fixture = await startGrpc(t);
    const client = clientOf(t, fixture);

    for (const [code, status] of Object.entries(codes)) {
      fixture.push.work = () => Promise.reject(new StoreError(code as ErrorCode, `zu viel: 100 % ü ${code}`));
      const answer = await call(client, PUSH, 'x');
      deepEqual([answer.code, answer.message], [status, `zu viel: 100 % ü ${code}`]);
      equal(answer.metadata['grpc-retry-pushback-ms'], status === Status.UNAVAILABLE ? '1000' : undefined);
    }
  });

  test('say when to come again, if that is known', async (t) => {
    const fixture = await startGrpc(t);
    const client = clientOf(t, fixture);
    const details = async (error: StoreError): Promise<unknown> => {
      fixture.push.work = () => Promise.reject(error);
      return (await call(client, PUSH, 'x')).metadata['grpc-status-details-bin'];
    };

    equal(await details(new StoreError('limit-exceeded', 'slow')), undefined);
    const status = await details(new StoreError('limit-exceeded', 'slow', { retryAfterMs: 2500 }));
    // google.rpc.Status: code 8, the message, and an Any of a RetryInfo of 2 s and 500,000,000 ns.
    const any = [
      '0a28',
      Buffer.from('type.googleapis.com/google.rpc.RetryInfo').toString('hex'),
      '120a0a08080210',
      '80cab5ee01',
    ];
    equal(
      (status as Buffer).toString('hex'),
      ['0808', '1204', Buffer.from('slow').toString('hex'), '1a36', ...any].join(''),
    );
  });

  test('of our own say nothing about themselves, but to the log', async (t) => {
    const fixture = await startGrpc(t);
    fixture.push.work = () => Promise.reject(new TypeError('secret'));

    const { code, message } = await call(clientOf(t, fixture), PUSH, 'x');

    deepEqual([code, message], [Status.INTERNAL, 'internal error']);
    match(fixture.bugs[0] ?? '', /^TypeError: secret/);
  });

  test('with a message longer than clients take are cut', async (t) => {
    const fixture = await startGrpc(t);
    fixture.push.work = () => Promise.reject(new StoreError('invalid-argument', 'ü'.repeat(100_000)));

    const { code, message } = await call(clientOf(t, fixture), PUSH, 'x');

    equal(code, Status.INVALID_ARGUMENT);
    equal(message, 'ü'.repeat(682));
  });

  for (const [what, tenant, path, code] of [
    ['no tenant', null, PUSH, Status.UNAUTHENTICATED],
    ['two tenants of a push', 'a|b', PUSH, Status.UNAUTHENTICATED],
    ['a tenant that cannot be', 'a b', PROFILE_TYPES, Status.UNAUTHENTICATED],
    ['no tenant of a query', null, PROFILE_TYPES, Status.UNAUTHENTICATED],
  ] as const) {
    test(`refuse ${what}`, async (t) => {
      const fixture = await startGrpc(t);

      equal((await call(clientOf(t, fixture), path, '', { tenant })).code, code);
      equal(fixture.push.messages.length + fixture.querier.calls.length, 0);
    });
  }

  test('need a tenant that is said once', async (t) => {
    const fixture = await startGrpc(t);

    const { trailers } = await request(sessionOf(t, fixture), PUSH, frameOf(''), {
      'x-scope-orgid': ['acme', 'other'],
    });

    equal(trailers['grpc-status'], String(Status.UNAUTHENTICATED));
    match(String(trailers['grpc-message']), /X-Scope-OrgID were sent several times/);
    equal(fixture.push.messages.length, 0);
  });

  test('need no tenant when there is only one', async (t) => {
    const fixture = await startGrpc(t, { multitenancyEnabled: false });

    equal((await call(clientOf(t, fixture), PUSH, '', { tenant: null })).code, Status.OK);
    equal(fixture.push.messages[0]?.tenant, 'anonymous');
  });

  test('reach a client that is still sending', async (t) => {
    const fixture = await startGrpc(t);
    const client = clientOf(t, fixture);

    const answer = await call(client, PUSH, Buffer.alloc(20 << 20), { tenant: null });

    deepEqual(
      [answer.code, answer.message],
      [Status.UNAUTHENTICATED, 'no org id: the header X-Scope-OrgID is missing'],
    );
    equal((await call(client, PUSH, 'x')).code, Status.OK);
  });

  for (const [what, goOn] of [
    ['longer than a second', ({ clock }: GrpcFixture) => clock.turn(1000)],
    ['more than a window', (_: GrpcFixture, stream: ClientHttp2Stream) => void stream.write(Buffer.alloc(1 << 20))],
  ] as const) {
    test(`end the sending when it goes on for ${what}`, async (t) => {
      const fixture = await startGrpc(t);
      const headers = { ':path': PUSH, ':method': 'POST', 'content-type': 'application/grpc' };
      const stream = sessionOf(t, fixture).request(headers);
      stream.on('error', () => {});
      let closed = false;
      stream.on('close', () => {
        closed = true;
      });
      stream.resume();
      stream.write(frameOf('x'));
      await until(() => stream.readableEnded);
      for (let i = 0; i < 20; i++) await fixture.clock.turn(0);
      equal(closed, false);

      await goOn(fixture, stream);

      await until(() => closed);
      equal(stream.rstCode, 0);
    });
  }

  for (const [what, body, message] of [
    ['no frame', '', /0 bytes, which is no frame/],
    ['half a frame', '0000000005aa', /promises 5 bytes, 1 follow/],
    ['two messages', '0000000001aa0000000001bb', /promises 1 bytes, 7 follow/],
    ['unknown flags', '0200000000', /unknown flags 2/],
    ['a compressed message of no known compression', '0100000001aa', /Grpc-Encoding/],
  ] as const) {
    test(`tell of ${what}`, async (t) => {
      const fixture = await startGrpc(t);

      const { trailers } = await request(sessionOf(t, fixture), PUSH, Buffer.from(body, 'hex'));

      equal(trailers['grpc-status'], '3');
      match(decodeURIComponent(String(trailers['grpc-message'])), message);
    });
  }

  test('tell of headers that cannot be', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);

    const codeFor = async (headers: Record<string, string>): Promise<unknown> =>
      (await request(session, PUSH, frameOf(''), headers)).trailers['grpc-status'];

    equal(await codeFor({ 'grpc-timeout': 'xyz' }), '3');
    equal(await codeFor({ 'grpc-timeout': '123456789S' }), '3');
    equal(await codeFor({ 'grpc-encoding': 'br' }), '12');
  });

  test('that are none of gRPC have a status of HTTP', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);
    const frame = frameOf('');

    equal((await request(session, '/nothing', frame)).status, 404);
    equal((await request(session, '/querier.v1.QuerierService/Nope', frame)).status, 404);
    const get = await request(session, PUSH, frame, { ':method': 'GET' });
    deepEqual([get.status, get.headers['allow']], [405, 'POST']);
    equal(get.body.toString(), 'the method "GET" is not taken here; these are: POST\n');
    const head = await request(session, PUSH, frame, { ':method': 'HEAD' });
    deepEqual([head.status, head.headers['allow'], head.body.length], [405, 'POST', 0]);
    const connect = await request(session, PUSH, frame, { 'content-type': 'application/proto' });
    equal(connect.status, 415);
    equal(connect.headers['accept-post'], 'application/grpc, application/grpc+proto, application/grpc+json');
    equal((await request(session, PUSH, frame, { accept: ';;;' })).status, 400);
    // What the library of gRPC makes of it.
    equal((await call(clientOf(t, fixture), '/querier.v1.QuerierService/Nope', '')).code, Status.UNIMPLEMENTED);
  });
});

describe('the size of gRPC messages', () => {
  test('is limited, without their frame', async (t) => {
    const fixture = await startGrpc(t, { ingestionBodyBytesMax: 1000 });
    const client = clientOf(t, fixture);

    equal((await call(client, PUSH, Buffer.alloc(1000))).code, Status.OK);
    const { code, message } = await call(client, PUSH, Buffer.alloc(1001));

    equal(code, Status.RESOURCE_EXHAUSTED);
    equal(
      message,
      'the body is larger than --distributor.ingestion-body-limit-mb: limit 1000 bytes, actual 1001 bytes',
    );
    equal(await refusalsOf(fixture, 'body_limit'), 1);
  });

  test('is refused as soon as the frame says it', async (t) => {
    const fixture = await startGrpc(t, { ingestionBodyBytesMax: 1000 });
    const stream = sessionOf(t, fixture).request({
      ':path': PUSH,
      ':method': 'POST',
      'content-type': 'application/grpc',
      'x-scope-orgid': 'acme',
    });
    let message: unknown;
    stream.on('response', (headers) => {
      message = headers['grpc-message'];
    });
    stream.on('error', () => {});

    stream.write(Buffer.from('00ffffffffaa', 'hex'));

    await until(() => message !== undefined);
    equal(
      message,
      'the body is larger than --distributor.ingestion-body-limit-mb: limit 1000 bytes, actual 4294967295 bytes (4 GiB)',
    );
  });

  for (const [what, limits, limit] of [
    ['what a thread can open', { ingestionBodyBytesMax: 0, openable: { bytes: 1000, name: 'a share' } }, 'a share'],
    ['that of the body', { ingestionBodyBytesMax: 1000 }, '--distributor.ingestion-body-limit-mb'],
    ['its own', { ingestionBodyBytesMax: 0, otlpMessageBytesMax: 1000 }, 'the limit of OTLP messages'],
  ] as const) {
    test(`of OTLP has the smallest limit, such as ${what}`, async (t) => {
      const fixture = await startGrpc(t, limits);
      const stream = sessionOf(t, fixture).request({ ...HEADERS, ':path': EXPORT });
      let message: unknown;
      stream.on('response', (headers) => {
        message = headers['grpc-message'];
      });
      stream.on('error', () => {});

      stream.write(Buffer.from('00000003e9', 'hex'));

      await until(() => message !== undefined);
      equal(message, `the body is larger than ${limit}: limit 1000 bytes, actual 1001 bytes`);
    });
  }

  test('counts compressed and inflated where a query is opened', async (t) => {
    const fixture = await startGrpc(t, { queryMessageBytesMax: 1000 });
    const client = clientOf(t, fixture);

    const large = await call(client, PROFILE_TYPES, Buffer.alloc(1001));
    const bomb = frameOf(gzipSync(Buffer.alloc(100_000)), 1);
    const { trailers } = await request(sessionOf(t, fixture), PROFILE_TYPES, bomb, { 'grpc-encoding': 'gzip' });

    equal(large.code, Status.RESOURCE_EXHAUSTED);
    equal(trailers['grpc-status'], '8');
    match(
      String(trailers['grpc-message']),
      /: limit 1000 bytes, actual 100000 bytes \(97.66 KiB\), as its gzip trailer says$/,
    );
    equal(await refusalsOf(fixture, 'message_limit'), 2);
  });

  test('may be that of a large push, compressed by the client', async (t) => {
    const fixture = await startGrpc(t);
    const message = Buffer.alloc(30 << 20, 'some of it is the same, ');
    const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
    const client = new Client(`127.0.0.1:${fixture.port}`, credentials.createInsecure(), options);
    t.after(() => client.close());

    equal((await call(client, PUSH, message)).code, Status.OK);

    const [pushed] = fixture.push.messages;
    equal(pushed?.encoding, 'gzip');
    equal(Buffer.compare(gunzipSync(pushed?.body ?? ''), message), 0);
  });
});

describe('OTLP over gRPC', () => {
  test('answers 401 to who names no tenant, and a status of gRPC to all others', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);

    const missing = await request(session, EXPORT, frameOf(''), { 'x-scope-orgid': '' });
    const wrong = await request(session, EXPORT, frameOf(''), { 'x-scope-orgid': 'a b' });

    equal(missing.status, 401);
    deepEqual(JSON.parse(missing.body.toString()), {
      code: 'unauthenticated',
      message: 'no org id: the header X-Scope-OrgID is missing',
    });
    deepEqual([wrong.status, wrong.trailers['grpc-status']], [200, '16']);
  });

  test('hands a message on as it came, and says what was rejected', async (t) => {
    const fixture = await startGrpc(t);
    const client = clientOf(t, fixture);

    const whole = await call(client, EXPORT, 'a message');
    fixture.push.otlpOutcome = { rejectedProfiles: 2, message: 'no sample type' };
    const part = await call(client, EXPORT, 'another one');
    const json = await request(sessionOf(t, fixture), EXPORT, frameOf('{}'), {
      'content-type': 'application/grpc+json',
    });

    deepEqual([whole.code, whole.body?.length], [Status.OK, 0]);
    equal(part.body?.toString('hex'), `0a12${'0802'}120e${Buffer.from('no sample type').toString('hex')}`);
    equal(
      json.body.subarray(5).toString(),
      '{"partialSuccess":{"rejectedProfiles":"2","errorMessage":"no sample type"}}',
    );
    deepEqual(
      fixture.push.otlp.map(({ body, codec, encoding }) => [Buffer.from(body).toString(), codec, encoding]),
      [
        ['a message', 'proto', 'identity'],
        ['another one', 'proto', 'identity'],
        ['{}', 'json', 'identity'],
      ],
    );
  });

  test('has a port without anything else', async (t) => {
    const fixture = await startGrpc(t, {}, 'otlp');
    const client = clientOf(t, fixture);

    equal((await call(client, CHECK, '', { tenant: null })).code, Status.OK);
    equal((await request(sessionOf(t, fixture), EXPORT, frameOf(''), { 'x-scope-orgid': '' })).status, 401);
    for (const path of [PUSH, PROFILE_TYPES]) equal((await call(client, path, '')).code, Status.UNIMPLEMENTED);
    equal(fixture.push.messages.length, 0);
  });
});
