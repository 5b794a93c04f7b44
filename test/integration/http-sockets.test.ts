import { deepEqual, doesNotMatch, equal, match, ok, rejects } from 'node:assert/strict';
import { Agent, get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { httpConstants } from '#src/transports/http/http-config.ts';
import type { FakeClock } from '../fixtures/fake-clock.ts';
import { freePort } from '../fixtures/free-port.ts';
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

const MIB = 1 << 20;
const PUSH = '/push.v1.PusherService/Push';
const PROTO = 'Content-Type: application/proto';
const BODY_BYTES = 'kiln_http_body_in_flight_bytes';
const ANSWER_BYTES = 'kiln_http_answer_in_flight_bytes';
const OPEN = 'kiln_http_requests_open';
const LINGERING = 'kiln_http_answers_lingering';

const pushedBytes = ({ push }: Fixture): number => push.messages.reduce((sum, { body }) => sum + body.length, 0);

/** Lets a millisecond pass whenever somebody looks at the time. */
function hurry(clock: FakeClock): void {
  let nowMs = clock.now();
  clock.now = () => nowMs++;
}

describe('bodies', () => {
  test('come in chunks of unknown number', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);

    client.post(PUSH, `${PROTO}\r\nTransfer-Encoding: chunked`);
    await until(async () => (await metricOf(fixture, OPEN)) === 1);
    client.send('5\r\nhello\r\n');
    client.send('6\r\n world\r\n');
    client.send('0\r\n\r\n');
    await client.receive(/HTTP\/1.1 200 OK/);

    equal(Buffer.from(fixture.push.messages[0]?.body ?? []).toString(), 'hello world');
    client.leave();
  });

  test('come slowly, byte by byte, and are counted as they come', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    client.post(PUSH, `${PROTO}\r\nContent-Length: 5`);
    for (let i = 1; i < 5; i++) {
      client.send('x');
      await until(async () => (await metricOf(fixture, BODY_BYTES)) === i);
    }

    client.send('x');
    await client.receive(/HTTP\/1.1 200 OK/);

    equal(pushedBytes(fixture), 5);
    equal(await metricOf(fixture, BODY_BYTES), 0);
    client.leave();
  });

  test('are large, and alone in their memory', async (t) => {
    const fixture = await startServer(t);
    const body = Buffer.alloc(20 * MIB, 7);

    const response = await fetchFrom(fixture, PUSH, { body, headers: { 'content-type': 'application/proto' } });

    equal(response.status, 200);
    const [pushed] = fixture.push.messages;
    equal(body.equals(pushed?.body ?? new Uint8Array(0)), true);
    equal(pushed?.body.buffer.byteLength, 20 * MIB);
  });

  test('are told to continue', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);

    client.post(PUSH, `${PROTO}\r\nContent-Length: 5\r\nExpect: 100-continue`);
    await client.receive(/HTTP\/1.1 100 Continue/);
    client.send('hello');
    await client.receive(/HTTP\/1.1 200 OK/);

    equal(pushedBytes(fixture), 5);
    client.leave();
  });

  test('of clients that vanish are forgotten', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    client.post(PUSH, `${PROTO}\r\nContent-Length: 500`);
    client.send('x'.repeat(100));
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 100);

    client.leave();

    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 0);
    equal(await metricOf(fixture, OPEN), 0);
    equal(fixture.push.messages.length, 0);
  });

  test('that cannot come in are answered before they are sent', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);

    client.send(`POST ${PUSH} HTTP/1.1\r\nHost: x\r\n${PROTO}\r\nContent-Length: 1000000\r\n\r\n`);
    await client.receive(/HTTP\/1.1 401 .*\r\n(.+\r\n)*Connection: close/);
    doesNotMatch(client.received, /Keep-Alive/);
    client.send('x'.repeat(1_000_000));
    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.receive(/ready$/);

    equal(await metricOf(fixture, BODY_BYTES), 0);
    equal(fixture.push.messages.length, 0);
    client.leave();
  });

  test('over the limit are refused by the length that they declare, and thrown away', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 10 });
    const client = new RawClient(fixture.port);

    client.post('/ingest?name=a&format=pprof', 'Content-Length: 1000000');
    await client.receive(/HTTP\/1.1 413 /);
    client.send('x'.repeat(1_000_000));
    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.receive(/ready$/);

    equal(await metricOf(fixture, BODY_BYTES), 0);
    client.leave();
  });

  const tooLong = `b\r\n${'x'.repeat(11)}\r\n`;

  test('over the limit in chunks are thrown away, and answered at their end', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 10 });
    const client = new RawClient(fixture.port);

    client.post('/ingest?name=a&format=pprof', 'Transfer-Encoding: chunked');
    client.send(tooLong);
    await until(async () => (await refusalsOf(fixture, 'body_limit')) === 1);
    client.send(`f4240\r\n${'x'.repeat(1_000_000)}\r\n0\r\n\r\n`);
    await client.receive(/HTTP\/1.1 413 /);
    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.receive(/ready$/);

    equal(await metricOf(fixture, BODY_BYTES), 0);
    client.leave();
  });

  for (const [name, path, headers, start] of [
    ['over the limit in chunks', '/ingest?name=a&format=pprof', 'Transfer-Encoding: chunked', tooLong],
    ['in chunks that nobody wants', '/ready', 'Transfer-Encoding: chunked', '1\r\nx\r\n'],
    ['of more than can be thrown away', '/ingest?name=a&format=pprof', `Content-Length: ${(1 << 30) + 1}`, 'x'],
  ] as const) {
    test(`${name} are answered when nothing comes for a second, and not read any more`, async (t) => {
      const fixture = await startServer(t, { ingestionBodyBytesMax: 10 });
      const client = new RawClient(fixture.port);
      client.post(path, headers);
      client.send(start);
      await until(async () => (await metricOf(fixture, LINGERING)) === 1);
      equal(await metricOf(fixture, OPEN), 0);
      equal(client.received, '');

      await fixture.clock.turn(httpConstants.lingerIdleMs);

      await client.receive(/HTTP\/1.1 4(13|05) .*\r\n(.+\r\n)*Connection: close/);
      equal(await metricOf(fixture, OPEN), 0);
      // Would be answered if it were read.
      client.send('0\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
      equal((await fetchFrom(fixture, '/ready')).status, 200);
      equal(client.received.includes('200 OK'), false);
      client.leave();
    });
  }

  test('that nobody wants are thrown away for a minute while they come, and do not count as open', async (t) => {
    const fixture = await startServer(t, { requestsMax: 1 });
    const client = new RawClient(fixture.port);
    client.post('/ready', 'Transfer-Encoding: chunked');
    for (let passedMs = 0; passedMs < httpConstants.bodyTimeoutMs; passedMs += httpConstants.lingerIdleMs - 1) {
      client.send('1\r\nx\r\n');
      // What was sent before is read before.
      equal((await fetchFrom(fixture, '/ready')).status, 200);
      equal(client.received, '', `answered after ${passedMs} ms`);
      await fixture.clock.turn(httpConstants.lingerIdleMs - 1);
    }

    client.send('1\r\nx\r\n');

    await client.receive(/HTTP\/1.1 405 /);
    client.leave();
  });

  test('that nobody wants and the next request may come in one packet', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    const ready = 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n';

    client.send(`POST /ready HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n${ready}`);

    await client.receive(/^HTTP\/1.1 405 .*HTTP\/1.1 200 OK.*ready$/s);
    client.leave();
  });

  test('that are refused have a bound on those that wait, above which they are answered at once', async (t) => {
    const fixture = await startServer(t, { requestsMax: 1 });
    const [waits, above] = [new RawClient(fixture.port), new RawClient(fixture.port)];
    waits.post('/ready', 'Transfer-Encoding: chunked');
    await until(async () => (await metricOf(fixture, LINGERING)) === 1);

    above.post('/ready', 'Transfer-Encoding: chunked');

    await above.receive(/HTTP\/1.1 405 /);
    equal(waits.received, '');
    waits.leave();
    above.leave();
    await until(async () => (await metricOf(fixture, LINGERING)) === 0);
  });

  for (const [name, path, ending] of [
    ['that are being received', PUSH, ''],
    ['that nobody wants', '/ready', ''],
    ['that are complete', PUSH, '0\r\n\r\n'],
  ] as const) {
    test(`${name}, in more chunks at once than the bound, end the connection`, async (t) => {
      const fixture = await startServer(t, { chunksPerTurnMax: 100 });
      const fine = new RawClient(fixture.port);
      fine.post(path, `${PROTO}\r\nTransfer-Encoding: chunked`);
      fine.send(`${'1\r\nx\r\n'.repeat(100)}0\r\n\r\n`);
      await fine.receive(/HTTP\/1.1 /);
      fine.leave();
      const flood = new RawClient(fixture.port);

      flood.post(path, `${PROTO}\r\nTransfer-Encoding: chunked`);
      flood.send(`${'1\r\nx\r\n'.repeat(101)}${ending}`);
      await flood.closed;

      equal(flood.received, '');
      equal(await refusalsOf(fixture, 'chunks_flood'), 1);
      equal(await metricOf(fixture, BODY_BYTES), 0);
      equal(await metricOf(fixture, OPEN), 0);
    });
  }

  test('that take more than a minute are refused with 408', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    client.post('/ingest?name=a&format=pprof', 'Content-Length: 10');
    client.send('x');
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 1);

    await fixture.clock.turn(60_000);

    await client.receive(/HTTP\/1.1 408 .*/);
    match(client.received, /"code":"unknown"/);
    equal(await metricOf(fixture, BODY_BYTES), 0);
    equal(await refusalsOf(fixture, 'body_timeout'), 1);
    client.leave();
  });
});

