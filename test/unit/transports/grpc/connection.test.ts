import { deepEqual, equal } from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { constants, type ServerHttp2Session } from 'node:http2';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { Connection } from '#src/transports/grpc/connection.ts';
import { grpcConstants } from '#src/transports/grpc/grpc-config.ts';
import { GrpcMetrics } from '#src/transports/grpc/grpc-metrics.ts';
import { createServerRoom } from '#src/transports/http/server-room.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';

/** A session that says what it was destroyed with. */
class FakeSession extends EventEmitter {
  readonly destroyedWith: unknown[] = [];
  readonly destroyed = false;

  destroy(...reason: unknown[]): void {
    this.destroyedWith.push(...reason);
  }
}

class FakeStream extends EventEmitter {
  rstCode = constants.NGHTTP2_NO_ERROR;
  readonly destroyed = false;
}

/** A connection that takes ten calls at once. */
function tenCalls(): { clock: FakeClock; session: FakeSession; begin: () => FakeStream; taken: () => number } {
  const [clock, session, registry] = [new FakeClock(), new FakeSession(), new Registry()];
  let taken = 0;
  new Connection(session as unknown as ServerHttp2Session, {
    ...grpcConstants,
    callsPerConnectionMax: 10,
    clock,
    metrics: new GrpcMetrics(registry),
    room: createServerRoom(registry, 1 << 20),
    open: new Set(),
    connections: new Set(),
    onCall: () => taken++,
    onEnd: () => {},
  });
  const begin = (): FakeStream => {
    const stream = new FakeStream();
    session.emit('stream', stream, { ':method': 'POST', ':path': '/nothing' });
    return stream;
  };
  return { clock, session, begin, taken: () => taken };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('any number of calls in a turn is no flood when the turn is short', async () => {
  const { clock, session, begin, taken } = tenCalls();

  for (let turn = 0; turn < 3; turn++) {
    for (let call = 0; call < 100; call++) begin();
    await nextTurn();
    await clock.turn(499);
  }

  deepEqual(session.destroyedWith, []);
  equal(taken(), 300);
});

test('more calls than may be open are a flood in a turn that takes half a second', async () => {
  const { clock, session, begin, taken } = tenCalls();

  for (let call = 0; call < 10; call++) begin();
  clock.setBack(-500);
  begin();
  // As Node does with the streams of a session that is destroyed.
  begin().emit('error', session.destroyedWith[0]);
  await nextTurn();

  deepEqual(session.destroyedWith.slice(1), [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
  equal(taken(), 10);
});
