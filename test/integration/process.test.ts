// Kiln as a person or a service manager runs it: command line, signals, exit codes.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { basename, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../fixtures/free-port.ts';
import { KilnClient } from '../fixtures/kiln-client.ts';
import { flagsFor, KilnCommand, temporaryDirectory } from '../fixtures/kiln-command.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { RawConnection } from '../fixtures/raw-connection.ts';

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';

describe('npm start', () => {
  test('says where it listens, where the data is and how to push', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const startedMs = performance.now();
    const kiln = new KilnCommand(t, { command: ['npm', 'start', '--'], args: flagsFor(dataDir) });

    const url = await kiln.url();

    t.diagnostic(`ready ${Math.round(performance.now() - startedMs)} ms after npm start`);
    const port = new URL(url).port;
    match(kiln.stdout, new RegExp(`http://localhost:${port}`));
    match(kiln.stdout, new RegExp(`data +${dataDir}`));
    match(kiln.stdout, new RegExp(`curl --data-binary @cpu.pb.gz 'http://localhost:${port}/ingest\\?name=`));
  });

  test('says that a push needs a tenant where there are several', async (t) => {
    const args = [...flagsFor(await temporaryDirectory(t)), '--auth.multitenancy-enabled=true'];
    const kiln = new KilnCommand(t, { args });

    await kiln.url();

    match(kiln.stdout, /curl -H 'X-Scope-OrgID: my-tenant' --data-binary/);
    match(kiln.stdout, /SDK at http:\/\/localhost:\d+, with .*tenant/);
  });

  test('passes SIGTERM on to the server, which ends with 0 and keeps what it answered', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const kiln = new KilnCommand(t, { command: ['npm', 'start', '--'], args: flagsFor(dataDir) });
    const client = new KilnClient(await kiln.url());

    const load = pushUntilGone(client, 40);
    await load.running;
    kiln.signal('SIGTERM');

    deepEqual(await kiln.exit, { code: 0, signal: null });
    await assertKept(t, dataDir, await load.end(), 40);
  });

  test('ends with 0 after Ctrl-C, which npm gets and passes on to a server that has it already', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const kiln = new KilnCommand(t, { command: ['npm', 'start', '--'], args: flagsFor(dataDir) });
    const client = new KilnClient(await kiln.url());

    const load = pushUntilGone(client, 40);
    await load.running;
    kiln.signalGroup('SIGINT');

    deepEqual(await kiln.exit, { code: 0, signal: null });
    await assertKept(t, dataDir, await load.end(), 40);
  });
});

describe('a Kiln that is asked to end', () => {
  test('is not ready any more, and still answers what had begun', async (t) => {
    const kiln = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t)) });
    const url = await kiln.url();
    const port = Number(new URL(url).port);
    const idle = new RawConnection(port);
    idle.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.received(/200 OK.*ready$/s);
    const profile = pprof({ samples: [{ stack: 'main;late', v: [7] }] });
    const slow = new RawConnection(port);
    slow.send(`POST /ingest?name=late&format=pprof HTTP/1.1\r\nHost: x\r\nContent-Length: ${profile.length}\r\n\r\n`);
    slow.send(profile.subarray(0, 10));
    // On another connection, so that the push has surely begun before the signal comes.
    while ((await requestsOpen(url)) < 2);

    kiln.signal('SIGTERM');
    await kiln.printed(/"stopping"/);
    idle.send('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.received(/503 Service Unavailable.*stopping/s);
    slow.send(profile.subarray(10));
    await slow.received(/^HTTP\/1\.1 200 OK/);

    deepEqual(await kiln.exit, { code: 0, signal: null });
  });

  test('gives open requests half of the time, and ends with 0', async (t) => {
    const flags = [...flagsFor(await temporaryDirectory(t)), '--server.graceful-shutdown-timeout=6s'];
    const kiln = new KilnCommand(t, { args: flags });
    const url = await kiln.url();
    const upload = await endlessUpload(url);

    kiln.signal('SIGTERM');
    await upload.sendUntil(kiln.exit);

    deepEqual(await kiln.exit, { code: 0, signal: null });
    match(upload.connection.text, /^HTTP\/1\.1 503 .*the server is closing/s);
  });

  test('ends at once when it is asked again after a while', async (t) => {
    const kiln = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t)) });
    const upload = await endlessUpload(await kiln.url());

    kiln.signal('SIGTERM');
    await upload.sendUntil(kiln.printed(/"still stopping/));
    kiln.signal('SIGTERM');

    deepEqual(await kiln.exit, { code: 143, signal: null });
  });
});

