// Connections of HTTP/2 that nobody would write: mostly valid, in any order, cut anywhere, some bits flipped. A fault in
// the library of Node ends the process without a word (one packet was enough, see src/transports/grpc/destroy-later.ts),
// so that this file would fail as a whole. More of it, or the same again:
//
//     CONNECTIONS=100000 SEED=123 scripts/node --test test/integration/grpc-fuzz.test.ts

import { deepEqual, equal } from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { nextTurn } from '#src/platform/next-turn.ts';
import { Random } from '../fixtures/random.ts';
import {
  CHECK,
  call,
  clientOf,
  EXPORT,
  frameOf,
  type GrpcFixture,
  PROFILE_TYPES,
  PUSH,
  startGrpc,
} from './grpc-fixture.ts';
import { until } from './http-fixture.ts';
import { block, frame, PREFACE } from './http2-frames.ts';

const PATHS = [
  PUSH,
  PROFILE_TYPES,
  EXPORT,
  CHECK,
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/unknown',
];
const END_STREAM = 1;
const END_HEADERS = 4;

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const connections = Number(process.env['CONNECTIONS'] ?? 300);

test(`a gRPC server outlives any client (seed ${seed}, ${connections} connections)`, async (t) => {
  const fixture = await startGrpc(t, { framesPerTurnMax: 200, callsPerConnectionMax: 20, windowBytes: 20_000 });
  const random = new Random(seed);
  fixture.push.work = (signal) => answerOrNot(random, signal);
  fixture.querier.work = async (signal) => {
    await answerOrNot(random, signal);
    return [Buffer.alloc(random.int(0, 200_000))];
  };

  let left = connections;
  const client = async (): Promise<void> => {
    while (left-- > 0) await oneConnection(fixture, random);
  };
  await Promise.all(Array.from({ length: 8 }, client));
  for (let look = 0; look < 4; look++) await fixture.clock.turn(30_000);

  // What is asked now is answered, and not as it comes to mind.
  fixture.push.work = async () => {};
  equal((await call(clientOf(t, fixture), PUSH, '')).message, '');
  await until(() => fixture.room.bodies.usedBytes === 0 && fixture.room.answers.bytes === 0);
  deepEqual(fixture.bugs, []);
});

async function answerOrNot(random: Random, signal: AbortSignal): Promise<void> {
  if (random.chance(0.2)) await nextTurn();
  if (random.chance(0.1)) throw new StoreError('unavailable', 'not now');
  if (!random.chance(0.1)) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw signal.reason;
}

/** Sends what comes to mind, and leaves. */
async function oneConnection(fixture: GrpcFixture, random: Random): Promise<void> {
  const socket = connect(fixture.port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  if (random.chance(0.9)) socket.resume();
  socket.write(PREFACE);
  const streams: number[] = [];
  for (let burst = random.int(1, 5); burst > 0; burst--) {
    const bytes = Buffer.concat(Array.from({ length: random.int(1, 12) }, () => anyFrame(random, streams)));
    if (random.chance(0.05)) flipBits(random, bytes);
    const cut = random.int(0, bytes.length);
    socket.write(bytes.subarray(0, cut));
    for (let turn = random.int(0, 3); turn > 0; turn--) await nextTurn();
    socket.write(bytes.subarray(cut));
    if (random.chance(0.1)) await fixture.clock.turn(random.int(0, 3000));
  }
  for (let turn = random.int(0, 10); turn > 0; turn--) await nextTurn();
  if (random.chance(0.5)) socket.destroy();
  else socket.end();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  socket.destroy();
  await closed;
}

function anyFrame(random: Random, streams: number[]): Buffer {
  const kind = random.next();
  if (streams.length === 0 || kind < 0.3) {
    const id = 2 * streams.length + 1;
    streams.push(id);
    return frame(1, random.chance(0.1) ? END_HEADERS | END_STREAM : END_HEADERS, id, anyBlock(random));
  }
  const id = random.pick(streams);
  if (kind < 0.65) return frame(0, random.chance(0.5) ? END_STREAM : 0, id, anyMessage(random));
  if (kind < 0.75) return frame(3, 0, id, Buffer.of(0, 0, 0, random.int(0, 13))); // RST_STREAM
  if (kind < 0.83) return frame(8, 0, random.chance(0.5) ? 0 : id, Buffer.of(0, 0, random.int(0, 255), 1)); // WINDOW_UPDATE
  if (kind < 0.87) return frame(6, random.int(0, 1), 0, Buffer.alloc(8, random.int(0, 255))); // PING
  if (kind < 0.9) return frame(4, 0, 0, Buffer.of(0, 4, 0, 0, random.int(0, 255), 0)); // SETTINGS: the window
  if (kind < 0.95) return frame(7, 0, 0, Buffer.of(0, 0, 0, random.int(0, 9), 0, 0, 0, random.int(0, 13))); // GOAWAY
  return frame(random.int(0, 11), random.int(0, 255), random.int(0, 9), anyBytes(random, 30));
}

function anyBlock(random: Random): Buffer {
  return block(random.pick(PATHS), {
    ':method': random.chance(0.95) ? 'POST' : 'GET',
    'content-type': random.pick(['application/grpc', 'application/grpc+json', 'application/grpc', 'text/plain']),
    ...(random.chance(0.9) && { 'x-scope-orgid': random.pick(['acme', 'a|b', 'a b']) }),
    ...(random.chance(0.3) && { 'grpc-encoding': random.pick(['gzip', 'br']) }),
    ...(random.chance(0.3) && { 'grpc-timeout': random.pick(['1n', '1m', '2S', 'soon']) }),
  });
}

function anyMessage(random: Random): Buffer {
  const bytes = anyBytes(random, random.chance(0.1) ? 16_000 : 100);
  const whole = frameOf(bytes, random.chance(0.9) ? 0 : random.int(0, 255));
  return random.chance(0.8) ? whole : whole.subarray(random.int(0, 8), random.int(8, whole.length));
}

function anyBytes(random: Random, lengthMax: number): Buffer {
  return Buffer.from(Array.from({ length: random.int(0, lengthMax) }, () => random.int(0, 255)));
}

function flipBits(random: Random, bytes: Buffer): void {
  for (let count = random.int(1, 4); count > 0 && bytes.length > 0; count--) {
    const at = random.int(0, bytes.length - 1);
    bytes[at] = (bytes[at] as number) ^ (1 << random.int(0, 7));
  }
}
