// gRPC of a whole Kiln: what is pushed is found, over either protocol, and a stop loses nothing.

import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { status as Status } from '@grpc/grpc-js';
import {
  SelectMergeStacktracesRequestSchema,
  SelectMergeStacktracesResponseSchema,
} from '#src/transports/gen/querier/v1/querier_pb.ts';
import { freePort } from '../fixtures/free-port.ts';
import { KilnClient } from '../fixtures/kiln-client.ts';
import { flagsFor, KilnCommand, temporaryDirectory } from '../fixtures/kiln-command.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { pushProto } from '../fixtures/push-message.ts';
import { CHECK, call, clientOf, EXPORT, PUSH } from './grpc-fixture.ts';

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const LABELS = [
  { name: '__name__', value: 'process_cpu' },
  { name: 'service_name', value: 'shop' },
];

/** The port of gRPC, as the banner says it. */
async function grpcPortOf(kiln: KilnCommand): Promise<number> {
  const [, port] = await kiln.printed(/gRPC +http:\/\/localhost:(\d+)/);
  return Number(port);
}

/** The port of OTLP over gRPC, as the banner says it. */
async function otlpPortOf(kiln: KilnCommand): Promise<number> {
  const [, port] = await kiln.printed(/OTLP +http:\/\/localhost:(\d+) \(gRPC\)/);
  return Number(port);
}

function message(samples: { stack: string; v: number[] }[]): Uint8Array {
  return pushProto([{ labels: LABELS, profiles: [pprof({ samples })] }]);
}

async function totalOf(client: ReturnType<typeof clientOf>): Promise<bigint | undefined> {
  const now = BigInt(Date.now());
  const request = create(SelectMergeStacktracesRequestSchema, {
    profileTypeID: CPU,
    labelSelector: '{service_name="shop"}',
    start: now - 3_600_000n,
    end: now + 60_000n,
  });
  const bytes = toBinary(SelectMergeStacktracesRequestSchema, request);
  const { code, body } = await call(client, '/querier.v1.QuerierService/SelectMergeStacktraces', bytes);
  equal(code, Status.OK);
  return fromBinary(SelectMergeStacktracesResponseSchema, body ?? new Uint8Array()).flamegraph?.total;
}

describe('gRPC of a Kiln', () => {
  test('takes pushes and answers queries, together with HTTP', async (t) => {
    const kiln = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t)) });
    const http = new KilnClient(await kiln.url());
    const grpc = clientOf(t, { port: await grpcPortOf(kiln) });

    equal((await call(grpc, PUSH, message([{ stack: 'main;a', v: [40] }]))).code, Status.OK);
    const pushed = await http.push(
      { __name__: 'process_cpu', service_name: 'shop' },
      pprof({ samples: [{ stack: 'main;b', v: [2] }] }),
    );
    equal(pushed.status, 200);

    equal(await totalOf(grpc), 42n);
    equal((await call(grpc, CHECK, '')).code, Status.OK);
    const refused = await call(grpc, PUSH, 'this is no message');
    equal(refused.code, Status.INVALID_ARGUMENT);
  });

  test('finishes pushes when it is asked to end, and keeps them', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const kiln = new KilnCommand(t, { args: [...flagsFor(dataDir), '--segment-writer.segment-duration=1s'] });
    const url = await kiln.url();
    const grpc = clientOf(t, { port: await grpcPortOf(kiln) });
    equal((await call(grpc, PUSH, message([{ stack: 'main;a', v: [1] }]))).code, Status.OK);

    const answers = Array.from({ length: 20 }, () => call(grpc, PUSH, message([{ stack: 'main;a', v: [1] }])));
    const open = async (): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^kiln_grpc_calls_open (\d+)$/m.exec(text)?.[1]);
    };
    while ((await open()) < 20);
    kiln.signal('SIGTERM');

    deepEqual(await kiln.exit, { code: 0, signal: null });
    const codes = (await Promise.all(answers)).map(({ code }) => code);
    deepEqual(new Set(codes), new Set([Status.OK]));
    const next = new KilnCommand(t, { args: flagsFor(dataDir) });
    await next.url();
    equal(await totalOf(clientOf(t, { port: await grpcPortOf(next) })), 21n);
  });

  test('has a port for OTLP, if it is told so', async (t) => {
    const port = await freePort();
    const others = flagsFor(await temporaryDirectory(t)).filter((flag) => !flag.includes('otlp-grpc'));
    const kiln = new KilnCommand(t, { args: [...others, `--server.otlp-grpc-listen-port=${port}`] });
    const { port: httpPort } = new URL(await kiln.url());
    const client = clientOf(t, { port });

    equal(await otlpPortOf(kiln), port);
    match(kiln.stdout, new RegExp(`OTLP .*, http://localhost:${httpPort}/v1development/profiles \\(HTTP\\)`));
    equal((await call(client, CHECK, '')).code, Status.OK);
    equal((await call(client, PUSH, '')).code, Status.UNIMPLEMENTED);
    equal((await call(client, EXPORT, 'this is no message', { tenant: 'a' })).code === Status.OK, false);
  });

  for (const [flag, listener] of [
    ['server.grpc-listen-port', 'the gRPC server'],
    ['server.otlp-grpc-listen-port', 'OTLP'],
  ] as const) {
    test(`names the flag when the port of ${listener} is taken`, async (t) => {
      const port = await freePort();
      const flags = async (): Promise<string[]> => {
        const others = flagsFor(await temporaryDirectory(t)).filter((other) => !other.startsWith(`--${flag}=`));
        return [...others, `--${flag}=${port}`];
      };
      const first = new KilnCommand(t, { args: await flags() });
      await first.url();
      const second = new KilnCommand(t, { args: await flags() });

      deepEqual(await second.exit, { code: 69, signal: null });

      const reason = `^kiln: .*:${port}: another process .* --${flag.replaceAll('.', '\\.')}$`;
      match(second.stderr, new RegExp(reason, 'm'));
      equal(second.stdout, '');
    });
  }
});