describe('a Kiln that cannot start', () => {
  test('names the process that has the data directory, which goes on', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const first = new KilnCommand(t, { args: flagsFor(dataDir) });
    const client = new KilnClient(await first.url());
    const second = new KilnCommand(t, { args: flagsFor(dataDir) });

    deepEqual(await second.exit, { code: 69, signal: null });

    match(second.stderr, /^kiln: .* is in use by process \d+: stop it, or use another directory \(--data-dir\)$/m);
    equal(second.stdout, '');
    await assertWorks(client);
  });

  test('names the port that is taken, and leaves the data directory free', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const port = await takenPort(t);
    const kiln = new KilnCommand(t, { args: flagsFor(dataDir, port) });

    deepEqual(await kiln.exit, { code: 69, signal: null });

    match(kiln.stderr, new RegExp(`^kiln: .*\\b${port}\\b`, 'm'));
    const next = new KilnCommand(t, { args: flagsFor(dataDir) });
    await assertWorks(new KilnClient(await next.url()));
  });

  test('names the port that another Kiln has, and the flag for another one', async (t) => {
    const port = await freePort();
    const first = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t), port) });
    const client = new KilnClient(await first.url());
    const second = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t), port) });

    deepEqual(await second.exit, { code: 69, signal: null });

    match(second.stderr, new RegExp(`^kiln: .*:${port}: another process .* --server\\.http-listen-port$`, 'm'));
    equal(second.stdout, '');
    await assertWorks(client);
  });

  for (const dataDir of [join(import.meta.filename, 'a-file-is-no-directory'), '/proc/takes-no-folders']) {
    test(`names the data directory that it cannot make, ${basename(dataDir)}, and the flag for another one`, async (t) => {
      const kiln = new KilnCommand(t, { args: flagsFor(dataDir) });

      deepEqual(await kiln.exit, { code: 69, signal: null });

      match(kiln.stderr, new RegExp(`^kiln: --data-dir: .*${basename(dataDir)}.* cannot be used`, 'm'));
    });
  }

  test('names the flag of a bucket that has its own', async (t) => {
    const args = [...flagsFor(await temporaryDirectory(t)), '--storage.filesystem.dir=/proc/takes-no-folders'];
    const kiln = new KilnCommand(t, { args });

    deepEqual(await kiln.exit, { code: 69, signal: null });

    match(kiln.stderr, /^kiln: --storage\.filesystem\.dir: /m);
  });

  test('suggests the flag that was meant', async (t) => {
    const kiln = new KilnCommand(t, { args: ['--server.http-listen-prot=4040'] });

    deepEqual(await kiln.exit, { code: 64, signal: null });

    match(kiln.stderr, /--server\.http-listen-prot is not a flag of Kiln; did you mean --server\.http-listen-port\?/);
  });

  test('tells everything that is wrong with the command line at once', async (t) => {
    const args = ['--target=querier', '--server.http-listen-port=many', '--strange'];
    const kiln = new KilnCommand(t, { args, env: { KILN_DATADIR: '/nowhere' } });

    deepEqual(await kiln.exit, { code: 64, signal: null });

    match(kiln.stderr, /^kiln: --target: .*"querier" is not a role/m);
    match(kiln.stderr, /^kiln: --server\.http-listen-port: .*"many"/m);
    match(kiln.stderr, /^kiln: --strange is not a flag/m);
    match(kiln.stderr, /^kiln: KILN_DATADIR is not a variable of Kiln; did you mean KILN_DATA_DIR\?$/m);
  });
});

describe('the command line', () => {
  test('--help lists the flags, with Pyroscope names, and --version the version', async (t) => {
    const help = new KilnCommand(t, { args: ['--help'] });
    const version = new KilnCommand(t, { args: ['--version'] });

    deepEqual(await help.exit, { code: 0, signal: null });
    deepEqual(await version.exit, { code: 0, signal: null });

    for (const flag of ['server.http-listen-port', 'auth.multitenancy-enabled', 'storage.filesystem.dir', 'data-dir']) {
      match(help.stdout, new RegExp(`^ +--${flag}=`, 'm'));
    }
    match(version.stdout, /^kiln \d+\.\d+\.\d+\n$/);
  });

  test('every flag is a variable, too, and the flag wins', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const env = {
      KILN_DATA_DIR: join(dataDir, 'variable'),
      KILN_SERVER_HTTP_LISTEN_ADDRESS: '127.0.0.1',
      KILN_SERVER_HTTP_LISTEN_PORT: '0',
      KILN_SERVER_GRPC_LISTEN_PORT: '0',
      KILN_AUTH_MULTITENANCY_ENABLED: 'true',
    };
    const kiln = new KilnCommand(t, { args: [`--data-dir=${join(dataDir, 'flag')}`], env });

    const url = await kiln.url();

    match(kiln.stdout, new RegExp(`data +${join(dataDir, 'flag')}\n`));
    equal((await new KilnClient(url).post('/querier.v1.QuerierService/ProfileTypes', '{}', JSON_TYPE)).status, 401);
    await assertWorks(new KilnClient(url, 'acme'));
  });
});

