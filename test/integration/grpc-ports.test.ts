import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { StoreError } from '#src/domain/errors.ts';
import { listenToGrpc } from '#src/grpc-ports.ts';
import type { Log } from '#src/platform/log.ts';
import type { GrpcServer } from '#src/transports/grpc/server.ts';
import { call, clientOf, EXPORT, PUSH, startGrpc } from './grpc-fixture.ts';

const ADDRESS = '127.0.0.1';

/** The port of a collector, whose number is any. */
async function takenPort(t: TestContext): Promise<number> {
  const collector = createServer().listen(0, ADDRESS);
  t.after(() => void collector.close());
  await once(collector, 'listening');
  return (collector.address() as AddressInfo).port;
}

function warnings(): { readonly log: Log; readonly told: [string, unknown][] } {
  const told: [string, unknown][] = [];
  const log = { error: () => {}, warn: (text: string, fields?: unknown) => void told.push([text, fields]) };
  return { log: { ...log, info: () => {}, debug: () => {} }, told };
}

describe('the ports of gRPC', () => {
  test('are without one for OTLP when a collector has the default, which is said, and it is served on the other', async (t) => {
    const { server } = await startGrpc(t);
    const { log, told } = warnings();
    const taken = await takenPort(t);
    const config = { grpcListenAddress: ADDRESS, grpcListenPort: 0, otlpGrpcListenPort: taken };

    const ports = await listenToGrpc(server, config, log, taken);

    equal(ports.otlp, ports.all);
    const client = clientOf(t, { port: ports.all });
    for (const path of [EXPORT, PUSH]) equal((await call(client, path, '')).code, Status.OK);
    deepEqual(
      told.map(([text]) => text),
      ['OTLP over gRPC has no port of its own'],
    );
    match(
      JSON.stringify(told),
      new RegExp(`${ADDRESS}:${taken}: another process has the port.*"servedOn":${ports.all}`),
    );
  });

  test('are refused when somebody has the one that was chosen for OTLP', async (t) => {
    const { server } = await startGrpc(t);
    const { log, told } = warnings();
    const taken = await takenPort(t);
    const config = { grpcListenAddress: ADDRESS, grpcListenPort: 0, otlpGrpcListenPort: taken };

    await rejects(listenToGrpc(server, config, log), {
      code: 'unavailable',
      message: /another process has the port; choose another one with --server.otlp-grpc-listen-port/,
    });
    deepEqual(told, []);
  });

  test('are refused when the default one for OTLP cannot be had for another reason', async () => {
    const { log } = warnings();
    const config = { grpcListenAddress: ADDRESS, grpcListenPort: 0, otlpGrpcListenPort: 4317 };
    const forbidden = new StoreError('unavailable', 'not allowed', { errno: 'EACCES' });
    const listen: GrpcServer['listen'] = async (_host, _port, services) => {
      if (services === 'otlp') throw forbidden;
      return 1;
    };

    await rejects(listenToGrpc({ listen }, config, log), forbidden);
  });
});
