import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import {
  call,
  clientOf,
  frameOf,
  type GrpcFixture,
  HEADERS,
  PROFILE_TYPES,
  PUSH,
  REFLECTION,
  refusalsOf,
  request,
  sessionOf,
  startGrpc,
  WATCH,
} from './grpc-fixture.ts';
import { gate, until } from './http-fixture.ts';
import { block, frame, PREFACE } from './http2-frames.ts';

/** What becomes of a call whose frames are sent by hand. */
type Slow = { readonly stream: ClientHttp2Stream; status: unknown; message: string; closed: boolean };

function slowly(session: ReturnType<typeof sessionOf>, path = PUSH): Slow {
  const stream = session.request({ ...HEADERS, ':path': path });
  const slow: Slow = { stream, status: undefined, message: '', closed: false };
  const look = (headers: Record<string, unknown>): void => {
    slow.status ??= headers['grpc-status'];
    slow.message ||= decodeURIComponent(String(headers['grpc-message'] ?? ''));
  };
  stream.on('response', look);
  stream.on('trailers', look);
  stream.on('error', () => {});
  stream.on('close', () => {
    slow.closed = true;
  });
  stream.resume();
  return slow;
}

describe('the end of a call', () => {
  test('is the deadline of the client', async (t) => {
    const fixture = await startGrpc(t);
    let reason: unknown;
    fixture.push.work = (signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        });
      });
    const answer = request(sessionOf(t, fixture), PUSH, frameOf('x'), { 'grpc-timeout': '1500m' });
    await until(() => fixture.push.messages.length === 1);

    await fixture.clock.turn(1499);
    equal(reason, undefined);
    await fixture.clock.turn(1);

    const { trailers } = await answer;
    equal(trailers['grpc-status'], '4');
    match(String(trailers['grpc-message']), /deadline of the client passed after 1500 ms/);
    match(String(reason), /deadline/);
  });

  test('comes when the client cancels, and when its connection goes', async (t) => {
    const fixture = await startGrpc(t);
    const reasons: unknown[] = [];
    fixture.push.work = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason.code);
          reject(signal.reason);
        });
      });
    let cancel = (): void => {};
    const answer = call(clientOf(t, fixture), PUSH, 'x', {}, (how) => {
      cancel = how;
    });
    const session = sessionOf(t, fixture);
    slowly(session).stream.end(frameOf('y'));
    await until(() => fixture.push.messages.length === 2);

    cancel();
    await until(() => reasons.length === 1);
    session.destroy();
    await until(() => reasons.length === 2);

    equal((await answer).code, Status.CANCELLED);
    deepEqual(reasons, ['aborted', 'aborted']);
    await until(() => fixture.room.bodies.usedBytes === 0);
    deepEqual(fixture.bugs, []);
  });

  for (const [what, sentBytes, code] of [
    ['half a message', 500, constants.NGHTTP2_CANCEL],
    ['a message without its end', 1005, constants.NGHTTP2_CANCEL],
    ['half a message, without an error,', 500, constants.NGHTTP2_NO_ERROR],
  ] as const) {
    test(`comes for ${what} that its client gave up`, async (t) => {
      const fixture = await startGrpc(t);
      const socket = rawConnection(fixture);
      socket.write(frame(1, 4, 1, block(PUSH)));
      socket.write(frame(0, 0, 1, frameOf('x'.repeat(1000)).subarray(0, sentBytes)));
      await until(() => fixture.room.bodies.usedBytes === sentBytes);

      socket.write(frame(3, 0, 1, Buffer.of(0, 0, 0, code))); // RST_STREAM

      await until(() => fixture.room.bodies.usedBytes === 0);
      equal((await call(clientOf(t, fixture), PUSH, 'other')).code, Status.OK);
      equal(fixture.push.messages.length, 1);
      socket.destroy();
    });
  }

  test('comes after a minute for a message that does not', async (t) => {
    const fixture = await startGrpc(t, { keepAliveMs: 20_000 });
    const session = sessionOf(t, fixture);
    const [headersOnly, begun] = [slowly(session), slowly(session)];
    begun.stream.write(Buffer.of(0));
    await until(() => fixture.room.bodies.usedBytes === 1);

    for (let second = 0; second < 60; second++) {
      await fixture.clock.turn(1000);
      for (let i = 0; i < 10; i++) await fixture.clock.turn(0);
    }

    for (const slow of [headersOnly, begun]) {
      await until(() => slow.status !== undefined);
      deepEqual([slow.status, slow.message], ['4', 'the body was not complete after 60000 ms']);
    }
    equal(await refusalsOf(fixture, 'body_timeout'), 2);
    equal(fixture.room.bodies.usedBytes, 0);
  });
});