describe('the memory for bodies', () => {
  /** A push that is being worked on, of so many bytes. */
  async function busy(fixture: Fixture, bytes: number): Promise<{ finish: () => void; answered: Promise<unknown> }> {
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const before = fixture.push.messages.length;
    const headers = { 'content-type': 'application/proto' };
    const answered = fetchFrom(fixture, PUSH, { body: Buffer.alloc(bytes), headers });
    await until(() => fixture.push.messages.length > before);
    fixture.push.work = async () => {};
    return { finish: open, answered };
  }

  test('pauses clients while it is nearly full, and lets them go on when there is room', async (t) => {
    const fixture = await startServer(t, { ingestBufferBytesMax: 16 * MIB });
    const { finish, answered } = await busy(fixture, 14 * MIB);
    const [oldest, paused] = [new RawClient(fixture.port), new RawClient(fixture.port)];
    oldest.post(PUSH, `${PROTO}\r\nContent-Length: 100`);
    oldest.send('x');
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 14 * MIB + 1);

    paused.post(PUSH, `${PROTO}\r\nContent-Length: ${4 * MIB}`);
    paused.send(Buffer.alloc(4 * MIB));
    await until(async () => (await metricOf(fixture, 'kiln_http_body_pauses_total')) === 1);
    equal((await metricOf(fixture, BODY_BYTES)) < 16 * MIB, true);
    equal(paused.received, '');

    finish();
    await answered;
    await paused.receive(/HTTP\/1.1 200 OK/);
    oldest.send('x'.repeat(99));
    await oldest.receive(/HTTP\/1.1 200 OK/);

    equal(await metricOf(fixture, BODY_BYTES), 0);
    oldest.leave();
    paused.leave();
  });

  test('refuses a paused client with 503 after a while', async (t) => {
    const fixture = await startServer(t, { ingestBufferBytesMax: 16 * MIB });
    const { finish, answered } = await busy(fixture, 14 * MIB);
    const [oldest, paused] = [new RawClient(fixture.port), new RawClient(fixture.port)];
    oldest.post(PUSH, `${PROTO}\r\nContent-Length: 100`);
    oldest.send('x');
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 14 * MIB + 1);
    paused.post('/ingest?name=a&format=pprof', `Content-Length: ${4 * MIB}`);
    paused.send(Buffer.alloc(4 * MIB));
    await until(async () => (await metricOf(fixture, 'kiln_http_body_pauses_total')) === 1);

    await fixture.clock.turn(5000);

    await paused.receive(/HTTP\/1.1 503 .*\r\n(.+\r\n)*Retry-After: 1/);
    match(paused.received, /--ingest-buffer-bytes-max is 16777216 bytes/);
    equal(await metricOf(fixture, BODY_BYTES), 14 * MIB + 1);
    equal(await refusalsOf(fixture, 'no_room'), 1);
    finish();
    await answered;
    oldest.leave();
    paused.leave();
  });

  test('is never exceeded: what does not fit is refused at once', async (t) => {
    const fixture = await startServer(t, { ingestBufferBytesMax: 16 * MIB });
    const { finish, answered } = await busy(fixture, 16 * MIB);

    const response = await fetchFrom(fixture, PUSH, { body: 'x', headers: { 'content-type': 'application/proto' } });

    equal(response.status, 503);
    equal(response.headers['retry-after'], '1');
    equal(await metricOf(fixture, BODY_BYTES), 16 * MIB);
    finish();
    await answered;
    equal(await metricOf(fixture, BODY_BYTES), 0);
  });

  test('serves many large bodies in the end, though they do not fit together', async (t) => {
    const fixture = await startServer(t, { ingestBufferBytesMax: 8 * MIB });
    const headers = { 'content-type': 'application/proto' };
    const bodies = Array.from({ length: 12 }, (_, i) => Buffer.alloc(2 * MIB, i));

    const statuses = await Promise.all(
      bodies.map(async (body) => (await fetchFrom(fixture, PUSH, { body, headers })).status),
    );

    for (const status of statuses) equal(status === 200 || status === 503, true, String(status));
    equal(statuses.filter((status) => status === 200).length * 2 * MIB, pushedBytes(fixture));
    equal(pushedBytes(fixture) > 0, true);
    for (const { body } of fixture.push.messages) equal(Buffer.alloc(2 * MIB, body[0]).equals(body), true);
    equal(await metricOf(fixture, BODY_BYTES), 0);
  });
});

