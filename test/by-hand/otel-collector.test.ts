// The program of examples/otel-collector, a real collector of OpenTelemetry, between captured messages and a real Kiln: over
// gRPC and over HTTP, in and out. It compiles 500 packages first, some minutes on two cores, so it is not part of `npm test`:
//
//   npm test -- test/by-hand

import { deepEqual, equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Client, credentials } from '@grpc/grpc-js';
import { freePort } from '../fixtures/free-port.ts';
import { KilnClient } from '../fixtures/kiln-client.ts';
import { flagsFor, KilnCommand, temporaryDirectory } from '../fixtures/kiln-command.ts';
import { redatedOtlp } from '../fixtures/redated-otlp.ts';
import { EXAMPLES } from '../fixtures/sdk-example.ts';
import { CLIENTS_FOLDER, prepared } from '../fixtures/toolchain.ts';

const FOLDER = join(EXAMPLES, 'otel-collector');
const BINARY = join(CLIENTS_FOLDER, 'otel-collector');

/** As test/integration/otlp.test.ts has them, which pushes the same messages without a collector. */
const EXPECTED = [
  ['unknown_service', 'itimer:itimer:ns:itimer:ns', 5_850_000_000n],
  ['example.otlp.go', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', 30_170_000_000n],
  ['example.otlp.go', 'cpu:cpu:nanoseconds:cpu:nanoseconds', 30_170_000_000n],
  ['example.otlp.ebpf', 'cpu:cpu:nanoseconds:cpu:nanoseconds', 10_140_561_600n],
] as const;

test('a collector passes profiles on, over gRPC and over HTTP', async (t) => {
  const ready = await prepared(t, {
    tools: [{ command: ['go', 'version'], version: [1, 25] }],
    folder: FOLDER,
    env: { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    fetch: [['go', 'mod', 'download']],
    build: ['go', 'build', '-buildvcs=false', '-o', BINARY, '.'],
  });
  if (!ready) return;
  const grpcPort = await freePort();
  const kiln = new KilnCommand(t, {
    args: [...flagsFor(await temporaryDirectory(t), 0, grpcPort), '--auth.multitenancy-enabled=true'],
  });
  const url = await kiln.url();
  for (const [exporter, tenant] of [
    ['otlp/kiln', 'over-grpc'],
    ['otlphttp/kiln', 'over-http'],
  ] as const) {
    const env = { EXPORTER: exporter, TENANT: tenant, KILN_GRPC: `127.0.0.1:${grpcPort}`, KILN_HTTP: url };
    const collector = await startCollector(t, env);

    await sendOverHttp(collector.http, captured('java-agent-otlp'));
    await sendOverGrpc(collector.grpc, captured('otlp-cpu-spans'));
    await sendOverHttp(collector.http, captured('otlp-ebpf-unsymbolised'));

    const client = new KilnClient(url, tenant);
    for (const [service, profileType, total] of EXPECTED) {
      deepEqual([exporter, service, await client.total(service, profileType)], [exporter, service, total]);
    }
  }
});

function captured(name: string): Uint8Array {
  const file = new URL(`../data/requests/${name}.pb.gz`, import.meta.url);
  return redatedOtlp(gunzipSync(readFileSync(file)), Date.now() - 60_000);
}

/** Resolves when it listens. */
async function startCollector(t: TestContext, settings: Readonly<Record<string, string>>) {
  const grpc = `127.0.0.1:${await freePort()}`;
  const http = `127.0.0.1:${await freePort()}`;
  const args = ['--config=file:collector.yaml', '--feature-gates=service.profilesSupport'];
  const env = { ...process.env, COLLECTOR_GRPC: grpc, COLLECTOR_HTTP: http, ...settings };
  const child = spawn(BINARY, args, { cwd: FOLDER, env });
  t.after(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    if (log.includes('Everything is ready')) child.emit('ready');
  });
  const ended = once(child, 'close').then(([code]) => {
    throw new Error(`the collector ended with ${code}:\n${log}`);
  });
  ended.catch(() => {});
  await Promise.race([once(child, 'ready'), ended]);
  return { grpc, http };
}

async function sendOverHttp(address: string, message: Uint8Array): Promise<void> {
  const response = await fetch(`http://${address}/v1development/profiles`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(message),
  });
  equal(response.status, 200, await response.text());
}

async function sendOverGrpc(address: string, message: Uint8Array): Promise<void> {
  const client = new Client(address, credentials.createInsecure());
  const path = '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export';
  const asIs = (bytes: Uint8Array) => Buffer.from(bytes);
  try {
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(path, asIs, asIs, message, (error) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    client.close();
  }
}