/** What a client asks, and that the answer, or its end, is more than it takes. */
type Unread = readonly [what: string, path: string, question: Buffer];
const REFLECTION_UNREAD: Unread = ['reflection', REFLECTION, frameOf(Buffer.from('3a00', 'hex'))];
const UNREAD: readonly Unread[] = [['a watch', WATCH, frameOf('')], REFLECTION_UNREAD];

/** A call that lasts, of a client that takes no more than one byte of the answer. */
async function unread(
  t: TestContext,
  fixture: GrpcFixture,
  [, path, question]: Unread,
  headers: OutgoingHttpHeaders = {},
): Promise<{ readonly stream: ClientHttp2Stream; readonly session: ClientHttp2Session }> {
  const session = sessionOf(t, fixture, 1);
  await once(session, 'remoteSettings');
  const stream = session.request({ ...HEADERS, ':path': path, ...headers });
  stream.on('error', () => {});
  stream.pause();
  stream.write(question);
  await once(stream, 'response');
  return { stream, session };
}

for (const asked of UNREAD) {
  const [what] = asked;
  describe(`${what} whose answer nobody reads`, () => {
    test('ends a second after the deadline of the client', async (t) => {
      const fixture = await startGrpc(t);
      await unread(t, fixture, asked, { 'grpc-timeout': '500m' });

      await fixture.clock.turn(500);
      equal(await openCallsOf(fixture), 1);
      await fixture.clock.turn(1000);

      await until(async () => (await openCallsOf(fixture)) === 0);
      equal(fixture.room.bodies.usedBytes, 0);
    });

    test('holds up a server that closes for a second', async (t) => {
      const fixture = await startGrpc(t);
      await unread(t, fixture, asked);

      const closed = fixture.server.close(15_000);
      await fixture.clock.turn(1000);

      await closed;
      equal(await openCallsOf(fixture), 0);
    });

    test('ends with the second look at it, and not while there is nothing to read', async (t) => {
      const fixture = await startGrpc(t);
      const read = sessionOf(t, fixture).request({ ...HEADERS, ':path': asked[1] });
      let readClosed = false;
      read.on('error', () => {});
      read.on('close', () => {
        readClosed = true;
      });
      read.write(asked[2]);
      await once(read, 'data');
      await unread(t, fixture, asked);

      for (let look = 0; look < 2; look++) {
        equal(await openCallsOf(fixture), 2);
        await fixture.clock.turn(30_000);
        for (let i = 0; i < 50; i++) await fixture.clock.turn(0);
      }

      await until(async () => (await openCallsOf(fixture)) === 1);
      equal(readClosed, false);
      equal(await refusalsOf(fixture, 'slow_reader'), 1);
    });
  });
}