describe('answers', () => {
  test('say how long their connection may be used again, and clients that listen leave before it ends', async (t) => {
    const fixture = await startServer(t);
    const agent = new Agent({ keepAlive: true, timeout: 60_000 });
    t.after(() => agent.destroy());

    const answer = await new Promise<IncomingMessage>((resolve) => {
      get({ port: fixture.port, path: '/ready', agent }, resolve);
    });
    answer.resume();
    const idle = await new Promise<Socket>((resolve) => agent.once('free', resolve));

    equal(answer.headers['keep-alive'], 'timeout=7');
    // The library counts to 10 s in steps of 4.
    ok(idle.timeout !== undefined && idle.timeout > 0 && idle.timeout < 8000, `${idle.timeout} ms`);
  });

  test('say that their connection ends when the client wants it to', async (t) => {
    const { port } = await startServer(t);
    const agent = new Agent({ keepAlive: false });

    const answer = await new Promise<IncomingMessage>((resolve) => get({ port, path: '/ready', agent }, resolve));
    answer.resume();

    equal(answer.headers.connection, 'close');
    equal(answer.headers['keep-alive'], undefined);
  });

  const ANSWER = '/querier.v1.QuerierService/ProfileTypes';

  test('are sent in pieces as the client reads them', async (t) => {
    const fixture = await startServer(t);
    const pieces = [30, 0, 1, 20].map((mib, i) => Buffer.alloc(mib * MIB, i));
    fixture.querier.work = async () => pieces;

    const response = await query(fixture, 'ProfileTypes', {});

    equal(response.headers['content-length'], String(51 * MIB));
    equal(Buffer.concat(pieces).equals(response.body), true);
    await until(async () => (await metricOf(fixture, ANSWER_BYTES)) === 0);
  });

  test('wait for a client that does not read, without a copy, and are forgotten when it vanishes', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = async () => [Buffer.alloc(50 * MIB)];
    const client = new RawClient(fixture.port);
    client.socket.pause();
    client.post(ANSWER, `${PROTO}\r\nContent-Length: 0`);
    await until(async () => (await metricOf(fixture, ANSWER_BYTES)) === 50 * MIB);

    client.leave();

    await until(async () => (await metricOf(fixture, ANSWER_BYTES)) === 0);
    equal(await metricOf(fixture, OPEN), 0);
  });

  test('to nobody are dropped, and the work for them is told', async (t) => {
    const fixture = await startServer(t);
    const { opened, open } = gate();
    let reason: unknown;
    fixture.querier.work = async (signal) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      await opened;
      return '{}';
    };
    const client = new RawClient(fixture.port);
    client.post(ANSWER, `${PROTO}\r\nContent-Length: 0`);
    await until(() => fixture.querier.calls.length === 1);

    client.leave();
    await until(() => reason !== undefined);
    open();
    await until(async () => (await metricOf(fixture, OPEN)) === 0);

    equal((reason as StoreError).code, 'aborted');
    equal((await fetchFrom(fixture, '/ready')).status, 200);
    deepEqual(fixture.bugs, []);
  });

  test('that nobody reads have a bound, above which new queries are refused with 503', async (t) => {
    const fixture = await startServer(t, { answerBytesMax: 40 * MIB });
    fixture.querier.work = async () => [Buffer.alloc(50 * MIB)];
    const client = new RawClient(fixture.port);
    client.socket.pause();
    client.post(ANSWER, `${PROTO}\r\nContent-Length: 0`);
    await until(async () => (await metricOf(fixture, ANSWER_BYTES)) === 50 * MIB);

    const refused = await query(fixture, 'ProfileTypes', {});
    const push = await fetchFrom(fixture, PUSH, { body: 'x', headers: { 'content-type': 'application/proto' } });

    equal(refused.status, 503);
    equal(refused.headers['retry-after'], '1');
    equal(await refusalsOf(fixture, 'answers'), 1);
    equal(push.status, 200);
    client.socket.resume();
    await until(async () => (await metricOf(fixture, ANSWER_BYTES)) === 0);
    fixture.querier.work = async () => '{}';
    equal((await query(fixture, 'ProfileTypes', {})).status, 200);
    client.leave();
  });

  test('to HEAD have no body', async (t) => {
    const response = await fetchFrom(await startServer(t), '/metrics', { method: 'HEAD' });

    equal(response.status, 200);
    equal(Number(response.headers['content-length']) > 100, true);
    equal(response.body.length, 0);
  });
});