describe('/ready', () => {
  test('answers from the first connection on, and means it', async (t) => {
    const dataDir = await temporaryDirectory(t);
    const port = await freePort();
    const kiln = new KilnCommand(t, { args: flagsFor(dataDir, port) });

    // Until it listens there is nobody to answer: connections are refused.
    let status: number | undefined;
    while (status === undefined) status = await readyStatus(port);

    equal(status, 200);
    await assertWorks(new KilnClient(`http://127.0.0.1:${port}`));
    kiln.signal('SIGTERM');
    equal((await kiln.exit).code, 0);
    equal(await readyStatus(port), undefined);
  });
});

describe('/metrics', () => {
  test("names everything of Kiln's own kiln_, beside what Prometheus calls the same in every program", async (t) => {
    const kiln = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t)) });
    const text = await (await fetch(`${await kiln.url()}/metrics`)).text();

    const names = Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name as string);
    deepEqual(
      names.filter((name) => !/^(kiln|process|nodejs)_/.test(name)),
      [],
    );
    ok(names.includes('kiln_metastore_index_blocks'), text);
  });
});

const JSON_TYPE = { 'content-type': 'application/json' };

/** Takes a push, and finds it with the next query. */
async function assertWorks(client: KilnClient): Promise<void> {
  const profile = pprof({ samples: [{ stack: 'main;work', v: [42] }] });
  const { status, body } = await client.push({ __name__: 'process_cpu', service_name: 'works' }, profile);
  equal(status, 200, body.toString());
  equal(await client.total('works', CPU), 42n);
}

/** A Kiln on the same data finds every push that another one answered. */
async function assertKept(
  t: TestContext,
  dataDir: string,
  answered: ReadonlyMap<string, bigint>,
  enough: number,
): Promise<void> {
  ok(answered.size >= enough, `only ${answered.size} pushes were answered`);
  t.diagnostic(`${answered.size} pushes answered`);
  const kiln = new KilnCommand(t, { args: flagsFor(dataDir) });
  const reader = new KilnClient(await kiln.url());
  for (const [service, value] of answered) equal(await reader.total(service, CPU), value, service);
}

type Load = {
  /** Resolves when enough pushes are answered, or the server takes no more. */
  readonly running: Promise<void>;
  /** @returns the value of each service whose push was answered */
  readonly end: () => Promise<ReadonlyMap<string, bigint>>;
};

/** Pushes on four connections, each push a service of its own, until the server takes no more. */
function pushUntilGone(client: KilnClient, enough: number): Load {
  const answered = new Map<string, bigint>();
  let enoughAnswered = (): void => {};
  const running = new Promise<void>((resolve) => {
    enoughAnswered = resolve;
  });
  let count = 0;
  const pusher = async (): Promise<void> => {
    for (;;) {
      const number = ++count;
      const profile = pprof({ samples: [{ stack: 'main;load', v: [number] }] });
      const labels = { __name__: 'process_cpu', service_name: `service-${number}` };
      // The one failure that a server may show that ends in order: it takes no more connections or requests.
      const reply = await client.push(labels, profile).catch(() => undefined);
      if (reply === undefined || reply.status === 503) return;
      equal(reply.status, 200, reply.body.toString());
      answered.set(labels.service_name, BigInt(number));
      if (answered.size === enough) enoughAnswered();
    }
  };
  const pushers = Promise.all([pusher(), pusher(), pusher(), pusher()]);
  return {
    running: Promise.race([running, pushers.then(() => {})]),
    end: async () => {
      await pushers;
      return answered;
    },
  };
}

/** How many requests are not answered yet, the one that asks among them. */
async function requestsOpen(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^kiln_http_requests_open (\d+)/m.exec(text)?.[1]);
}

/** @returns undefined when nobody listens */
function readyStatus(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/ready', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

type Upload = { readonly connection: RawConnection; readonly sendUntil: (end: Promise<unknown>) => Promise<void> };

/** A push whose body goes on and on. The server has it when this resolves. */
async function endlessUpload(url: string): Promise<Upload> {
  const connection = new RawConnection(Number(new URL(url).port));
  connection.send('POST /ingest?name=endless&format=pprof HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
  while ((await requestsOpen(url)) < 2);
  const sendUntil = async (end: Promise<unknown>): Promise<void> => {
    let ended = false;
    void end.finally(() => {
      ended = true;
    });
    for (; !ended; await sleep(PACE_MS)) connection.send('1\r\nx\r\n');
  };
  return { connection, sendUntil };
}

/** An upload at the pace of somebody slow: one as fast as possible would be a load test of the machine. */
const PACE_MS = 5;

async function takenPort(t: TestContext): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => void holder.close());
  await once(holder, 'listening');
  return (holder.address() as AddressInfo).port;
}