describe('the memory for bodies', () => {
  test('has room for what a call sends while its answer is not read, and the rest stays with the client', async (t) => {
    const fixture = await startGrpc(t);
    const { stream } = await unread(t, fixture, REFLECTION_UNREAD);

    stream.write(Buffer.from('00ffffffff', 'hex'));
    for (let i = 0; i < 100; i++) stream.write(Buffer.alloc(16 << 10));

    // The window, and what Node keeps besides.
    await until(() => fixture.room.bodies.usedBytes === (256 + 128) << 10);
    for (let i = 0; i < 100; i++) await fixture.clock.turn(0);
    ok(stream.writableLength > 1 << 20);

    stream.destroy();
    await until(() => fixture.room.bodies.usedBytes === 0);
  });

  test('is given back when a client resets what it does not read, also after its deadline', async (t) => {
    const fixture = await startGrpc(t);
    const { stream, session } = await unread(t, fixture, REFLECTION_UNREAD, { 'grpc-timeout': '500m' });
    stream.write(Buffer.alloc(32 << 10));
    await until(() => fixture.room.bodies.usedBytes > 0);
    await fixture.clock.turn(500);

    // Without an error, which Node takes for an end that comes when all is read.
    stream.destroy();
    await once(stream, 'close');
    equal((await request(session, '/nothing', frameOf(''))).status, 404);
    await fixture.clock.turn(1000);

    await until(() => fixture.room.bodies.usedBytes === 0);
    equal(await openCallsOf(fixture), 0);
  });

  test('is shared with HTTP, and messages wait for it', async (t) => {
    const fixture = await startGrpc(t, { ingestBufferBytesMax: 16 << 20 });
    const { bodies } = fixture.room;
    // Another server has it.
    bodies.open({ pause: () => {}, resume: () => {} });
    ok(bodies.charge((14 << 20) + 1));
    const message = 'x'.repeat(400_000);
    const slow = slowly(sessionOf(t, fixture));
    slow.stream.end(frameOf(message));
    await until(() => bodies.usedBytes > 14.3 * (1 << 20));
    // What it may still send is counted.
    const waitingBytes = bodies.usedBytes;
    for (let i = 0; i < 50; i++) await fixture.clock.turn(0);
    equal(bodies.usedBytes, waitingBytes);
    equal(fixture.push.messages.length, 0);

    bodies.release(14 << 20);

    await until(() => fixture.push.messages.length === 1);
    equal(fixture.push.messages[0]?.body.length, message.length);
    await until(() => slow.status !== undefined && bodies.usedBytes === 1);
    equal(slow.status, '0');
  });

  test('refuses who waited for five seconds, and who could not even wait', async (t) => {
    const fixture = await startGrpc(t, { ingestBufferBytesMax: 16 << 20 });
    const { bodies } = fixture.room;
    bodies.open({ pause: () => {}, resume: () => {} });
    ok(bodies.charge((14 << 20) + 1));
    const session = sessionOf(t, fixture);
    const waiting = [slowly(session), slowly(session)];
    for (const { stream } of waiting) stream.write(frameOf('x'.repeat(100_000)).subarray(0, 10_000));
    await until(() => bodies.usedBytes > (14 << 20) + 2 * 384_000);

    const third = slowly(session);
    third.stream.write(frameOf('x'.repeat(400_000)).subarray(0, 10_000));
    await until(() => third.status !== undefined);
    equal(waiting[0]?.status, undefined);
    // There is still some for who needs no pause.
    equal((await request(session, PUSH, frameOf('y'.repeat(10_000)))).trailers['grpc-status'], '0');
    await fixture.clock.turn(5000);
    await until(() => waiting.every(({ status }) => status !== undefined));

    for (const { status, message } of [...waiting, third]) {
      deepEqual(
        [status, message],
        ['14', 'too many request bodies are in memory, --ingest-buffer-bytes-max is 16777216 bytes (16 MiB)'],
      );
    }
    equal(await refusalsOf(fixture, 'no_room'), 3);
    equal(bodies.usedBytes, (14 << 20) + 1);
  });

  test('is not held by clients that send slowly', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);
    const slow = Array.from({ length: 500 }, () => slowly(session));
    for (const { stream } of slow) stream.write(frameOf('x'.repeat(1_000_000)).subarray(0, 6));
    await until(() => fixture.room.bodies.usedBytes === 500 * 6);

    const [same, other] = [session, sessionOf(t, fixture)].map((one) => request(one, PUSH, frameOf('fast')));

    equal((await same)?.trailers['grpc-status'], '0');
    equal((await other)?.trailers['grpc-status'], '0');
    equal(fixture.push.messages.length, 2);
  });
});