describe('requests', () => {
  test('have headers of up to 64 KiB', async (t) => {
    const fixture = await startServer(t);

    equal((await fetchFrom(fixture, '/ready', { headers: { cookie: 'x'.repeat(60_000) } })).status, 200);
    equal((await fetchFrom(fixture, `/nope?${'x'.repeat(60_000)}`)).status, 404);
    equal((await fetchFrom(fixture, '/ready', { headers: { cookie: 'x'.repeat(70_000) } })).status, 431);
  });

  test('one after the other on a connection are answered in order when the answers need no wait', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);

    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.receive(/ready.*HTTP.*404 page not found/s);

    client.leave();
  });

  test('sent before the answer to the one before end the connection, so that answers are never mixed', async (t) => {
    const fixture = await startServer(t);
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const client = new RawClient(fixture.port);

    client.post(PUSH, `${PROTO}\r\nContent-Length: 1`);
    client.send('x');
    await until(() => fixture.push.messages.length === 1);
    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.closed;
    open();

    equal(client.received, '');
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 0);
    equal(await metricOf(fixture, OPEN), 0);
  });

  test('have a bound, above which they are refused with 503', async (t) => {
    const fixture = await startServer(t, { requestsMax: 2 });
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const push = { body: 'x', headers: { 'content-type': 'application/proto' } };
    const waiting = [fetchFrom(fixture, PUSH, push), fetchFrom(fixture, PUSH, push)];
    await until(() => fixture.push.messages.length === 2);

    const refused = await fetchFrom(fixture, PUSH, push);

    equal(refused.status, 503);
    equal(await refusalsOf(fixture, 'requests'), 1);
    open();
    deepEqual(
      (await Promise.all(waiting)).map(({ status }) => status),
      [200, 200],
    );
    equal((await fetchFrom(fixture, PUSH, push)).status, 200);
  });

  test('that leave nobody else a turn end their connection', async (t) => {
    const fixture = await startServer(t, { requestsTurnMs: 100 });
    hurry(fixture.clock);
    const flood = new RawClient(fixture.port);

    flood.send(READY.repeat(100));
    await flood.closed;

    equal(await refusalsOf(fixture, 'requests_flood'), 1);
    equal(await metricOf(fixture, OPEN), 0);
    const fine = new RawClient(fixture.port);
    fine.send(READY.repeat(10));
    await fine.receive(/(ready.*){10}/s);
    fine.leave();
  });

  test('of many connections may come at once, however long they take', async (t) => {
    const fixture = await startServer(t, { requestsTurnMs: 0 });
    hurry(fixture.clock);

    const clients = Array.from({ length: 100 }, () => new RawClient(fixture.port));
    for (const client of clients) client.send(READY);
    for (const client of clients) await client.receive(/ready$/);

    equal(await refusalsOf(fixture, 'requests_flood'), 0);
    for (const client of clients) client.leave();
  });

  const READY = 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n';
  for (const [name, headers, body, fault] of [
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 41', 'hello', 'Content-Length is there twice'],
    ['two codings', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', '0\r\n\r\n', 'Transfer-Encoding is there'],
    ['a coding that is not spoken', 'Transfer-Encoding: gzip, chunked', '0\r\n\r\n', 'not "gzip, chunked"'],
    ['no coding', 'Transfer-Encoding: identity', '', 'not "identity"'],
  ] as const) {
    test(`whose end can be read in two ways, because of ${name}, are refused, and what follows is not read`, async (t) => {
      const fixture = await startServer(t);
      const client = new RawClient(fixture.port);
      client.post(PUSH, `${PROTO}\r\n${headers}`);
      await client.closed;
      match(client.received, /^HTTP\/1.1 400 Bad Request\r\n(.+\r\n)*Connection: close/);
      equal(client.received.includes(fault), true, client.received);

      // In one packet nothing but the end of the connection is seen; the second request must not be answered at all.
      const smuggler = new RawClient(fixture.port);
      smuggler.send(`POST ${PUSH} HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\n${headers}\r\n\r\n${body}${READY}`);
      await smuggler.closed;
      equal(smuggler.received.includes('200 OK'), false, smuggler.received);

      equal(fixture.push.messages.length, 0);
      await until(async () => (await metricOf(fixture, OPEN)) === 0);
      equal(await refusalsOf(fixture, 'framing'), 2);
    });
  }

  test('may say their length twice if it is the same', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    client.post(PUSH, `${PROTO}\r\nContent-Length: 5\r\nContent-Length: 5`);
    client.send('hello');
    await client.receive(/HTTP\/1.1 200 OK/);
    client.leave();
  });

  test('that are no HTTP do no harm', async (t) => {
    const fixture = await startServer(t);
    for (const text of [
      '\r\n\r\n',
      '\0'.repeat(1000),
      'GET\r\n\r\n',
      'POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
      'x'.repeat(100_000),
    ]) {
      const client = new RawClient(fixture.port);
      client.send(text);
      client.socket.end();
      await client.closed;
    }

    equal((await fetchFrom(fixture, '/ready')).status, 200);
    equal(await metricOf(fixture, OPEN), 0);
    deepEqual(fixture.bugs, []);
  });
});

describe('close', () => {
  test('lets requests finish, tells their clients to leave, and takes no new connection', async (t) => {
    const fixture = await startServer(t);
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const push = fetchFrom(fixture, PUSH, { body: 'x', headers: { 'content-type': 'application/proto' } });
    await until(() => fixture.push.messages.length === 1);

    const closed = fixture.server.close(10_000);
    await rejects(fetchFrom(fixture, '/ready'), { code: 'ECONNREFUSED' });
    open();

    equal((await push).status, 200);
    equal((await push).headers.connection, 'close');
    await closed;
  });

  test('answers 503 to what is not finished at the deadline', async (t) => {
    const fixture = await startServer(t);
    let reason: unknown;
    fixture.push.work = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(new StoreError('aborted', 'stopped'));
        });
      });
    const push = fetchFrom(fixture, PUSH, { body: 'x', headers: { 'content-type': 'application/proto' } });
    await until(() => fixture.push.messages.length === 1);

    const closed = fixture.server.close(10_000);
    await fixture.clock.turn(10_000);
    await closed;

    equal((await push).status, 503);
    equal((reason as StoreError).code, 'unavailable');
    equal(await refusalsOf(fixture, 'closing'), 1);
  });

  test('answers 503 to a body from which nothing came for two seconds', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    t.after(() => client.leave());
    client.post('/ingest?name=a&format=pprof', 'Content-Length: 10');
    client.send('x');
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 1);

    const closed = fixture.server.close(10_000);
    await fixture.clock.turn(1_999);
    equal(client.received, '');
    await fixture.clock.turn(1);

    await client.receive(/HTTP\/1.1 503 .*\r\n(.+\r\n)*Retry-After: 1/);
    match(client.received, /the server is closing, and nothing of the body came for 2000 ms/);
    await closed;
    await client.closed;
    equal(await metricOf(fixture, BODY_BYTES), 0);
    equal(await refusalsOf(fixture, 'closing'), 1);
  });

  test('lets a body finish that goes on', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    t.after(() => client.leave());
    client.post(PUSH, `${PROTO}\r\nContent-Length: 5`);
    client.send('x');
    await until(async () => (await metricOf(fixture, BODY_BYTES)) === 1);

    const closed = fixture.server.close(10_000);
    for (const bytes of [2, 3, 4]) {
      await fixture.clock.turn(1_999);
      client.send('x');
      await until(async () => (await metricOf(fixture, BODY_BYTES)) === bytes);
    }
    await fixture.clock.turn(1_999);
    client.send('x');

    await client.receive(/HTTP\/1.1 200 OK/);
    await closed;
    equal(pushedBytes(fixture), 5);
  });

  test('bounds the bodies of requests that come while it waits for others', async (t) => {
    const fixture = await startServer(t);
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const push = fetchFrom(fixture, PUSH, { body: 'x', headers: { 'content-type': 'application/proto' } });
    const client = new RawClient(fixture.port);
    t.after(() => client.leave());
    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.receive(/ready$/);
    await until(() => fixture.push.messages.length === 1);

    const closed = fixture.server.close(10_000);
    client.post(PUSH, `${PROTO}\r\nContent-Length: 5`);
    await until(async () => (await metricOf(fixture, OPEN)) === 2);
    await fixture.clock.turn(2_000);

    await client.receive(/HTTP\/1.1 503 /);
    open();
    equal((await push).status, 200);
    await closed;
  });

  test('ends idle connections', async (t) => {
    const fixture = await startServer(t);
    const client = new RawClient(fixture.port);
    client.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.receive(/ready$/);

    await fixture.server.close(10_000);

    await client.closed;
  });
});

describe('listen', () => {
  for (const host of ['127.0.0.1', '']) {
    test(`a port that another Kiln has is refused, not shared, on ${host || 'every interface'}`, async (t) => {
      // Ports that the system chose are never shared; those that somebody asked for are what this is about.
      const port = await freePort();
      const [first, second] = [await startServer(t, {}, { host, port }), await startServer(t)];

      await rejects(second.server.listen(host, port), {
        code: 'unavailable',
        message: `cannot listen on ${host || '*'}:${port}: another process has the port; choose another one with --server.http-listen-port`,
      });

      equal((await fetchFrom(first, '/ready')).status, 200);
    });
  }

  test('an address of another machine is refused by name', async (t) => {
    const { server } = await startServer(t);

    await rejects(server.listen('192.0.2.1', 4040), {
      code: 'unavailable',
      message: /^cannot listen on 192\.0\.2\.1:4040: .*EADDRNOTAVAIL.*--server\.http-listen-address/,
    });
  });
});