describe('a gRPC server', () => {
  test('has so many calls open, and no more', async (t) => {
    const fixture = await startGrpc(t, { callsMax: 2 });
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const client = clientOf(t, fixture);
    const first = [call(client, PUSH, '1'), call(client, PUSH, '2')];
    await until(() => fixture.push.messages.length === 2);

    const third = await call(client, PUSH, '3');
    open();

    deepEqual([third.code, third.message], [Status.UNAVAILABLE, 'more than 2 calls are open']);
    for (const { code } of await Promise.all(first)) equal(code, Status.OK);
    equal((await call(client, PUSH, '4')).code, Status.OK);
    equal(await refusalsOf(fixture, 'calls'), 1);
  });

  test('lets further calls of a connection wait', async (t) => {
    const fixture = await startGrpc(t, { callsPerConnectionMax: 3 });
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const client = clientOf(t, fixture);
    equal((await call(client, '/settings-are-there-now', '')).code, Status.UNIMPLEMENTED);

    const answers = Array.from({ length: 10 }, (_, i) => call(client, PUSH, String(i)));
    await until(() => fixture.push.messages.length === 3);
    for (let i = 0; i < 100; i++) await fixture.clock.turn(0);
    equal(fixture.push.messages.length, 3);
    open();

    for (const { code } of await Promise.all(answers)) equal(code, Status.OK);
  });

  test('accepts so many connections', async (t) => {
    const fixture = await startGrpc(t, { connectionsMax: 1 });
    const first = sessionOf(t, fixture);
    equal((await request(first, PUSH, frameOf(''))).trailers['grpc-status'], '0');

    const second = sessionOf(t, fixture);
    await until(() => second.closed || second.destroyed);

    await until(async () => (await refusalsOf(fixture, 'connections')) === 1);
    equal((await request(first, PUSH, frameOf(''))).trailers['grpc-status'], '0');
  });

  test('refuses queries while too many answers are not read, and lets pushes in', async (t) => {
    const fixture = await startGrpc(t, { answerBytesMax: 1000 });
    fixture.room.answers.add(1001);
    const client = clientOf(t, fixture);

    const query = await call(client, PROFILE_TYPES, '');

    equal(query.code, Status.UNAVAILABLE);
    match(query.message, /more than 1000 bytes of answers wait for their readers/);
    equal((await call(client, PUSH, '')).code, Status.OK);
    fixture.room.answers.add(-1001);
    equal((await call(client, PROFILE_TYPES, '')).code, Status.OK);
  });

  test('ends an answer that nobody reads', async (t) => {
    const fixture = await startGrpc(t);
    fixture.querier.work = async () => [Buffer.alloc(20 << 20)];
    const stream = sessionOf(t, fixture).request({ ...HEADERS, ':path': PROFILE_TYPES });
    stream.on('error', () => {});
    let closed = false;
    stream.on('close', () => {
      closed = true;
    });
    stream.end(frameOf(''));
    await until(() => fixture.room.answers.bytes > 20 << 20);
    for (let i = 0; i < 100; i++) await fixture.clock.turn(0);

    await fixture.clock.turn(30_000);
    equal(fixture.room.answers.bytes > 0, true);
    await fixture.clock.turn(30_000);

    await until(() => fixture.room.answers.bytes === 0);
    equal(await refusalsOf(fixture, 'slow_reader'), 1);
    stream.resume();
    await until(() => closed);
  });

  test('takes calls on a connection with many answers that nobody reads', async (t) => {
    const fixture = await startGrpc(t);
    fixture.querier.work = async () => [Buffer.alloc(100 << 10)];
    const session = sessionOf(t, fixture);
    const unread = Array.from({ length: 300 }, () => session.request({ ...HEADERS, ':path': PROFILE_TYPES }));
    for (const stream of unread) {
      stream.on('error', () => {});
      stream.end(frameOf(''));
    }
    await until(() => fixture.room.answers.bytes > 300 * (100 << 10));

    equal((await request(session, PUSH, frameOf(''))).trailers['grpc-status'], '0');
  });

  test('ends the connection of a client that is gone without a word, and of no other', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);
    equal((await request(session, PUSH, frameOf(''))).status, 200);
    const silent = connect(fixture.port, '127.0.0.1');
    let ended = false;
    silent.on('error', () => {});
    silent.on('close', () => {
      ended = true;
    });
    silent.resume();
    await until(() => silent.readyState === 'open' && silent.bytesRead > 0);

    for (let look = 0; look < 6; look++) {
      await fixture.clock.turn(30_000);
      // The word of who is there must have the time to come.
      for (let i = 0; i < 50; i++) await fixture.clock.turn(0);
    }

    await until(() => ended);
    equal(await refusalsOf(fixture, 'keep_alive'), 1);
    equal((await request(session, PUSH, frameOf(''))).status, 200);
  });

  test('ends the connection of who speaks something else', async (t) => {
    const fixture = await startGrpc(t);
    const socket = connect(fixture.port, '127.0.0.1');
    let ended = false;
    socket.on('error', () => {});
    socket.on('close', () => {
      ended = true;
    });
    socket.resume();

    socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');

    await until(() => ended);
    equal(await refusalsOf(fixture, 'protocol'), 1);
    equal((await call(clientOf(t, fixture), PUSH, '')).code, Status.OK);
  });

  for (const [what, limits, flood] of [
    ['tiny frames', { framesPerTurnMax: 1000 }, () => Array(50_000).fill(frame(0, 0, 1, Buffer.of(0)))],
    [
      'calls',
      { callsPerConnectionMax: 100, callsTurnMs: 0 },
      () => Array.from({ length: 20_000 }, (_, i) => frame(1, 5, 3 + 2 * i, block('/nothing'))),
    ],
  ] as const) {
    test(`ends a connection that floods it with ${what}`, async (t) => {
      const fixture = await startGrpc(t, limits);
      const other = clientOf(t, fixture);
      const socket = rawConnection(fixture);
      let ended = false;
      socket.on('close', () => {
        ended = true;
      });
      socket.write(frame(1, 4, 1, block(PUSH)));
      await until(async () => (await openCallsOf(fixture)) === 1);

      socket.write(Buffer.concat(flood()));

      await until(() => ended);
      equal(await refusalsOf(fixture, 'flood'), 1);
      equal((await call(other, PUSH, '')).code, Status.OK);
      await until(() => fixture.room.bodies.usedBytes === 0);
      equal(await openCallsOf(fixture), 0);
    });
  }

  test('tells a client that floods it so, and answers none of its calls as if it were to blame for what was lost', async (t) => {
    const fixture = await startGrpc(t, { framesPerTurnMax: 8 });
    const socket = rawConnection(fixture);
    const frames = framesOf(socket);
    const ended = once(socket, 'close');

    socket.write(
      Buffer.concat([
        frame(1, 4, 1, block(PUSH)),
        frame(1, 4, 3, block(PUSH)),
        ...Array(12).fill(frame(0, 0, 3, Buffer.of(0))),
        frame(0, 1, 1, frameOf('x')),
        frame(1, 5, 5, block('/nothing')),
      ]),
    );
    await ended;

    const goAway = frames().find(({ type }) => type === 7);
    equal(goAway?.payload.readUInt32BE(4), constants.NGHTTP2_ENHANCE_YOUR_CALM);
    deepEqual(
      frames().filter(({ type }) => type === 1),
      [],
    );
    equal(fixture.push.messages.length, 0);
    equal(await refusalsOf(fixture, 'flood'), 1);
    await until(() => fixture.room.bodies.usedBytes === 0);
  });

  test('outlives a client that says that something is wrong, and calls in the same packet', async (t) => {
    const fixture = await startGrpc(t);
    const socket = rawConnection(fixture);
    let ended = false;
    socket.on('close', () => {
      ended = true;
    });

    const goAway = frame(7, 0, 0, Buffer.of(0, 0, 0, 0, 0, 0, 0, 1));
    socket.write(Buffer.concat([goAway, frame(1, 4, 1, block(PUSH)), frame(0, 1, 1, frameOf('x'))]));

    await until(() => ended);
    equal((await call(clientOf(t, fixture), PUSH, '')).code, Status.OK);
  });

  test('takes large metadata, and survives what is too large', async (t) => {
    const fixture = await startGrpc(t);
    const large = await request(sessionOf(t, fixture), PUSH, frameOf(''), { authorization: 'x'.repeat(50_000) });
    equal(large.trailers['grpc-status'], '0');

    const session = sessionOf(t, fixture);
    const tooLarge = request(session, PUSH, frameOf(''), {
      authorization: 'x'.repeat(63_000),
      other: 'y'.repeat(9000),
    });
    await tooLarge.catch(() => {});

    equal((await call(clientOf(t, fixture), PUSH, '')).code, Status.OK);
    equal(fixture.push.messages.length, 2);
  });

  test('says why it cannot listen, and which flag helps', async (t) => {
    const fixture = await startGrpc(t);

    await rejects(fixture.server.listen('127.0.0.1', fixture.port, 'all', { port: 'the-port', address: 'x' }), {
      code: 'unavailable',
      message: `cannot listen on 127.0.0.1:${fixture.port}: another process has the port; choose another one with --the-port`,
    });
    await rejects(fixture.server.listen('192.0.2.1', 0, 'all', { port: 'x', address: 'the-address' }), {
      code: 'unavailable',
      message: /no such address .*--the-address$/,
    });
  });
});

describe('a gRPC server that closes', () => {
  test('finishes calls that are open, and takes no new ones', async (t) => {
    const fixture = await startGrpc(t);
    const { opened, open } = gate();
    fixture.push.work = () => opened;
    const session = sessionOf(t, fixture);
    const answer = request(session, PUSH, frameOf('x'));
    await until(() => fixture.push.messages.length === 1);
    let goneAway = false;
    session.on('goaway', () => {
      goneAway = true;
    });

    const closed = fixture.server.close(10_000);
    await until(() => goneAway);
    const late = sessionOf(t, fixture);
    await until(() => late.destroyed);
    open();
    await closed;

    equal((await answer).trailers['grpc-status'], '0');
    equal(fixture.push.messages.length, 1);
  });

  test('ends what is not finished at the deadline', async (t) => {
    const fixture = await startGrpc(t);
    fixture.push.work = () => new Promise(() => {});
    const answer = request(sessionOf(t, fixture), PUSH, frameOf('x'));
    await until(() => fixture.push.messages.length === 1);

    const closed = fixture.server.close(10_000);
    await fixture.clock.turn(10_000);
    await closed;

    const { trailers } = await answer;
    deepEqual([trailers['grpc-status'], trailers['grpc-message']], ['14', 'the server is closing']);
    equal(await refusalsOf(fixture, 'closing'), 1);
  });

  test('waits for a message only while it comes on', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);
    const [stuck, moving] = [slowly(session), slowly(session)];
    for (const { stream } of [stuck, moving]) stream.write(Buffer.from('000000000a', 'hex'));
    await until(() => fixture.room.bodies.usedBytes === 10);

    const closed = fixture.server.close(10_000);
    moving.stream.write('12345');
    await until(() => fixture.room.bodies.usedBytes === 15);
    await fixture.clock.turn(2000);
    moving.stream.write('6789');
    await until(() => stuck.status !== undefined && fixture.room.bodies.usedBytes === 9 + 5);
    await fixture.clock.turn(2000);
    moving.stream.end('0');
    await until(() => moving.status !== undefined);
    // A client that was told that it is too late may go on for a second.
    await fixture.clock.turn(1000);
    await closed;

    deepEqual([stuck.status, moving.status], ['14', '0']);
    match(stuck.message, /closing, and nothing of the body came for 2000 ms/);
  });
});

async function openCallsOf({ registry }: GrpcFixture): Promise<number> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.find(({ name }) => name === 'kiln_grpc_calls_open')?.values[0]?.value ?? 0;
}

/** A connection of HTTP/2 that is written by hand. */
function rawConnection({ port }: GrpcFixture): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.write(PREFACE);
  return socket;
}

/** @returns what gives the frames that came whole so far */
function framesOf(socket: Socket): () => { readonly type: number; readonly payload: Buffer }[] {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => {
    const bytes = Buffer.concat(chunks);
    const frames = [];
    for (let at = 0; at + 9 <= bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      frames.push({ type: bytes.readUInt8(at + 3), payload: bytes.subarray(at + 9, end) });
      at = end;
    }
    return frames;
  };
}
